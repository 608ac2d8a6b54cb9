"""A Markdown text with its tables filled in from files of Records."""

import inspect
import re
from collections.abc import Iterable
from pathlib import Path

from dd_jax.report import markdown, records
from dd_jax.report.formats import format_value
from dd_jax.report.safe_text import presentable
from dd_jax.report.sweep_axes import ordered
from dd_jax.types import InputError, Record

KINDS = {
    "runs": markdown.table,
    "privacy": markdown.privacy,
    "robustness": markdown.robustness,
    "transfer": markdown.transfer,
    "controls": markdown.controls,
    "backdoors": markdown.backdoors,
    "matched": markdown.matched,
    "fair": markdown.fair,
    "claims": markdown.of_claims,
}
_PLACE = re.compile(
    r"^<!-- table: (?P<what>.*?) -->[ \t]*\r?\n"
    r"(?:(?!<!-- (?:table: |end of tables? -->)).*\n)*"
    r"<!-- end of table -->[ \t]*(?=\r?$)",
    re.M,
)
_MARK = re.compile("^<!-- (?:table: |end of tables? -->).*$", re.M)


def filled(text: str, folder: str | Path) -> str:
    """A Markdown text whose tables are made from Records again.

    A table is between two lines, of which the first names a file of Records, the kind
    of table and conditions on run keys:

        <!-- table: fashion_mnist.jsonl runs ipc=10 seed=0 -->
        <!-- end of table -->

    `runs` is `markdown.table` and `claims` `markdown.of_claims`; `privacy`,
    `robustness`, `controls`, `backdoors`, `matched`, `fair` and `transfer` are the
    functions of that name, with their options, such as `score=rmia` and `eps=0,0.05`.
    Without conditions all Records of the file are in. Rows are ordered as in the
    report.

    Args:
      text: Markdown.
      folder: that the files are relative to.

    Returns:
      The text with each table replaced; the same text again where it is up to date.

    Raises:
      InputError: a table without its end, or an end without its table; a file that
        cannot be read, no such kind of table, or no such Record.
    """
    rest = _PLACE.sub(lambda place: "\n" * place[0].count("\n"), text)
    if alone := _MARK.search(rest):
        line = rest.count("\n", 0, alone.start()) + 1
        raise InputError(
            f"line {line}, {alone[0]}: a table is "
            "between the lines '<!-- table: FILE KIND -->' and '<!-- end of table -->'"
        )
    read: dict[str, list[Record]] = {}

    def records_of(name: str) -> list[Record]:
        if name not in read:
            read[name], damaged = records.readable_lines(Path(folder) / name)
            if damaged:
                raise InputError(damaged[0])
        return read[name]

    def made(place: re.Match) -> str:
        what = place["what"]
        if len(what.split()) < 2:
            raise InputError(f"table {what!r}: need a file and a kind of table")
        name, kind, *conditions = what.split()
        if kind not in KINDS:
            raise InputError(f"table {what!r}: {kind} is none of {', '.join(KINDS)}")
        known = [*inspect.signature(KINDS[kind]).parameters][1:]
        given = dict(c.split("=", 1) for c in conditions if "=" in c)
        options = {key: given[key] for key in known if key in given}
        conditions = [c for c in conditions if c.partition("=")[0] not in options]
        found = _chosen(records_of(name), conditions)
        if not found:
            raise InputError(f"table {what!r}: no such Record in {name}")
        return (
            f"<!-- table: {what} -->\n\n{KINDS[kind](found, **options).strip()}\n\n"
            "<!-- end of table -->"
        )

    return _PLACE.sub(made, text)


def _chosen(found: list[Record], conditions: Iterable[str]) -> list[Record]:
    """Records whose run keys have some values, in the order of a report."""
    wanted = [condition.partition("=") for condition in conditions]
    shown = lambda record, key: format_value(presentable(record["run"].get(key)))
    kept = [r for r in found if all(shown(r, key) == value for key, _, value in wanted)]
    return ordered(presentable(kept))
