"""Folders as people have them: what is a class, what is test, and what is left out."""

import io
import os
import re
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from dd_jax.data import load
from dd_jax.data.folder_names import natural_order
from dd_jax.types import InputError

_buffer = io.BytesIO()
Image.new("L", (2, 2)).save(_buffer, "PNG")
PNG = _buffer.getvalue()


class Tree:
    """A folder of images, each of one value of its own."""

    def __init__(self, root):
        self.root, self.values = root, iter(range(255))

    def add(self, place, count=2, suffix=".png"):
        """Writes images `i.png` into a folder and returns their values."""
        (self.root / place).mkdir(parents=True, exist_ok=True)
        values = [next(self.values) for _ in range(count)]
        for i, value in enumerate(values):
            image = Image.fromarray(np.full((3, 2), value, np.uint8))
            image.save(self.root / place / f"{i}{suffix}")
        return values

    def touch(self, *places):
        for place in places:
            (self.root / place).parent.mkdir(parents=True, exist_ok=True)
            (self.root / place).write_bytes(b"\0\5\x16\7")

    def load(self, **kw):
        return load(f"folder:{self.root}", **kw)

    def refused(self, **kw):
        with pytest.raises(InputError) as error:
            self.load(**kw)
        assert "\n" not in str(error.value)
        return str(error.value).replace(str(self.root), "ROOT")


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path)


def held(split, names):
    """Class name -> values of its images."""
    found = {name: [] for name in names}
    for image, label in zip(split.images, split.labels):
        assert (image == image.flat[0]).all()
        found[names[label]].append(int(image.flat[0]))
    return found


# --- leftovers and order

LEFTOVERS = (
    ".DS_Store ._a a/._0.png a/.DS_Store a/Thumbs.db a/desktop.ini b/Desktop.ini "
    "__MACOSX/a/._0.png __MACOSX/._a .ipynb_checkpoints/0-checkpoint.png "
    "a/.ipynb_checkpoints/0-checkpoint.png @eaDir/a.png a/@eaDir/0.png/x.jpg "
    ".git/HEAD b/ehthumbs.db Thumbs.db $RECYCLE.BIN/x.png .Trash-1000/files/0.png "
    "b/__pycache__/x.pyc lost+found/x.png a/CVS/Entries RECYCLER/x.png"
).split()


@pytest.mark.parametrize("presplit", [False, True])
def test_leftovers_of_other_systems_are_ignored(tree, presplit):
    for place in ("train/", "test/") if presplit else ("",):
        tree.add(place + "a", 5)
        tree.add(place + "b", 5)
    clean = tree.load()
    tree.touch(*LEFTOVERS)
    if presplit:
        tree.touch(*(f"{s}/{path}" for s in ("train", "test") for path in LEFTOVERS))
        for name in "ab":  # those at the root lie beside train and test
            for file in (tree.root / name).rglob("*"):
                file.is_file() and file.unlink()
    found = tree.load()
    assert found.checksum == clean.checksum
    assert found.class_names == ("a", "b")
    if not presplit:
        assert found.notes == ()


def test_a_leftover_alone_is_no_class_and_no_image(tree):
    tree.add("a")
    tree.add("b")
    tree.touch("c/._0.png", "c/.DS_Store")
    assert tree.refused() == (
        "class folder ROOT/c holds no images; add some, or remove it"
    )


@pytest.mark.parametrize("place", ["b", "train/b", "test/b"])
def test_an_empty_class_folder_is_named(tree, place):
    *split, _ = place.split("/")
    for part in ("train/", "test/") if split else ("",):
        tree.add(part + "a")
        tree.add(part + "c")
        if split and place == "test/b":
            tree.add("train/b")
    (tree.root / place).mkdir(parents=True)
    assert tree.refused() == (
        f"class folder ROOT/{place} holds no images; add some, or remove it"
    )
    tree.touch(f"{place}/x.heic", f"{place}/y.heic", f"{place}/notes.txt")
    assert tree.refused() == (
        f"class folder ROOT/{place} holds no images but 2 .heic, 1 .txt; add some, or "
        "remove it"
    )


ORDERS = [
    (["0", "1", "10", "2"], ["0", "1", "2", "10"]),
    (["007", "07", "10", "9"], ["007", "07", "9", "10"]),
    (["-1", "0", "-10", "2"], ["-10", "-1", "0", "2"]),
    (["1.5", "10.25", "2.75", "0.5"], ["0.5", "1.5", "2.75", "10.25"]),
    (["class10", "class2", "class1"], ["class1", "class2", "class10"]),
    (["1_b", "10_a", "2_c"], ["1_b", "2_c", "10_a"]),
    (["cat", "10", "9"], ["9", "10", "cat"]),
    (["b", "a", "B", "A"], ["A", "B", "a", "b"]),
    (["n02124075", "n01443537"], ["n01443537", "n02124075"]),
    (["\u0663", "2"], ["2", "\u0663"]),
    (["nan", "inf", "1e5"], ["1e5", "inf", "nan"]),
]


@pytest.mark.parametrize("names, expected", ORDERS, ids=lambda v: " ".join(v))
def test_order(names, expected):
    assert natural_order(names) == natural_order(names[::-1]) == expected


def test_the_first_classes_are_those_of_the_smallest_numbers(tree):
    values = {name: tree.add(name, 3) for name in ("0", "1", "10", "2")}
    data = tree.load(num_classes=3)
    assert data.class_names == ("0", "1", "2")
    train, test = (held(s, data.class_names) for s in (data.train, data.test))
    for name in data.class_names:
        assert sorted(train[name] + test[name]) == values[name]


# --- where images are


@pytest.mark.parametrize("inner", ["images", "images/full", "x/y/z"])
@pytest.mark.parametrize("train", ["train", "training", "Train"])
@pytest.mark.parametrize("test", ["test", "val", "valid", "validation", "Testing"])
def test_splits_and_folders_inside_of_classes(tree, inner, train, test):
    values = {
        part: {name: tree.add(f"{part}/{name}/{inner}") for name in ("a", "b")}
        for part in (train, test)
    }
    tree.touch(*(f"{train}/{name}/{name}_boxes.txt" for name in ("a", "b")))
    data = tree.load()
    assert data.class_names == ("a", "b")
    assert held(data.train, "ab") == values[train]
    assert held(data.test, "ab") == values[test]
    expected = (
        "left out 2 .txt: no images that Pillow reads",
        "read from folders inside of class folders: 8 images",
    )
    assert data.notes[:2] == expected
    assert data.notes[2:] == (
        () if test == "test" else (f"test images are those of {test}/",)
    )


def test_folders_of_one_class_that_differ_from_those_of_others(tree):
    values = {n: tree.add(f"{n}/{n}1", 3) + tree.add(f"{n}/{n}2", 3) for n in "ab"}
    data = tree.load()
    train, test = held(data.train, "ab"), held(data.test, "ab")
    assert {n: sorted(train[n] + test[n]) for n in "ab"} == values
    assert data.notes == ("read from folders inside of class folders: 12 images",)


@pytest.mark.parametrize(
    "places",
    [
        ("part1/cat", "part1/dog", "part2/cat", "part2/dog"),
        ("seg_train/seg_train/cat", "seg_train/seg_train/dog", "seg_test/seg_test/cat",
         "seg_test/seg_test/dog"),
        ("a/images", "a/masks", "b/images", "b/masks"),
        ("a", "a/masks", "b", "b/masks"),
    ],
    ids=lambda places: places[0],
)  # fmt: skip
def test_folders_that_may_be_the_classes_are_refused(tree, places):
    for place in places:
        tree.add(place)
    text = tree.refused()
    assert "both hold images in a folder" in text
    assert text.endswith("they should be in CLASS/*.png or in CLASS/images/*.png")


def test_one_folder_around_all(tree):
    tree.add("mydata/cat")
    tree.add("mydata/dog")
    assert tree.refused() == (
        "folder:ROOT has one class only, 'mydata'; at least 2 are needed"
    )


def test_a_class_may_be_called_train(tree):
    values = {name: tree.add(name, 5) for name in ("bus", "plane", "train")}
    data = tree.load()
    assert data.class_names == ("bus", "plane", "train")
    train, test = (held(s, data.class_names) for s in (data.train, data.test))
    assert {n: sorted(train[n] + test[n]) for n in values} == values


@pytest.mark.parametrize("test", ["test", "val"])
def test_train_and_test_without_classes(tree, test):
    tree.add("train", 5)
    tree.add(test, 5)
    assert tree.refused() == (
        "ROOT/train has no class directories; it should hold CLASS/*.png"
    )


def test_only_one_split(tree):
    tree.add("val/a")
    tree.add("val/b")
    assert tree.refused() == "ROOT has val/ but no train/; add train/CLASS/*.png"
    tree.add("extra/a")
    assert tree.refused() == "ROOT has val/ but no train/; add train/CLASS/*.png"


def test_test_without_classes(tree):
    tree.add("train/a")
    tree.add("train/b")
    tree.add("test")
    assert tree.refused() == (
        "ROOT/test has no class directories; it should hold CLASS/*.png"
    )
    values = {name: tree.add(f"val/{name}") for name in "ab"}
    data = tree.load()
    assert held(data.test, "ab") == values
    assert data.notes == ("left out test/", "test images are those of val/")


def test_what_is_left_out_beside_train_and_test(tree):
    for part in ("train", "val", "test"):
        values = {name: tree.add(f"{part}/{name}") for name in "ab"}
    tree.add("extra")
    data = tree.load()
    assert held(data.test, "ab") == values
    assert data.notes == ("left out extra/, val/", "test images are those of test/")


def test_odd_names_are_printed_on_one_line(tree):
    for part in ("train", "test"):
        for name in "ab":
            tree.add(f"{part}/{name}")
    tree.add("ex\ntra\udcff")
    tree.touch("train/a/x.a\udcff", "train/a/y.\n")
    first, second, _ = tree.load().notes
    assert first == r"left out 1 .\n, 1 .a\udcff: no images that Pillow reads"
    assert second == r"left out ex\ntra\udcff/"


# --- Tiny ImageNet


def tiny_imagenet(tree):
    for name in ("n02", "n01"):
        tree.add(f"train/{name}/images", suffix=".JPEG")
        tree.touch(f"train/{name}/{name}_boxes.txt")
    values = tree.add("val/images", 4)
    tree.add("test/images", 3)
    tree.touch("words.txt", "wnids.txt", ".DS_Store")
    classes = ["n02", "n01", "n01", "n02"]
    rows = [f"{i}.png\t{name}\t0\t0\t9\t9\n" for i, name in enumerate(classes)]
    (tree.root / "val" / "val_annotations.txt").write_text("".join(rows))
    return values


def test_tiny_imagenet(tree):
    values = tiny_imagenet(tree)
    data = tree.load()
    assert data.class_names == ("n01", "n02")
    assert held(data.test, data.class_names) == {
        "n01": values[1:3],
        "n02": [values[0], values[3]],
    }
    assert data.train.labels.tolist() == [0, 0, 1, 1]
    assert data.notes == (
        "left out 3 .txt: no images that Pillow reads",
        "read from folders inside of class folders: 4 images",
        "left out test/",
        "test images are those of val/",
    )


def test_a_table_beside_its_images(tree):
    values = tiny_imagenet(tree)
    for file in (tree.root / "val" / "images").iterdir():
        file.rename(tree.root / "val" / file.name)
    (tree.root / "val" / "images").rmdir()
    data = tree.load()
    assert held(data.test, data.class_names)["n01"] == values[1:3]
    assert not any("beside" in note for note in data.notes)


NO_SUCH_CLASS = "".join(f"{i}.png\tn07\n" for i in range(4))


@pytest.mark.parametrize(
    "rows, words",
    [
        ("0.png n01\n", "val_annotations.txt: rows of file, class are needed, not '0."),
        ("9.png\tn01\n", "val_annotations.txt names '9.png', which is not in ROOT/val"),
        (NO_SUCH_CLASS, "class 'n07' is in ROOT/val but not in ROOT/train; both"),
        ("", "test is empty"),
        ("".join(f"{i % 4}.png\tn01\n" for i in range(5)), "names '0.png' twice"),
        (
            "".join(f"{i}.png\tn01\n" for i in (0, 1, 3)),
            "val_annotations.txt does not name 2.png, which is in ROOT/val",
        ),
    ],
)
def test_tiny_imagenet_with_another_table(tree, rows, words):
    tiny_imagenet(tree)
    (tree.root / "val" / "val_annotations.txt").write_text(rows)
    assert words in tree.refused()


def test_leftovers_and_pipes_in_place_of_a_table(tree):
    values = tiny_imagenet(tree)
    tree.touch("val/._val_annotations.txt")
    assert held(tree.load().test, ("n01", "n02"))["n01"] == values[1:3]
    (tree.root / "val" / "val_annotations.txt").unlink()
    os.mkfifo(tree.root / "val" / "val_annotations.txt")
    assert tree.refused() == (
        "ROOT/val/val_annotations.txt is no table: is a pipe, a socket or a device"
    )


def test_a_table_and_two_files_of_one_name(tree):
    tiny_imagenet(tree)
    tree.add("val/more", 1)
    assert tree.refused() == (
        "ROOT/val/val_annotations.txt identifies files by name, and there are "
        "ROOT/val/images/0.png and ROOT/val/more/0.png; keep one"
    )


@pytest.mark.parametrize("target", [".", "..", "../.."])
def test_links_back_are_no_classes(tree, target):
    tree.root /= "in/side"
    for name in "ab":
        tree.add(name)
    clean = tree.load()
    (tree.root / "back").symlink_to(target)
    assert tree.load().class_names == ("a", "b")
    assert tree.load().checksum == clean.checksum


# --- any tree


PART = st.sampled_from(
    ["train", "test", "val", "a", "b", "1", "10", "images", "__MACOSX", ".x"]
)
FILE = st.sampled_from(["0.png", "1.PNG", "2.webp", "3.heic", "._0.png", "4", "b.txt"])


BASE = st.sampled_from([("",), ("train/", "test/"), ("train/", "val/")])
FILES = st.sets(st.tuples(st.lists(PART, max_size=3).map("/".join), FILE), max_size=6)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(BASE, FILES)
def test_every_image_is_read_or_named_or_the_folder_is_refused(base, files):
    check_tree(base, files)


@pytest.mark.slow
@settings(max_examples=600, deadline=None)
@given(BASE, FILES)
def test_many_trees(base, files):
    check_tree(base, files)


def check_tree(base, files):
    files |= {(s + name, f"{i}.png") for s in base for name in "ab" for i in (5, 6, 7)}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for place, name in files:
            (root / place).mkdir(parents=True, exist_ok=True)
            (root / place / name).write_bytes(PNG)
        visible = [
            path.relative_to(root)
            for path in root.rglob("*.*")
            if path.suffix.lower() in (".png", ".webp")
            and not any(p.startswith((".", "__")) for p in path.relative_to(root).parts)
        ]
        try:
            data = load(f"folder:{root}")
        except InputError as error:
            assert "\n" not in str(error)
            return
    printed = 0  # of images that are left out
    for note in data.notes:
        if loose := re.fullmatch("left out ([0-9]+) images beside .*", note):
            printed += int(loose[1])
        elif re.fullmatch("left out .*/", note):
            names = note.removeprefix("left out ").replace("/", "").split(", ")
            printed += sum(path.parts[0] in names for path in visible if path.parts[1:])
    assert len(data.train.labels) + len(data.test.labels) + printed == len(visible)
