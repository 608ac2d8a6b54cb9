"""Tables of Records, of each audit and of sweeps, as Markdown."""

from collections.abc import Sequence

from dd_jax.report import (
    claims,
    controls_table,
    fair_comparison,
    matched_accuracy,
    membership_table,
    poison_errors,
    robustness_table,
    runs_table,
    two_runs,
)
from dd_jax.report.blocks import Badge, Block, Caption, Grid, Notes, Table, Text
from dd_jax.report.display_names import (
    dataset_name,
    run_value,
    set_size_text,
)
from dd_jax.report.formats import Cell
from dd_jax.report.safe_text import markdown as escaped
from dd_jax.report.sections import transfer_section
from dd_jax.types import InputError, Record

NOTE = (
    "95 % intervals in parentheses. Unresolved: fewer than 10 false positives at that "
    "rate. Undefined: the threat model does not apply."
)

LONGEST = 4000  # characters of a paragraph


def table(found: Sequence[Record]) -> str:
    """Markdown table, a row for each Record.

    Percentages with their 95 % interval in parentheses, columns as in `runs_table`.
    The cell of PGD has its radius, since grids differ between data sets.

    Args:
      found: as `dd_jax.report.records.read` gives them.

    Returns:
      The table, header included, with a final newline.
    """
    return _lines(runs_table.of_runs(found))


def privacy(found: Sequence[Record], score: str = "") -> str:
    """Markdown of membership: a table of threats by training data for each setting.

    Args:
      found: as `dd_jax.report.records.read` gives them.
      score: the only score that is shown; default all.

    Returns:
      For each group of runs of `membership_table.side_by_side` a title, its table and a
      note, with a final newline.

    Raises:
      InputError: no run has an audit of membership, or none this score.
    """
    known = membership_table.scores(found)
    if score and known and score not in known:
        raise InputError(f"score={score}: no run has it; known: {', '.join(known)}")
    tables = list(membership_table.side_by_side(found, score))
    if not tables:
        raise InputError(
            "no run has an audit of membership; set audits.privacy.enabled"
        )
    parts = [
        f"**Membership: {escaped(title)}**\n\n{_lines(own)}" for title, own in tables
    ]
    return "\n".join(parts) + f"\n{NOTE}\n"


def robustness(found: Sequence[Record], eps: str = "") -> str:
    """Markdown table of accuracy under all Linf attacks, by training data and radius.

    Args:
      found: as `dd_jax.report.records.read` gives them.
      eps: the radii to show, to three digits, joined by commas; default all.

    Returns:
      The table, with the mean corruption error where it was measured.

    Raises:
      InputError: no run has an audit of robustness at those radii.
    """
    own = robustness_table.by_radius(found, [e for e in eps.split(",") if e])
    return _lines_or(own, "no run has an audit of robustness at these radii")


def controls(found: Sequence[Record]) -> str:
    """Markdown table of the accuracy on each distilled set and on its controls.

    Args:
      found: as `dd_jax.report.records.read` gives them.

    Returns:
      The table, with a final newline.

    Raises:
      InputError: no run has controls.
    """
    own = controls_table.side_by_side(found)
    return _lines_or(own, "no run has controls; set audits.controls.enabled")


def backdoors(found: Sequence[Record], threshold: str = "3,3.5,4") -> str:
    """Markdown table of the errors of the search for backdoors, by threshold.

    Args:
      found: as `dd_jax.report.records.read` gives them, of clean and poisoned sets.
      threshold: of the anomaly index, joined by commas.

    Returns:
      The table, with a final newline.

    Raises:
      InputError: no run has a search, or thresholds that are no numbers.
    """
    try:
        values = [float(value) for value in threshold.split(",")]
    except ValueError:
        raise InputError(f"threshold={threshold}: need numbers, as in 3,3.5") from None
    own = poison_errors.by_threshold(found, values)
    return _lines_or(own, "no run has a search; set audits.poison.enabled")


def matched(found: Sequence[Record]) -> str:
    """Markdown table of risks with mitigations, beside plain sets of equal accuracy.

    Args:
      found: as `dd_jax.report.records.read` gives them, of a sweep of mitigations.

    Returns:
      The table, with a final newline.

    Raises:
      InputError: no run has a mitigation.
    """
    own = matched_accuracy.matched(found)
    return _lines_or(own, "no run has a mitigation; set a key of mitigate, dp or train")


def fair(found: Sequence[Record]) -> str:
    """Markdown table of forms of fair distillation beside balanced batches.

    Args:
      found: as `dd_jax.report.records.read` gives them, of forms and seeds.

    Returns:
      The table, with a final newline.

    Raises:
      InputError: no run has balanced batches and groups.
    """
    own = fair_comparison.side_by_side(found)
    otherwise = "no run with groups has mitigate.fair.form=balanced to compare with"
    return _lines_or(own, otherwise)


def transfer(found: Sequence[Record]) -> str:
    """Markdown tables of transfer, one for each Record that has it.

    A row for each group of networks that adversarial images were made on, a column for
    each that they were evaluated on; the 95 % interval in parentheses.

    Args:
      found: as `dd_jax.report.records.read` gives them.

    Returns:
      The tables under a line that says which run they are of, each with a final
      newline.

    Raises:
      InputError: no run has an audit of transfer.
    """
    tables = [
        f"{_which(record)}\n\n{_lines(own)}"
        for record in found
        if (own := transfer_section.transfer(record))
    ]
    if not tables:
        raise InputError("no run has an audit of transfer; set audits.transfer.enabled")
    return "\n".join(tables)


def of_claims(found: Sequence[Record]) -> str:
    """Markdown of the study's claims: for each data set the claims and their tests.

    Args:
      found: as `dd_jax.report.records.read` gives them; too few are no error.

    Returns:
      The verdict on each claim and a table of tests for each data set, and how to read
      them, with a final newline.
    """
    found = [
        Caption(f"Claims: {block.text}") if isinstance(block, Caption) else block
        for block in claims.blocks(claims.of_records(found))
    ]
    return of_blocks(found) or "No Record names its seed, so nothing can be paired.\n"


def comparison(first: Record, second: Record) -> str:
    """Markdown of `two_runs.blocks`, with a final newline."""
    return of_blocks(two_runs.blocks(first, second))


def of_blocks(found: Sequence[Block]) -> str:
    """Markdown of captions, lists, tables and texts, each with a final newline."""
    parts = []
    for block in found:
        if isinstance(block, Caption):
            parts.append(f"**{escaped(block.text)}**\n")
        elif isinstance(block, Notes):
            lines = (escaped(line, LONGEST) for line in block.lines)
            parts.append("".join(f"- {line}\n" for line in lines))
        elif isinstance(block, Grid):
            parts.append(_lines(block.table))
        elif isinstance(block, Text):
            parts.append(f"{escaped(block.text, LONGEST)}\n")
    return "\n".join(parts)


def _which(record: Record) -> str:
    where = f"{dataset_name(record)}, {set_size_text(record)}"
    return escaped(f"{run_value(record, 'method')} on {where}:")


def _lines_or(own: Table | None, otherwise: str) -> str:
    if not own:
        raise InputError(otherwise)
    return _lines(own)


def _lines(own: Table) -> str:
    rows = [own.columns, ("---",) * len(own.columns), *own.rows]
    return "".join(
        f"| {' | '.join(escaped(_text(c)) for c in row)} |\n" for row in rows
    )


def _text(cell: str | Cell | Badge) -> str:
    return cell.level if isinstance(cell, Badge) else str(cell)
