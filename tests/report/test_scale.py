"""The page of thousands of runs, and of large images, stays small and says so."""

import itertools
import json
import re
import subprocess
import sys

import fabricate
import numpy as np
import pytest

from dd_jax.report import (
    figures,
    headline,
    headline_record,
    html,
    records,
    repeats,
    schema,
    tables,
    trends,
    verdict,
)
from dd_jax.report.decision import mitigations

LARGEST = 10_000_000  # bytes of a page
METHODS, INITS = ("dm", "dc", "dsa", "mtt", "random"), ("noise", "real", "kmeans")
AXES = (METHODS, INITS, (2, 5, 10), (1, 2, 5, 10, 20, 50, 100), range(16))


def cells(count):
    for i, cell in enumerate(itertools.islice(itertools.product(*AXES), count)):
        method, init, classes, ipc, seed = cell
        axes = {"method": method, "init": init, "num_classes": classes}
        row = fabricate.record(f"{i:012x}", ipc=ipc, seed=seed, **axes)
        yield json.loads(json.dumps(row, default=float))


def swept(workdir, count):
    for row in cells(count):
        fabricate.write_run(workdir, row, artefacts=False)
    return html.write_html(workdir)


def left_out(page):
    return re.findall(r"first (\d+)\s+of\s+(\d+)", page.path.read_text())


def test_a_page_of_many_runs_says_what_it_leaves_out(tmp_path, monkeypatch):
    monkeypatch.setattr(html, "MOST_ROWS", 60)
    page = swept(tmp_path, 90)
    text = page.path.read_text()
    assert page.runs == 90 and len(text.encode()) < LARGEST
    assert left_out(page) == [("60", "90"), ("40", "90")]
    assert text.count('<details class="run"') == 40
    assert "results.jsonl" in text and "90 finished runs" in text


def test_sections_end_where_the_page_has_no_room(tmp_path, monkeypatch):
    monkeypatch.setattr(trends, "svg", lambda draw, **_: b"")
    monkeypatch.setattr(html, "LARGEST", 200_000)
    page = swept(tmp_path, 20)
    ((shown, count),) = left_out(page)
    assert 1 <= int(shown) < 20 == int(count)


def test_twelve_runs_with_figures_all_have_a_section(tmp_path, monkeypatch):
    for module in (figures, trends):  # 40 kB, as large as most are
        monkeypatch.setattr(module, "svg", lambda draw, **_: b"x" * 40_000)
    for row in cells(12):
        fabricate.write_run(tmp_path, row)
    page = html.write_html(tmp_path)
    assert page.path.read_text().count('<details class="run"') == 12
    assert left_out(page) == [] and page.path.stat().st_size < LARGEST


MEASURED = """
import re, sys, time
from pathlib import Path
from dd_jax.report.html import write_html
write_html(sys.argv[1])
status = Path("/proc/self/status").read_text()  # rusage has the memory of the parent
print(time.process_time(), re.search(r"VmHWM:\\s*(\\d+) kB", status)[1])
"""


@pytest.mark.slow
def test_a_page_of_5000_runs_is_small_and_quick(tmp_path):
    for row in cells(5000):
        fabricate.write_run(tmp_path, row, artefacts=False)
    command = [sys.executable, "-c", MEASURED, tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, kibibytes = map(float, done.stdout.split())
    assert seconds < 60  # 16 on an idle core
    assert kibibytes < 500_000
    assert (tmp_path / "report.html").stat().st_size < LARGEST


@pytest.mark.parametrize("runs", [1, 2])
def test_large_images_leave_the_page_small(tmp_path, monkeypatch, runs):
    for module in (figures, trends):
        monkeypatch.setattr(module, "svg", lambda draw, **_: b"<svg/>")
    rng = np.random.default_rng(0)
    images = rng.random((20, 224, 224, 3), np.float32)
    labels = np.eye(100, dtype=np.float32)[np.arange(20) % 10]
    for row in cells(runs):
        fabricate.write_run(tmp_path, row, artefacts=False)
        folder = tmp_path / "runs" / row["run"]["id"]
        np.savez(folder / "synthetic.npz", images=images, labels=labels)
    page = html.write_html(tmp_path)
    assert not page.damaged and page.path.stat().st_size < LARGEST
    assert "They are shown smaller than they are." in page.path.read_text()


def test_what_is_kept_of_a_record_says_the_same():
    for row in cells(40):
        row["run"] |= {"fair": {"form": "balanced", "groups": 2}, "method_form": 2}
        row["cost"] = {"experts_seconds": 60.0, "distill_seconds": 9.0}
        row["accuracy"]["random_subset"]["mean"] = None
        row["privacy"]["full_data"]["t2"] = None
        short = headline_record.cut_down(row)
        assert schema.validate(short) == short
        for pipe in schema.PIPES:
            for number in (
                *(headline.worst_class, headline.accuracy),
                *(headline.membership_auc, headline.robust_accuracy),
            ):
                assert records.estimate(number(short, pipe)) == records.estimate(
                    number(row, pipe)
                )
        assert headline.making_seconds(short) == headline.making_seconds(row) == 69.0
        assert mitigations.defences(short) == mitigations.defences(row) != {}
        assert repeats.settings([short, short]) == repeats.settings([row, row])
        assert short["run"]["method_form"] == 2
        lines = [verdict.verdicts(row)]
        assert tables.overview([short], lines) == tables.overview([row], lines)
        assert len(json.dumps(short)) < len(json.dumps(row)) / 3
