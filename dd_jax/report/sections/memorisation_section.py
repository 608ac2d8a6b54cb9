"""Whether released images resemble training images."""

from dd_jax.report.artefacts import Artefacts
from dd_jax.report.blocks import Block, Pictures, Table, grid, notes
from dd_jax.report.formats import Cell, decimal, percent, share
from dd_jax.report.records import lookup
from dd_jax.report.schema import COUNT, MEAN, NUMBER, SHARE
from dd_jax.report.shapes import each, estimate, fields
from dd_jax.types import Record

PLACE = 60
_OF_ROWS = estimate(SHARE, {"independent": NUMBER})
_POOLS = fields({}, {"train": MEAN, "holdout": MEAN})
_FIGURES = fields(
    {},
    {
        "closer_to_train": _OF_ROWS,
        "distance": _POOLS,
        "distance_ratio": _POOLS,
        "singled_out": fields({}, {"train": _OF_ROWS, "holdout": _OF_ROWS}),
        "residual_risk": MEAN,
    },
)
SHAPE = fields(
    {},
    {
        "distilled": each(_FIGURES),
        "copies": each(_FIGURES),
        "rows": COUNT,
        "share_of_train": SHARE,
    },
)
POOLS = ("train", "holdout")
RELEASED = {"distilled": "Distilled", "copies": "Copies of training images"}


def blocks(record: Record, files: Artefacts) -> list[Block]:
    """Distances to training and unseen images, beside copies of training images."""
    found = [
        *notes(explanation(record)),
        *grid("Resemblance to training images", distances(record)),
    ]
    if files.gallery:
        words = (
            "One synthetic image of each class, the nearest training image, and the "
            "nearest unseen image, by pixels."
        )
        found.append(Pictures([files.gallery], words=words))
    return found


def distances(record: Record) -> Table | None:
    """How close released images are to train, beside copies of train."""
    rows = [
        (
            Cell(name, space.replace("_", " ")),
            percent(lookup(figures, "closer_to_train")),
            *(decimal(lookup(figures, "distance_ratio", pool)) for pool in POOLS),
            *(percent(lookup(figures, "singled_out", pool)) for pool in POOLS),
            decimal(lookup(figures, "residual_risk")),
        )
        for key, name in RELEASED.items()
        for space, figures in (lookup(record, "memorisation", key) or {}).items()
    ]
    columns = (
        "Images, compared by",
        "Closer to train",
        "Distance ratio, train",
        "Distance ratio, holdout",
        "Single out a train image",
        "Single out a holdout image",
        "Residual risk",
    )
    return Table(columns, rows) if rows else None


def explanation(record: Record) -> list[str]:
    """What released images were compared with, and how to read the figures."""
    part = record.get("memorisation") or {}
    if not part.get("rows"):
        return []
    of_train = part.get("share_of_train")
    of_train = "an unrecorded share" if of_train is None else share(of_train)
    return [
        f"Compared with {part['rows']:,} training images ({of_train} of them, at "
        "random) and as many unseen images of the same source. An image that copies a "
        "training image left out of the comparison goes unnoticed; the copies below "
        "show how much that hides.",
        "Closer to train: 50 % is no preference. Distance ratio: nearest over second "
        "nearest, 0 is a copy. Residual risk: how much more often images single out a "
        "training image than an unseen one; 0 is none.",
        "Resemblance is no measure of privacy: images unlike all training images can "
        "still leak membership. Read it beside membership inference.",
    ]
