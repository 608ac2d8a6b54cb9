"""Resemblance to training images, beside copies of them."""

from dd_jax.report.artefacts import Artefacts
from dd_jax.report.blocks import Picture
from dd_jax.report.formats import Cell
from dd_jax.report.sections import memorisation_section as memorisation


def texts(row):
    return [cell.text if isinstance(cell, Cell) else cell for cell in row]


def test_copies_stand_beside_the_distilled_set(row):
    table = memorisation.distances(row)
    assert [str(r[0]) for r in table.rows] == [
        "Distilled (pixels)",
        "Distilled (network 0)",
        "Copies of training images (pixels)",
        "Copies of training images (network 0)",
    ]
    assert texts(table.rows[2])[1:] == [
        "62.0 %",
        "0.680",
        "0.850",
        "29.0 %",
        "5.0 %",
        "0.240",
    ]


def test_it_says_how_many_images_were_compared(row):
    first, *_ = memorisation.explanation(row)
    assert "360 training images (25 % of them" in first
    row.pop("memorisation")
    assert memorisation.explanation(row) == []
    assert memorisation.distances(row) is None


def test_the_nearest_real_images_are_shown_where_a_run_wrote_them(row):
    picture = Picture("data:", "nearest")
    kinds = lambda files: [block.kind for block in memorisation.blocks(row, files)]
    assert "pictures" not in kinds(Artefacts())
    assert "pictures" in kinds(Artefacts(gallery=picture))
