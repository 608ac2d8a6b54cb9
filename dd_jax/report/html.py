"""`report.html`: one self-contained page."""

from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import jinja2

from dd_jax.report import (
    claims,
    explorer,
    headline,
    pictures,
    run_folder,
    run_notes,
    sweep_axes,
    tables,
    trends,
    verdict,
)
from dd_jax.report.blocks import Picture, Table
from dd_jax.report.contents import with_contents
from dd_jax.report.decision import decision_files, decision_page
from dd_jax.report.formats import percent
from dd_jax.report.headline_record import cut_down
from dd_jax.report.run_page import FinishedRun, title, whole
from dd_jax.report.safe_text import presentable, printable
from dd_jax.system import disk
from dd_jax.types import InputError, Record

FULL_DETAIL = 12  # of more runs, figures are left out
MOST_RUNS = 40  # with a part of their own
MOST_ROWS = 1000  # of any table
MOST_PANELS = 6  # trends of one metric
MOST_SENTENCES = 20
LARGEST, LARGEST_TRENDS, ROW = 9_000_000, 2_500_000, 1500  # characters, about
SINGLE_SIDE, SIDE = (
    64,
    32,
)  # pixels of a synthetic image, of a single run, and of several runs
LINE = 1000  # characters of a message
LARGEST_DATA = 4_000_000  # characters of the data of all runs
SCRIPT = Path(__file__).with_name("explorer.js")
TEMPLATE, RUN = "report.html.jinja", "run.html.jinja"


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
    runs, readings, unfinished, damaged = _gathered(workdir)
    decision, problems = _decision(workdir) if runs else (None, [])
    damaged += problems
    environment = page_environment()
    single = None
    if len(runs) == 1:
        single, problems = whole(runs[0], SINGLE_SIDE, drawn=True)
        damaged += problems
    findings = claims.examine(readings) if len(runs) > 1 else []
    panels, undrawn = ([], 0) if len(runs) < 2 else _trends(runs)
    script = _explorer(runs) if len(runs) > 1 else ""
    sections = ""
    if len(runs) > 1:
        taken = len(script) + sum(len(panel.link) for panel in panels)
        taken += ROW * min(len(runs) + len(unfinished) + len(damaged), MOST_ROWS)
        sections, problems = _sections(environment, runs, LARGEST - taken)
        damaged += problems
    records = [run.record for run in runs]
    page = environment.get_template(TEMPLATE).render(
        decision=decision,
        single=single,
        count=len(runs),
        summary=_summary([run.verdicts for run in runs]),
        best=_best(records)[:MOST_SENTENCES] if len(runs) > 1 else [],
        overview=tables.overview(records, [run.verdicts for run in runs], MOST_ROWS)
        if runs
        else None,
        explored=bool(script),
        trends=panels,
        undrawn=undrawn,
        claims=claims.blocks(findings) if claims.says_something(findings) else [],
        splits=sorted({*map(run_notes.evaluated_on, records)})[:MOST_SENTENCES],
        unfinished=Table(("Run", "Status", "Error"), unfinished),
        damaged=Table(
            ("File, what is wrong, and what to do",),
            [(printable(line.replace(f"{workdir}/", ""), LINE),) for line in damaged],
        ),
        levels=verdict.LEVELS,
    )
    page = page.replace("<!--sections-->", sections, 1)
    page = with_contents(page.lstrip()).replace(" %", "&nbsp;%")
    path = workdir / "report.html"
    disk.replace(path, page.replace("<!--explorer-->", script, 1).encode())
    return Page(path, len(runs), damaged)


def _gathered(
    workdir: Path,
) -> tuple[list[FinishedRun], list[claims.Reading], list[tuple], list[str]]:
    """Finished runs by place, what claims need, rows of the others, damaged files."""
    found, readings, unfinished, damaged = [], [], [], []
    for run in run_folder.each(workdir):
        damaged += run.damaged
        if run.record is None:
            error = printable(run.error or "", LINE)
            unfinished.append((printable(run.folder.name), run.status, error))
            continue
        short = presentable(cut_down(run.record))
        if one := claims.reading(run.record):
            readings.append(one)
        found.append(FinishedRun(short, verdict.verdicts(run.record), run.folder))
    of_record = {id(run.record): run for run in found}
    ordered = sweep_axes.ordered([run.record for run in found])
    runs = [of_record[id(record)] for record in ordered]
    return runs, readings, unfinished, damaged


def _decision(workdir: Path) -> tuple[dict[str, Any] | None, list[str]]:
    """The page of the decision, None without one; what is wrong with its file."""
    try:
        found = decision_files.again(workdir)
    except InputError as error:
        return None, [str(error)]
    if found is None:
        return None, []
    settings, decided = found
    if isinstance(decided, str):
        return decision_page.problem_page(settings.lang), []
    return decision_page.page(decided), []


@cache
def page_environment() -> jinja2.Environment:
    """Templates of pages, which escape what they are given."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.globals["most_rows"] = MOST_ROWS
    return environment


def _sections(
    environment: jinja2.Environment, runs: Sequence[FinishedRun], room: int
) -> tuple[str, list[str]]:
    """The folded parts of the first runs, as many as there is room for."""
    macros = environment.get_template(RUN).make_module()
    sections: list[str] = []
    damaged: list[str] = []
    for run in runs[:MOST_RUNS]:
        found, problems = whole(run, SIDE, drawn=len(runs) <= FULL_DETAIL)
        damaged += problems
        section = macros.one_of_several(found) if found else ""
        room -= len(section)
        if room < 0:
            break
        sections.append(section)
    return macros.several(sections, len(runs)), damaged


def _trends(runs: Sequence[FinishedRun]) -> tuple[list[Picture], int]:
    """The first panels of each metric, as many as there is room for, and the rest."""
    plans = trends.plans([run.record for run in runs])
    first, panels, room = Counter(), [], LARGEST_TRENDS
    for plan in plans:
        first[plan.metric] += 1
        if first[plan.metric] <= MOST_PANELS and room > 0:
            panels.append(pictures.svg_picture(trends.draw_panel(plan).svg, plan.title))
            room -= len(panels[-1].link)
    return panels, len(plans) - len(panels)


def _explorer(runs: Sequence[FinishedRun]) -> str:
    """Data of all runs and the script that filters, sorts and draws them.

    Empty where they would leave too little room: a sweep of very many runs.
    """
    found = explorer.data([run.record for run in runs], [run.verdicts for run in runs])
    data, code = explorer.text(found), SCRIPT.read_text(encoding="utf-8")
    if len(data) > LARGEST_DATA:
        return ""
    return (
        f'<script type="application/json" id="runs">{data}</script>\n'
        f"<script>\n{code}</script>"
    )


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
    """The most accurate distilled set of each data set, a sentence each."""
    best: dict[tuple, Record] = {}
    accuracy = lambda record: headline.mean(headline.accuracy(record))
    for record in found:
        key = record["run"]["dataset"], record["run"]["num_classes"]
        mean = accuracy(record)
        if mean is not None and (key not in best or mean > accuracy(best[key])):
            best[key] = record
    return [
        f"Most accurate: {title(top)} (run {top['run']['id']}): "
        f"{percent(headline.accuracy(top)).text}, random subset "
        f"{percent(headline.accuracy(top, 'random_subset')).text}."
        for _, top in sorted(best.items())
    ]
