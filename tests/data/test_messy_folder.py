"""One folder with all that people's folders have, and what each thing alone does.

Kinds of files one by one are in test_image_file.py, layouts in test_layout.py.
"""

import os
import re
import unicodedata

import numpy as np
import pytest
from PIL import Image

from dd_jax.data import load
from dd_jax.data.image_file import open_image
from dd_jax.types import InputError

RNG = np.random.default_rng(0)
CAT, DOG = "猫", "dog 🐕"


def colour(height=8, width=8):
    return RNG.integers(0, 256, (height, width, 3), np.uint8)


def write(path, image, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    image.save(path, **options)


@pytest.fixture
def root(tmp_path):
    """Two classes of four colour images."""
    for name in (CAT, DOG):
        for i in range(4):
            write(tmp_path / "pets" / name / f"{i}.png", colour())
    return tmp_path / "pets"


def refused(root, **kw):
    with pytest.raises(InputError) as error:
        load(f"folder:{root}", **kw)
    assert "\n" not in str(error.value)
    return str(error.value).replace(str(root), "ROOT")


def rotated():
    exif = Image.Exif()
    exif[0x112] = 6
    return {"exif": exif}


def messy(root):
    """Adds one of each thing that is read, and of each that is left out."""
    cat = root / CAT
    grey = colour()[..., 0]
    write(cat / "transparent.png", np.dstack([colour(), grey]))
    write(cat / "grey.png", grey)
    write(cat / "cmyk.jpg", Image.fromarray(colour()).convert("CMYK"))
    write(cat / "palette.gif", Image.fromarray(colour()).quantize(16))
    frames = [Image.fromarray(colour()) for _ in range(3)]
    write(cat / "moves.png", frames[0], save_all=True, append_images=frames[1:])
    write(cat / "turned.jpg", colour(6, 9), **rotated())
    write(cat / "small.bmp", colour(3, 5))
    write(cat / "bits.png", grey > 100)
    write(cat / "ねこ Ω.webp", colour(), lossless=True)
    write(cat / "2024" / "may" / "nested.png", colour())
    write(cat / "jpeg.png", colour(), format="JPEG")
    write(root / "loose.png", colour())
    write(cat / ".hidden.png", colour())
    write(root / ".cache" / "0.png", colour())
    (cat / "._0.png").write_bytes(b"\0\5\x16\7")
    (cat / "notes.txt").write_text("cats")
    (cat / "again").symlink_to("..")
    (cat / "others").symlink_to(root / DOG)
    (root / "back").symlink_to("..")
    (root / "gone").symlink_to("nowhere")
    (root / "loop").symlink_to("loop")


def test_all_at_once(root):
    """What is read is counted; what was changed or left out is said, once each."""
    messy(root)
    data = load(f"folder:{root}", image_size=8, background="white")
    assert data.class_names == (DOG, CAT)
    labels = np.concatenate([data.train.labels, data.test.labels])
    assert np.bincount(labels).tolist() == [4, 15]
    assert data.train.images.shape[1:] == (8, 8, 3)
    assert data.notes == (
        "left out 1 .txt: no images that Pillow reads",
        "read from folders inside of class folders: 1 images",
        "left out 1 images beside the class folders: no class",
        "left out 2 links to folders inside of class folders",
        "left out 2 links that lead nowhere beside class folders",
        "converted from CMYK to RGB: 1 of 19 images",
        "first of several frames: 1 of 19 images",
        "laid on white, which shows through transparent pixels: 1 of 19 images",
        "turned upright, as their orientation says: 1 of 19 images",
    )
    assert data.sizes == ((8, 8, 17), (3, 5, 1), (9, 6, 1))
    again = load(f"folder:{root}", image_size=8, background="white")
    assert again.checksum == data.checksum


def test_what_has_to_be_decided_is_a_line_each(root):
    """In the order in which a user meets them."""
    messy(root)
    assert refused(root).endswith("set data.background to the colour that shows "
                                  "through, such as white or black")  # fmt: skip
    assert refused(root, background="white") == (
        "ROOT holds images of 3 sizes, such as 3x5 and 9x6; set data.image_size to "
        "resize them all to one square size"
    )


REFUSED = {
    "an empty file": (
        lambda cat: (cat / "x.png").write_bytes(b""),
        "ROOT/猫/x.png is not a readable image; replace or remove it",
    ),
    "text": (
        lambda cat: (cat / "x.jpg").write_text("no image"),
        "ROOT/猫/x.jpg is not a readable image; replace or remove it",
    ),
    "a truncated image": (
        lambda cat: os.truncate(cat / "0.png", 150),
        "ROOT/猫/0.png is not a readable image; replace or remove it",
    ),
    "a link to itself": (
        lambda cat: (cat / "x.png").symlink_to("x.png"),
        "ROOT/猫/x.png is not a readable image (is a loop of links); replace or remove "
        "it",
    ),
    "a link to nothing": (
        lambda cat: (cat / "x.png").symlink_to("y.png"),
        "ROOT/猫/x.png is not a readable image (is a link to nothing); replace or "
        "remove it",
    ),
    "a pipe": (
        lambda cat: os.mkfifo(cat / "x.png"),
        "ROOT/猫/x.png is not a readable image (is a pipe, a socket or a device); "
        "replace or remove it",
    ),
    "16 bits": (
        lambda cat: write(cat / "x.png", np.zeros((8, 8), np.uint16)),
        "ROOT/猫/x.png has pixels of mode I;16; 8 bits per channel are needed",
    ),
    "an empty class": (
        lambda cat: (cat.parent / "bird").mkdir(),
        "class folder ROOT/bird holds no images; add some, or remove it",
    ),
    "a class of links to folders": (
        lambda cat: (
            (cat.parent / "bird").mkdir()
            or (cat.parent / "bird" / "all").symlink_to(cat)
        ),
        "class folder ROOT/bird holds no images but 1 links to folders; add some, or "
        "remove it",
    ),
    "a class with one image": (
        lambda cat: write(cat.parent / "bird" / "0.png", colour()),
        "class 'bird' in ROOT has a single image; at least 2 are needed to "
        "hold out a part of it",
    ),
}


@pytest.mark.parametrize("add, words", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_read_is_one_line(root, add, words):
    add(root / CAT)
    assert refused(root) == words


def test_all_files_that_cannot_be_read_are_named_at_once(root):
    for number in range(23):
        (root / CAT / f"x{number:02}.png").write_bytes(b"")
    words = refused(root)
    assert words.startswith(
        "ROOT/猫/x00.png is not a readable image; replace or remove it; 22 more cannot "
        "be read either: ROOT/猫/x01.png, ROOT/猫/x02.png, "
    )
    assert words.endswith(", ROOT/猫/x20.png and 2 more")


def test_a_name_that_is_no_text_is_no_hindrance_to_a_file(root):
    place = os.fsencode(root / CAT)
    os.rename(place + b"/0.png", place + b"/\xff.png")
    assert len(load(f"folder:{root}").train.labels) == 6
    os.truncate(place + b"/\xff.png", 10)
    assert "is not a readable image" in refused(root)


CAFE = "café"
FORMS = [unicodedata.normalize(form, CAFE) for form in ("NFC", "NFD")]


def test_two_classes_of_one_name(root):
    """As where files of one system were added to those of another."""
    for form in FORMS:
        write(root / form / "0.png", colour())
    assert refused(root) == (
        r"class folders 'cafe\u0301' and 'caf\xe9' in ROOT have one name in two "
        "Unicode forms; move their images into one of them"
    )


def test_one_class_in_two_forms(root):
    for split, form in zip(("train", "test"), FORMS):
        for name in (form, "bar"):
            write(root / split / name / "0.png", colour())
    for name in (CAT, DOG):
        (root / name).rename(root.parent / name)
    assert refused(root) == (
        r"class 'cafe\u0301' in ROOT/test is 'caf\xe9' in ROOT/train, the same name in "
        "another Unicode form; rename one"
    )


CUT = ["png", "gif", "tif", "jpg", "webp", "bmp", "ppm", "tga", "jp2", "ico", "pcx"]


@pytest.mark.parametrize("suffix", CUT)
def test_a_truncated_file_is_refused_or_has_all_its_pixels(tmp_path, suffix):
    path = tmp_path / f"x.{suffix}"
    write(path, colour(32, 32))
    whole, pixels = path.read_bytes(), np.asarray(open_image(path).image)
    read = 0
    for length in np.linspace(1, len(whole) - 1, 25).astype(int):
        path.write_bytes(whole[:length])
        try:
            found = np.asarray(open_image(path).image)
        except InputError as error:
            assert re.fullmatch(rf"{path} is not a readable image.*", str(error))
        else:
            np.testing.assert_array_equal(found, pixels)
            read += 1
    assert read <= 2  # but for an end without pixels


def test_damaged_metadata_are_said(root, recwarn):
    """The pixels are read; an orientation may be lost with the metadata."""
    path = root / CAT / "x.jpg"
    write(path, colour(), **rotated())
    whole = bytearray(path.read_bytes())
    place = whole.index(b"Exif\0\0") + 14  # the number of entries
    whole[place : place + 2] = b"\xff\xff"
    path.write_bytes(whole)
    notes = load(f"folder:{root}").notes
    assert "read though their metadata are damaged: 1 of 9 images" in notes
    assert not recwarn.list
