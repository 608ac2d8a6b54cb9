"""Controls: what simpler sets of the same size reach, and without augmentation."""

from dd_jax.report import headline
from dd_jax.report.artefacts import Artefacts
from dd_jax.report.blocks import Block, Table, Text, grid
from dd_jax.report.control_names import (
    LEARNED_LABELS,
    NAMES,
    OF_RANDOM_IMAGES,
    SAME_LABELS,
)
from dd_jax.report.display_names import pipe_names
from dd_jax.report.formats import decimal, percent, points
from dd_jax.report.intervals import difference
from dd_jax.report.records import estimate, lookup
from dd_jax.report.schema import COUNT, NUMBER, PIPES, RATE
from dd_jax.report.shapes import fields, flag, listed, only, text
from dd_jax.types import Record

PLACE = 2
PLAIN = (*PIPES, *OF_RANDOM_IMAGES)
FORM = {"form": text, "accuracy": RATE}
OTHER = fields({"form": text}, {"accuracy": RATE})
SHAPE = fields(
    {},
    {
        "controls": listed(fields({"name": text}, FORM | {"others": listed(OTHER)})),
        "unaugmented": only(PLAIN, fields({}, dict.fromkeys(PLAIN, RATE))),
        "soft": flag,
        "scores": fields({}, dict.fromkeys(("hlr", "ior", "lrs", "ars"), NUMBER)),
        "held_out": COUNT,
    },
)
OF_THE_SAME_KIND = {
    SAME_LABELS: "labels of the same teacher",
    LEARNED_LABELS: "labels that the method learns for them",
}
HOW = (
    "Networks on each control of real images are as many as on random subsets, and "
    "take as many steps as those on the set, at the learning rate of the config where "
    "the set has learned one of its own. Those on random subsets take as many epochs; "
    "where these are fewer steps, as stored images hold several, a row of its own has "
    "random images with as many steps, which scores of hard labels compare with. Where "
    "a control has several forms, such as the easiest or the hardest images, that "
    "counts which did best on {} training rows held out for this."
)
HOW_LEARNED = (
    "Labels of random images are learned by the distillation of the set, from all "
    "training rows, and networks on these are as many as on the set, at its learning "
    "rate or one that is learned with them."
)


def blocks(record: Record, files: Artefacts) -> list[Block]:
    """Accuracy on each control and what the set gains over it; scores; augmentation."""
    found = grid("The set beside simpler ones of its size", controls(record))
    if not found:
        return []
    held_out = lookup(record, "controls", "held_out")
    words = [HOW.format("some" if held_out is None else f"{held_out:,}")]
    words += [HOW_LEARNED] if LEARNED_LABELS in _names(record) else []
    words += [line for line in (scores(record),) if line]
    return [
        *found,
        *map(Text, words),
        *grid("Training without augmentation", unaugmented(record)),
    ]


def controls(record: Record) -> Table | None:
    """Accuracy on each control, and the gain of the distilled set over it."""
    if not record.get("controls"):
        return None
    ours = estimate(headline.accuracy(record, "distilled"))
    found = [
        (name, "", headline.accuracy(record, pipe))
        for pipe, name in pipe_names(record.get("accuracy") or {}).items()
        if pipe in ("random_subset", "full_data")
    ]
    found += [form for row in _rows(record) for form in _forms(row)]
    rows = [
        (name, form, percent(value), points(_gain(ours, estimate(value))))
        for name, form, value in found
    ]
    columns = ("Control", "Form", "Accuracy", "Distilled set less this")
    return Table(columns, rows)


def _forms(row: dict) -> list[tuple[str, str, dict | None]]:
    """Name, form and accuracy of a control, then of its forms that were not chosen."""
    name = _name(row["name"])
    others = [
        (name, f"{of['form']}, not chosen", of.get("accuracy"))
        for of in row.get("others") or []
    ]
    return [(name, row.get("form", ""), row.get("accuracy")), *others]


def _rows(record: Record) -> list[dict]:
    return lookup(record, "controls", "controls") or []


def _names(record: Record) -> list[str]:
    return [row["name"] for row in _rows(record)]


def _name(control: str) -> str:
    return NAMES[control].long if control in NAMES else control


def _gain(ours: dict | None, control: dict | None) -> dict | None:
    return difference(ours, control) if ours and control else None


def unaugmented(record: Record) -> Table | None:
    """Accuracy of each training data with and without augmentation."""
    plain = lookup(record, "controls", "unaugmented") or {}
    rows = [
        (name, percent(headline.accuracy(record, pipe)), percent(plain.get(pipe)))
        for pipe, name in pipe_names(plain).items()
    ]
    of = {control["name"]: control.get("accuracy") for control in _rows(record)}
    for name in OF_RANDOM_IMAGES:
        if name in plain:
            rows.insert(2, (_name(name), percent(of.get(name)), percent(plain[name])))
    columns = ("Training data", "With augmentation", "Without")
    return Table(columns, rows) if plain else None


def scores(record: Record) -> str:
    """LRS and ARS in a sentence; empty where they are not known."""
    of = lambda key: lookup(record, "controls", "scores", key)
    if of("lrs") is None or of("hlr") is None or of("ior") is None:
        return ""
    soft = lookup(record, "controls", "soft")
    names = _names(record)
    same = [words for control, words in OF_THE_SAME_KIND.items() if control in names]
    labels = [*same, "the labels of a teacher"][0] if soft else "hard labels"
    hard = "With hard labels the images lose" if of("hlr") >= 0 else "The images gain"
    known = of("ars") is not None
    augmented = f", ARS {decimal(of('ars')).text}" if known else ""
    no_ars = " ARS is not of learned labels." if soft and not same else ""
    return (
        f"{hard} {points(abs(of('hlr'))).text} against the full data (HLR); over "
        f"random images with {labels} the set gains {points(of('ior')).text} (IOR). "
        f"LRS {decimal(of('lrs')).text}{augmented}, from 0 to 1; 0.269 is a set as "
        f"good as random images and as the full data.{no_ars}"
    )
