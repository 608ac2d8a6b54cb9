"""No path, user name or host name reaches a card, wherever a Record holds one."""

import json

import fabricate
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dd_jax.report.cards.card_files import cards
from dd_jax.report.path_texts import last_part, without_paths

BASE = json.dumps(cards(fabricate.record()), ensure_ascii=False).casefold()
LETTERS = st.characters(blacklist_characters="\\/", blacklist_categories=("Cs", "Cc"))
PARTS = st.text(LETTERS, min_size=1, max_size=12).filter(lambda x: x.strip(" .~"))
NAMES = PARTS.map(lambda name: f"qz{name}")
HOMES = ("/home/{}/", "/mnt/Users/{}/", "C:\\Users\\{}\\", "\\\\{}\\share\\", "~{}/")
SOURCES = ("folder:", "npz:", "idx:", "public:folder:", "mine:", "")


@pytest.mark.parametrize(
    "text, kept",
    [
        ("/home/ada/pets", "pets"),
        ("folder:/home/ada/pets/", "folder:pets"),
        ("folder:/home/ada", "folder:"),
        ("folder:home/ada", "folder:"),
        ("folder:~ada", "folder:"),
        ("folder:~/pets", "folder:pets"),
        ("folder:~/ada/../bob", "folder:"),
        ("/home/ada/ADA scans", ""),
        ("npz:C:\\Users\\ada\\x.npz", "npz:x.npz"),
        ("npz:c:/Users/ada/x.npz", "npz:x.npz"),
        ("idx:\\\\host\\share\\x", "idx:x"),
        ("idx://host", "idx:"),
        ("http://host/a", "http:a"),
        ("public:idx:/usr/share/mnist", "public:idx:mnist"),
        ("/home/a:b/x", "x"),
        ("/data/scans", "scans"),
        ("left out /home/ada: no class", ""),
    ],
)
def test_the_last_part_is_kept_unless_it_names_someone(text, kept):
    assert last_part(text) == kept
    assert without_paths({"a": [text]}) == {"a": [kept]}


@pytest.mark.parametrize(
    "text",
    [
        "digits",
        "tfds:cifar10",
        "cat/dog",
        "8/255",
        "public:digits",
        "a: b",
        "",
        "x.npz",
    ],
)
def test_texts_without_paths_stay(text):
    assert without_paths(text) == text


def placed(text):
    """A Record with a text wherever a user's path may be."""
    row = fabricate.record(
        dataset=text,
        init=text,
        method=text,
        device=text,
        data_notes=[f"{text}: 3 files left out", f"left out {text}"],
        labels={"mine": text, f"source {text}": text},
        class_names=[text],
        versions={"jax": text},
        config={
            "data.source": text,
            "distill.load": text,
            "distill.init": text,
            "train.plugin.file": [text],
            "train.files": {"a": [text]},
        },
    )
    row = {"run": row["run"], "accuracy": row["accuracy"], "artifacts": {"a": text}}
    config = {"data": {"source": text}, "distill": {"load": text, "mine": {"at": text}}}
    return row, config


@settings(max_examples=100, deadline=None)
@given(NAMES, PARTS, st.sampled_from(HOMES), st.sampled_from(SOURCES), st.booleans())
def test_no_user_host_or_folder_of_a_path_reaches_a_card(
    name, last, home, source, whole
):
    assume(name.casefold() not in BASE)
    row, config = placed(source + home.format(name) + last)
    made = cards(row, config if whole else None)
    text = json.dumps(made, ensure_ascii=False, allow_nan=False)
    assert name.casefold() not in text.casefold()
    assert "/home/" not in text and "Users" not in text and "share" not in text


@settings(max_examples=50, deadline=None)
@given(NAMES, st.sampled_from(("/home/{}", "C:\\Users\\{}", "~{}", "\\\\{}")))
def test_a_home_or_a_host_alone_is_not_named(name, home):
    row, config = placed("folder:" + home.format(name))
    text = json.dumps(cards(row, config), ensure_ascii=False)
    assert name.casefold() not in text.casefold()
    assert cards(row)["data_card"]["name"] == "folder"
