"""LRS and ARS: what of a set's accuracy its images earn, beyond labels and recipe."""

import math
from typing import NamedTuple

IMAGES = 0.5  # weight of the gain over random images in LRS
AUGMENTED = 0.5  # weight of augmented training in ARS


class BenchmarkScores(NamedTuple):
    """Scores of DD-Ranking, from accuracies as fractions.

    Attributes:
      hlr: hard label recovery, accuracy that the set loses against the full data, both
        with hard labels; lower is better.
      ior: improvement over random images with labels of the same kind; higher is
        better.
      lrs: label robust score in [0, 1].
      ars: augmentation robust score in [0, 1]; None where nothing was trained without
        augmentation.
    """

    hlr: float
    ior: float
    lrs: float
    ars: float | None


def benchmark_scores(
    real: float,
    hard: float,
    own: float,
    random: float,
    plain: tuple[float, float] | None = None,
) -> BenchmarkScores:
    """The scores of one set.

    `HLR = real - hard`, `IOR = own - random`, `LRS = s(w IOR - (1 - w) HLR)` and `ARS =
    s(g (own - random) + (1 - g) (own' - random'))` with `s(a) = (e^a - e^-1) / (e -
    e^-1)`, w = g = 1/2, and ' without augmentation.

    Args:
      real: accuracy on the full data with hard labels, in [0, 1], as all.
      hard: on the set's images with hard labels.
      own: on the set as it is.
      random: on random images with labels of the set's kind, in as many steps.
      plain: own and random without augmentation.

    Source: Li et al. 2024, "DD-Ranking". Differs from its code (0.2.0), which gives the
    formulas percent, so that scores leave [0, 1], picks the learning rate and the epoch
    on test rows, enters LRS twice for each run, so that its deviation is wrong, keeps
    no full-data accuracy of CIFAR, and takes seeds from the clock, in: accuracies are
    fractions, after the last epoch; nothing is tuned, so that random images take the
    config's learning rate, or what was learned with their labels, and hard labels that
    of the set; hard labels are trained with augmentation as well; learned labels are
    compared with those that the method learns for random images, those of a loaded set
    or of private rows with the teacher's of that control; each run counts once,
    full data are trained here, and every draw follows from the seed.

    >>> round(benchmark_scores(0.9, 0.8, 0.7, 0.8).lrs, 4)
    0.2285
    >>> round(benchmark_scores(0.9, 0.9, 0.8, 0.8, (0.7, 0.7)).ars, 4)
    0.2689
    """
    hlr, ior = real - hard, own - random
    lrs = _mapped(IMAGES * ior - (1 - IMAGES) * hlr)
    if plain is None:
        return BenchmarkScores(hlr, ior, lrs, None)
    ars = _mapped(AUGMENTED * ior + (1 - AUGMENTED) * (plain[0] - plain[1]))
    return BenchmarkScores(hlr, ior, lrs, ars)


def _mapped(value: float) -> float:
    return (math.exp(value) - math.exp(-1)) / (math.e - math.exp(-1))
