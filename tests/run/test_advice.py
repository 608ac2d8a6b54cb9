"""What an error message advises is accepted when it is done, whatever is refused."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import BARE, MLP, TINY, make, npz

from dd_jax import config
from dd_jax.catalogue import rules
from dd_jax.config.overrides import value
from dd_jax.run import validation
from dd_jax.types import InputError

SMALL = MLP | {"data.num_classes": 0, "audits.robustness.enabled": False}
ON = TINY | SMALL
OFF = BARE | SMALL
IPC, CLASSES = "distill.ipc", "data.num_classes"
CANARIES, SHADOWS, TARGETS, ROWS, QUERY_SHIFT, ENABLED = (
    f"audits.privacy.{name}"
    for name in ("canaries", "shadows", "targets", "rows", "query_shift", "enabled")
)


def refusal(given):
    """The message that refuses a config; empty for one that would run."""
    try:
        config.validate(given)
        validation.check(given)
    except InputError as error:
        return str(error)
    return ""


def advised(message):
    """The changes that a message says would do, each a dict of config keys.

    >>> advised("a.b=9: too many; take at most 4, or c.d=False with at most 8")
    [{'a.b': '4'}, {'c.d': 'False', 'a.b': '8'}]
    """
    key = re.match(r"(?:config: )?([a-z_.]+)", message)[1]
    key = {"class": "distill.ipc", "num_classes": "data.num_classes"}.get(key, key)
    number = r"(?:at most|at least|from|ask for at most) (\d+)"
    found = []
    for way in re.split(r", or |; or ", message.partition("; take ")[2] or message):
        change = dict(
            re.findall(r"([a-z]+(?:\.[a-z_]+)+)=(\w+)(?= with|$| at most)", way)
        )
        if match := re.search(number, way):
            change.setdefault(key, match[1])
        if change:
            found.append(change)
    assert found, message
    return found


def followed(given, change):
    typed = {key: value(key, written) for key, written in change.items()}
    return config.override(given, typed, "test")


@pytest.mark.parametrize(
    "base, counts, changes, ways",
    [
        (
            ON,
            (20, 20, 20),
            {CANARIES: 6},
            [{CANARIES: "4"}],
        ),
        (
            ON,
            (15, 15, 15),
            {CANARIES: 4},
            [{CANARIES: "2"}],
        ),
        (
            ON,
            (7, 7, 7),
            {CANARIES: 2},
            [{CANARIES: "0"}],
        ),
        (
            ON,
            (20, 20, 20),
            {CANARIES: 3},
            [{CANARIES: "0"}],
        ),
        (
            ON,
            (9, 9, 9),
            {SHADOWS: 5},
            [{SHADOWS: "4"}],
        ),
        (
            ON,
            (9, 9, 9),
            {TARGETS: 2},
            [{TARGETS: "4"}],
        ),
        (ON, (9, 9, 9), {ROWS: 3}, [{ROWS: "20"}]),
        (
            ON,
            (9, 9, 9),
            {QUERY_SHIFT: 8},
            [{QUERY_SHIFT: "7"}],
        ),
        (ON, (9, 9, 9), {CLASSES: 4}, [{CLASSES: "2"}]),
        (OFF, (9, 9, 9), {IPC: 10}, [{IPC: "9"}]),
        (
            ON,
            (9, 9, 9),
            {IPC: 5},
            [{IPC: "4"}, {ENABLED: "False"}],
        ),
        (
            ON,
            (9, 9, 9),
            {IPC: 10},
            [
                {IPC: "4"},
                {ENABLED: "False", IPC: "9"},
            ],
        ),
        (
            ON,
            (20, 20, 20),
            {IPC: 10, CANARIES: 4},
            [
                {IPC: "7"},
                {CANARIES: "0"},
                {ENABLED: "False"},
            ],
        ),
        (ON, (1, 30, 30), {IPC: 1}, [{ENABLED: "False"}]),
    ],
)
def test_each_way_out_is_one(tmp_path, base, counts, changes, ways):
    given = make(base | changes, data__source=source(tmp_path, counts))
    assert advised(refusal(given)) == ways
    for change in ways:
        assert refusal(followed(given, change)) == ""


def source(folder, counts):
    labels = np.repeat(np.arange(len(counts)), counts)
    pixels = np.random.default_rng(0).integers(0, 256, (len(labels), 8, 8))
    images = pixels.astype(np.uint8)
    path = folder / f"{'_'.join(map(str, counts))}.npz"
    return npz(path, x_train=images, y_train=labels, x_test=images, y_test=labels)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    st.fixed_dictionaries(
        {
            "distill.ipc": st.integers(0, 25),
            "audits.privacy.enabled": st.booleans(),
            "audits.privacy.canaries": st.integers(0, 7),
            "audits.privacy.shadows": st.integers(2, 7),
            "audits.privacy.query_shift": st.integers(0, 9),
            "audits.privacy.rows": st.integers(0, 25),
            "data.num_classes": st.integers(0, 5),
            "data.rows": st.integers(0, 70),
        }
    ),
    st.lists(st.integers(2, 30), min_size=2, max_size=4),
)
def test_advice_that_is_followed_ends(tmp_path_factory, changes, counts):
    """No key is advised on twice: a later message does not take back an earlier one."""
    follow(tmp_path_factory, changes, counts)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    st.fixed_dictionaries(
        {
            "distill.ipc": st.integers(1, 25),
            "audits.privacy.canaries": st.sampled_from([0, 2, 4, 20]),
            "audits.privacy.threats": st.sampled_from([("t2",), ("t0", "t1")]),
            "audits.privacy.rows": st.sampled_from([0, 20]),
            "audits.privacy.canary_kinds": st.sampled_from(
                [rules.CANARIES, rules.CANARIES[:3], ("hardest",)]
            ),
        }
    ),
    st.lists(st.integers(2, 60), min_size=2, max_size=4),
)
def test_advice_on_the_worst_case_protocol_ends(tmp_path_factory, changes, counts):
    protocol = {"audits.privacy.protocol": "canaries"}
    follow(tmp_path_factory, changes | protocol, counts)


def follow(tmp_path_factory, changes, counts):
    place = source(tmp_path_factory.getbasetemp(), tuple(counts))
    waiting = [(make(ON | changes, data__source=place), ())]
    while waiting:
        given, before = waiting.pop()
        if message := refusal(given):
            for change in advised(message):
                assert not {*change} & {*before}, (message, before)
                waiting.append((followed(given, change), (*before, *change)))


def test_zca_of_a_smaller_image_fits(tmp_path, monkeypatch):
    monkeypatch.setattr(validation, "free", lambda: 50_000)
    given = make(OFF, data__source=source(tmp_path, (9, 9)), data__zca=True)
    assert refusal(given).endswith("take data.image_size=5 at most, or data.zca=False")
    for change in ({"data.image_size": 5}, {"data.zca": False}):
        assert refusal(config.override(given, change, "test")) == ""
