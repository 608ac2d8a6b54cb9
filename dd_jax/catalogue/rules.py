"""What values of config keys may be: names of registered things, tests with words."""

import math
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from PIL import ImageColor

from dd_jax.system import paths
from dd_jax.types import InputError

SELECTIONS = ("random", "herding", "kcenter", "kmeans")
METHODS = (*SELECTIONS, "dc", "dsa", "dm", "mtt", "idc_i", "idc", "frepo")
DISTANCES = ("cosine", "flat_cosine", "squared", "kernel_squared", "kernel_absolute")
INITS = ("noise", "real", "kmeans", "kcenter", "herding")
MODELS = ("convnet", "mlp", "lenet", "alexnet", "vgg11", "resnet18", "resnet18_ap")
NORMS = ("instance", "batch", "layer", "group", "none")
ACTIVATIONS = ("relu", "sigmoid", "leaky_relu", "swish")
POOLINGS = ("avg", "max", "none")
AUGMENTATIONS = ("color", "crop", "cutout", "flip", "scale", "rotate")
DECAYS = ("half", "thirds", "none")
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
BALLS = ("linf", "l2", "l1")
_OF_ANY_NORM = ("apgd_ce", "apgd_dlr", "apgd_t", "fab_t", "square", "noise")
# The first word of each option is its default. Version rand of AutoAttack is for models
# that draw at random; those of a run do not.
ATTACK_OPTIONS: dict[str, dict[str, tuple[str, ...]]] = {
    "deepfool": {"norm": ("l2", "linf")},
    "autoattack": {"norm": BALLS, "version": ("standard", "plus")},
} | {name: {"norm": BALLS} for name in _OF_ANY_NORM}


class Rule(NamedTuple):
    """What a value must be: a test, and the words for it in an error message.

    `reason` says of a value that fails the test what was found, where that helps.
    """

    holds: Callable[[Any], bool]
    right: str
    reason: Callable[[Any], str] = lambda value: ""


def at_least(low: int) -> Rule:
    """A number, `low` or more."""
    return Rule(lambda v: v >= low, f"at least {low}")


def one_of(names: tuple[str, ...]) -> Rule:
    """One of some names."""
    return Rule(lambda v: v in names, "one of " + ", ".join(names))


def some_of(names: tuple[str, ...], least: int = 1) -> Rule:
    """A tuple of some names, none twice."""

    def holds(values):
        once = all(values.count(v) == 1 and v in names for v in values)
        return once and len(values) >= least

    number = "one or more" if least else "any number"
    return Rule(holds, f"a tuple of {number}, each once, of " + ", ".join(names))


def attack_of(spec: str) -> tuple[str, dict[str, str]]:
    """The attack and its norm and version that a config names, such as `square:l2`.

    Args:
      spec: `NAME`, or `NAME:WORD` with a norm or version that the attack has, or both.

    Returns:
      The name, and a value for each option that the attack has, by default the first
      of `ATTACK_OPTIONS`.

    Raises:
      InputError: no such attack, or a word that is none of its options.

    >>> attack_of("autoattack:plus"), attack_of("fgsm")
    (('autoattack', {'norm': 'linf', 'version': 'plus'}), ('fgsm', {}))
    """
    name, *words = spec.split(":")
    if name not in ATTACKS:
        raise InputError(f"no attack {name!r}; there are {', '.join(ATTACKS)}")
    options = ATTACK_OPTIONS.get(name, {})
    settings = {}
    for word in words:
        found = [option for option, known in options.items() if word in known]
        if not found or found[0] in settings:
            right = [known for values in options.values() for known in values]
            raise InputError(
                f"attack {spec!r}: {word!r} is none of its options "
                f"({', '.join(right) or 'it has none'}), or given twice"
            )
        settings[found[0]] = word
    return name, {option: known[0] for option, known in options.items()} | settings


def _are_attacks(values: Any) -> bool:
    try:
        known = [attack_of(spec) for spec in values]
    except (InputError, AttributeError):
        return False
    return bool(known) and all(known.count(attack) == 1 for attack in known)


def is_number(value: Any) -> bool:
    """Whether a value is a finite number; true and false are none."""
    return type(value) in (int, float) and math.isfinite(value)


def radii(unit: str, high: float) -> Rule:
    """A tuple of numbers from 0 to `high`, in a unit."""

    def holds(values):
        once = all(values.count(v) == 1 for v in values)
        fit = all(is_number(v) and 0 <= v <= high for v in values)
        return bool(values) and once and fit

    right = f"a tuple of one or more numbers, each once, in [0, {high:g}] ({unit})"
    return Rule(holds, right)


def _is_augmentation(value: str) -> bool:
    parts = re.split("[_+]", value)
    return value == "none" or all(
        parts.count(part) == 1 and part in AUGMENTATIONS for part in parts
    )


def _is_background(value: str) -> bool:
    try:
        return value == "refuse" or len(ImageColor.getrgb(value)) == 3
    except ValueError:
        return False


def _no_set(path: str) -> str:
    """Why no synthetic set can be read there; empty if one can."""
    place = paths.expanded(path)
    if paths.no_file(place) == paths.IS_FOLDER:
        return paths.no_folder(place) or paths.no_file(place / "labels.csv")
    return paths.no_file(place)


FLAG = Rule(lambda v: True, "true or false")
POSITIVE = Rule(lambda v: math.isfinite(v) and v > 0, "a finite number above 0")
NOT_NEGATIVE = Rule(
    lambda v: math.isfinite(v) and v >= 0, "a finite number, at least 0"
)
SEED = Rule(lambda v: 0 <= v < 2**32, "at least 0 and below 2**32")
SHARE = Rule(lambda v: 0 <= v < 1, "at least 0 and below 1")
CLASSES = Rule(lambda v: v == 0 or v >= 2, "0 (all) or at least 2")
ROWS = Rule(lambda v: v == 0 or v >= 20, "0 (all) or at least 20")
EVEN = Rule(lambda v: v >= 0 and v % 2 == 0, "an even number, at least 0")
PAIRS = Rule(lambda v: v >= 4 and v % 2 == 0, "an even number, at least 4")
ATTACKS_OF = Rule(
    _are_attacks,
    "a tuple of one or more, each once, of "
    + ", ".join(ATTACKS)
    + "; behind a colon "
    + ", ".join(
        f"{name} takes {' or '.join(sum(options.values(), ()))}"
        for name, options in ATTACK_OPTIONS.items()
    ),
)
SET = Rule(
    lambda v: not v or not _no_set(v),
    "empty, an existing .npz file or an exported folder with labels.csv",
    _no_set,
)
SETS = Rule(
    lambda vs: all(v and isinstance(v, str) and SET.holds(v) for v in vs),
    "a tuple of existing .npz files or exported folders with labels.csv",
    lambda vs: next((f"{v}: {_no_set(v)}" for v in map(str, vs) if _no_set(v)), ""),
)
SOURCE = Rule(
    lambda v: re.fullmatch(r"digits|(tfds|idx|npz|folder):.+", v) is not None,
    "digits, tfds:NAME, idx:DIR, npz:FILE or folder:DIR",
)
BACKGROUND = Rule(_is_background, "refuse or a colour, such as white, black or #808080")
AUGMENT = Rule(
    _is_augmentation,
    "none, or parts joined by _ (one of them) or + (all) out of "
    + ", ".join(AUGMENTATIONS),
)
