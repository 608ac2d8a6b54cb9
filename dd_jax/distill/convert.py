"""A set that DC, DSA, DM, MTT or IDC released, as `synthetic.npz`; without PyTorch.

  python -m dd_jax.distill.convert FILE.pt SYNTHETIC.npz --data=cifar10 [--method=dsa]

  res_DSA_CIFAR10_ConvNet_10ipc.pt   of DC, DSA and DM
  images_best.pt                     of MTT, with --labels=labels_best.pt and, where it
                                     is known, the learned --lr; of DATM with --logits
  data.pt                            of IDC-I with --factor=1, of IDC with --factor=2

Nothing in the file is executed. Normalised pixels are turned back by the mean and
standard deviation of --data, as its repository has them. Sets that MTT learned under
ZCA cannot be converted: their files do not hold the whitening.
Exit status: 0 done, 2 bad input or usage.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from dd_jax.distill.io import conversion, storage
from dd_jax.distill.io.released_files import SAVED_AS, STATISTICS, read_released
from dd_jax.system.paths import NO_FILE, check_text, describe_error, expanded, no_file
from dd_jax.types import InputError, SyntheticSet

_NO_ZCA = (
    "note: the images are taken for normalised pixels; those learned under ZCA, as MTT "
    "published them of CIFAR-10 at 1 and 10 images a class, would be wrong"
)


def main(argv: Sequence[str]) -> int:
    """Runs one command line and returns the exit status."""
    given = parser().parse_args(argv)
    try:
        for path in filter(None, (given.file, given.to, given.labels)):
            check_text(path)
        to = expanded(given.to)
        if to.suffix != ".npz" or no_file(to) != NO_FILE:
            raise InputError(f"{given.to}: give the path of a new .npz file")
        found = read_released(
            expanded(given.file),
            given.data,
            given.labels and expanded(given.labels),
            logits=given.logits,
            factor=given.factor,
            lr=given.lr,
            method=given.method,
        )
        _save(to, found, given.file)
        if given.labels:
            print(_NO_ZCA, file=sys.stderr)
        for words in conversion.converted(found):
            print(f"{given.file}: {words}", file=sys.stderr)
        print(to)
    except InputError as error:
        print("error:", error, file=sys.stderr)
        return 2
    except OSError as error:
        print("error:", describe_error(error), file=sys.stderr)
        return 2
    return 0


def _save(to: Path, found: SyntheticSet, given: str) -> None:
    """Writes a set that `storage.load` accepts; errors name the file that was given."""
    storage.save(to, found)
    try:
        storage.load(to)
    except InputError as error:
        to.unlink()
        raise InputError(str(error).replace(str(to), given)) from None


def parser() -> argparse.ArgumentParser:
    """What reads the arguments."""
    made = argparse.ArgumentParser(
        prog="python -m dd_jax.distill.convert",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("file", metavar="FILE.pt")
    made.add_argument("to", metavar="SYNTHETIC.npz")
    made.add_argument("--data", required=True, choices=sorted(STATISTICS))
    made.add_argument("--labels", metavar="FILE.pt", help="labels, of MTT")
    made.add_argument(
        "--logits", action="store_true", help="the labels are logits, of DATM"
    )
    made.add_argument("--lr", type=float, help="learned learning rate")
    made.add_argument(
        "--factor", type=int, choices=(1, 2, 3), help="tiles along each side, of IDC"
    )
    made.add_argument("--method", choices=[*SAVED_AS], default="")
    return made


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
