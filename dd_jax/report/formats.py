"""Numbers as people read them."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from dd_jax.report.records import estimate
from dd_jax.types import Record

PIPE_NAMES = {
    "distilled": "Distilled",
    "random_subset": "Random subset",
    "full_data": "Full data",
}
BASELINES = ("random_subset", "full_data")
THREAT_NAMES = {
    "t0": "T0, initial images",
    "t1": "T1, released set",
    "t2": "T2, released model",
}
SPOKEN = {
    "dm": "Distribution matching (DM)",
    "dc": "Dataset condensation (DC)",
    "dsa": "Siamese augmentation (DSA)",
    "mtt": "Trajectory matching (MTT)",
    "idc": "Parametrised condensation (IDC)",
    "idc_i": "Parametrised condensation (IDC-I)",
    "frepo": "Kernel ridge regression (FRePo)",
    "lira_online": "LiRA, online",
    "lira_offline": "LiRA, offline",
    "loss": "Loss threshold",
    "fgsm": "FGSM",
    "mim": "MIM",
    "pgd_linf": "PGD Linf",
    "pgd_l2": "PGD L2",
    "cw_l2": "Carlini-Wagner L2",
    "deepfool": "DeepFool",
    "apgd_ce": "APGD-CE",
    "apgd_dlr": "APGD-DLR",
    "apgd_t": "targeted APGD",
    "fab_t": "targeted FAB",
    "square": "Square",
    "autoattack": "AutoAttack",
    "noise": "Uniform noise",
    "rmia": "RMIA",
    "entropy": "Entropy threshold",
    "modified_entropy": "Modified-entropy threshold",
    "loss_per_class": "Loss threshold, per class",
    "entropy_per_class": "Entropy threshold, per class",
    "modified_entropy_per_class": "Modified-entropy threshold, per class",
    "calibrated": "Calibrated log-odds",
    "calibrated_out": "Calibrated log-odds, OUT only",
    "shadow_classifier": "Shadow classifier",
    "quantile": "Quantile regression",
}
NORMS = {"linf": "Linf", "l2": "L2", "l1": "L1"}


class Shown(NamedTuple):
    """A text and what stands smaller beneath it, as an interval under its mean."""

    text: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.text} ({self.detail})" if self.detail else self.text


def spoken(name: str) -> str:
    """A registered method, score or attack as the field writes it.

    >>> spoken("fgsm"), spoken("herding"), spoken("autoattack:l2:plus")
    ('FGSM', 'herding', 'AutoAttack, L2, plus')
    """
    first, *words = name.split(":")
    words = [NORMS.get(word, word) for word in words]
    return ", ".join([SPOKEN.get(first, first), *words])


def percent(value: Any, digits: int = 1) -> Shown:
    """A fraction or estimate as a percentage; no interval is shown to leave 0 to 100.

    >>> str(percent({"mean": 0.814, "ci": [0.81, 0.82], "n": 5}))
    '81.4 % (81.0 to 82.0)'
    >>> percent({"mean": 0.99, "ci": [0.97, 1.01], "n": 3}).detail
    '97.0 to 100.0'
    """
    if isinstance(value, dict) and value.get("ci"):
        within = [None if b is None else min(max(b, 0.0), 1.0) for b in value["ci"]]
        value = value | {"ci": within}
    return _shown(value, 100, f"{{:z.{digits}f}}", " %")


def points(value: Any) -> Shown:
    """A difference of fractions in percentage points.

    >>> points(0.044).text
    '4.4 points'
    """
    return _shown(value, 100, "{:z.1f}", " points")


def share(value: float) -> str:
    """A fraction as a whole percentage.

    >>> share(0.9)
    '90 %'
    """
    return f"{100 * value:.0f} %"


def decimal(value: Any) -> Shown:
    """A number or estimate to three decimals; for AUC, whose chance level is 0.5."""
    return _shown(value, 1, "{:z.3f}", "")


def _shown(value: Any, scale: float, form: str, unit: str) -> Shown:
    known = estimate(value)
    if known is None:
        unresolved = isinstance(value, dict) and "mean" in value
        return Shown("unresolved" if unresolved else "not measured")
    text = form.format(known["mean"] * scale) + unit
    if known["ci"] is None:
        return Shown(text)
    low, high = (form.format(bound * scale) for bound in known["ci"])
    return Shown(text, f"{low} to {high}")


def seconds(value: float) -> str:
    """A duration.

    >>> seconds(4.25), seconds(90), seconds(7260)
    ('4.2 s', '1 min 30 s', '2 h 01 min')
    """
    if value < 59.95:  # what rounds to 60.0 is a minute
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def defined(value: Any, show: Callable[[Any], Shown], otherwise: str) -> Shown:
    """A number that was measured, or why it has no value though it was.

    >>> defined(None, decimal, "undefined").text
    'undefined'
    """
    return Shown(otherwise) if value is None else show(value)


def class_name(record: Record, number: int) -> str:
    """What a class is called, by the names of the run where it has them."""
    names = record["run"].get("class_names") or ()
    name = names[number] if number < len(names) else None
    return name if name is not None else f"class {number}"


def level(text: str) -> str:
    """An FPR level or prior, kept as a JSON key, in percent.

    >>> level("0.001")
    '0.1 %'
    """
    return f"{float(text) * 100:g} %"


def plain(value: object) -> str:
    """A setting: numbers without needless digits, lists and dicts on one line.

    >>> plain(10.0), plain(["a", "b"]), plain({"jax": "0.12"})
    ('10', 'a, b', 'jax 0.12')
    >>> plain(None), plain(False)
    ('not recorded', 'no')
    """
    if value is None:
        return "not recorded"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def count(n: int, noun: str) -> str:
    """A number of things.

    >>> count(1, "run"), count(3, "run")
    ('1 run', '3 runs')
    """
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
