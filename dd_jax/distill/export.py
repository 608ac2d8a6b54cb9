"""Synthetic sets in formats that other tools read: PNG files, or a TFDS data set.

  python -m dd_jax.distill.export SYNTHETIC.npz DIR [--format=png|tfds]

png:  DIR/images/*.png (clipped to [0, 1], 8 bits), DIR/labels.csv (the probability of
      each class) and DIR/metadata.json; --config.distill.load=DIR takes it back.
tfds: DIR/synthetic_set/1.0.0, for tfds.data_source("synthetic_set", data_dir=DIR); its
      feature `pixels` is exact, `image` the same in 8 bits.

Both hold all that training needs: labels, step size, normalisation and recipe.
Exit status: 0 done, 2 bad input or usage.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dd_jax.data import tfds_export
from dd_jax.distill import png_folder, storage
from dd_jax.types import InputError, SyntheticSet


def to_png(directory: str | Path, synthetic: SyntheticSet) -> Path:
    """Writes a folder of PNG files; see `png_folder.write`.

    Returns:
      The folder, which `storage.load` reads.
    """
    png_folder.write(directory, synthetic)
    return Path(directory)


def to_tfds(directory: str | Path, synthetic: SyntheticSet) -> Path:
    """Writes a TFDS data set; see `tfds_export.write`.

    Returns:
      The folder that `tfds.builder_from_directory` reads.

    Raises:
      InputError: the folder holds something, images of neither 1 nor 3 channels, or
        TFDS cannot write here.
    """
    png_folder.check(Path(directory), synthetic)
    images, labels = np.asarray(synthetic.images), np.asarray(synthetic.labels)
    about = png_folder.describe(synthetic)
    numbers = [str(c) for c in range(labels.shape[1])]
    names = about["metadata"].get("class_names", numbers)
    bytes_ = png_folder.quantise(images)
    return tfds_export.write(directory, bytes_, images, labels, tuple(names), about)


FORMATS = {"png": to_png, "tfds": to_tfds}


def main(argv: Sequence[str]) -> int:
    """Runs one command line and returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m dd_jax.distill.export",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("set", metavar="SYNTHETIC.npz")
    parser.add_argument("directory", metavar="DIR", type=Path)
    parser.add_argument("--format", choices=sorted(FORMATS), default="png")
    options = parser.parse_args(argv)
    try:
        synthetic = storage.load(options.set)
        print(FORMATS[options.format](options.directory, synthetic))
    except InputError as error:
        print("error:", error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: {options.directory}: {error.strerror}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
