"""Tables for LaTeX: means over seeds, every text set as it is, a file that compiles."""

import json
import re
import shutil
import subprocess

import fabricate
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dd_jax.report import __main__ as command
from dd_jax.report import latex, repeats, seed_means
from dd_jax.report.intervals import mean_interval
from dd_jax.report.safe_text import latex as escaped
from dd_jax.report.safe_text import printable

NASTY = r"50% of_A&B #1 {x} \y ~^ <a>|b| \"q\" `c' -- [1] * $z$"
TOKEN = re.compile(
    r"\\(text[a-z]+|ldots)\{\}|\\([&%$#_{}])|(-)\{\}(?=-)|([^\\&%$#_{}~^<>|\"`'])"
)
MACROS = {
    "textbackslash": "\\",
    "textasciitilde": "~",
    "textasciicircum": "^",
    "textless": "<",
    "textgreater": ">",
    "textbar": "|",
    "textquotedblright": '"',
    "textasciigrave": "`",
    "textquotesingle": "'",
    "ldots": "\u2026",
}


def decoded(text):
    """What LaTeX sets; no character may be left over between tokens."""
    parts = [match.groups() for match in TOKEN.finditer(text)]
    assert "".join(match[0] for match in TOKEN.finditer(text)) == text
    return "".join(MACROS.get(macro, "") or a or b or c for macro, a, b, c in parts)


@given(st.text(st.characters(max_codepoint=0x2100), max_size=60))
def test_every_text_is_set_as_it_is(text):
    found = escaped(text)
    assert "--" not in found
    wanted = "".join(
        c if c in found or c in MACROS.values() or c.isascii() else f"U+{ord(c):04X}"
        for c in printable(text)
    )
    assert decoded(found) == wanted


def seeds(count=3, **run):
    rows = [fabricate.record(f"{i:012x}", 0.01 * i, seed=i) for i in range(count)]
    return json.loads(json.dumps([_with(row, run) for row in rows], default=float))


def _with(row, run):
    return row | {"run": row["run"] | run}


def named(tables, start):
    return next(own for own in tables if own.title.startswith(start))


def test_a_cell_is_the_mean_over_seeds_with_its_interval():
    runs = seeds() + seeds(1, init="noise")
    accuracy = named(seed_means.tables(runs), "Accuracy (%)").table
    assert accuracy.columns[:4] == ("init", "runs", "Distilled", "Random subset")
    (real, noise) = sorted(accuracy.rows)[::-1]
    means = [row["accuracy"]["distilled"]["mean"] for row in runs[:3]]
    low, high = (100 * bound for bound in mean_interval(means)["ci"])
    assert real[:2] == ("Random real images", "3") and noise[1] == "1"
    assert real[2].text == "87.0" and real[2].detail == f"{low:.1f} to {high:.1f}"
    one = runs[3]["accuracy"]["distilled"]["ci"]
    assert noise[2].detail == "{:.1f} to {:.1f}".format(*(100 * b for b in one))


def test_attacks_are_by_radius_and_membership_by_threat_and_score():
    tables = seed_means.tables(seeds())
    under = named(tables, "Accuracy under attack, by L2").table
    assert under.columns == ("method", "runs", "network", "attack", "0", "0.25", *REST)
    leaks = named(tables, "Membership").table
    assert leaks.columns[2:6] == ("network", "threat", "attack", "AUC")
    assert {row[3] for row in leaks.rows} == {"T2"}
    assert not [own for own in tables if own.title.startswith("Calibration")]


REST = ("0.5", "1", "2")


def test_runs_with_other_settings_are_no_repeats():
    runs = [
        _with(row, {"config": {"distill.lr": rate, "seed": row["run"]["seed"]}})
        for rate in (0.1, 0.2)
        for row in seeds(2)
    ]
    found = repeats.settings(runs)
    assert found.keys == ("distill.lr",)
    assert found.values == [("0.1",)] * 2 + [("0.2",)] * 2
    for row in runs[2:]:  # a rate that goes with the method is no setting of its own
        row["run"]["method"] = "dsa"
    assert repeats.settings(runs).keys == ("method",)
    defended = [_with(row, {"adversarial": {"train": 0.1}}) for row in seeds(1)]
    assert repeats.settings(seeds(1) + defended).keys == ("adversarial.train",)


def test_a_cell_at_the_start_of_a_row_is_no_option():
    assert latex._line(["[1]", "*"]) == "{}[1] & *"


def written(tmp_path, runs):
    source, target = tmp_path / "results.jsonl", tmp_path / "tables.tex"
    source.write_text("".join(json.dumps(row) + "\n" for row in runs))
    assert command.main([str(source), f"--export={target}"]) == 0
    return target


def test_the_command_writes_tables_in_the_style_of_booktabs(tmp_path):
    text = written(tmp_path, seeds(labels={"dm": NASTY})).read_text()
    assert rf"{escaped(NASTY)} & 3 & 87.0 [84.5, 89.5] & 80.0 [77.5, 82.5]" in text
    assert text.count(r"\toprule") == text.count(r"\bottomrule") > 5
    assert text.count(r"\begin{table}") == text.count(r"\end{table}")


def test_form_is_not_of_latex(tmp_path, capsys):
    export = f"--export={tmp_path / 'x.tex'}"
    assert command.main([str(tmp_path), export, "--form=long"]) == 2
    assert "--form is of" in capsys.readouterr().err


def test_a_file_without_records_has_no_tables(tmp_path, capsys):
    (tmp_path / "results.jsonl").write_text("")
    export = f"--export={tmp_path / 'x.tex'}"
    assert command.main([str(tmp_path / "results.jsonl"), export]) == 2
    assert "has no Record in it" in capsys.readouterr().err


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="needs pdflatex")
@pytest.mark.parametrize("inside", [False, True])
def test_it_compiles_alone_and_in_a_paper(tmp_path, monkeypatch, inside):
    monkeypatch.setattr(latex, "MOST_ROWS", 4)  # some tables over pages
    characters = "".join(map(chr, range(32, 0x180)))
    texts = [characters[i : i + 60] for i in range(0, len(characters), 60)]
    names = {f"method_{i}": text for i, text in enumerate([NASTY, *texts])}
    runs = [row for name in names for row in seeds(1, method=name, labels=names)]
    file = written(tmp_path, runs)
    if inside:
        file = tmp_path / "paper.tex"
        file.write_text(
            "\\documentclass{article}\\usepackage{booktabs,longtable}"
            "\\begin{document}Before.\\input{tables.tex}After.\\end{document}"
        )
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", file.name]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:]
    assert file.with_suffix(".pdf").stat().st_size > 10_000
