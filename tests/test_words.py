"""The field's words: names and spellings that no text of the project uses."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BANNED = (  # each with what to write instead
    ("exposure|resilience|transference|portability|admission", "the audit's name"),
    ("driven|spoken|whoever|strangers?", "plain words"),
    ("judges?|judged", "evaluate, evaluation split"),
    ("practi[sc]e[sd]?|networks? that practi[sc]es?", "inner-loop training"),
    ("keep_apart|one_cohort|twin", "require_no_batch_stats, share_experts, backend"),
    ("attack_what_stands|fallen|telling_radius", "sequential radii, already broken"),
    ("planted", "canary"),
    ("so many", "n"),
    ("anew", "again"),
    ("gives? away|withstands?", "leaks, is robust"),
    ("asked|told", "needed, option, distinguished"),
    ("serves?|served", "use, show"),
    ("in plain words|all told", "as text, in total"),
    ("neighbors?|behaviors?|gray|grayscale", "British spelling"),
    ("[a-z]*(normaliz|memoriz|summariz|randomiz|labeled|modeled)[a-z]*", "British"),
)


def texts():
    folders = (ROOT / "dd_jax", ROOT / "experiments", ROOT / "tests")
    files = [path for folder in folders for path in folder.rglob("*")]
    files += [ROOT / "launch.py", ROOT / "README.md", ROOT / "CHANGELOG.md"]
    texts = [path for path in files if path.suffix in (".py", ".md", ".jinja")]
    others = ("test_words.py", "test_readme.py", "node_modules")  # not our words
    return [path for path in texts if not {*path.parts} & {*others}]


def without_names(line):
    """A line without names of other libraries."""
    return re.sub("derandomize|unicodedata.normalize", "", line)


def found(pattern, text):
    return re.search(rf"(?<![A-Za-z])(?:{pattern})(?![A-Za-z])", text, re.I)


@pytest.mark.parametrize("pattern, instead", BANNED)
def test_no_text_has_words_that_the_field_does_not_use(pattern, instead):
    lines = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in texts()
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if found(pattern, without_names(line))
    ]
    assert not lines, f"write: {instead}"


def test_words_are_found_in_names_and_sentences():
    assert found("twin", "run(twin=True)") and found("told", "as_told to")
    assert found("anew", "Drawn anew.") and not found("anew", "caneware")
    assert len(texts()) > 200
