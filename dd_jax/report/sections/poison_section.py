"""Search for backdoors: the smallest trigger of each class, labels and pixels."""

from dd_jax.report.artefacts import Artefacts
from dd_jax.report.blocks import Block, Table, Text, grid
from dd_jax.report.display_names import class_name
from dd_jax.report.formats import decimal, percent
from dd_jax.report.records import lookup
from dd_jax.report.schema import COUNT, NUMBER, SHARE
from dd_jax.report.shapes import fields, listed, number
from dd_jax.types import Record

PLACE = 96
SHAPE = fields(
    {},
    {
        "classes": listed(
            fields(
                {},
                {
                    "norm": number(0),
                    "expected": number(0),
                    "index": NUMBER,
                    "success": SHARE,
                    "disagreement": SHARE,
                },
            )
        ),
        "accused": listed(COUNT),
        "threshold": number(0),
        "images": COUNT,
        "networks": COUNT,
        "references": COUNT,
        "disagreement": SHARE,
        "outside": SHARE,
        "lowest": NUMBER,
        "highest": NUMBER,
    },
)
LIMITS = (
    "A clean set can be accused, and a backdoor can have a large trigger, or one that "
    "is no patch. Sizes are compared with those in networks on as many of your own "
    "images, which must be clean. experiments/poisoned_sets.py measures how often "
    "either error is made."
)


def blocks(record: Record, files: Artefacts) -> list[Block]:
    """The verdict, its limits, and the numbers of each class."""
    if not (found := table(record)):
        return []
    words = [verdict(record), LIMITS, of_images(record)]
    return [*(Text(line) for line in words if line), *grid("Triggers by class", found)]


def verdict(record: Record) -> str:
    """Which classes are accused, and by which rule."""
    part = record["poison"]
    rule = (
        "a trigger smaller than expected from clean networks by more than "
        f"{part.get('threshold', 0):g} standard deviations"
    )
    classes = part.get("accused") or []
    if not classes:
        return (
            f"No class is accused: none has {rule}. This does not show that the set is "
            "clean."
        )
    names = ", ".join(class_name(record, c) for c in classes)
    return f"The set may carry a backdoor: {rule} stands for {names}."


def of_images(record: Record) -> str:
    """What the images themselves show; empty where nothing was measured."""
    of = lambda key: lookup(record, "poison", key)
    if of("disagreement") is None or of("outside") is None:
        return ""
    return (
        f"Networks on the full data take {percent(of('disagreement')).text} of the "
        "images for another class than their label. Outside of [0, 1] are "
        f"{percent(of('outside')).text} of the pixel values, which run from "
        f"{decimal(of('lowest')).text} to {decimal(of('highest')).text}; methods that "
        "do not clamp their images go beyond in clean sets too."
    )


def table(record: Record) -> Table | None:
    """Trigger of each class: sizes, anomaly index, success; and disagreement."""
    classes = lookup(record, "poison", "classes") or []
    rows = [
        (
            class_name(record, c),
            decimal(row.get("norm")),
            decimal(row.get("expected")),
            decimal(row.get("index")),
            percent(row.get("success")),
            percent(row.get("disagreement")),
        )
        for c, row in enumerate(classes)
    ]
    columns = (
        "Class",
        "Size of the trigger, pixels",
        "Expected of a clean set",
        "Anomaly index",
        "Images taken for the class with it",
        "Images of the class that full data take for another",
    )
    return Table(columns, rows) if rows else None
