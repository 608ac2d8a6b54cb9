"""The sets that are published here are small, whole, and evaluated inside."""

import pytest
from tiny import optimised  # noqa: F401

from dd_jax.benchmark import __main__ as command
from dd_jax.benchmark import ranking
from dd_jax.benchmark.evaluation import SOURCES, config_of, data_name, evaluate
from dd_jax.benchmark.published_set import MOST_BYTES, read, records_of

PATHS = sorted(command.SETS.glob("*.npz"))


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_published_set_is_whole(path):
    published = read(path)
    assert published.bytes <= MOST_BYTES
    data = data_name(published.recipe["data.source"])
    config_of(published, {data: "digits"})
    assert not published.record or records_of(command.SETS, {published.record})


@pytest.mark.slow
def test_published_digits_are_inside(tmp_path):
    sets = [read(path) for path in PATHS]
    here = [s for s in sets if data_name(s.recipe["data.source"]) == "digits"]
    result = evaluate(here, SOURCES, tmp_path)
    made = records_of(command.SETS, {each.record for each in here})
    rows = ranking.ranked(here, result.records, made)
    assert [ranking.compared(row) for row in rows] == ["inside"] * len(here)
