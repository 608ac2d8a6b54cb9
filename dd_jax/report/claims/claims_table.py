"""Claims as blocks of the page and as Markdown."""

from collections.abc import Sequence
from itertools import groupby

from dd_jax.report.blocks import Badge, Block, Caption, Grid, Notes, Table, Text
from dd_jax.report.claims.findings import (
    ALPHA,
    CONTRADICTED,
    SUPPORTED,
    UNDECIDED,
    Finding,
)
from dd_jax.report.claims.pairing import LEAST_SEEDS, Design
from dd_jax.report.claims.registered import CLAIMS
from dd_jax.report.display_names import (
    KINDS,
    key_name,
    short_name,
)
from dd_jax.report.formats import Cell, count, decimal, points, rate

COLUMNS = (
    "Test",
    "Verdict",
    "Effect",
    "Smallest of interest",
    "p, no effect",
    "p, effect of interest",
    "Why",
    "Compared",
    "n",
)
HOW = (
    "The tests are fixed in code and are the same for all Records. The effect is the "
    "mean over seeds with its 95 % interval: at the smallest minus the largest ratio "
    "where the class gap falls, at the last level minus the first where something "
    "moves, at the two levels farthest apart, later minus earlier, where it differs, "
    "of distilled minus the other data elsewhere. p-values are adjusted over all "
    f"tests of all data sets (Holm); below {ALPHA} the first rejects that there is no "
    "effect as claimed, the second that it is as large as of interest. Ratio is said "
    "in both senses: images per class, and share of the real training data. The seed "
    "is the unit: conditions (all other keys equal; a method's recipe may go with the "
    "ratio) are averaged within it, since runs of one seed share data, baselines and "
    f"initial images. With fewer than {LEAST_SEEDS} seeds nothing is decided."
)


def says_something(findings: Sequence[Finding]) -> bool:
    """Whether the values of any test are there."""
    return any(finding.effect for finding in findings)


def blocks(findings: Sequence[Finding]) -> list[Block]:
    """The section of the page: claims and tests of each data set, how to read them."""
    found: list[Block] = []
    for _, own in groupby(findings, lambda finding: finding.dataset):
        members = list(own)
        name = members[0].dataset_name
        found += [
            Caption(name),
            Notes(claim_lines(members)),
            Grid(f"Claims on {name}", table(members)),
        ]
    return [*found, Text(HOW, small=True)] if found else []


def claim_lines(findings: Sequence[Finding]) -> list[str]:
    """A sentence for each claim: its text and its verdict."""
    return [
        f"({claim.letter}) {claim.text} {claim_verdict(own).capitalize()}."
        for claim in CLAIMS
        if (own := [f for f in findings if f.test.claim == claim])
    ]


def claim_verdict(findings: Sequence[Finding]) -> str:
    """Supported where all tests of a claim are; contradicted where any is."""
    verdicts = {finding.verdict for finding in findings}
    if CONTRADICTED in verdicts:
        return CONTRADICTED
    return SUPPORTED if verdicts == {SUPPORTED} else UNDECIDED


def table(findings: Sequence[Finding]) -> Table:
    """A row for each test of some findings."""
    return Table(COLUMNS, [_row(finding) for finding in findings])


def _row(finding: Finding) -> tuple:
    test, found, effect = finding.test, finding.design, finding.effect
    show = points if test.unit == "points" else decimal
    p = [f"{value:.2g}" for value in finding.p] if finding.p else ["-", "-"]
    return (
        f"({test.claim.letter}) {test.name}",
        Badge(finding.verdict),
        show(effect) if effect else Cell("-"),
        show(test.smallest),
        *p,
        finding.reason,
        _compared(test.factor, found) if found else "-",
        _size(found) if found else "-",
    )


def _compared(factor: str | None, found: Design) -> str:
    if factor is None:
        return _share("all ratios", found.ratios)
    names = ", ".join(short_name(name, factor) for name in found.names)
    if factor in KINDS:
        return names
    text = f"{key_name(factor)} {names}"
    return _share(text, found.ratios) if factor == "ipc" else text


def _share(text: str, ratios: Sequence[tuple | None]) -> str:
    known = [ratio for pair in ratios if pair for ratio in pair]
    if not known:
        return text
    low, high = rate(min(known)), rate(max(known))
    return f"{text} ({low if low == high else f'{low} to {high}'} of the data)"


def _size(found: Design) -> str:
    parts = [
        count(len(found.values), "seed"),
        count(found.conditions, "condition"),
        count(found.records, "Record"),
    ]
    left = [f"{found.unpaired} without a partner"] if found.unpaired else []
    return ", ".join(parts + left)
