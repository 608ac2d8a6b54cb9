"""Coverage of membership intervals: rows are whole, the README says what they say."""

import sys

import numpy as np
import pytest
from tiny import ROOT

sys.path.insert(0, str(ROOT / "experiments" / "benchmarks"))
import membership_coverage as coverage  # noqa: E402

PAGE = " ".join((ROOT / "dd_jax/audits/privacy/README.md").read_text().split())
ROWS = coverage.rows_command.committed(coverage.FILE)
COVERED = [r for r in ROWS if r["world"] != "drift"]


def mean(rows, kind, figure="coverage", **same):
    """Mean of a figure over the rows of a kind, as the page writes it."""
    kept = [r for r in rows if r["figure"].startswith(kind)]
    kept = [r for r in kept if all(r[key] == value for key, value in same.items())]
    return np.mean([r[figure] for r in kept])


def test_the_readme_has_the_coverage():
    of = lambda kind: f"{100 * mean(COVERED, kind):.1f} %"
    assert (
        f"{of('AUC')} for AUC, {of('balanced')} for balanced accuracy and "
        f"{of('TPR')} for a TPR on average"
    ) in PAGE
    every = [100 * r["coverage"] for r in COVERED]
    assert f"({min(every):.1f} to {max(every):.1f} %), and are" in PAGE
    width = lambda models: f"{mean(COVERED, 'AUC', 'width', models=models):.2f} times"
    assert (
        f"{width(64)} as wide as need be for AUC at 64 models, {width(8)} at 8" in PAGE
    )
    drift = [r for r in ROWS if r["world"] == "drift" and r["figure"] == "AUC"]
    own = [100 * r["coverage"] for r in drift]
    assert (
        f"the AUC in {np.mean(own):.1f} % on average ({min(own):.1f} to "
        f"{max(own):.1f} %)"
    ) in PAGE


@pytest.mark.parametrize("kind", ["AUC", "balanced", "TPR"])
def test_intervals_are_neither_too_short_nor_too_long(kind):
    assert 0.94 <= mean(COVERED, kind) <= 0.965


def test_every_case_has_a_row():
    cases = {(r["score"], r["models"], r["world"], r["figure"]) for r in COVERED}
    count = len(coverage.SCORES) * len(coverage.SIZES) * len(coverage.FIGURES)
    assert len(cases) == len(COVERED) == 2 * count


def test_the_table_has_a_line_a_score_and_figure():
    lines = coverage.table(ROWS).count("\n") + 1
    assert lines == 2 + len(coverage.SCORES) * len(coverage.FIGURES)


@pytest.mark.slow
def test_a_case_measured_again_has_its_row(monkeypatch):
    monkeypatch.setattr(coverage, "SCORES", ("loss",))
    monkeypatch.setattr(coverage, "SIZES", coverage.SIZES[:1])
    same = [r for r in ROWS if r["score"] == "loss" and r["models"] == 8]
    known = {(r["figure"], r["world"]): r for r in same}
    for row in coverage.measured():
        before = known[row["figure"], row["world"]]
        assert row["coverage"] == pytest.approx(before["coverage"], abs=0.02)
        assert row["width"] == pytest.approx(before["width"], rel=0.05)
