"""One image file as pixels: its metadata are applied, or it is refused."""

import re
import warnings
from functools import cache
from pathlib import Path
from typing import NamedTuple

from PIL import ExifTags, Image, ImageOps, TiffImagePlugin

from dd_jax.system.paths import no_file
from dd_jax.types import InputError

_GREY = ("1", "L", "LA")
_PALETTE = ("P", "PA")
_RGB = ("RGB", "RGBX", "RGBA", "RGBa")
_CONVERTED = ("CMYK", "YCbCr", "HSV")
# Pillow knows these by name only, or gives them to another program.
_UNREAD = {"BUFR", "GRIB", "HDF5", "WMF", "MPEG", "IPTC", "EPS"}
_LAYERED = "PSD"  # its frames are layers, and what is read is all of them


class OpenedImage(NamedTuple):
    """One image file.

    Attributes:
      image: upright, of a mode with 1 or 8 bits a channel.
      done: descriptions of the conversions that were applied.
    """

    image: Image.Image
    done: tuple[str, ...]


@cache
def suffixes() -> frozenset[str]:
    """Suffixes of the image files that Pillow reads, such as `.png`, in lower case."""
    known = Image.registered_extensions()
    return frozenset(s for s, kind in known.items() if kind in _formats())


@cache
def _formats() -> tuple[str, ...]:
    Image.init()
    return tuple(kind for kind in Image.OPEN if kind not in _UNREAD)


def open_image(path: Path) -> OpenedImage:
    """Reads the first frame of an image file, rotated as its metadata state.

    Raises:
      InputError: not an image, or one of more than 8 bits per channel, as far as Pillow
        says it: of colour images that are PNG, TIFF, PPM or SGI.
    """
    if why := no_file(path):
        raise InputError(
            f"{path} is not a readable image ({why}); replace or remove it"
        )
    try:
        # by its path Pillow would map a turned TIFF with height and width swapped
        with (
            warnings.catch_warnings(record=True, action="always") as said,
            path.open("rb") as file,
            Image.open(file, formats=_formats()) as found,
        ):
            mode = _stored_mode(found)
            turned = found.getexif().get(ExifTags.Base.Orientation) in range(2, 9)
            frames = 1 if found.format == _LAYERED else getattr(found, "n_frames", 1)
            further = _stored_bands(found) > len(found.getbands())
            image = ImageOps.exif_transpose(found)
    except Exception as error:  # Pillow's formats raise many kinds on a damaged file
        raise InputError(
            f"{path} is not a readable image; replace or remove it"
        ) from error
    if mode not in _GREY + _PALETTE + _RGB + _CONVERTED:
        raise InputError(
            f"{path} has pixels of mode {mode}; 8 bits per channel are needed"
        )
    done = {
        "turned upright, as their orientation says": turned,
        "first of several frames": frames > 1,
        "read though their metadata are damaged": _of_metadata(said),
        f"converted from {mode} to RGB": mode in _CONVERTED,
        "without their further bands": further,
    }
    return OpenedImage(image, tuple(words for words, true in done.items() if true))


def size_of(path: Path) -> tuple[int, int]:
    """Width and height from the header, before any pixel is unpacked.

    Raises:
      InputError: not an image, or one that is too large to be unpacked.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with path.open("rb") as file, Image.open(file, formats=_formats()) as found:
                return found.size
    except Exception as error:
        raise InputError(
            f"{path} is not a readable image; replace or remove it"
        ) from error


def transparent(image: Image.Image) -> bool:
    """Whether something shows through any pixel."""
    if not image.has_transparency_data:
        return False
    return image.convert("RGBA").getchannel("A").getextrema()[0] < 255


def composite(background: str, image: Image.Image, where: Path) -> Image.Image:
    """An image on a background of one colour, which shows through it.

    Raises:
      InputError: the result is of one colour, and the image is not.
    """
    above = image.convert("RGBA")
    laid = Image.new("RGBA", image.size, background)
    laid.alpha_composite(above)
    if _constant(laid) and not _constant(above):
        raise InputError(
            f"{where} cannot be seen on a {background} background; set "
            "data.background to another colour"
        )
    colour = laid.convert("RGB")
    grey = image.mode in _GREY + _PALETTE and is_grey(colour)
    return colour.getchannel("R") if grey else colour


def to_grey_or_rgb(image: Image.Image) -> Image.Image:
    """An opaque image as `L`, where its mode or its palette is grey, or as `RGB`."""
    colour = image.convert("RGBA") if image.has_transparency_data else image
    colour = colour.convert("RGB")
    if image.mode in _GREY or (image.mode in _PALETTE and is_grey(colour)):
        return colour.getchannel("R")
    return colour


def is_grey(image: Image.Image) -> bool:
    """Whether the channels of an `RGB` image are equal everywhere."""
    red, *others = (band.tobytes() for band in image.split())
    return all(band == red for band in others)


def _stored_mode(found: Image.Image) -> str:
    """The mode in the file; Pillow cuts colours of 16 bits down to 8."""
    for tile in found.tile:
        args = tile.args if isinstance(tile.args, tuple) else (tile.args,)
        if found.mode != "I;16" and re.search(r";16[BLN]$", str(args[0])):
            return str(args[0])
        if tile.codec_name == "SGI16":
            return f"{found.mode} of 16 bits"
        highest = args[-1] if tile.codec_name.startswith("ppm") else 0
        if isinstance(highest, int) and highest > 255:  # plain P1 has no number there
            return f"{args[0]} up to {highest}"
    return found.mode


def _stored_bands(found: Image.Image) -> int:
    """Channels in the file; of those of a TIFF Pillow reads the first."""
    if not isinstance(found, TiffImagePlugin.TiffImageFile):
        return 0
    return found.tag_v2.get(TiffImagePlugin.SAMPLESPERPIXEL, 1)


def _of_metadata(said: list[warnings.WarningMessage]) -> bool:
    """Whether Pillow skipped parts of a file; other warnings are of its size."""
    return any(issubclass(one.category, UserWarning) for one in said)


def _constant(image: Image.Image) -> bool:
    return all(low == high for low, high in image.getextrema())
