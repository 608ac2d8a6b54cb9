"""The sets that are published here are small, whole, and evaluated inside."""

import pytest
from tiny import optimised  # noqa: F401

from dd_jax.benchmark import __main__ as command
from dd_jax.benchmark import ranking
from dd_jax.benchmark.adding import MOST_BYTES
from dd_jax.benchmark.evaluation import config_of, evaluate
from dd_jax.benchmark.kept import Kept
from dd_jax.benchmark.published_set import read, records_of
from dd_jax.report.formats import percent

PATHS = sorted(command.SETS.glob("*.npz"))


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_published_set_is_whole(path):
    published = read(path)
    assert published.bytes <= MOST_BYTES
    config_of(published, published.recipe["data.source"])
    assert not published.record or records_of(command.SETS, {published.record})


def test_the_page_is_of_these_files_and_records():
    text = (command.SETS / "README.md").read_text()
    lines = [line.split("|")[1:-1] for line in text.splitlines() if line[:1] == "|"]
    heads = [[cell.strip() for cell in line] for line in lines]
    rows = [dict(zip(heads[0], cells)) for cells in heads if cells[0].isdigit()]
    made = records_of(command.SETS, {read(path).record for path in PATHS} - {""})
    known = {path.stem: made.get(read(path).record, {}) for path in PATHS}
    assert {row["set"]: row["Record"] for row in rows} == {
        name: str(percent(ranking.stated(record))) for name, record in known.items()
    }
    assert len(rows) == len(PATHS) and "Not evaluated" not in text
    again = {row["set"]: row["found again"] for row in rows}
    assert again == {
        name: "inside" if record else "-" for name, record in known.items()
    }


@pytest.mark.slow
def test_published_digits_of_each_method_are_inside(tmp_path):
    """At 5 images a class; the command evaluates all."""
    here = [read(path) for path in PATHS if path.match("digits_*_5.npz")]
    assert len(here) == 4 and all(each.data == "digits" for each in here)
    result = evaluate(here, {}, tmp_path)
    made = records_of(command.SETS, {each.record for each in here})
    found = {name: Kept(r, result.rows[name]) for name, r in result.records.items()}
    rows = ranking.ranked(here, found, made)
    assert [ranking.compared(row) for row in rows] == ["inside"] * len(here)
