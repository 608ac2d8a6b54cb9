"""`report.html`: one self-contained page for whoever decides and whoever checks."""

from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import jinja2

from dd_jax.report import (
    finished,
    headline,
    pictures,
    scope,
    tables,
    trends,
    verdict,
)
from dd_jax.report.brief import brief
from dd_jax.report.formats import percent, plain, spoken
from dd_jax.report.names import presentable, printable
from dd_jax.report.records import estimate
from dd_jax.report.section import Judged, whole
from dd_jax.system import disk
from dd_jax.types import Record

FULL_DETAIL = 12  # above so many runs, a run shows tables and images only
MOST_SECTIONS = 40  # runs with a section of their own
MOST_ROWS = 1000  # of any table
MOST_PANELS = 6  # trends of one metric
MOST_SENTENCES = 20
LARGEST, LARGEST_TRENDS, ROW = 9_000_000, 2_500_000, 1500  # characters, about
ALONE_SIDE, SIDE = 64, 32  # pixels of a synthetic image, alone and among several runs
LINE = 1000  # characters of a message
TEMPLATE, SECTIONS = "report.html.jinja", "sections.html.jinja"


class Page(NamedTuple):
    """What was written: where, of how many runs, and which files were damaged."""

    path: Path
    runs: int
    damaged: list[str]


def write_html(workdir: str | Path) -> Page:
    """Write `report.html`, atomically.

    A single run gets a verdict and full detail; several get an overview, trends, and a
    folded section each, as far as the page has room; it says what it leaves out. Needs
    nothing but the files under `runs/`. What is damaged is left out and named.

    Args:
      workdir: the folder that holds `runs/RUN_ID/`.

    Returns:
      A `Page`, whose file is `report.html`.

    Raises:
      InputError: no runs in `workdir`.
    """
    workdir = Path(workdir)
    judged, unfinished, damaged = _gathered(workdir)
    environment = _environment()
    alone = None
    if len(judged) == 1:
        alone, problems = whole(judged[0], ALONE_SIDE, drawn=True)
        damaged += problems
    panels, undrawn = ([], 0) if len(judged) < 2 else _trends(judged)
    sections = ""
    if len(judged) > 1:
        taken = sum(len(panel.link) for panel in panels)
        taken += ROW * min(len(judged) + len(unfinished) + len(damaged), MOST_ROWS)
        sections, problems = _sections(environment, judged, LARGEST - taken)
        damaged += problems
    records = [run.record for run in judged]
    page = environment.get_template(TEMPLATE).render(
        alone=alone,
        count=len(judged),
        summary=_summary([run.verdicts for run in judged]),
        best=_best(records)[:MOST_SENTENCES] if len(judged) > 1 else [],
        overview=tables.overview(records, [run.verdicts for run in judged], MOST_ROWS)
        if judged
        else None,
        trends=panels,
        undrawn=undrawn,
        judged=sorted({scope.judged(record) for record in records})[:MOST_SENTENCES],
        unfinished=tables.Table(("Run", "Status", "Error"), unfinished),
        damaged=tables.Table(
            ("File, what is wrong, and what to do",),
            [(printable(line.replace(f"{workdir}/", ""), LINE),) for line in damaged],
        ),
        levels=verdict.LEVELS,
    )
    page = page.replace("<!--sections-->", sections, 1)
    path = workdir / "report.html"
    disk.replace(path, page.lstrip().replace(" %", "&nbsp;%").encode())
    return Page(path, len(judged), damaged)


def _gathered(workdir: Path) -> tuple[list[Judged], list[tuple], list[str]]:
    """Finished runs in the order of the page, rows of the others, damaged files."""
    found, unfinished, damaged = [], [], []
    for run in finished.each(workdir):
        damaged += run.damaged
        if run.record is None:
            error = printable(run.error or "", LINE)
            unfinished.append((printable(run.folder.name), run.status, error))
            continue
        short = presentable(brief(run.record))
        found.append(Judged(short, verdict.verdicts(run.record), run.folder))
    of_record = {id(run.record): run for run in found}
    ordered = trends.ordered([run.record for run in found])
    return [of_record[id(record)] for record in ordered], unfinished, damaged


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters.update(plain=plain, spoken=spoken)
    environment.globals["most_rows"] = MOST_ROWS
    return environment


def _sections(
    environment: jinja2.Environment, judged: Sequence[Judged], room: int
) -> tuple[str, list[str]]:
    """The folded sections of the first runs, as many as there is room for."""
    macros = environment.get_template(SECTIONS).make_module()
    sections: list[str] = []
    damaged: list[str] = []
    for run in judged[:MOST_SECTIONS]:
        found, problems = whole(run, SIDE, drawn=len(judged) <= FULL_DETAIL)
        damaged += problems
        section = macros.one_of_several(found) if found else ""
        room -= len(section)
        if room < 0:
            break
        sections.append(section)
    return macros.several(sections, len(judged)), damaged


def _trends(judged: Sequence[Judged]) -> tuple[list[pictures.Picture], int]:
    """The first panels of each metric, as many as there is room for, and the rest."""
    plans = trends.plans([run.record for run in judged])
    first, panels, room = Counter(), [], LARGEST_TRENDS
    for plan in plans:
        first[plan.metric] += 1
        if first[plan.metric] <= MOST_PANELS and room > 0:
            panels.append(pictures.drawn(trends.drawn(plan).svg, plan.title))
            room -= len(panels[-1].link)
    return panels, len(plans) - len(panels)


def _summary(verdicts: Sequence[Sequence[verdict.Verdict]]) -> list[tuple]:
    """`(topic, rule, limits, {level: runs})` for each topic."""
    return [
        (
            lines[0].topic,
            lines[0].rule,
            lines[0].limits,
            Counter(v.level for v in lines),
        )
        for lines in zip(*verdicts)
    ]


def _best(found: Sequence[Record]) -> list[str]:
    """The most accurate distilled set of each number of classes, in words."""
    best = []
    for classes in sorted({record["run"]["num_classes"] for record in found}):
        same = [
            record
            for record in found
            if record["run"]["num_classes"] == classes
            and estimate(headline.accuracy(record))
        ]
        if same:
            top = max(same, key=lambda r: headline.mean(headline.accuracy(r)) or 0.0)
            run = top["run"]
            best.append(
                f"Most accurate on {classes} classes: {spoken(run['method'])}, "
                f"{plain(run['ipc'])} images per class, init {run['init']}, "
                f"{run['arch']} ({run['id']}): "
                f"{percent(headline.accuracy(top)).text}, random subset "
                f"{percent(headline.accuracy(top, 'random_subset')).text}."
            )
    return best
