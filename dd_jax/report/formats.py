"""Numbers as text: percentages, decimals, durations, with their intervals."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from dd_jax.report.records import estimate

NOT_MEASURED = "not measured"
NOT_RECORDED = "not recorded"


class Cell(NamedTuple):
    """A text of a table and a smaller one beneath it, such as its interval."""

    text: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.text} ({self.detail})" if self.detail else self.text


def percent(value: Any, digits: int = 1) -> Cell:
    """A fraction or estimate as a percentage; no interval is shown to leave 0 to 100.

    >>> str(percent({"mean": 0.814, "ci": [0.81, 0.82], "n": 5}))
    '81.4 % (81.0 to 82.0)'
    >>> percent({"mean": 0.99, "ci": [0.97, 1.01], "n": 3}).detail
    '97.0 to 100.0'
    """
    if isinstance(value, dict) and value.get("ci"):
        within = [None if b is None else min(max(b, 0.0), 1.0) for b in value["ci"]]
        value = value | {"ci": within}
    return _cell(value, 100, f"{{:z.{digits}f}}", " %")


def points(value: Any, digits: int = 1) -> Cell:
    """A difference of fractions in percentage points.

    >>> points(0.044).text
    '4.4 points'
    """
    return _cell(value, 100, f"{{:z.{digits}f}}", " points")


def share(value: float) -> str:
    """A fraction as a whole percentage.

    >>> share(0.9)
    '90 %'
    """
    return f"{100 * value:.0f} %"


def decimal(value: Any) -> Cell:
    """A number or estimate to three decimals; for AUC, whose chance level is 0.5."""
    return _cell(value, 1, "{:z.3f}", "")


def dashed(cell: str | Cell) -> str | Cell:
    """The cell, or `-` where nothing was measured.

    >>> dashed(percent(None)), dashed(percent(0.5)).text
    ('-', '50.0 %')
    """
    return "-" if str(cell) == NOT_MEASURED else cell


def _cell(value: Any, scale: float, form: str, unit: str) -> Cell:
    known = estimate(value)
    if known is None:
        unresolved = isinstance(value, dict) and "mean" in value
        return Cell("unresolved" if unresolved else NOT_MEASURED)
    text = form.format(known["mean"] * scale) + unit
    if known["ci"] is None:
        return Cell(text)
    low, high = (form.format(bound * scale) for bound in known["ci"])
    return Cell(text, f"{low} to {high}")


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


def defined(value: Any, show: Callable[[Any], Cell], otherwise: str) -> Cell:
    """A number that was measured, or why it has no value though it was.

    >>> defined(None, decimal, "undefined").text
    'undefined'
    """
    return Cell(otherwise) if value is None else show(value)


def level(text: str) -> str:
    """An FPR level or prior, kept as a JSON key, in percent.

    >>> level("0.001")
    '0.1 %'
    """
    return f"{float(text) * 100:g} %"


def format_value(value: object) -> str:
    """A setting: numbers without needless digits, lists and dicts on one line.

    >>> format_value(10.0), format_value(["a", "b"]), format_value({"jax": "0.12"})
    ('10', 'a, b', 'jax 0.12')
    >>> format_value(None), format_value(False)
    ('not recorded', 'no')
    """
    if value is None:
        return NOT_RECORDED
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


def kilobytes(count: int) -> str:
    """A number of bytes, of two digits.

    >>> kilobytes(784000), kilobytes(100), kilobytes(2400000)
    ('784 kB', '0.1 kB', '2400 kB')
    """
    return f"{count / 1000:.2g} kB" if count < 1e4 else f"{count / 1000:.0f} kB"


def rate(value: float) -> str:
    """A fraction as a percentage of two digits.

    >>> rate(0.0625), rate(0.004), rate(1.0)
    ('6.2 %', '0.4 %', '100 %')
    """
    of_100 = 100 * value
    return f"{of_100:.2g} %" if of_100 < 99.5 else f"{of_100:.0f} %"


def number(value: Any) -> Cell:
    """A number or estimate of unknown scale, to four digits.

    >>> str(number({"mean": 1234.5678, "ci": [1000.0, 1500.0], "n": 3}))
    '1235 (1000 to 1500)'
    """
    return _cell(value, 1, "{:.4g}", "")
