"""Runs by setting: the page's data, what its script makes of them, and how it looks."""

import json
import re
import shutil
import subprocess

import fabricate
import numpy as np
import pytest
from tiny import ROOT

from dd_jax.report import explorer, html, verdict
from dd_jax.report.intervals import mean_interval

SCRIPT = ROOT / "dd_jax" / "report" / "explorer.js"
node = pytest.mark.skipif(not shutil.which("node"), reason="needs node")
browser = shutil.which("chromium")


@pytest.fixture(scope="module")
def rows():
    """2 initialisations x 2 sizes x 3 seeds, and a run without membership."""
    rng = np.random.default_rng(0)
    found = []
    for init in ("real", "noise"):
        for ipc in (1, 10):
            for seed in range(3):
                number = len(found)
                run = {"init": init, "ipc": ipc, "seed": seed}
                row = fabricate.record(f"{number:012x}", -rng.uniform(0, 0.2), **run)
                found.append(json.loads(json.dumps(row, default=float)))
    del found[-1]["privacy"]
    return found


@pytest.fixture(scope="module")
def data(rows):
    return explorer.data(rows, [verdict.verdicts(row) for row in rows])


def scripted(data, code):
    """What an expression of `e` (the script's functions) and `d` (the data) gives."""
    program = (
        f"const e = require({json.dumps(str(SCRIPT))});"
        f"const d = {explorer.text(data)};"
        f"console.log(JSON.stringify({code}))"
    )
    done = subprocess.run(["node", "-"], input=program, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_data_are_the_settings_and_headline_numbers(rows, data):
    assert [axis["label"] for axis in data["axes"][:3]] == ["init", "IPC", "seed"]
    assert data["settings"] == 2 and data["seed"] == 2
    size = data["axes"][1]
    assert size["values"] == ["1", "10"]
    assert [size["values"][code] for code in size["codes"]] == [
        f"{row['run']['ipc']:g}" for row in rows
    ]
    accuracy = data["measures"][0]
    own = rows[4]["accuracy"]["distilled"]
    assert accuracy["values"][4] == [
        round(10_000 * v) for v in (own["mean"], *own["ci"])
    ]
    (auc,) = [one for one in data["measures"] if one["label"] == "Membership AUC"]
    assert auc["values"][-1] == 0 and auc["values"][0]
    assert data["start"] == {"x": 1, "colour": 0, "columns": -1, "rows": -1}


def test_values_are_in_the_order_of_numbers():
    assert explorer._axis("IPC", ["10", "2", "x"])["values"] == ["2", "10", "x"]


def test_text_cannot_end_its_element(rows):
    named = {"dm": "</script><script>alert(1)</script>"}
    other = [row | {"run": row["run"] | {"labels": named}} for row in rows[:1]]
    other += [row | {"run": row["run"] | {"method": "dc"}} for row in rows[1:2]]
    found = explorer.data(other, [verdict.verdicts(row) for row in other])
    assert "<" not in explorer.text(found)
    assert json.loads(explorer.text(found)) == found


@node
def test_a_point_has_the_interval_of_the_project(data):
    values = data["measures"][0]["values"]
    expected = mean_interval([values[run][0] for run in (0, 1, 2)])
    one, pooled, single = scripted(
        data,
        "[e.estimate(d, [0, 1, 2], 0), e.estimate(d, [0, 1, 2, 3, 4, 5], 0),"
        " e.estimate(d, [3], 0)]",
    )
    assert one["mean"] == pytest.approx(expected["mean"])
    assert [one["low"], one["high"]] == pytest.approx(expected["ci"])
    by_seed = [(values[seed][0] + values[seed + 3][0]) / 2 for seed in range(3)]
    averaged = mean_interval(by_seed)  # the seed is the unit
    assert [pooled["low"], pooled["high"]] == pytest.approx(averaged["ci"])
    assert [single["mean"], single["low"], single["high"]] == values[3]


@node
def test_runs_are_filtered_and_sorted(data):
    filtered, none, up, down = scripted(
        data,
        "[e.matching(d, d.axes.map((_, i) => (i === 1 ? 1 : -1)), 'noise'),"
        " e.matching(d, d.axes.map(() => -1), 'noise dsa'),"
        " e.ordered(d, d.ids.map((_, i) => i), d.axes.length + 1, false),"
        " e.ordered(d, d.ids.map((_, i) => i), d.axes.length + 3, true)]",
    )
    assert filtered == [9, 10, 11] and none == []
    means = [data["measures"][0]["values"][run][0] for run in up]
    assert means == sorted(means)
    assert down[-1] == 11  # without membership: last in either direction


@node
def test_panels_part_runs_by_the_chosen_settings(data):
    view = "{measure: 0, x: 1, colour: 0, columns: -1, rows: 2}"
    panels, words = scripted(
        data,
        f"(() => {{ const v = {view}; const all = d.ids.map((_, i) => i);"
        " v.kept = e.kept(d, all, v).kept; return [e.panels(d, all, v),"
        " e.averaged(d, all, {...v, colour: -1})]; })()",
    )
    assert len(panels) == 3 and words == ["init"]
    for seed, panel in enumerate(panels):
        assert panel["row"] == seed and len(panel["lines"]) == 2
        real = panel["lines"][1]  # after noise
        assert [point["mean"] for point in real["points"]] == [
            data["measures"][0]["values"][run][0] for run in (seed, 3 + seed)
        ]


@node
def test_ticks_are_few_and_inside(data):
    bounds = [[0, 10_000], [8150, 9400], [4990, 5011], [0, 3]]
    every = scripted(data, f"{bounds}.map(([low, high]) => e.ticks(low, high))")
    for (low, high), found in zip(bounds, every):
        assert 2 <= len(found) <= 9
        assert low <= min(found) and max(found) <= high


def written(tmp_path, rows):
    for row in rows:
        fabricate.write_run(tmp_path, row, artefacts=False)
    return html.write_html(tmp_path).path


@pytest.fixture(scope="module")
def page(tmp_path_factory, rows):
    patch = pytest.MonkeyPatch()
    patch.setattr(html.trends, "svg", lambda draw, **_: b"<svg/>")
    patch.setattr(html, "FULL_DETAIL", 0)
    path = written(tmp_path_factory.mktemp("page"), rows)
    patch.undo()
    return path


def test_the_page_reads_without_its_script(page):
    text = page.read_text()
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.S)
    assert script.strip() == SCRIPT.read_text().strip()
    static = re.sub(r"<script.*?</script>", "", text, flags=re.S)
    assert 'id="explorer" hidden' in static and 'id="explorer-table" hidden' in static
    assert static.count('<tr><th scope="row">00000000000') == 12
    assert not re.search(r'(src|href)="(?!data:|#)', text)  # nothing from elsewhere


@pytest.mark.slow
@pytest.mark.skipif(not browser, reason="needs chromium")
def test_a_browser_draws_it(page):
    options = "--headless=new --no-sandbox --disable-gpu --dump-dom".split()
    command = [browser, *options, page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    drawn = done.stdout
    assert "Runs 1 to 12 of 12" in drawn
    assert len(re.findall(r"<circle [^>]*cx", drawn)) == 2 + 4  # legend, points
    assert re.search(r'<div id="static-table" hidden', drawn)
    assert "95 % intervals (Student t)" in drawn.replace("&nbsp;", " ")
