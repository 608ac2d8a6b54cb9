"""README holds what it says: commands, links, and numbers that come from Records."""

import re
from pathlib import Path

from dd_jax.catalogue import names
from dd_jax.report import markdown, trends
from dd_jax.report.records import readable_lines

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
RESULTS = ROOT / "experiments" / "results"


def records_of(name, **kept):
    return [
        record
        for record in readable_lines(RESULTS / f"{name}.jsonl")[0]
        if all(record["run"][key] == value for key, value in kept.items())
    ]


def rows(name, **kept):
    found = trends.ordered(records_of(name, **kept))
    return markdown.table(found).splitlines()[2:]


def test_every_number_of_the_tables_comes_from_a_record():
    row = re.compile(rf"\| ({'|'.join(names('method'))}) \|")
    written = [line for line in README.splitlines() if row.match(line)]
    made = rows("fashion_mnist_dm") + rows("ablation_digits", num_classes=10)
    made += rows("fashion_mnist") + rows("digits") + rows("cross_architecture")
    assert written == made


def membership(name, **kept):
    """Rows of accuracy and RMIA at some settings, without the score's column."""
    found = trends.ordered(records_of(name, **kept))
    return [
        "|".join((before, *cells))
        for line in markdown.privacy(found).splitlines()
        if re.match(r"\| (T\d)? \| (RMIA)? \|", line)
        for before, _, *cells in [line.split("|", 3)[1:]]
    ]


def test_every_number_of_the_membership_tables_comes_from_a_record():
    made = membership("privacy_digits") + membership("privacy_fashion_mnist", ipc=10)
    written = re.findall(r"^\|( (?:T\d)? \|.*)$", README, re.MULTILINE)
    assert written == made


def test_records_are_of_clean_commits():
    for path in RESULTS.glob("*.jsonl"):
        for record in readable_lines(path)[0]:
            assert record["run"]["commit"] and record["run"]["dirty"] is False, path


def test_links_exist():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target


def test_experiments_in_the_table_are_those_there_are():
    named = set(re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE))
    assert named == {path.stem for path in (ROOT / "experiments").glob("*.py")}


def test_the_ci_runs_the_test_command_of_the_readme():
    commands = re.findall(r"^python3 .*pytest$", README, re.MULTILINE)
    assert len(commands) == 1
    pattern = re.search(r"grep -m 1 -E '(.*)' README", (ROOT / ".ci/run").read_text())
    assert pattern and re.search(pattern[1], commands[0])
