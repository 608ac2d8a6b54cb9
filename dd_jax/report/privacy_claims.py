"""The epsilon that a run claims beside those that its audits found."""

from dd_jax.report.blocks import Table
from dd_jax.report.display_names import display_name
from dd_jax.report.formats import format_value, rate
from dd_jax.report.records import lookup
from dd_jax.types import Record

COLUMNS = (
    "Against",
    "Epsilon claimed",
    "Audited, at least",
    "At most to be shown",
    "Confidence",
    "By",
)
MEANING = (
    "Audited epsilons are lower bounds. One above its claim refutes it; one far below "
    "does not show that less leaks than claimed, only that this attack found no more. "
    "The noise is repeated with and without a row that adds the most. Of each pair of "
    "rows of a class one was distilled, and the attack guesses which."
)


def claims(record: Record) -> Table | None:
    """A row for each audit of differential privacy; None where there were none."""
    part = record["run"].get("differential_privacy") or {}
    rows = []
    if found := part.get("audited"):
        by = f"{found['repetitions']:,} repetitions of the noise"
        rows.append(_row("one that adds nothing", part["epsilon"], found, by))
    for threat, found in (lookup(record, "privacy", "audited_epsilon") or {}).items():
        claimed = part.get("epsilon_of_exchange")
        score = display_name(found["score"], record, "score")
        right = f"{found['correct']:,} of {found['guesses']:,} pairs right"
        by = f"{score}, {threat.upper()}: {right}"
        rows.append(_row("another row of its class", claimed, found, by))
    return Table(COLUMNS, rows) if rows else None


def _row(against: str, claimed: float | None, found: dict, by: str) -> tuple[str, ...]:
    numbers = map(format_value, (claimed, found["epsilon"], found["most"]))
    return (against, *numbers, rate(found["confidence"]), by)
