import json
import re
import subprocess
import sys
from html.parser import HTMLParser

import fabricate
import numpy as np
import pytest

from dd_jax import report
from dd_jax.report import __main__ as command
from dd_jax.report import figures, trends
from dd_jax.report.image_grid import image_grid
from dd_jax.types import InputError

VOID = {"meta", "img", "br", "input"}


class Page(HTMLParser):
    """Visible text, links, and whether every tag is closed in order."""

    def __init__(self, source):
        super().__init__()
        self.text, self.links, self.open, self.headings = "", [], [], []
        self.feed(source)
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag, attrs):
        self.links += [value for name, value in attrs if name in ("src", "href")]
        if tag in ("td", "th"):
            self.text += " "
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"style", "script"} & {*self.open}:
            self.text += data
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)


def page(workdir):
    return Page(report.build(workdir).read_text())


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """One run with everything, built once."""
    workdir = tmp_path_factory.mktemp("built")
    fabricate.write_run(workdir, fabricate.record())
    return report.build(workdir)


def test_single_run_shows_verdict_first_and_every_part(built):
    source = built.read_text()
    found = Page(source)
    assert found.open == []
    assert found.headings == [
        "Synthetic images",
        "Accuracy",
        "Fairness",
        "Membership inference",
        "Memorisation",
        "Robustness",
        "Distillation",
        "Not measured in this run",
        "What each number means",
        "Cost, run and versions",
        "Configuration",
    ]
    assert "Overall: no-go" in found.text
    assert source.index("Overall: ") < source.index("Synthetic images</h2>")
    words = "Controls, Data, Learning curve, 8-bit export, Calibration, Transfer"
    words += ", Common corruptions, Backdoor of the run itself"
    absent = f"{words}, Search for backdoors."
    assert f"Not measured in this run {absent}" in found.text
    assert "86.0 % 85.0 to 87.0" in found.text
    assert "unresolved" in found.text and "monotone in eps cannot tell" in found.text
    assert "41.2 s" in found.text and "858 MiB" in found.text


@pytest.fixture
def quick(monkeypatch):
    """Figures are not drawn."""
    for module in (figures, trends):
        monkeypatch.setattr(module, "svg", lambda draw, **_: b"<svg/>")


def test_nearest_real_images_are_shown_only_where_a_run_wrote_them(
    tmp_path, row, quick
):
    fabricate.write_run(tmp_path, row)
    before = page(tmp_path)
    png = image_grid(np.zeros((3, 8, 8, 1), np.float32), np.ones((3, 1)))
    (tmp_path / "runs" / row["run"]["id"] / "gallery.png").write_bytes(png)
    after = page(tmp_path)
    assert len(after.links) == len(before.links) + 1
    assert "the nearest training image" in after.text
    assert "the nearest training image" not in before.text


def test_page_is_self_contained(built):
    source = built.read_text()
    links = Page(source).links
    assert links and all(link.startswith(("data:image/", "#part-")) for link in links)
    assert not re.search(r"https?:|@import|<script|url\(", source)


def test_same_files_same_page(built, single):
    assert report.build(single).read_bytes() == built.read_bytes()


def test_unresolved_is_never_quoted(tmp_path, row, quick):
    rates = row["privacy"]["distilled"]["t2"]["lira_online"]["tpr_at_fpr"]
    rates["0.001"] |= {"mean": 0.7777, "resolved": False}
    fabricate.write_run(tmp_path, row, artefacts=False)
    found = page(tmp_path)
    assert "77.8" not in found.text and "0.778" not in found.text


def test_missing_parts_say_so(tmp_path, row, quick):
    bare = {"run": row["run"], "accuracy": {"distilled": {"mean": 0.5}}}
    fabricate.write_run(tmp_path, bare, artefacts=False)
    found = page(tmp_path)
    assert found.headings[:3] == [
        "Synthetic images",
        "Accuracy",
        "Not measured in this run",
    ]
    assert (
        "Fairness, Calibration, Membership inference, Memorisation, Robustness,"
        in found.text
    )
    assert "Overall: not measured" in found.text


def test_names_are_escaped(tmp_path, row, quick):
    row["run"]["dataset"] = "<script>alert(1)</script>"
    fabricate.write_run(tmp_path, row, artefacts=False)
    assert "<script" not in report.build(tmp_path).read_text()


def test_large_sweep_has_overview_trends_and_failures(tmp_path, cells):
    for number, row in enumerate(cells):
        fabricate.write_run(tmp_path, row, artefacts=number < 3)
    fabricate.write_failed(tmp_path, "f00d")
    path = report.build(tmp_path)
    found = Page(path.read_text())
    assert found.open == []
    assert "36 finished runs, 1 without a result" in found.text
    assert "Diverged: loss is NaN" in found.text
    assert "Accuracy, classes 10" in found.text
    assert all(row["run"]["id"] in found.text for row in cells)
    assert sum("svg" in link for link in found.links) == 12  # trends only
    assert path.stat().st_size < 2_000_000


def test_only_failures_still_make_a_page(tmp_path):
    fabricate.write_failed(tmp_path, "f00d")
    found = page(tmp_path)
    assert "0 finished runs, 1 without a result" in found.text
    assert (tmp_path / "results.jsonl").read_text() == ""


def test_no_runs_is_bad_input(tmp_path):
    with pytest.raises(InputError, match="no runs here"):
        report.build(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_command_builds_and_prints_markdown(single, capsys, quick):
    assert command.main([str(single)]) == 0
    assert capsys.readouterr().out.strip() == str(single / "report.html")
    assert command.main([str(single), "--markdown"]) == 0
    of_folder = capsys.readouterr().out
    assert command.main([str(single / "results.jsonl"), "--markdown"]) == 0
    assert capsys.readouterr().out == of_folder != ""
    assert command.main([str(single), "--privacy"]) == 0
    assert "| T2 | LiRA, online | AUC |" in capsys.readouterr().out


def test_command_refuses_with_one_line(tmp_path, capsys):
    assert command.main([str(tmp_path)]) == 2
    message = capsys.readouterr().err
    assert message.startswith("error: ") and message.count("\n") == 1
    for option in ("--markdown", "--privacy", "--transfer"):
        assert command.main([str(tmp_path / "none.jsonl"), option]) == 2


def test_report_imports_no_jax():
    code = (
        "import sys, json, dd_jax.report.html, dd_jax.report.__main__;"
        "print(json.dumps(sorted({m.split('.')[0] for m in sys.modules})))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert not {"jax", "jaxlib", "flax", "optax"} & set(json.loads(shown.stdout))


def test_a_notebook_shows_the_page_in_a_frame(single, quick):
    shown = report.show(single, height=300)
    assert shown.path == single / "report.html"
    frame = HTMLParser(convert_charrefs=True)
    attributes = {}
    frame.handle_starttag = lambda tag, attrs: attributes.update({tag: dict(attrs)})
    frame.feed(shown._repr_html_())
    assert list(attributes) == ["iframe"]
    assert attributes["iframe"]["srcdoc"] == shown.path.read_text()
    assert "height:300px" in attributes["iframe"]["style"]
