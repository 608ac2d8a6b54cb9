"""Accuracy on the synthetic images in 8 bits, as image files hold them."""

from dd_jax.report import headline
from dd_jax.report.artefacts import Artefacts
from dd_jax.report.blocks import Block, Table, grid
from dd_jax.report.formats import NOT_MEASURED, decimal, defined, percent, points
from dd_jax.report.records import estimate, lookup
from dd_jax.report.schema import NUMBER, RATE, SHARE
from dd_jax.report.shapes import fields
from dd_jax.types import Record

PLACE = 20
SHAPE = fields(
    {}, {"accuracy": RATE, "clipped": SHARE, "largest_change": NUMBER, "bits": NUMBER}
)


def blocks(record: Record, files: Artefacts) -> list[Block]:
    """Accuracy before and after, and how much the images change."""
    return grid("Accuracy after 8-bit quantisation", quantised(record))


def quantised(record: Record) -> Table | None:
    """Accuracy on the set as distilled and in 8 bits; None without the latter."""
    before = estimate(headline.accuracy(record))
    after = estimate(headline.quantized(record))
    if after is None:
        return None
    drop = points(before["mean"] - after["mean"]) if before else NOT_MEASURED
    change = lookup(record, "quantization", "largest_change")
    row = (
        percent(before),
        percent(after),
        drop,
        percent(lookup(record, "quantization", "clipped")),
        defined(change, decimal, NOT_MEASURED),
    )
    columns = (
        "As distilled",
        "In 8 bits",
        "Drop in accuracy",
        "Pixel values clipped to [0, 1]",
        "Largest change of a pixel value",
    )
    return Table(("Training data", *columns), [("Distilled", *row)])
