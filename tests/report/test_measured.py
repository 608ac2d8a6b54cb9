"""Every Record that was ever committed reads and renders, also of older versions."""

from pathlib import Path

import fabricate
import pytest
from test_safe_text import Tags

from dd_jax.report import figures, html, markdown, records, trends

FILES = sorted((Path(__file__).parents[2] / "experiments" / "results").glob("*.jsonl"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_measured_records_render(tmp_path, monkeypatch, path):
    for module in (figures, trends):
        monkeypatch.setattr(module, "svg", lambda draw, **_: b"<svg/>")
    found, damaged = records.readable_lines(path)
    assert found and not damaged
    for row in found:
        fabricate.write_run(tmp_path, row, artefacts=False)
    page = html.write_html(tmp_path)
    names = {name for row in found for name in (row.get("artifacts") or {}).values()}
    assert all(
        line.partition(": ")[0].rpartition("/")[2] in names for line in page.damaged
    )
    assert all(": is missing; " in line for line in page.damaged)
    text = page.path.read_text()
    assert all(row["run"]["id"] in text for row in found)
    assert Tags(text).comments == []
    assert markdown.table(found).count("\n") == 2 + len(found)
