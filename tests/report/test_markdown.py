"""Markdown tables of Records, and texts with such tables filled in."""

import json
from pathlib import Path

import fabricate
import pytest

from dd_jax.report import __main__ as command
from dd_jax.report import markdown, markdown_text
from dd_jax.types import InputError

RESULTS = Path(__file__).parents[2] / "experiments" / "results"
CELLS = (
    "| Distribution matching (DM) | digits (scikit-learn) | 10 | Random real images "
    "| 10 |"
)


def test_markdown_golden(row):
    lines = markdown.table([row, {"run": row["run"]}]).splitlines()
    assert lines[0].startswith("| method | data set | IPC | init | classes | accuracy,")
    assert lines[2] == (
        f"{CELLS} 86.0 % (85.0 to 87.0) | "
        "79.0 % (78.0 to 80.0) | 97.0 % (96.0 to 98.0) | 78.0 % (77.0 to 79.0) | "
        "LiRA, online | 0.560 (0.540 to 0.580) | 3.0 % (2.2 to 3.8) | "
        "65.7 % (63.7 to 67.7) at Linf 0.03 |"
    )
    assert lines[3] == CELLS + " - |" * 8


def test_architectures_have_a_column_where_they_differ(row):
    other = row | {"run": row["run"] | {"arch": "vgg11"}}
    lines = markdown.table([row, other]).splitlines()
    assert lines[0].startswith("| method | architecture | data set |")
    assert lines[1].startswith("| --- | --- |")
    assert lines[2].startswith(
        "| Distribution matching (DM) | ConvNet | digits (scikit-learn) |"
    )
    assert lines[3].startswith(
        "| Distribution matching (DM) | VGG-11 | digits (scikit-learn) |"
    )


def test_private_sets_have_their_epsilon(row):
    private = row | {"run": row["run"] | {"differential_privacy": {"epsilon": 0.9999}}}
    assert "epsilon" not in markdown.table([row])
    head, _, plain, spent = markdown.table([row, private]).splitlines()
    place = head.split("|").index(" epsilon ")
    assert plain.split("|")[place] == " - " and spent.split("|")[place] == " 1 "


def test_accuracy_in_8_bits_has_a_column_where_it_was_measured(row):
    assert "in 8 bits" not in markdown.table([row])
    row["quantization"] = {"accuracy": fabricate.around(0.8, 0.01)}
    lines = markdown.table([row, {"run": row["run"]}]).splitlines()
    assert " | accuracy, distilled | in 8 bits | random subset | " in lines[0]
    assert " | 86.0 % (85.0 to 87.0) | 80.0 % (79.0 to 81.0) | 79.0 % " in lines[2]
    assert lines[3] == CELLS + " - |" * 9


def test_fair_distillation_has_its_form_and_equalised_odds(row):
    row["run"]["fair"] = {"form": "dro", "groups": 10}
    row["fairness"]["distilled"] |= {"deo_max": fabricate.around(0.3)}
    head, _, cells = markdown.table([row]).splitlines()
    at = [name.strip() for name in head.split("|")].index("fair form")
    assert "| fair form | equalised odds, max | worst class |" in head
    found = [cell.strip() for cell in cells.split("|")][at : at + 2]
    assert found == ["dro", "30.0 % (29.0 to 31.0)"]


def test_columns_that_nothing_fills_are_left_out(row):
    for part in ("privacy", "robustness", "fairness"):
        row.pop(part)
    head = markdown.table([row]).splitlines()[0]
    assert head == (
        "| method | data set | IPC | init | classes | accuracy, distilled | "
        "random subset | full data |"
    )


@pytest.fixture
def text(tmp_path):
    """A Markdown file that asks for two tables."""
    rows = [fabricate.record(f"{ipc:012x}", ipc=float(ipc)) for ipc in (10, 1)]
    lines = [json.dumps(row, default=float) + "\n" for row in rows]
    (tmp_path / "mine.jsonl").write_text("".join(lines))
    path = tmp_path / "README.md"
    path.write_text(
        "# Results\n\n<!-- table: mine.jsonl runs -->\n<!-- end of table -->\n\n"
        "And\n\n"
        "<!-- table: mine.jsonl privacy ipc=1 init=real -->\na stale row\n"
        "<!-- end of table -->\n"
    )
    return path


def test_a_text_is_filled_and_then_stays_the_same(text, capsys):
    assert command.main([str(text), "--fill"]) == 0
    assert capsys.readouterr().out == ""
    found = text.read_text()
    assert "a stale row" not in found and found.startswith(
        "# Results\n\n<!-- table: mine"
    )
    first, second = found.split("And")
    rows = [line for line in first.splitlines() if line.startswith("| Dist")]
    assert [line.split(" | ")[2] for line in rows] == ["1", "10"]  # as in the report
    assert "1 image per class" in second and "10 images" not in second
    assert markdown_text.filled(found, text.parent) == found


@pytest.mark.parametrize(
    "what, why",
    [
        ("mine.jsonl plots", "plots is none of runs, privacy, robustness"),
        ("mine.jsonl", "need a file and a kind of table"),
        ("mine.jsonl runs ipc=7", "no such Record in mine.jsonl"),
        ("none.jsonl runs", "none.jsonl: no such file"),
        ("mine.jsonl transfer", "no run has an audit of transfer"),
        ("mine.jsonl privacy score=lira", "score=lira: no run has it; known: lira_on"),
        ("mine.jsonl backdoors threshold=x", "threshold=x: need numbers"),
    ],
)
def test_a_table_that_cannot_be_made_is_one_line(text, capsys, what, why):
    text.write_text(f"<!-- table: {what} -->\n<!-- end of table -->\n")
    assert command.main([str(text), "--fill"]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("error: ") and why in printed and printed.count("\n") == 1


PROSE = "Two pages by hand.\n"
START, END = "<!-- table: mine.jsonl runs -->\n", "<!-- end of table -->\n"


@pytest.mark.parametrize(
    "content, line",
    [
        (START + "| old |\n<!-- end of tables -->\n" + PROSE + START + END, 1),
        (START + "| old |\n" + PROSE + START + END, 1),
        (PROSE + START + PROSE, 2),
        (START + END + PROSE + END, 4),
    ],
)
def test_a_table_without_its_end_loses_no_text(text, capsys, content, line):
    text.write_text(content)
    assert command.main([str(text), "--fill"]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith(f"error: line {line}, <!-- ") and printed.count("\n") == 1
    assert text.read_text() == content


def test_a_file_keeps_its_form(text, tmp_path):
    link = tmp_path / "link.md"
    link.symlink_to(text)
    content = text.read_bytes().replace(b"-->\n", b"--> \n")
    text.write_bytes(content.replace(b"\n", b"\r\n"))
    text.chmod(0o600)
    assert command.main([str(link), "--fill"]) == 0
    content = text.read_bytes()
    assert link.is_symlink() and text.stat().st_mode & 0o777 == 0o600
    assert b"stale" not in content and content.count(b"\n") == content.count(b"\r\n")


def test_lines_of_two_endings_and_other_comments_stay(text):
    own = text.read_bytes()
    text.write_bytes(b"one\r\n<!-- end of table of contents -->\n" + own)
    assert command.main([str(text), "--fill"]) == 0
    content = text.read_bytes()
    assert content.startswith(b"one\r\n<!-- end of table of contents -->\n# Results\n")
    assert content.count(b"\r\n") == 1 and b"stale" not in content


def test_a_file_that_is_no_text_is_one_line(text, capsys):
    text.write_bytes(b"\xff\xfe")
    assert command.main([str(text), "--fill"]) == 2
    assert capsys.readouterr().err == f"error: {text}: is no text in UTF-8\n"


def test_measured_tables_name_data_sets_and_methods():
    path = RESULTS / "fashion_mnist.jsonl"
    text = f"<!-- table: {path.name} runs ipc=10 -->\n<!-- end of table -->\n"
    rows = markdown_text.filled(text, RESULTS).splitlines()[4:-2]
    assert len(rows) >= 5 and all("| Fashion-MNIST | 10 |" in line for line in rows)
    assert any(line.startswith("| Distribution matching (DM) |") for line in rows)


def test_one_score_alone(row):
    whole, alone = markdown.privacy([row]), markdown.privacy([row], "lira_online")
    assert "LiRA" in alone and len(alone) <= len(whole)
    assert "LiRA" not in markdown.privacy([row], "loss")


def test_robustness_side_by_side_names_shared_baselines_once():
    name = "robustness_fashion_mnist.jsonl"
    what = f"{name} robustness ipc=10 eps=0,0.05"
    text = f"<!-- table: {what} -->\n<!-- end of table -->\n"
    head, _, *rows = [
        line
        for line in markdown_text.filled(text, RESULTS).splitlines()
        if line[0:1] == "|"
    ]
    columns = "| training data | clean | Linf 0.05 | mean corruption error |"
    assert head == columns
    names = [line.split(" | ")[0].strip("| ") for line in rows]
    assert names.count("DM, 10 images per class") == 1
    assert names[-2:] == ["Random subset, 10 images per class", "Full data"]
    assert len(rows) == 6 and all(line.count("%") == 2 for line in rows)


def test_robustness_names_defences():
    text = "<!-- table: robust_digits.jsonl robustness -->\n<!-- end of table -->\n"
    found = markdown_text.filled(text, RESULTS)
    words = "| DM, 10 images per class, adversarial training, robust distillation |"
    assert words in found
    assert "| Full data, adversarial training |" in found


def test_robustness_that_nobody_measured_is_one_line(row):
    row.pop("robustness")
    with pytest.raises(InputError, match="no run has an audit of robustness"):
        markdown.robustness([row])
