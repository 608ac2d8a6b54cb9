"""What values of config keys may be: names of registered things, tests with words."""

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

SELECTIONS = ("random", "herding", "kcenter", "kmeans")
METHODS = (*SELECTIONS, "dc", "dsa", "dm", "mtt", "idc_i", "idc", "frepo")
DISTANCES = ("cosine", "flat_cosine", "squared", "kernel_squared", "kernel_absolute")
INITS = ("noise", "real", "kmeans", "kcenter", "herding")
MODELS = ("convnet", "mlp", "lenet", "alexnet", "vgg11", "resnet18", "resnet18_ap")
NORMS = ("instance", "batch", "layer", "group", "none")
ACTIVATIONS = ("relu", "sigmoid", "leaky_relu", "swish")
POOLINGS = ("avg", "max", "none")
AUGMENTATIONS = ("color", "crop", "cutout", "flip", "scale", "rotate")
THREATS = ("t0", "t1", "t2")
VARIANCES = ("auto", "fixed", "per_example")
SCORES = (
    "lira_online",
    "lira_offline",
    "rmia",
    "loss",
    "loss_per_class",
    "entropy",
    "entropy_per_class",
    "modified_entropy",
    "modified_entropy_per_class",
    "calibrated",
    "calibrated_out",
    "shadow_classifier",
    "quantile",
)
ATTACKS = (
    "fgsm",
    "pgd_linf",
    "pgd_l2",
    "mim",
    "cw_l2",
    "deepfool",
    "apgd_ce",
    "apgd_dlr",
    "apgd_t",
    "fab_t",
    "square",
    "autoattack",
    "noise",
)


class Rule(NamedTuple):
    """What a value must be: a test, and the words for it in an error message."""

    holds: Callable[[Any], bool]
    right: str


def at_least(low: int) -> Rule:
    """A number, `low` or more."""
    return Rule(lambda v: v >= low, f"at least {low}")


def one_of(names: tuple[str, ...]) -> Rule:
    """One of some names."""
    return Rule(lambda v: v in names, "one of " + ", ".join(names))


def some_of(names: tuple[str, ...]) -> Rule:
    """A tuple of some names, none twice."""

    def holds(values):
        return bool(values) and all(values.count(v) == 1 and v in names for v in values)

    return Rule(holds, "a tuple of one or more, each once, of " + ", ".join(names))


def is_number(value: Any) -> bool:
    """Whether a value is a finite number; true and false are none."""
    return type(value) in (int, float) and math.isfinite(value)


def radii(unit: str, high: float = math.inf) -> Rule:
    """A tuple of numbers from 0 to `high`, in a unit."""

    def holds(values):
        return bool(values) and all(is_number(v) and 0 <= v <= high for v in values)

    limit = "at least 0" if high == math.inf else f"in [0, {high:g}]"
    return Rule(holds, f"a tuple of one or more numbers {limit} ({unit})")


def _is_augmentation(value: str) -> bool:
    parts = value.split("_")
    return value == "none" or all(
        parts.count(part) == 1 and part in AUGMENTATIONS for part in parts
    )


FLAG = Rule(lambda v: True, "true or false")
POSITIVE = Rule(lambda v: math.isfinite(v) and v > 0, "a finite number above 0")
NOT_NEGATIVE = Rule(
    lambda v: math.isfinite(v) and v >= 0, "a finite number, at least 0"
)
SEED = Rule(lambda v: 0 <= v < 2**32, "at least 0 and below 2**32")
SHARE = Rule(lambda v: 0 <= v < 1, "at least 0 and below 1")
CLASSES = Rule(lambda v: v == 0 or v >= 2, "0 (all) or at least 2")
EVEN = Rule(lambda v: v >= 0 and v % 2 == 0, "an even number, at least 0")
PAIRS = Rule(lambda v: v >= 4 and v % 2 == 0, "an even number, at least 4")
SET = Rule(
    lambda v: not v or Path(v).is_file() or Path(v, "labels.csv").is_file(),
    "empty, an existing .npz file or an exported folder with labels.csv",
)
SOURCE = Rule(
    lambda v: re.fullmatch(r"digits|(tfds|idx|npz|folder):.+", v) is not None,
    "digits, tfds:NAME, idx:DIR, npz:FILE or folder:DIR",
)
AUGMENT = Rule(
    _is_augmentation, "none, or parts joined by _ out of " + ", ".join(AUGMENTATIONS)
)
