"""Two runs side by side: what is compared, the differences and their intervals."""

import re

import fabricate
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dd_jax.report import compared_page, markdown, two_runs
from dd_jax.report.blocks import Grid, Text
from dd_jax.report.intervals import difference, student_t_quantile
from dd_jax.report.run_numbers import numbers


def rows(first, second):
    """Cells by number and training data, as texts."""
    *_, table = (b.table for b in two_runs.blocks(first, second) if type(b) is Grid)
    return {(row[0].text, row[1]): [str(c) for c in row] for row in table.rows}


def lacking(first, second):
    texts = [b.text for b in two_runs.blocks(first, second) if type(b) is Text]
    return [text for text in texts if text.startswith("Only in")]


def pair(**parts):
    """Two Records; the second is without some parts, or has others."""
    first, second = fabricate.record("a" * 12), fabricate.record("b" * 12, -0.05)
    for part, value in parts.items():
        second[part] = value
    return first, {part: value for part, value in second.items() if value is not None}


def test_a_difference_golden():
    # half widths of 1 point each: sqrt(1 + 1) = 1.414
    found = rows(*pair())
    assert found["accuracy", "Distilled"] == [
        "accuracy",
        "Distilled",
        "86.0 % (85.0 to 87.0)",
        "81.0 % (80.0 to 82.0)",
        "-5.0 points (-6.4 to -3.6)",
        "excludes zero: B is lower",
    ]
    assert found["class gap", "Distilled"][-2:] == ["0.0 points", "same estimate"]


def test_what_both_have_is_compared_in_the_order_of_the_page():
    found = list(dict.fromkeys(name for name, _ in rows(*pair())))
    assert found[:5] == [
        "accuracy",
        "worst class",
        "class gap",
        "T2, released model: AUC",
        "T2, released model: TPR at 1 % FPR",
    ]
    radii = [name for name in found if name.startswith("accuracy under")]
    assert "accuracy under PGD Linf, Linf 0.03" in radii and len(radii) == 5 + 5 + 4 + 2
    assert found[-1] == "peak memory"


def test_two_runs_in_the_other_order_have_the_opposite_differences():
    a, b = pair()
    forth, back = rows(a, b), rows(b, a)
    assert forth.keys() == back.keys()
    opposite = {"B is lower": "B is higher", "B is higher": "B is lower"}
    for place, row in forth.items():
        words = re.sub("|".join(opposite), lambda m: opposite[m[0]], row[-1])
        assert back[place][2:4] == row[3:1:-1] and back[place][-1] == words
    # of values v and a, v - a and a - v: the bounds change places and signs
    assert back["accuracy", "Distilled"][4] == "5.0 points (3.6 to 6.4)"


@given(
    st.integers(2, 60),
    st.integers(2, 60),
    st.floats(1e-3, 1e3, allow_nan=False),
)
def test_the_interval_is_never_narrower_than_that_of_welch(n1, n2, ratio):
    """Standard errors 1 and `ratio`; degrees of freedom by Welch and Satterthwaite."""
    halves = [student_t_quantile(n - 1) * se for n, se in ((n1, 1.0), (n2, ratio))]
    a, b = ({"mean": 0.0, "ci": [-half, half], "n": 2} for half in halves)
    degrees = (1 + ratio**2) ** 2 / (1 / (n1 - 1) + ratio**4 / (n2 - 1))
    welch = student_t_quantile(degrees) * (1 + ratio**2) ** 0.5
    assert difference(a, b)["ci"][1] >= welch * (1 - 1e-9)


def test_without_an_interval_nothing_is_said_of_zero():
    a, b = pair()
    b["accuracy"]["distilled"] = {"mean": 0.1, "ci": None, "n": 1}
    assert rows(a, b)["accuracy", "Distilled"][-2:] == ["-76.0 points", "no interval"]


def test_the_strongest_attack_of_each_threat_and_run():
    a, b = pair()
    b["privacy"]["distilled"]["t2"]["loss"] = fabricate.membership(0.7, 0.2)
    found = rows(a, b)
    auc = found["T2, released model: AUC", "Distilled"]
    assert auc[0] == "T2, released model: AUC (LiRA, online / Loss threshold)"
    assert auc[2].startswith("0.560") and auc[3].startswith("0.700")
    tpr = found["T2, released model: TPR at 1 % FPR", "Distilled"]
    assert tpr[3] == "20.00 % (15.00 to 25.00)" and tpr[4].startswith("17.00 points")


def test_what_is_not_resolved_is_not_compared():
    a, b = pair()
    rate = b["privacy"]["distilled"]["t2"]["lira_online"]["tpr_at_fpr"]["0.01"]
    rate |= {"mean": 0.03, "resolved": False}
    name = "T2, released model: TPR at 1 % FPR"
    assert (name, "Distilled") not in rows(a, b) and (name, "Full data") in rows(a, b)
    assert lacking(a, b) == [f"Only in A: Membership, Distilled, {name}."]


def test_what_one_run_lacks_is_one_line():
    a, b = pair(robustness=None, calibration={"distilled": {"ece": 0.1}})
    del b["accuracy"]["full_data"]
    assert lacking(a, b) == [
        "Only in A: Accuracy, Full data; Accuracy under attack. Only in B: Calibration."
    ]
    assert lacking(*pair()) == []


def test_radii_are_the_same_in_either_precision():
    a, b = pair()
    row = b["robustness"]["distilled"]["attacks"]["pgd_linf"][2]
    row["eps"] = 0.029999999329447746  # 0.03 as float32
    assert ("accuracy under PGD Linf, Linf 0.03", "Distilled") in rows(a, b)


def test_seconds_and_bytes_may_fall():
    a, b = pair(
        cost={"distill_seconds": 141.2, "train_seconds": 5, "peak_bytes": 2**20}
    )
    found = rows(a, b)
    assert found["distillation", "-"][2:5] == ["41.2 s", "2 min 21 s", "1 min 40 s"]
    assert found["training on the distilled set", "-"][4] == "-1 min 30 s"
    assert found["peak memory", "-"][3:5] == ["1 MiB", "-857 MiB"]


def test_nothing_in_common():
    a, b = fabricate.record(), {"run": fabricate.record()["run"]}
    assert numbers(b) == {}
    text = markdown.comparison(a, b)
    assert "**Settings that differ**\n\n| setting | A | B |" in text  # config unknown
    assert "**Numbers of both**\n\nNone.\n\nOnly in A: Accuracy; Class" in text


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "a|b", "x\ny"])
def test_names_of_others_are_shown_as_they_are(name, tmp_path):
    a, b = pair()
    b["run"] |= {"dataset": f"folder:/home/ada/{name}", "config": {}}
    a["run"] |= {"config": {"train.augment": name}}
    text = markdown.comparison(a, b)
    assert "<script" not in text.replace("\\<", "") and "ada" not in text
    assert all(line.count(" | ") in (0, 2, 5) for line in text.splitlines())
    page = tmp_path / "page.html"
    compared_page.write(a, b, page)
    assert "<script" not in page.read_text() and "ada" not in page.read_text()


def test_the_page_is_whole_and_the_same_again(tmp_path):
    page = tmp_path / "page.html"
    compared_page.write(*pair(), page)
    first = page.read_bytes()
    compared_page.write(*pair(), page)
    text = page.read_text()
    assert page.read_bytes() == first and text.startswith("<!doctype html>\n<html lang")
    assert not re.search(r"https?:|@import|<script|url\(|(src|href)=", text)
    assert text.count("excludes zero: B is lower") > 3 and text.count("<table>") == 2
    assert '<th scope="row">T2, released model: AUC <small>LiRA, online</small>' in (
        re.sub(r"\s+", " ", text).replace('row"> ', 'row">')
    )
