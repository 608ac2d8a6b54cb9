"""Accuracy by training data and class."""

import fabricate
import numpy as np
import pytest

from dd_jax.report.artefacts import Artefacts
from dd_jax.report.sections import accuracy_section as section


def figures(row):
    found = section.blocks(row, Artefacts())
    pairs = [block for block in found if block.kind == "pair"]
    return [
        figure
        for pair in pairs
        for block in (*pair.left, *pair.right)
        if block.kind == "pictures"
        for figure in block.items
    ]


def bar_names(row):
    axes = fabricate.plotted(figures(row)[0].draw)
    return [label.get_text() for label in axes.get_yticklabels()]


def test_a_single_net_is_marked(row):
    row["accuracy"]["full_data"] |= {"ci": None, "n": 1}
    assert bar_names(row)[0] == "Full data\n(one net)"
    row["accuracy"]["full_data"] |= {"ci": [0.8, 1.0], "n": 2}
    assert bar_names(row)[0] == "Full data"


def test_bars_have_their_numbers(row):
    axes = fabricate.plotted(figures(row)[0].draw)
    texts = [text.get_text() for text in axes.texts]
    assert texts == ["97.0 %", "79.0 %", "86.0 %"]


@pytest.mark.filterwarnings("error::UserWarning")
def test_an_interval_beyond_certainty_stays_within_the_figure(row):
    wide = fabricate.around(0.5, half=8.0, n=2)
    row["accuracy"] = {"distilled": wide, "random_subset": wide}
    axes = fabricate.plotted(figures(row)[0].draw)
    ends = [text.get_position()[0] for text in axes.texts]
    assert ends == [1.015, 1.015]


def test_the_figure_has_the_worst_of_many_classes(row):
    row["run"]["class_names"] = [f"kind{c}" for c in range(30)]
    per_class = np.linspace(1, 0, 30).tolist()
    row["accuracy"] = {"distilled": fabricate.around(0.5) | {"per_class": per_class}}
    names = [f"kind{c}" for c in range(10, 30)]
    axes = fabricate.plotted(figures(row)[1].draw)
    assert [label.get_text() for label in axes.get_yticklabels()] == names[::-1]
    table = section.classes(row)
    assert table is not None and len(table.rows) == 30


def test_no_accuracy_no_table():
    assert section.means({"accuracy": {}}) is None
    assert section.classes({"accuracy": {"distilled": {"mean": 0.5}}}) is None
