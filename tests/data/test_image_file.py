"""What image files say of themselves: turned, laid on a background, or refused."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from dd_jax.data import load
from dd_jax.data.image_file import open_image, suffixes, to_grey_or_rgb
from dd_jax.types import InputError

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (6, 5), np.uint8)
COLOUR = RNG.integers(0, 256, (6, 5, 3), np.uint8)
DISC = np.uint8(255 * (np.hypot(*np.mgrid[-4:5, -4:5]) < 3))  # as an object in alpha


def folder(root, image, suffix=".png", classes=("a", "b"), **options):
    """Classes with the same image five times; `image` is an array or Pillow's."""
    image = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    for name in classes:
        (root / name).mkdir(exist_ok=True)
        for i in range(5):
            image.save(root / name / f"{i}{suffix}", **options)
    return f"folder:{root}"


def message(source, **kw):
    with pytest.raises(InputError) as error:
        load(source, **kw)
    assert "\n" not in str(error.value)
    return str(error.value)


# --- kinds of files

EXACT = {
    "L": (".png .apng .bmp .dib .gif .pcx .pgm .pnm .ppm .tga .tif .tiff .jp2 .j2k "
          ".im .ico .sgi .bw .dds").split(),
    "RGB": ".png .bmp .ppm .pnm .tga .tif .tiff .jp2 .qoi .pcx .sgi .rgb .dds".split(),
}  # fmt: skip


@pytest.mark.parametrize(
    "mode, suffix", [(mode, suffix) for mode in EXACT for suffix in EXACT[mode]]
)
@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.filterwarnings("ignore:IM image format")
def test_kinds_without_loss(tmp_path, mode, suffix, upper):
    array = GREY if mode == "L" else COLOUR
    source = folder(tmp_path, array, suffix.upper() if upper else suffix)
    data = load(source)
    expected = array[..., None] if mode == "L" else array
    np.testing.assert_array_equal(data.train.images[0], expected)
    assert data.notes == ()


@pytest.mark.parametrize("suffix", [".webp", ".gif", ".avif"])
def test_kinds_in_colour_with_options(tmp_path, suffix):
    options = {".webp": {"lossless": True}, ".avif": {"quality": 100}}.get(suffix, {})
    array = np.repeat(COLOUR[:2, :2], 32, 0).repeat(32, 1)
    data = load(folder(tmp_path, array, suffix, **options))
    off = np.abs(data.train.images[0].astype(int) - array)
    assert off.max() == 0 if suffix != ".avif" else off.mean() < 3


def test_what_is_no_image_is_counted(tmp_path):
    source = folder(tmp_path, GREY)
    for i in range(3):
        (tmp_path / "a" / f"{i}.txt").write_text("x")
        (tmp_path / "b" / f"{i}.HEIC").write_bytes(b"x")
    (tmp_path / "b" / "README").write_text("x")
    Image.fromarray(GREY).save(tmp_path / "loose.png")
    data = load(source)
    assert len(data.train.labels) + len(data.test.labels) == 10
    assert data.notes == (
        "left out 3 .heic, 3 .txt, 1 without suffix: no images that Pillow reads",
        "left out 1 images beside the class folders: no class",
    )
    assert data.checksum == load(source).checksum


def test_suffixes_are_of_what_pillow_reads_itself():
    assert {".png", ".webp", ".jpeg", ".tif", ".gif", ".bmp", ".ppm"} <= suffixes()
    assert not {".h5", ".mpg", ".eps", ".pdf", ".wmf", ".txt", ""} & suffixes()


# --- orientation


def turned(image, orientation, suffix, path):
    exif = Image.Exif()
    exif[0x112] = orientation
    image.save(path / f"x{suffix}", exif=exif)
    return path / f"x{suffix}"


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".webp", ".mpo"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation(tmp_path, suffix, orientation):
    image = Image.fromarray(np.uint8(np.add.outer(np.arange(16) * 8, np.arange(24))))
    found = open_image(turned(image, orientation, suffix, tmp_path))
    array = np.asarray(image)
    expected = {
        1: array,
        2: array[:, ::-1],
        3: array[::-1, ::-1],
        4: array[::-1],
        5: array.T,
        6: array[::-1].T,
        7: array[::-1, ::-1].T,
        8: array[:, ::-1].T,
    }[orientation]
    pixels = np.asarray(to_grey_or_rgb(found.image).convert("L")).astype(int)
    assert pixels.shape == expected.shape and np.abs(pixels - expected).max() <= 8
    words = "turned upright, as their orientation says"
    assert found.done == ((words,) if orientation > 1 else ())


def test_orientation_of_a_folder_is_reported(tmp_path):
    exif = Image.Exif()
    exif[0x112] = 6
    data = load(folder(tmp_path, COLOUR, exif=exif))
    np.testing.assert_array_equal(data.train.images[0], np.rot90(COLOUR, -1))
    assert data.notes == ("turned upright, as their orientation says: 10 of 10 images",)


# --- transparency


def shapes_in_alpha(mode):
    value = np.zeros_like(DISC)
    if mode == "LA":
        return Image.fromarray(np.stack([value, DISC], -1))
    if mode == "RGBA":
        return Image.fromarray(np.stack([value] * 3 + [DISC], -1))
    palette = Image.fromarray(DISC // 255, "P")
    palette.putpalette([0, 0, 0, 0, 0, 0])
    palette.info["transparency"] = bytes([0, 255])
    return palette


@pytest.mark.parametrize("mode", ["LA", "RGBA", "P"])
def test_an_object_in_alpha_alone(tmp_path, mode):
    source = folder(tmp_path, shapes_in_alpha(mode))
    assert message(source) == (
        f"{tmp_path}/a/0.png has transparent pixels; set data.background to the colour "
        "that shows through, such as white or black"
    )
    data = load(source, background="white")
    channels = 3 if mode == "RGBA" else 1
    expected = np.repeat(255 - DISC[..., None], channels, -1)
    np.testing.assert_array_equal(data.train.images[0], expected)
    assert data.notes == (
        "laid on white, which shows through transparent pixels: 10 of 10 images",
    )
    assert message(source, background="black") == (
        f"{tmp_path}/a/0.png cannot be seen on a black background; set data.background "
        "to another colour"
    )
    red = load(source, background="#ff0000").train.images[0]
    assert red.shape[2] == 3 and red[0, 0].tolist() == [255, 0, 0]
    assert red[4, 4].tolist() == [0, 0, 0]


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_half_transparent_pixels(tmp_path, mode):
    alpha = RNG.integers(0, 256, (6, 5, 1), np.uint8)
    value = GREY[..., None] if mode == "LA" else COLOUR
    source = folder(tmp_path, np.concatenate([value, alpha], -1))
    for name, under in (("white", 255), ("black", 0), ("grey", 128)):
        found = load(source, background=name).train.images[0]
        share = alpha / 255
        expected = value * share + under * (1 - share)
        assert np.abs(found - expected).max() <= 1


@pytest.mark.parametrize("mode", ["LA", "RGBA", "PA"])
def test_opaque_alpha_is_dropped(tmp_path, mode):
    image = Image.fromarray(GREY).convert("LA" if mode == "PA" else mode)
    data = load(
        folder(tmp_path, image.convert(mode), ".tif" if mode == "PA" else ".png")
    )
    assert (data.train.images[0] == GREY[..., None]).all() and data.notes == ()


@pytest.mark.parametrize("mode", ["L", "RGB", "1"])
def test_one_transparent_colour(tmp_path, mode):
    array = {"L": GREY, "RGB": COLOUR, "1": GREY > 100}[mode].copy()
    array[2, 2] = array[0, 0]
    image, key = Image.fromarray(array), array[0, 0].tolist()
    source = folder(
        tmp_path,
        image,
        transparency=255 * key if mode == "1" else tuple(key) if mode == "RGB" else key,
    )
    assert "has transparent pixels" in message(source)
    shown = load(source, background="grey").train.images[0]
    expected = np.asarray(image.convert("RGB" if mode == "RGB" else "L")).copy()
    hidden = (array == array[0, 0]).all(-1) if mode == "RGB" else array == array[0, 0]
    expected[hidden] = 128
    np.testing.assert_array_equal(shown, expected.reshape(shown.shape))


@pytest.mark.parametrize("colour", ["purple-ish", "", "#ffffff80", "None"])
def test_background_that_is_no_colour(tmp_path, colour):
    assert message("digits", background=colour) == (
        f"background is {colour!r}; use refuse or a colour, such as white, black or "
        "#808080"
    )


# --- other modes


def png16(array, kind):
    """A PNG file of 16 bits a channel, which Pillow does not write in colour."""

    def chunk(name, data):
        return (
            struct.pack(">I", len(data))
            + name
            + data
            + struct.pack(">I", zlib.crc32(name + data))
        )

    height, width = array.shape[:2]
    head = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("kind, channels", [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_16_bits(tmp_path, kind, channels):
    array = RNG.integers(0, 65536, (4, 4, channels))
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for i in range(2):
            (tmp_path / name / f"{i}.png").write_bytes(png16(array, kind))
    mode = {0: "I;16", 2: "RGB;16B", 4: "LA;16B", 6: "RGBA;16B"}[kind]
    others = ", ".join(f"{tmp_path}/{name}.png" for name in ("a/1", "b/0", "b/1"))
    assert message(f"folder:{tmp_path}") == (
        f"{tmp_path}/a/0.png has pixels of mode {mode}; 8 bits per channel are needed; "
        f"3 more cannot be read either: {others}"
    )


@pytest.mark.parametrize("head", [b"P6 2 2 65535\n", b"P6 2 2 1023\n"])
def test_16_bits_of_ppm(tmp_path, head):
    path = tmp_path / "x.ppm"
    path.write_bytes(head + bytes(24))
    with pytest.raises(InputError, match="pixels of mode RGB up to [0-9]+; 8 bits"):
        open_image(path)


def test_16_bits_of_sgi(tmp_path):
    Image.fromarray(COLOUR).save(tmp_path / "x.rgb", format="SGI", bpc=2)
    with pytest.raises(InputError, match="pixels of mode RGB of 16 bits; 8 bits"):
        open_image(tmp_path / "x.rgb")


def test_plain_pbm(tmp_path):
    (tmp_path / "x.pbm").write_text("P1\n2 2\n0 1\n1 0\n")
    found = np.asarray(open_image(tmp_path / "x.pbm").image)
    np.testing.assert_array_equal(found, [[True, False], [False, True]])


def test_further_bands_of_a_tiff_are_named(tmp_path):
    image = Image.fromarray(np.dstack([COLOUR, COLOUR[..., 0]]), "RGBX")
    image.save(tmp_path / "x.tif")
    found = open_image(tmp_path / "x.tif")
    np.testing.assert_array_equal(np.asarray(found.image), COLOUR)
    assert found.done == ("without their further bands",)


@pytest.mark.parametrize("mode", ["I", "F", "LAB"])
def test_modes_that_are_refused(tmp_path, mode):
    Image.new(mode, (3, 3)).save(tmp_path / "x.tif")
    with pytest.raises(InputError, match=f"x.tif has pixels of mode {mode}; 8 bits"):
        open_image(tmp_path / "x.tif")


def test_cmyk_is_converted_and_reported(tmp_path):
    image = Image.fromarray(COLOUR).convert("CMYK")
    data = load(folder(tmp_path, image, ".tif"))
    np.testing.assert_array_equal(data.train.images[0], COLOUR)
    assert data.notes == ("converted from CMYK to RGB: 10 of 10 images",)


@pytest.mark.parametrize("suffix", [".gif", ".png", ".webp", ".tif"])
def test_first_of_several_frames(tmp_path, suffix):
    frames = [Image.fromarray(np.full((6, 5, 3), v, np.uint8)) for v in (255, 0, 128)]
    options = {"lossless": True} if suffix == ".webp" else {}
    data = load(
        folder(
            tmp_path,
            frames[0],
            suffix,
            save_all=True,
            append_images=frames[1:],
            **options,
        )
    )
    assert (data.train.images == 255).all()
    assert data.notes == ("first of several frames: 10 of 10 images",)


def test_bilevel_and_palette_of_greys_are_grey(tmp_path):
    bits = GREY > 128
    data = load(folder(tmp_path, bits))
    np.testing.assert_array_equal(data.train.images[0, ..., 0], 255 * bits)
    data = load(folder(tmp_path, Image.fromarray(GREY).quantize(256)))
    np.testing.assert_array_equal(data.train.images[0, ..., 0], GREY)
    few = Image.fromarray(COLOUR).quantize(16)
    data = load(folder(tmp_path, few))
    np.testing.assert_array_equal(data.train.images[0], np.asarray(few.convert("RGB")))


# --- damage


@pytest.mark.filterwarnings("ignore::UserWarning")
@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.sampled_from([".png", ".gif", ".tif", ".jpg", ".webp", ".bmp", ".ppm", ".tga"]),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=6),
    st.integers(0, 400),
)
def test_damaged_files_are_read_or_refused(tmp_path_factory, suffix, changes, cut):
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x112] = 6
    options = {"exif": exif} if suffix in (".png", ".tif", ".jpg", ".webp") else {}
    kind = Image.registered_extensions()[suffix]
    Image.fromarray(COLOUR).save(file, kind, **options)
    data = bytearray(file.getvalue())
    for place, byte in changes:
        data[place % len(data)] = byte
    path = tmp_path_factory.getbasetemp() / f"damaged{suffix}"
    path.write_bytes(data[: len(data) - cut % len(data)] if cut % 3 == 0 else data)
    try:
        found = to_grey_or_rgb(open_image(path).image)
    except InputError as error:
        assert "\n" not in str(error) and str(path) in str(error)
    else:
        assert found.mode in ("L", "RGB")


def test_a_large_image_is_read_without_a_word(tmp_path, recwarn, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50)
    Image.new("L", (9, 9), 7).save(tmp_path / "a.png")
    assert open_image(tmp_path / "a.png").image.getextrema() == (7, 7)
    assert not recwarn.list
