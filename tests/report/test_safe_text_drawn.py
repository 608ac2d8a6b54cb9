"""Figures with names that others chose: well-formed, and every line in the legend."""

import base64
import xml.etree.ElementTree as ElementTree

import pytest
from test_safe_text import HOSTILE, named

from dd_jax.report import run_page, trends
from dd_jax.report.artefacts import Artefacts
from dd_jax.report.blocks import Picture
from dd_jax.report.safe_text import presentable

NAMES = ["$\\frac{1}{0$ -->", "_hidden", "half \ud800\x00", ""]


def flat(value):
    """Every part of nested tuples and lists."""
    yield value
    if isinstance(value, list | tuple):
        for inner in value:
            yield from flat(inner)


@pytest.mark.parametrize("name", NAMES)
def test_names_are_drawn_as_they_are(name):
    shown = presentable(named(name, 0))
    sections, problems = run_page.sections_of(shown, Artefacts(), drawn=True)
    pictures = [item for item in flat(sections) if isinstance(item, Picture)]
    assert not problems and len(pictures) > 3
    for picture in pictures:
        ElementTree.fromstring(base64.b64decode(picture.link.partition(",")[2]))


def test_every_method_has_a_line_whatever_its_name():
    rows = [named(name, i, ipc=i % 3 + 1) for i, name in enumerate(HOSTILE)]
    rows = presentable(rows)
    for row in rows:
        row["run"] |= {"arch": "convnet", "init": "real", "dataset": "digits"}
        for part in row["robustness"].values():
            part["attacks"] = {"pgd_linf": part["attacks"]["pgd_linf"]}
    drawn = [trends.draw_panel(plan) for plan in trends.plans(rows)]
    for trend in drawn:
        ElementTree.fromstring(trend.svg)
    assert b"_hidden" in drawn[0].svg and b"no-go" in drawn[0].svg
