"""Synthetic sets in formats that other tools read: PNG files, or a TFDS data set.

  python -m dd_jax.distill.export SYNTHETIC.npz DIR [--format=png|tfds]

png:  DIR/images/*.png (clipped to [0, 1], 8 bits), DIR/labels.csv (the probability of
      each class) and DIR/metadata.json; --config.distill.load=DIR takes it back.
tfds: DIR/synthetic_set/1.0.0, for tfds.data_source("synthetic_set", data_dir=DIR); its
      feature `pixels` is exact, `image` the same in 8 bits.

Both hold all that training needs: labels, learning rate, normalisation (with zca.npz if
the set has one) and recipe; and what record.json beside the set says of its accuracy as
it is and after clipping to 8 bits.
Exit status: 0 done, 2 bad input or usage.
"""

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dd_jax.catalogue.naming import present_names
from dd_jax.data import tfds_export
from dd_jax.distill.io import conversion as foreign
from dd_jax.distill.io import metadata_checks as claims
from dd_jax.distill.io import png_folder, storage
from dd_jax.system.paths import check_text, expanded, reason
from dd_jax.types import InputError, SyntheticSet


def to_png(
    directory: str | Path, synthetic: SyntheticSet, zca: str | Path | None = None
) -> Path:
    """Writes a folder of PNG files; see `png_folder.write`.

    Returns:
      The folder, which `storage.load` reads.
    """
    png_folder.write(directory, synthetic, zca)
    return Path(directory)


def to_tfds(
    directory: str | Path, synthetic: SyntheticSet, zca: str | Path | None = None
) -> Path:
    """Writes a TFDS data set; see `tfds_export.write`.

    Returns:
      The folder that `tfds.builder_from_directory` reads, with `zca.npz` if given.

    Raises:
      InputError: what `png_folder.check` refuses, labels of views, or TFDS cannot
        write here.
    """
    if synthetic.views is not None:
        raise InputError(
            f"{directory}: the set has labels of {len(synthetic.views)} views of each "
            "image, which TFDS has no form for; take --format=png"
        )
    png_folder.check(Path(directory), synthetic, zca)
    images, labels = np.asarray(synthetic.images), np.asarray(synthetic.labels)
    about = png_folder.describe(synthetic)
    numbers = [str(c) for c in range(labels.shape[1])]
    names = about["metadata"].get("class_names", numbers)
    bytes_ = png_folder.quantise(images)
    classes = np.asarray(synthetic.image_classes)
    arrays = bytes_, images, labels, classes
    made = tfds_export.write(directory, *arrays, tuple(names), about)
    if zca:
        shutil.copyfile(zca, made / "zca.npz")
    return made


def with_accuracy(path: str | Path, synthetic: SyntheticSet) -> SyntheticSet:
    """The set with `metadata.accuracy` out of `record.json` beside its file, if any.

    `{split, stored, exported}`: estimates on the test or validation rows, of networks
    trained on the images as they are, and clipped to 8 bits (null if not measured). A
    run that loaded the set trained by a recipe of its own, which the metadata of the
    set do not hold: it gives none.

    Raises:
      InputError: `record.json` or `config.json` are not those of a run.
    """
    file = storage.beside(path, "record.json")
    config = storage.beside(path, "config.json")
    if not (file.is_file() and config.is_file()):
        return synthetic
    try:
        record, made = (
            claims.parse(f.read_text(encoding="utf-8")) for f in (file, config)
        )
        record = present_names(record)
        if made["distill"]["load"]:
            return synthetic
        stored = record["accuracy"]["distilled"]
        accuracy = {
            "split": record["run"]["split"],
            "stored": {key: stored[key] for key in ("mean", "ci", "n")},
            "exported": record.get("quantization", {}).get("accuracy"),
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError(f"{file} and {config.name} are not those of a run") from None
    metadata = (synthetic.metadata or {}) | {"accuracy": accuracy}
    return synthetic._replace(metadata=metadata)


FORMATS = {"png": to_png, "tfds": to_tfds}


def main(argv: Sequence[str]) -> int:
    """Runs one command line and returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m dd_jax.distill.export",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("set", metavar="SYNTHETIC.npz")
    parser.add_argument("directory", metavar="DIR", type=expanded)
    parser.add_argument("--format", choices=sorted(FORMATS), default="png")
    options = parser.parse_args(argv)
    try:
        for path in (options.set, str(options.directory)):
            check_text(path)
        synthetic = with_accuracy(options.set, storage.load(options.set))
        whitened = png_folder.whitened(synthetic)
        zca = storage.beside(options.set, "zca.npz") if whitened else None
        for words in foreign.converted(synthetic):
            print(f"{options.set}: {words}", file=sys.stderr)
        print(FORMATS[options.format](options.directory, synthetic, zca))
    except InputError as error:
        print("error:", error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: {options.directory}: {reason(error)}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
