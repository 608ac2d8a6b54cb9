"""Folders of PNG files that others have changed, damaged or made."""

import json
import os
import tracemalloc

import numpy as np
import pytest
from PIL import Image
from test_export import message, synthetic

from dd_jax.distill import export, load, save


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda d: (d / "labels.csv").unlink(), "no labels.csv"),
        (lambda d: (d / "metadata.json").unlink(), "no metadata.json"),
        (lambda d: (d / "labels.csv").write_text("file,label,p0\n"), "are needed"),
        (lambda d: (d / "labels.csv").write_text("file,label,p0\na,0\n"), "are needed"),
        (
            lambda d: (d / "labels.csv").write_text("file,label,p0\na,0,x\n"),
            "could not convert",
        ),
        (lambda d: (d / "labels.csv").write_text("\n\n"), "are needed"),
        (
            lambda d: (d / "labels.csv").write_bytes(b"\xff\xfe\n"),
            "is no table: 'utf-8'",
        ),
        (lambda d: (d / "metadata.json").write_text("{"), "JSON with lr and metadata"),
        (lambda d: (d / "metadata.json").write_text("[]"), "JSON with lr and metadata"),
        (lambda d: (d / "metadata.json").write_text("{}"), "KeyError('metadata')"),
        (lambda d: (d / "images/03.png").unlink(), "03.png is missing or not a read"),
        (lambda d: (d / "images/03.png").write_bytes(b"x"), "03.png is not a readable"),
        (
            lambda d: Image.new("L", (3, 3)).save(d / "images/03.png"),
            "images of several sizes",
        ),
        (
            lambda d: Image.new("RGBA", (5, 6)).save(d / "images/03.png"),
            "03.png has transparent pixels; opaque ones are needed",
        ),
        (
            lambda d: Image.new("I;16", (5, 6)).save(d / "images/03.png"),
            "03.png has pixels of mode I;16; 8 bits per channel are needed",
        ),
        (
            lambda d: Image.new("RGB", (5, 6), "red").save(d / "images/03.png"),
            "03.png has colours, and the set is grey; replace it",
        ),
        (
            lambda d: (d / "labels.csv").write_text("file,label,p0\n../a.png,0,1\n"),
            "labels.csv names '../a.png', outside of its folder",
        ),
        (
            lambda d: (d / "labels.csv").write_text(
                "file,label,p0,p1\nimages/03.png,0,0.5,0.9\n"
            ),
            "each row of labels should be probabilities",
        ),
    ],
)
def test_folders_that_hold_no_set(tmp_path, spoil, words):
    folder = export.to_png(tmp_path / "out", synthetic())
    spoil(folder)
    text = message(load, folder)
    assert words in text and str(folder) in text


RESAVED = {
    "RGB": lambda image: image.convert("RGB"),
    "opaque RGBA": lambda image: image.convert("RGBA"),
    "grey and alpha": lambda image: image.convert("RGB").convert("LA"),
    "palette": lambda image: image.quantize(256) if image.mode == "L" else image,
}


@pytest.mark.parametrize("stated", [True, False], ids=["shape", "no shape"])
@pytest.mark.parametrize("change", RESAVED.values(), ids=list(RESAVED))
@pytest.mark.parametrize("which", ["one", "all"])
def test_grey_images_saved_again_in_another_mode(tmp_path, change, stated, which):
    folder = export.to_png(tmp_path / "out", synthetic())
    before = load(folder).images
    files = sorted((folder / "images").iterdir())
    for file in files if which == "all" else files[3:4]:
        with Image.open(file) as image:
            change(image).save(file)
    about = json.loads((folder / "metadata.json").read_text())
    if not stated:
        del about["shape"]
        (folder / "metadata.json").write_text(json.dumps(about))
    after = load(folder).images
    if after.shape[3] == 3:  # nothing says that a whole set of RGB is grey
        assert not stated and which == "all"
        after = after[..., :1]
    np.testing.assert_array_equal(after, before)


def test_grey_images_of_a_set_in_colour_saved_again_as_grey(tmp_path):
    made = synthetic(3)
    made.images[3] = made.images[3, ..., :1]
    folder = export.to_png(tmp_path / "out", made)
    before = load(folder).images
    with Image.open(folder / "images/03.png") as image:
        image.convert("L").save(folder / "images/03.png")
    np.testing.assert_array_equal(load(folder).images, before)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n", " \n", ",,,,\n"])
def test_blank_lines_of_the_table(tmp_path, end):
    folder = export.to_png(tmp_path / "out", synthetic())
    before = load(folder)
    table = folder / "labels.csv"
    table.write_bytes(b"\xef\xbb\xbf" + table.read_bytes() + end.encode())
    after = load(folder)
    np.testing.assert_array_equal(after.images, before.images)
    np.testing.assert_array_equal(after.labels, before.labels)


def edited(file, change):
    """Changes the lines of a text file."""
    lines = file.read_text().splitlines()
    file.write_text("\n".join(change(lines)) + "\n")


TABLES = {
    "no header": (lambda lines: lines[1:], "starts with 'images/00.png, "),
    "classes in another order": (
        lambda lines: ["file,label,p1,p0,p2", *lines[1:]],
        "starts with 'file, label, p1, p0, p2'; the header file, label, p0, p1, ...",
    ),
    "cut": (
        lambda lines: lines[:5],
        "metadata.json states 12 images of 6 x 5, and labels.csv names 4 images of 6 x",
    ),
    "long name": (
        lambda lines: [lines[0], "a" * 300 + lines[1][13:], *lines[2:]],
        "is missing or not a readable image",
    ),
}


@pytest.mark.parametrize("change, words", TABLES.values(), ids=TABLES)
def test_tables_that_are_not_those_of_the_folder(tmp_path, change, words):
    folder = export.to_png(tmp_path / "out", synthetic())
    edited(folder / "labels.csv", change)
    assert words in message(load, folder)


def test_images_of_another_size_than_the_set(tmp_path):
    folder = export.to_png(tmp_path / "out", synthetic())
    for file in (folder / "images").iterdir():
        with Image.open(file) as image:
            image.resize((9, 9)).save(file)
    assert "names 12 images of 9 x 9; copy the whole folder" in message(load, folder)


@pytest.mark.parametrize("name", ["labels.csv", "metadata.json"])
def test_text_of_more_than_memory_holds(tmp_path, name):
    folder = export.to_png(tmp_path / "out", synthetic())
    with (folder / name).open("r+b") as file:
        file.truncate(2**42)
    assert f"{name}: it unpacks to 64 TiB" in message(load, folder)


def test_metadata_that_start_with_a_byte_order_mark(tmp_path):
    folder = export.to_png(tmp_path / "out", synthetic())
    before = load(folder)
    file = folder / "metadata.json"
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert load(folder).metadata == before.metadata


@pytest.mark.parametrize("what", ["image", "table", "metadata"])
def test_links_out_of_the_folder(tmp_path, what):
    folder = export.to_png(tmp_path / "out", synthetic())
    name = {"image": "images/03.png", "table": "labels.csv"}.get(what, "metadata.json")
    (folder / name).rename(tmp_path / "elsewhere")
    (folder / name).symlink_to(tmp_path / "elsewhere")
    text = message(load, folder)
    assert "outside of its folder" in text or "is a link out of the folder" in text


def test_a_linked_folder_and_links_inside(tmp_path):
    folder = export.to_png(tmp_path / "out", synthetic())
    (folder / "images/03.png").unlink()
    (folder / "images/03.png").symlink_to("04.png")
    (tmp_path / "link").symlink_to(folder)
    found = load(tmp_path / "link").images
    np.testing.assert_array_equal(found[3], found[4])


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../s.npz", "images/../../s.npz", "a\0b", "loop", "pipe"]
)
def test_names_that_are_no_images_of_the_folder(tmp_path, name):
    folder = export.to_png(tmp_path / "out", synthetic())
    save(tmp_path / "s.npz", synthetic())
    (folder / "loop").symlink_to("loop")
    os.mkfifo(folder / "pipe")
    table = (folder / "labels.csv").read_text()
    (folder / "labels.csv").write_text(table.replace("images/03.png", name))
    message(load, folder)


def test_pipes_in_place_of_files_are_not_waited_for(tmp_path):
    for i, name in enumerate(("labels.csv", "metadata.json", "images/03.png")):
        folder = export.to_png(tmp_path / str(i), synthetic())
        (folder / name).unlink()
        os.mkfifo(folder / name)
        message(load, folder)


def test_an_image_that_unpacks_to_gigabytes(tmp_path):
    folder = export.to_png(tmp_path / "out", synthetic())
    for side in (9000, 20_000):
        first, *others = sorted((folder / "images").iterdir())
        Image.new("1", (side, side)).save(first)
        for image in others:
            image.unlink()
            image.hardlink_to(first)
        tracemalloc.start()
        text = message(load, folder)
        assert tracemalloc.get_traced_memory()[1] < 2**23
        tracemalloc.stop()
        assert "smaller than any images pack" in text or "is not a readable" in text
