"""Laws and hand-computed values of the colour of a number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dd_jax.report.decision.colours import (
    AMBER,
    COLOURS,
    GREEN,
    RED,
    UNKNOWN,
    verdict,
    why_unknown,
    worst,
)

MOVING_UP = (GREEN, AMBER, UNKNOWN, RED)
numbers = st.floats(-1, 1).map(lambda v: round(v, 4))
halves = st.floats(0, 1).map(lambda v: round(v, 4))
bounds = st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted)


def around(mean, half, n=5):
    return {"mean": mean, "ci": [mean - half, mean + half], "n": n}


@pytest.mark.parametrize(
    "low, high, colour",
    [
        (-0.02, 0.01, GREEN),
        (0.0, 0.02, AMBER),
        (0.02, 0.05, AMBER),
        (0.02, 0.1, AMBER),
        (0.02, 0.11, RED),
        (0.2, 0.3, RED),
        (0.01, 0.11, UNKNOWN),
        (-0.5, 0.5, UNKNOWN),
    ],
)
def test_colours_by_hand(low, high, colour):
    value = {"mean": (low + high) / 2, "ci": [low, high], "n": 3}
    assert verdict(value, 0.01, 0.1) == colour


@pytest.mark.parametrize(
    "value, why",
    [
        (None, "not_measured"),
        ({"mean": None, "ci": None, "resolved": False}, "unresolved"),
        ({"mean": 0.3, "ci": [0.2, 0.4], "n": 9, "resolved": False}, "unresolved"),
        ({"mean": 0.3, "ci": None, "n": 1}, "single"),
        ({"mean": 0.3, "ci": [0.29, 0.31], "n": 1}, "single"),
        (0.3, "single"),
        ({"mean": 0.3, "ci": [-0.3, 0.9], "n": 2}, "wide"),
        ({"mean": 0.3, "ci": [0.29, 0.31], "n": 2}, ""),
    ],
)
def test_what_is_not_enough_to_tell_is_a_verdict_with_a_reason(value, why):
    assert why_unknown(value, 0.01, 0.1) == why
    assert (verdict(value, 0.01, 0.1) == UNKNOWN) == bool(why)


@given(numbers, halves, halves, bounds)
def test_a_narrower_interval_is_never_worse_and_never_unknown_again(
    mean, half, other, between
):
    narrow, wide = sorted((half, other))
    before = verdict(around(mean, wide), *between)
    after = verdict(around(mean, narrow), *between)
    if before != UNKNOWN:
        assert after != UNKNOWN
        assert COLOURS.index(after) <= COLOURS.index(before)


@given(numbers, halves, halves, bounds)
def test_colours_follow_one_another_as_the_interval_moves_up(mean, half, step, between):
    before = verdict(around(mean, half), *between)
    after = verdict(around(mean + step, half), *between)
    assert MOVING_UP.index(after) >= MOVING_UP.index(before)


@given(numbers, halves, bounds, st.floats(0, 1))
def test_stricter_thresholds_never_give_a_better_known_colour(
    mean, half, between, share
):
    value = around(mean, half)
    lax = verdict(value, *between)
    strict = verdict(value, *(share * bound for bound in between))
    if UNKNOWN not in (lax, strict):
        assert COLOURS.index(strict) >= COLOURS.index(lax)


@given(st.lists(st.sampled_from(COLOURS), min_size=1))
def test_the_worst_colour_does_not_depend_on_the_order(colours):
    found = worst(colours)
    assert found in colours and found == worst(colours[::-1])
    assert all(COLOURS.index(colour) <= COLOURS.index(found) for colour in colours)


def test_unknown_lies_between_green_and_amber():
    assert worst([GREEN, UNKNOWN]) == UNKNOWN and worst([UNKNOWN, AMBER]) == AMBER
