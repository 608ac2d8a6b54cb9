"""The table of membership scores: its rows are whole, the README says what they say."""

import sys

import numpy as np
import pytest
from tiny import ROOT

sys.path.insert(0, str(ROOT / "experiments" / "benchmarks"))
import membership_scores as bench  # noqa: E402
from membership_signals import drawn  # noqa: E402

PAGE = " ".join((ROOT / "dd_jax/audits/privacy/README.md").read_text().split())
FOUND = bench.rows_command.committed(bench.FILE)
ROWS = {(r["score"], r["signals"], r["shadows"]): r for r in FOUND}
SIGNALS = [*bench.DRAWN, "digits"]


def test_every_score_has_a_row_for_every_number_of_shadows():
    scores = bench.ONLINE | bench.OFFLINE
    wanted = {(s, n, c) for s in scores for n in SIGNALS for c in bench.TABLES}
    assert set(ROWS) == wanted
    assert bench.table(FOUND).count("\n") == len(scores) + 1


def test_the_readme_has_the_numbers():
    tpr = lambda score: 100 * ROWS[score, "varied", 8]["tpr"]
    assert (
        f"TPR at 1 % FPR {tpr('BaVarIA-t'):.1f} %, "
        f"`lira_online` {tpr('LiRA, fixed'):.1f} %, `rmia` {tpr('RMIA'):.1f} %"
    ) in PAGE
    area = lambda score: f"{ROWS[score, 'digits', 8]['auc']:.3f}"
    assert area("RMIA") == area("BASE")
    assert (
        f"AUC with 8 shadows {area('RMIA')}, `bavaria` {area('BaVarIA-t')}, "
        f"`lira_online` {area('LiRA, fixed')}"
    ) in PAGE


@pytest.mark.parametrize("shadows", bench.TABLES)
def test_the_readme_names_the_best(shadows):
    best = lambda name, figure: max(
        bench.ONLINE, key=lambda score: ROWS[score, name, shadows][figure]
    )
    for figure in ("auc", "tpr"):
        assert all(best(n, figure).startswith("BaVarIA") for n in bench.DRAWN)
        assert best("digits", figure) in ("RMIA", "BASE")


def test_drawn_signals_have_the_law_that_they_name():
    """Without a leak or drift: level and width of a point, no member effect."""
    logits, _, member = drawn(np.random.default_rng(0), 100, 300, gap=0.0, degrees=6.0)
    phi = logits[..., 0, 0]
    variances = phi.var(0, ddof=1)
    assert variances.mean() == pytest.approx(6 / 4, rel=0.2)
    gaps = np.where(member, phi, 0).sum(0) - np.where(member, 0, phi).sum(0)
    z = gaps / np.sqrt(len(phi) * variances)
    assert abs(z.mean()) < 0.2 and z.std() == pytest.approx(1, rel=0.15)
