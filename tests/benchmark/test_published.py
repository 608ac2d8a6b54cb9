"""The sets that are published here are small, whole, and evaluated inside."""

import pytest
from tiny import optimised  # noqa: F401

from dd_jax.benchmark import __main__ as command
from dd_jax.benchmark import ranking
from dd_jax.benchmark.evaluation import config_of, data_of, evaluate
from dd_jax.benchmark.published_set import MOST_BYTES, read, records_of

PATHS = sorted(command.SETS.glob("*.npz"))


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_published_set_is_whole(path):
    published = read(path)
    assert published.bytes <= MOST_BYTES
    config_of(published, published.recipe["data.source"])
    assert not published.record or records_of(command.SETS, {published.record})


@pytest.mark.slow
def test_published_digits_of_each_method_are_inside(tmp_path):
    """At 5 images a class; the command evaluates all."""
    here = [read(path) for path in PATHS if path.match("digits_*_5.npz")]
    assert len(here) == 4 and all(data_of(each) == "digits" for each in here)
    result = evaluate(here, {}, tmp_path)
    made = records_of(command.SETS, {each.record for each in here})
    rows = ranking.ranked(here, result.records, made)
    assert [ranking.compared(row) for row in rows] == ["inside"] * len(here)
