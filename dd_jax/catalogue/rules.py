"""Rules: which values a config key may have, each a test with its error message."""

import math
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from PIL import ImageColor

from dd_jax.system import paths
from dd_jax.types import InputError

DISTANCES = ("cosine", "flat_cosine", "squared", "kernel_squared", "kernel_absolute")
NORMS = ("instance", "batch", "layer", "group", "none")
ACTIVATIONS = ("relu", "sigmoid", "leaky_relu", "swish")
POOLINGS = ("avg", "max", "none")
AUGMENTATIONS = ("color", "crop", "cutout", "flip", "scale", "rotate")
DECAYS = ("half", "thirds", "none")
THREATS = ("t0", "t1", "t1_images", "t2")
CANARIES = (
    "mislabelled",
    "out_of_distribution",
    "duplicated",
    "near_duplicate",
    "hardest",
)
CONTROL_NAMES = (
    "teacher_labels",
    "el2n",
    "grand",
    "forgetting",
    "herding",
    "unaugmented",
)
PROTOCOLS = ("halves", "canaries")
VARIANCES = ("auto", "fixed", "per_example")
PRECISIONS = ("float32", "tf32", "bfloat16")
FAIR_FORMS = ("balanced", "barycentre", "fairdd", "dro")
BALLS = ("linf", "l2", "l1")
IMBALANCES = ("none", "long_tail", "step")
COLOURED = ("none", "foreground", "background")


class Rule(NamedTuple):
    """What a value must be: a test, and its description in help and error messages.

    `right` is a function where the words follow from what is registered. `reason` says
    of a value that fails the test what was found, where that helps.
    """

    holds: Callable[[Any], bool]
    right: str | Callable[[], str]
    reason: Callable[[Any], str] = lambda value: ""

    @property
    def words(self) -> str:
        """What would be right."""
        return self.right if isinstance(self.right, str) else self.right()

    def accepts(self, value: Any) -> bool:
        """Whether a value is right; one on which the test itself fails is not."""
        try:
            return bool(self.holds(value))
        except Exception:
            return False


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


def of_type(default: Any) -> Rule:
    """Any value of the type of a default; of a float, a finite one."""
    if isinstance(default, float):
        return Rule(math.isfinite, "a finite number")
    kind = "true or false" if isinstance(default, bool) else "a value"
    return Rule(lambda v: True, f"{kind} of type {type(default).__name__}")


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


def clusters_of(groups: str) -> int:
    """The number of clusters that groups are; 0 where they are those that are given.

    Raises:
      InputError: neither `given` nor `clusters:K` with K of 2 or more.

    >>> clusters_of("given"), clusters_of("clusters:8")
    (0, 8)
    """
    if groups == "given":
        return 0
    found = re.fullmatch(r"clusters:([0-9]{1,6})", groups)
    if not found or int(found[1]) < 2:
        raise InputError(f"data.groups={groups!r}: must be {GROUPS.words}")
    return int(found[1])


def _no_set(path: str) -> str:
    """Why no synthetic set can be read there; empty if one can."""
    place = paths.expanded(path)
    if paths.no_file(place) == paths.IS_FOLDER:
        return paths.no_folder(place) or paths.no_file(place / "labels.csv")
    return paths.no_file(place)


FLAG = Rule(lambda v: True, "true or false")
POSITIVE = Rule(lambda v: math.isfinite(v) and v > 0, "a finite number above 0")
PER_CLASS = Rule(
    lambda v: all(type(n) is int and n >= 1 for n in v),
    "a tuple of whole numbers from 1 up, of each class in turn",
)
NOT_NEGATIVE = Rule(
    lambda v: math.isfinite(v) and v >= 0, "a finite number, at least 0"
)
SEED = Rule(lambda v: 0 <= v < 2**32, "at least 0 and below 2**32")
OPEN_SHARE = Rule(lambda v: 0 < v < 1, "above 0 and below 1")
SHARE = Rule(lambda v: 0 <= v < 1, "at least 0 and below 1")
SIDE = Rule(lambda v: 0 <= v < 2**16, "at least 0 and below 2**16")
CLASSES = Rule(lambda v: v == 0 or v >= 2, "0 (all) or at least 2")
ROWS = Rule(lambda v: v == 0 or v >= 20, "0 (all) or at least 20")
EVEN = Rule(lambda v: v >= 0 and v % 2 == 0, "an even number, at least 0")
PAIRS = Rule(lambda v: v >= 4 and v % 2 == 0, "an even number, at least 4")
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
BACKGROUND = Rule(_is_background, "refuse or a colour, such as white, black or #808080")
GROUPS = Rule(lambda v: clusters_of(v) >= 0, "given, or clusters:K with K at least 2")
CORRELATION = Rule(lambda v: 0 <= v <= 1, "in [0, 1]")
RATIO = Rule(lambda v: 1 <= v < math.inf, "a finite number, at least 1")
AUGMENT = Rule(
    _is_augmentation,
    "none, or parts joined by _ (one of them) or + (all) out of "
    + ", ".join(AUGMENTATIONS),
)
