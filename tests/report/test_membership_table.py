"""Membership of several runs: threats down, training data across."""

import copy

import pytest

from dd_jax.report import markdown
from dd_jax.report.membership_table import side_by_side
from dd_jax.types import InputError


def other(row, **run):
    return copy.deepcopy(row) | {"run": row["run"] | run}


def cells(table, *starts):
    (row,) = [row for row in table.rows if row[: len(starts)] == starts]
    return row[len(starts) :]


def test_sources_stand_side_by_side_and_shared_baselines_once(row):
    row["privacy"]["full_data"]["t1"] = row["privacy"]["distilled"]["t0"] = None
    noise = other(row, id="noise", init="noise")
    noise["privacy"]["distilled"]["t2"]["lira_online"]["auc"]["mean"] = 0.512
    ((title, table),) = side_by_side([row, noise])
    assert title == (
        "digits (scikit-learn), 10 images per class, ConvNet of width 32, seed 0"
    )
    assert table.columns == (
        "threat",
        "score",
        "figure",
        "Distilled (DM, init Random real images)",
        "Distilled (DM, init Noise)",
        "Random subset",
        "Full data",
    )
    assert table.rows[0][:4] == ("", "", "accuracy", "86.0 % (85.0 to 87.0)")
    aucs = cells(table, "T2", "LiRA, online", "AUC")
    assert aucs[:2] == ("0.560 (0.540 to 0.580)", "0.512 (0.540 to 0.580)")
    tprs = cells(table, "T2", "LiRA, online", "TPR at 1 % FPR")
    assert tprs[0] == "3.00 % (2.25 to 3.75)"
    assert cells(table, "T0", "", "smallest FPR resolved")[0] == "undefined"
    assert cells(table, "T2", "", "smallest FPR resolved")[0] == "0.4 %"
    assert cells(table, "T1", "", "smallest FPR resolved")[3] == "undefined"


def test_an_unresolved_rate_has_no_number(row):
    rates = row["privacy"]["distilled"]["t2"]["lira_online"]["tpr_at_fpr"]
    rates["0.001"] = {"mean": None, "ci": None, "achieved_fpr": None}
    ((_, table),) = side_by_side([row])
    found = cells(table, "T2", "LiRA, online", "TPR at 0.1 % FPR")
    assert found[0] == "unresolved" and found[1].startswith("0.")


def test_baselines_of_other_audits_are_distinguished(row):
    smaller = other(row, id="few", method="mtt")
    smaller["privacy"]["random_subset"]["t2"]["lira_online"]["smallest_fpr"] = 0.002
    ((_, table),) = side_by_side([row, smaller])
    assert table.columns[5:] == (
        "Random subset",
        "Random subset, run few",
        "Full data",
    )
    assert cells(table, "T2", "", "smallest FPR resolved")[3] == "2 %"


def test_sizes_have_tables_of_their_own(row):
    text = markdown.privacy([row, other(row, ipc=1)])
    assert text.count("**Membership: digits (scikit-learn), ") == 2
    assert text.endswith("the threat model does not apply.\n")
    for block in text.split("\n\n"):
        pipes = {line.count(" | ") for line in block.splitlines() if line[0] == "|"}
        assert len(pipes) <= 1


def test_without_an_audit_there_is_no_table(row):
    row.pop("privacy")
    with pytest.raises(InputError, match="no run has an audit of membership"):
        markdown.privacy([row])
