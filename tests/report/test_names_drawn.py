"""Figures with the names of strangers: well-formed, and every line in the legend."""

import xml.etree.ElementTree as ElementTree

import pytest
from test_names import HOSTILE, named

from dd_jax.report import pictures, trends
from dd_jax.report.figures import class_bars
from dd_jax.report.names import presentable

NAMES = ["$\\frac{1}{0$ -->", "_hidden", "half \ud800\x00", ""]


@pytest.mark.parametrize("name", NAMES)
def test_names_are_drawn_as_they_are(name):
    shown = presentable(named(name, 0))
    svg = class_bars({"distilled": [0.5] * 10}, shown["run"]["class_names"])
    ElementTree.fromstring(svg)


def test_every_method_has_a_line_whatever_its_name():
    rows = [named(name, i, ipc=i % 3 + 1) for i, name in enumerate(HOSTILE)]
    rows = presentable(rows)
    for row in rows:
        row["run"] |= {"arch": "convnet", "init": "real", "dataset": "digits"}
        for part in row["robustness"].values():
            part["attacks"] = {"pgd_linf": part["attacks"]["pgd_linf"]}
    drawn = trends.trends(rows)
    for trend in drawn:
        ElementTree.fromstring(trend.svg)
    assert b"_hidden" in drawn[0].svg and b"no-go" in drawn[0].svg
    assert pictures.by_section(rows[0], {})
