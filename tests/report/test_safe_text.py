"""Names that others chose are data: they change no label, no row and no page."""

import json
from html.parser import HTMLParser

import fabricate
import numpy as np
import pytest

from dd_jax import report
from dd_jax.report import __main__ as command
from dd_jax.report import figures, markdown, records, safe_text, trends

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "<!--sections-->",
    "{{ 7 * 7 }}{% raw %}",
    "a | b | c",
    "one\ntwo\r\n| three |",
    "`code` **bold** [link](http://x) <b>",
    "$\\frac{1}{0$ and $x^2$",
    "\u202eevil\u202c",
    "nul\x00bell\x07esc\x1b[31m",
    "half a pair \ud800",
    "not UTF-8 \udcff",
    "no-go",
    "_hidden",
    "=HYPERLINK(1)",
    "-->]]>&amp;",
    "x" * 5000,
    "\U0001f600 \u65e5\u672c",
)


class Tags(HTMLParser):
    """Every tag with its attributes, every text, and comments."""

    def __init__(self, source):
        super().__init__()
        self.tags, self.texts, self.comments = [], [], []
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, tuple(name for name, _ in attrs)))

    def handle_data(self, data):
        self.texts.append(data)

    def handle_comment(self, data):
        self.comments.append(data)


def named(name, number, **run):
    """A Record in which every name that others can choose is this one."""
    row = fabricate.record(f"{number:012x}", **run)
    row["run"] |= {"dataset": name, "method": name, "arch": name, "init": name}
    row["run"]["class_names"] = [name] * fabricate.CLASSES
    row["run"]["versions"] = {name: name}
    overlap = row["privacy"].pop("overlap")["t2"]
    for part in row["privacy"].values():
        part["t2"] = {name: part["t2"]["lira_online"]}
    overlap["scores"] = {name: overlap["scores"]["loss"] | {"jaccard": {name: 0.5}}}
    row["privacy"]["overlap"] = {name: overlap}
    for part in row["robustness"].values():
        part["attacks"][name] = part["attacks"]["fgsm"]
        part["checks"] |= {name: False}
    return row


def structure(row, workdir, with_set):
    fabricate.write_run(workdir, row, artefacts=False)
    folder = workdir / "runs" / row["run"]["id"]
    if with_set is not None:
        metadata = {"class_names": [with_set] * 10}
        arrays = {"images": np.zeros((10, 4, 4, 1)), "labels": np.eye(10)}
        np.savez(folder / "synthetic.npz", **arrays, metadata=json.dumps(metadata))
    return Tags(report.build(workdir).read_text(encoding="utf-8"))


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    for module in (figures, trends):
        monkeypatch.setattr(module, "svg", lambda draw, **_: b"<svg/>")


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_changes_nothing_of_a_page_but_its_text(tmp_path, name):
    plain = structure(named("plain", 0), tmp_path / "plain", "plain")
    found = structure(named(name, 0), tmp_path / "hostile", name)
    assert found.tags == plain.tags
    assert found.comments == plain.comments == []
    shown = "".join(found.texts)
    ours = "\n\xa0\u2002"  # line ends and spaces of the page's own
    assert all(c.isprintable() or c in ours for c in shown)
    assert "x" * 121 not in shown


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_changes_nothing_of_a_table_in_markdown(tmp_path, capsys, name):
    rows = json.loads(json.dumps([named(name, 0), named("plain", 1)], default=float))
    path = tmp_path / "results.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    for option, count in (("--markdown", 4), ("--privacy", None)):
        assert command.main([str(path), option]) == 0
        table = [l for l in capsys.readouterr().out.splitlines() if l.startswith("|")]
        assert count is None or len(table) == count
        for line in table:
            bars = line.replace("\\\\", "").replace("\\|", "").count("|")
            assert bars in {l.count("|") for l in table if "\\" not in l}
            assert not line.replace("\\`", "").count("`")
            assert line.isprintable()


def test_markdown_escapes_what_would_be_marks():
    assert safe_text.markdown("a|b") == r"a\|b"
    assert safe_text.markdown("`x` <b> [y](z) *q* _r_") == (
        r"\`x\` \<b> \[y\](z) \*q\* \_r\_"
    )
    assert (
        safe_text.markdown("pgd_linf, 86.0 % (1 to 2)") == "pgd_linf, 86.0 % (1 to 2)"
    )
    text = markdown.table([named("two\nlines | three", 0)])
    assert text.count("\n") == 3 and r"two lines \| three" in text


def test_names_that_differ_stay_different():
    shown = {
        safe_text.printable(name) for name in ("a\x00", "a\x01", "a\u202e", "a\ud800")
    }
    assert len(shown) == 4


def test_a_record_keeps_its_names_on_disk(tmp_path):
    row = named("half \ud800 <b>", 0)
    fabricate.write_run(tmp_path, row, artefacts=False)
    report.build(tmp_path)
    (found,), _ = records.readable_lines(tmp_path / "results.jsonl")
    assert found["run"]["dataset"] == "half \ud800 <b>"
