"""Controls of several runs side by side."""

import fabricate
import pytest

from dd_jax.report import markdown
from dd_jax.types import InputError


def record(**names):
    rows = [{"name": n, "accuracy": fabricate.around(v)} for n, v in names.items()]
    part = {"controls": rows, "scores": {"lrs": 0.25, "ars": None}}
    return fabricate.record() | {"controls": part}


def test_a_row_for_each_run_and_a_column_for_each_control_that_some_run_has():
    lines = markdown.controls([record(el2n=0.5), record(herding=0.6)]).splitlines()
    heads, _, one, other = ([c.strip() for c in ln.split("|")[1:-1]] for ln in lines)
    assert heads[2:] == [
        *("distilled", "random subset", "EL2N", "herding", "full data"),
        *("LRS", "ARS"),
    ]
    assert (
        one[4].startswith("50.0 % (") and one[5] == "-" and one[-2:] == ["0.250", "-"]
    )
    assert other[4] == "-" and other[5].startswith("60.0 % (")


def test_a_control_states_its_form():
    own = record(el2n=0.5, herding=0.6)
    own["controls"]["controls"][0]["form"] = "hardest rows"
    cells = markdown.controls([own]).splitlines()[-1].split(" | ")
    assert cells[4].startswith("50.0 % (") and cells[4].endswith("; hardest rows)")
    assert cells[5].startswith("60.0 % (") and ";" not in cells[5]


def test_accuracy_without_augmentation():
    own, other = record(el2n=0.5), record(el2n=0.5)
    plain = {"distilled": 0.7, "random_subset": 0.4, "same_steps": 0.5}
    of = {pipe: fabricate.around(value) for pipe, value in plain.items()}
    own["controls"]["unaugmented"] = of
    heads, _, *rows = (
        [cell.strip() for cell in line.split("|")]
        for line in markdown.controls([own, other]).splitlines()
    )
    assert heads[-6:-3] == [
        f"{name}, not augmented"
        for name in ("distilled", "random subset", "random, as many steps")
    ]
    assert [cell[:6] for cell in rows[0][-6:-3]] == ["70.0 %", "40.0 %", "50.0 %"]
    assert rows[1][-6:-3] == ["-", "-", "-"]


def test_without_controls_the_key_is_named():
    with pytest.raises(InputError, match="no run has controls; set audits.controls"):
        markdown.controls([fabricate.record()])
