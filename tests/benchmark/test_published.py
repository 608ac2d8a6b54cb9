"""The sets that are published here are small, whole, and evaluated inside."""

import pytest
from tiny import optimised  # noqa: F401

from dd_jax.benchmark import __main__ as command
from dd_jax.benchmark import ranking, ranking_page
from dd_jax.benchmark.adding import MOST_BYTES
from dd_jax.benchmark.evaluation import config_of, evaluate, prepared
from dd_jax.benchmark.kept import Kept, kept
from dd_jax.benchmark.published_set import read, records_of
from dd_jax.report import markdown

PATHS = sorted(command.SETS.glob("*.npz"))


@pytest.fixture(scope="module")
def made():
    return records_of(command.SETS, {read(path).record for path in PATHS} - {""})


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_published_set_is_whole(path, made):
    published = read(path)
    assert published.bytes <= MOST_BYTES
    config_of(published, published.recipe["data.source"])
    assert not published.record or published.record in made


def test_the_page_is_what_the_kept_evaluations_give(made):
    here = [read(path) for path in PATHS]
    rows = ranking.ranked(here, kept(command.SETS, here), made)
    verdicts = {row.published.record and ranking.compared(row) for row in rows}
    assert verdicts <= {"inside", ""}
    assert len(rows) == len(PATHS)
    page = markdown.of_blocks(ranking_page.page(rows, {}))
    assert (command.SETS / "README.md").read_text() == f"# Benchmark\n\n{page}"


@pytest.mark.parametrize("name", ["digits_dm_1", "digits_recent_frepo_1"])
def test_kept_evaluations_are_of_these_files(name):
    (each,) = (read(path) for path in PATHS if path.stem == name)
    run, rows = prepared(each, "digits")
    found = kept(command.SETS, [each])[name]
    assert (found.record["run"]["id"], found.rows) == (run.id, rows)


@pytest.mark.slow
def test_published_digits_of_each_method_are_inside(tmp_path):
    """At 5 images a class; the command evaluates all."""
    here = [read(path) for path in PATHS if path.match("digits_*_5.npz")]
    assert len(here) == 10 and all(each.data == "digits" for each in here)
    result = evaluate(here, {}, tmp_path)
    made = records_of(command.SETS, {each.record for each in here})
    found = {name: Kept(r, result.rows[name]) for name, r in result.records.items()}
    rows = ranking.ranked(here, found, made)
    assert [ranking.compared(row) for row in rows] == ["inside"] * len(here)
