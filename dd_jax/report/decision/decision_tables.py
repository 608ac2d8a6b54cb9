"""Tables of the page: settings, defences, thresholds."""

from collections.abc import Iterable

from dd_jax.catalogue.decision_thresholds import CHECKS, THRESHOLDS
from dd_jax.report.blocks import Badge, Table
from dd_jax.report.decision.candidates import Candidate
from dd_jax.report.decision.check_parts import Part
from dd_jax.report.decision.check_sentences import UNITS
from dd_jax.report.decision.colours import AMBER, GREEN, RED, UNKNOWN
from dd_jax.report.decision.decided import Decision
from dd_jax.report.decision.language import Language
from dd_jax.report.decision.mitigations import Mitigation
from dd_jax.report.decision.savings import savings
from dd_jax.report.decision.set_names import short_names
from dd_jax.report.formats import Cell

SHAPES = {GREEN: "●", AMBER: "▲", RED: "■", UNKNOWN: "?"}


def badge(language: Language, colour: str, parts: Iterable[Part]) -> Badge:
    """A colour by its shape and its word, or why it is not known, if for one reason.

    Args:
      language: of the word.
      colour: the worst of the parts.
      parts: numbers that it is the colour of.
    """
    whys = {part.why for part in parts if part.colour == colour == UNKNOWN}
    reason = f"{UNKNOWN}_{whys.pop()}" if len(whys) == 1 else ""
    word = language.say(reason if language.knows(reason) else colour)
    return Badge(colour, f"{SHAPES[colour]} {word}")


def settings_table(language: Language, decision: Decision) -> Table:
    """A row for each setting: its checks and its headline numbers."""
    columns = ("setting", "ratio", "accuracy", "gain", "auc", "robust", "train")
    heads = [language.say(f"col_{column}") for column in columns]
    checks = [language.say(check) for check in CHECKS]
    names = numbered_names(language, decision)
    rows = [
        (
            _named(language, decision, own, name),
            *_badges(language, own),
            *_numbers(language, own),
        )
        for own, name in zip(decision.candidates, names, strict=True)
    ]
    return Table((heads[0], *checks, *heads[1:]), rows)


def numbered_names(language: Language, decision: Decision) -> list[str]:
    """Settings by their number in the plot and by what differs between them."""
    names = short_names(language, decision.candidates)
    if len(names) == 1:
        return names
    number = lambda i, name: language.say("numbered", n=i, name=name)
    return [number(i, name) for i, name in enumerate(names, 1)]


def _named(language: Language, decision: Decision, own: Candidate, name: str) -> str:
    if own is not decision.chosen or len(decision.candidates) == 1:
        return name
    key = "col_recommended" if decision.recommends else "col_best"
    return language.say(key, set=name)


def _badges(language: Language, own: Candidate) -> list[Badge]:
    return [badge(language, check.colour, check.parts) for check in own.checks]


def _numbers(language: Language, own: Candidate) -> list[Cell]:
    spent = savings(own.records)
    robust = own.parts["robust_accuracy_loss"].found.get("distilled")
    return [
        Cell(share(language, spent.ratio)),
        language.cell(own.accuracy, "percent"),
        language.cell(own.gain, "points"),
        language.cell(own.parts["membership_auc"].value, "decimal"),
        language.cell(robust, "percent"),
        Cell(language.duration(spent.train)),
    ]


def defences_table(language: Language, decision: Decision) -> Table | None:
    """A row for each setting with a defence; None where there are none."""
    if not decision.tried:
        return None
    changes = ("accuracy", "worst_class", "auc", "robust")
    columns = ("defence", *(f"change_{name}" for name in changes), "time")
    heads = [language.say(f"col_{column}") for column in columns]
    checks = [language.say(check) for check in CHECKS]
    names = dict(zip(map(id, decision.candidates), numbered_names(language, decision)))
    rows = [
        (
            names[id(row.candidate)],
            *_changes(language, row),
            *_badges(language, row.candidate),
        )
        for row in decision.tried
    ]
    return Table((*heads, *checks), rows)


def _changes(language: Language, row: Mitigation) -> list[Cell]:
    if row.reference is None:
        return [Cell(language.say("no_reference"))] * 5
    slower = language.say("none")
    if row.slower:
        slower = language.say("factor", n=f"{row.slower:.2g}")
    return [
        language.cell(row.accuracy, "points"),
        language.cell(row.worst_class, "points"),
        language.cell(row.auc, "decimal"),
        language.cell(row.robust, "points"),
        Cell(slower),
    ]


def thresholds_table(language: Language, decision: Decision) -> Table:
    """The bounds in force."""
    heads = [language.say(f"col_{column}") for column in ("number", "amber", "red")]
    rows = [
        (
            language.say(name),
            *(language.number(bound, UNITS[name]) for bound in bounds),
        )
        for name, bounds in decision.settings.bounds.items()
    ]
    return Table(heads, rows)


def sources(language: Language, decision: Decision) -> list[str]:
    """Where the default bounds come from, and which ones were changed."""
    lines = []
    for threshold in THRESHOLDS:
        why = language.say(f"source_{threshold.name}")
        default = threshold.amber, threshold.red
        if decision.settings.bounds[threshold.name] != default:
            amber, red = (language.number(b, UNITS[threshold.name]) for b in default)
            changed = language.say("changed", amber=amber, red=red)
            why = language.paragraph([changed, why])
        name = language.say(threshold.name)
        lines.append(language.say("in_words", name=name, value=why))
    return lines


def share(language: Language, value: float | None) -> str:
    """A share of the training images, to two digits where it is small."""
    if value is None:
        return language.say("none")
    digits = f"{100 * value:.1f}" if value >= 0.01 else f"{100 * value:.2g}"
    return language.say("percent", n=digits)
