"""Values of config keys as people write them, and that the last one wins."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dd_jax.config.fields import fields
from dd_jax.config.overrides import overrides, value
from dd_jax.types import InputError

EPS, RADII = "train.adversarial.eps", "audits.robustness.eps_linf"
ATTACKS, SETS = "audits.robustness.attacks", "audits.transfer.sets"


@pytest.mark.parametrize(
    "key, written, right",
    [
        (EPS, "8/255", 8 / 255),
        (EPS, " 8 / 255 ", 8 / 255),
        (EPS, "0.5/255", 0.5 / 255),
        (EPS, "3e-2", 0.03),
        (EPS, "0", 0.0),
        (RADII, "(0, 2/255, 8/255)", (0.0, 2 / 255, 8 / 255)),
        (RADII, "(0,2/255,8/255,)", (0.0, 2 / 255, 8 / 255)),
        (RADII, "[0, '8/255']", (0.0, 8 / 255)),
        (RADII, "0.03,0.06", (0.03, 0.06)),
        (RADII, "8/255", (8 / 255,)),
        (RADII, "()", ()),
        (ATTACKS, "('fgsm',)", ("fgsm",)),
        (ATTACKS, "fgsm", ("fgsm",)),
        (ATTACKS, "(fgsm)", ("fgsm",)),
        (ATTACKS, 'fgsm, "square:l2"', ("fgsm", "square:l2")),
        (SETS, "", ()),
        (SETS, "('a, b.npz', c#1.npz)", ("a, b.npz", "c#1.npz")),
        (SETS, '"it\'s.npz"', ("it's.npz",)),
        ("distill.ipc", "1_000", 1000),
        ("distill.ipc", "1e3", 1000),
        ("distill.ipc", "10.0", 10),
        ("report.html", "True", True),
        ("report.html", "0", False),
        ("report.html", "no", False),
        ("data.source", "npz: a b.npz", "npz: a b.npz"),
    ],
)
def test_values(key, written, right):
    found = value(key, written)
    assert found == right and type(found) is type(right)


@pytest.mark.parametrize(
    "key, written",
    [
        (EPS, "8/0"),
        (EPS, "8/255/2"),
        (EPS, "eight"),
        (EPS, ""),
        (EPS, "(0.1)"),
        (RADII, "(0,"),
        (RADII, "(0,,1)"),
        (RADII, ",1"),
        (RADII, "0 1"),
        (RADII, "(True,)"),
        (ATTACKS, "('fgsm"),
        ("distill.ipc", "1.5"),
        ("distill.ipc", "1/2"),
        ("distill.ipc", "inf"),
        ("distill.ipc", "nan"),
        ("distill.ipc", "True"),
        ("distill.ipc", "9" * 5000),
        ("report.html", "maybe"),
        ("report.html", "2"),
    ],
)
def test_values_of_another_type(key, written):
    with pytest.raises(InputError) as caught:
        value(key, written)
    assert str(caught.value).startswith(f"{key}={written!r}: must be ")


@pytest.mark.parametrize("key", fields())
def test_the_last_value_wins(key):
    default = fields()[key].default
    other = {bool: "false", tuple: "(3,)", str: "other"}.get(type(default), "3")
    last = repr(default) if isinstance(default, tuple) else str(default)
    arguments = [f"--config.{key}={other}", f"--config.{key}={last}"]
    assert overrides(arguments) == ({key: default}, [])
    assert overrides(arguments[::-1])[0] == {key: value(key, other)}


@pytest.mark.parametrize(
    "arguments, values",
    [
        ("--config.distill.ipc 3 -config.sets=2", {"distill.ipc": 3, "sets": 2}),
        ("--config.report.html", {"report.html": True}),
        ("--noconfig.report.html", {"report.html": False}),
        ("--noconfig.report.html --config.report.html", {"report.html": True}),
    ],
)
def test_forms_of_a_flag(arguments, values):
    assert overrides(arguments.split()) == (values, [])


def test_other_arguments_are_left_as_they_are():
    others = ["--workdir", "w", "--config=a.py", "--dry_run", "extra"]
    assert overrides([*others, "--config.sets=2"]) == ({"sets": 2}, others)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--config.distill.ipc"], "--config.distill.ipc: a value is missing; write"),
        (["--noconfig.distill.ipc"], "--noconfig.distill.ipc: distill.ipc=False: must"),
        (["--noconfig.report.html=1"], "--noconfig.report.html=1: --no takes no value"),
        (["--config.distill=1"], "--config.distill=1: unknown config key distill;"),
        (["--config.=1"], "--config.=1: unknown config key ;"),
    ],
)
def test_arguments_that_are_no_overrides(arguments, message):
    with pytest.raises(InputError) as caught:
        overrides(arguments)
    assert str(caught.value).startswith(message)


@given(st.sampled_from(sorted(fields())), st.text())
def test_any_text_is_read_or_refused(key, written):
    try:
        found = value(key, written)
    except InputError:
        return
    assert type(found) is type(fields()[key].default)


@given(st.lists(st.fractions(0, 1, max_denominator=999), min_size=1))
def test_tuples_of_fractions(numbers):
    written = ", ".join(f"{n.numerator}/{n.denominator}" for n in numbers)
    assert value(RADII, f"({written})") == tuple(map(float, numbers))


def test_a_truth_value_of_nothing_is_refused():
    """As of `--config.data.zca=$UNSET`."""
    with pytest.raises(InputError, match="data.zca='': must be true or false"):
        overrides(["--config.data.zca="])
