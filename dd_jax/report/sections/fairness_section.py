"""Fairness: how much accuracy differs between classes, and between groups."""

from dd_jax.report.artefacts import Artefacts
from dd_jax.report.blocks import Block, Caption, Grid, Text, fold, grid
from dd_jax.report.records import lookup
from dd_jax.report.schema import COUNT, DIFFERENCE, PIPES, RATE, SHARE, by_pipe
from dd_jax.report.sections import fairness_tables as tables
from dd_jax.report.shapes import each, fields, listed, number
from dd_jax.report.shapes import estimate as shape
from dd_jax.types import Record

PLACE = 30
_CHANGE = number(-1, 1)
_DROP = shape(
    _CHANGE, {"max": DIFFERENCE, "std": _CHANGE, "per_class": listed(_CHANGE)}
)
_WORST = shape(SHARE, {"of_mean": SHARE})
_AMPLIFIED = shape(_CHANGE, {"bias": number(-2, 2)})
SHAPE = by_pipe(
    fields(
        {},
        {
            "class_gap": DIFFERENCE,
            "worst_class": _WORST,
            "class_std": DIFFERENCE,
            "cvar": RATE,
            "induced_drop": _DROP,
            "drop_from_subset": _DROP,
            "amplification": fields(
                {},
                dict.fromkeys(
                    PIPES,
                    fields({}, dict.fromkeys(("class_gap", "worst_class"), _AMPLIFIED)),
                ),
            ),
            "deo_max": DIFFERENCE,
            "deo_mean": DIFFERENCE,
            "demographic_parity": DIFFERENCE,
            "worst_group": _WORST,
            "by_group": each(RATE, numbered=True),
            "smallest_cell": COUNT,
        },
    )
)
CLASSES = "The worst class is the worst of each net, averaged over nets."
GROUPS = (
    "Equalised odds: best group minus worst group in the accuracy on a class, for the "
    "class where it is largest, and on average. Demographic parity: the largest "
    "difference between groups in how often a class is predicted. With few images of a "
    "group and class both are above 0 by chance alone. The worst group is the worst of "
    "each net, averaged over nets."
)
SMALLEST = "Images of the class and group that have the fewest: {}."
AMPLIFIED = (
    "Classes are averaged over nets first. Of few nets the gap is still biased upwards "
    "and the worst class downwards, as the largest and the least of noisy numbers are. "
    "The intervals, by the bootstrap over nets or sets, are corrected for it, and may "
    "not hold the difference itself; of few nets they are too short. They are not over "
    "other images."
)


def blocks(record: Record, files: Artefacts) -> list[Block]:
    """Differences between classes and groups by training data, and from references."""
    found = [*grid("Fairness", tables.classes(record)), Text(CLASSES, small=True)]
    if table := tables.amplification(record):
        words = "Differences between classes, less those after other training"
        found += [Caption(words), Grid(words, table), Text(AMPLIFIED, small=True)]
    if table := tables.groups(record):
        words = "Fairness between groups"
        found += [Caption(words), Grid(words, table), Text(GROUPS, small=True)]
        rows = lookup(record, "fairness", "distilled", "smallest_cell")
        if rows is not None:
            found.append(Text(SMALLEST.format(rows), small=True))
    return found + fold("Accuracy of each group", tables.by_group(record))
