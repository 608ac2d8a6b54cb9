"""Every config key with its default, its help and what is allowed; run ids.

A config is a locked `ml_collections.ConfigDict`. `FIELDS` is the one table that it is
made from, checked against, hashed by and explained from.
"""

import difflib
import hashlib
import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from dd_jax.types import InputError

RESULTS_VERSION = 2  # raised whenever the same config gives different numbers

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
    "entropy",
    "modified_entropy",
    "calibrated",
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


class Field(NamedTuple):
    """One config key: default (which gives the type), help line, rule."""

    default: Any
    help: str
    rule: Rule
    changes_results: bool = True


def _at_least(low: int) -> Rule:
    return Rule(lambda v: v >= low, f"at least {low}")


def _one_of(names: tuple[str, ...]) -> Rule:
    return Rule(lambda v: v in names, "one of " + ", ".join(names))


def _some_of(names: tuple[str, ...]) -> Rule:
    def holds(values):
        return bool(values) and all(values.count(v) == 1 and v in names for v in values)

    return Rule(holds, "a tuple of one or more, each once, of " + ", ".join(names))


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _radii(high: float, unit: str) -> Rule:
    def holds(values):
        return bool(values) and all(_is_number(v) and 0 <= v <= high for v in values)

    limit = "at least 0" if high == math.inf else f"in [0, {high:g}]"
    return Rule(holds, f"a tuple of one or more numbers {limit} ({unit})")


def _is_augmentation(value: str) -> bool:
    parts = value.split("_")
    return value == "none" or all(
        parts.count(part) == 1 and part in AUGMENTATIONS for part in parts
    )


_FLAG = Rule(lambda v: True, "true or false")
_POSITIVE = Rule(lambda v: math.isfinite(v) and v > 0, "a finite number above 0")
_NOT_NEGATIVE = Rule(
    lambda v: math.isfinite(v) and v >= 0, "a finite number, at least 0"
)
_SEED = Rule(lambda v: 0 <= v < 2**32, "at least 0 and below 2**32")
_SHARE = Rule(lambda v: 0 <= v < 1, "at least 0 and below 1")
_CLASSES = Rule(lambda v: v == 0 or v >= 2, "0 (all) or at least 2")
_EVEN = Rule(lambda v: v >= 0 and v % 2 == 0, "an even number, at least 0")
_PAIRS = Rule(lambda v: v >= 4 and v % 2 == 0, "an even number, at least 4")
_SET = Rule(
    lambda v: not v or Path(v).is_file() or Path(v, "labels.csv").is_file(),
    "empty, an existing .npz file or an exported folder with labels.csv",
)
_SOURCE = Rule(
    lambda v: re.fullmatch(r"digits|(tfds|idx|npz|folder):.+", v) is not None,
    "digits, tfds:NAME, idx:DIR, npz:FILE or folder:DIR",
)
_AUGMENT = Rule(
    _is_augmentation, "none, or parts joined by _ out of " + ", ".join(AUGMENTATIONS)
)
_AUGMENT_DIGITS = "color_crop_cutout_scale_rotate"

FIELDS: dict[str, Field] = {
    "seed": Field(0, "every random draw follows from it", _SEED),
    "checkpoint_seconds": Field(
        20.0, "least time between checkpoints", _NOT_NEGATIVE, changes_results=False
    ),
    "data.source": Field(
        "digits", "digits, tfds:NAME, idx:DIR, npz:FILE or folder:DIR", _SOURCE
    ),
    "data.num_classes": Field(0, "keep only the first classes; 0 = all", _CLASSES),
    "data.validation": Field(0.0, "share of train held out for tuning", _SHARE),
    "data.zca": Field(False, "networks see ZCA-whitened images", _FLAG),
    "data.image_size": Field(0, "resize to this side; 0 = as they are", _at_least(0)),
    "data.rows": Field(0, "rows of train to keep; 0 = all", _at_least(0)),
    "model.name": Field("convnet", ", ".join(MODELS), _one_of(MODELS)),
    "model.width": Field(32, "channels of a convolution", _at_least(1)),
    "model.depth": Field(3, "number of blocks", _at_least(1)),
    "model.norm": Field("instance", ", ".join(NORMS), _one_of(NORMS)),
    "model.activation": Field("relu", ", ".join(ACTIVATIONS), _one_of(ACTIVATIONS)),
    "model.pooling": Field("avg", ", ".join(POOLINGS), _one_of(POOLINGS)),
    "distill.method": Field("dm", ", ".join(METHODS), _one_of(METHODS)),
    "distill.ipc": Field(10, "synthetic images per class", _at_least(1)),
    "distill.init": Field("real", ", ".join(INITS), _one_of(INITS)),
    "distill.steps": Field(150, "updates of the synthetic images", _at_least(0)),
    "distill.batch_real": Field(64, "real images per class and step", _at_least(1)),
    "distill.augment": Field(
        _AUGMENT_DIGITS,
        "augmentation shared by real and synthetic images; dc has none",
        _AUGMENT,
    ),
    "distill.lr": Field(
        0.0, "step size on the synthetic images; 0 = the method's own", _NOT_NEGATIVE
    ),
    "distill.lr_labels": Field(
        0.0,
        "step size on learned soft labels; 0 = the method's own (frepo 0.01, others "
        "one-hot labels)",
        _NOT_NEGATIVE,
    ),
    "distill.factor": Field(
        0,
        "tiles along each side of a stored image, each a synthetic one; 0 = the "
        "method's own (idc 2, others 1)",
        Rule(lambda v: 0 <= v <= 3, "0, 1, 2 or 3"),
    ),
    "distill.multi": Field(
        False, "decode by every factor from 1 to distill.factor", _FLAG
    ),
    "distill.distance": Field(
        "own",
        "between gradients, in dc, dsa, idc_i and idc: own (the method's), "
        + ", ".join(DISTANCES),
        _one_of(("own", *DISTANCES)),
    ),
    "distill.network.life": Field(
        0,
        "updates that a network serves in dc, dsa, idc_i, idc, frepo; 0 = own",
        _at_least(0),
    ),
    "distill.network.epochs": Field(
        0, "its epochs between them in dc and dsa; 0 = own", _at_least(0)
    ),
    "distill.network.steps": Field(
        8, "its batches of 64 between them in idc_i and idc", _at_least(1)
    ),
    "distill.mtt.experts": Field(10, "networks trained as experts", _at_least(1)),
    "distill.mtt.kept_epochs": Field(
        0, "epochs of each expert; 0 = as many as are used", _at_least(0)
    ),
    "distill.mtt.expert_lr": Field(0.01, "step size of the experts", _POSITIVE),
    "distill.mtt.student_steps": Field(20, "steps of a student", _at_least(1)),
    "distill.mtt.expert_epochs": Field(
        2, "epochs of the expert that these should be worth", _at_least(1)
    ),
    "distill.mtt.min_start": Field(0, "first epoch students start from", _at_least(0)),
    "distill.mtt.max_start": Field(
        10, "first epoch that none starts from", _at_least(1)
    ),
    "distill.mtt.first_max_start": Field(
        0, "its value at the first update, where it grows; 0 = max_start", _at_least(0)
    ),
    "distill.mtt.growth": Field(
        0, "updates over which it grows to max_start", _at_least(0)
    ),
    "distill.mtt.batch_student": Field(
        0, "synthetic images a student step; 0 = all", _at_least(0)
    ),
    "distill.mtt.approximate": Field(
        False, "drop the terms between student steps: constant memory", _FLAG
    ),
    "distill.mtt.lr_rate": Field(
        0.001, "step size on the logarithm of the students' step size", _NOT_NEGATIVE
    ),
    "distill.load": Field(
        "",
        "audit this synthetic.npz, or folder of PNGs, instead of distilling",
        _SET,
    ),
    "distill.looks": Field(
        0,
        "earlier sets that are trained on too, after 1/2, 1/4, ... of the steps",
        _at_least(0),
    ),
    "distill.steps_per_call": Field(
        50, "steps in one compiled call", _at_least(1), changes_results=False
    ),
    "train.epochs": Field(
        300, "epochs on a synthetic set or random subset", _at_least(1)
    ),
    "train.batch": Field(256, "images per training step", _at_least(1)),
    "train.lr": Field(0.01, "first step size of training", _POSITIVE),
    "train.nets": Field(5, "networks trained on each set", _at_least(1)),
    "train.augment": Field(_AUGMENT_DIGITS, "augmentation in training", _AUGMENT),
    "train.cutmix": Field(
        0.0,
        "share of training batches mixed by CutMix",
        Rule(lambda v: 0 <= v <= 1, "in [0, 1]"),
    ),
    "train.adversarial.eps": Field(
        0.0, "train against PGD of this Linf radius; 0 = off", _SHARE
    ),
    "train.adversarial.steps": Field(7, "steps of that PGD", _at_least(1)),
    "train.full_epochs": Field(60, "epochs on the full data", _at_least(1)),
    "train.full_nets": Field(1, "networks trained on the full data", _at_least(1)),
    "mitigate.robust.eps": Field(
        0.0, "distil from images attacked within this Linf radius; 0 = off", _SHARE
    ),
    "mitigate.robust.steps": Field(5, "steps of that attack", _at_least(1)),
    "sets": Field(1, "synthetic sets, each from its own key", _at_least(1)),
    "audits.privacy.enabled": Field(True, "run the membership audit", _FLAG),
    "audits.privacy.shadows": Field(
        16, "shadow distillations, in complementary pairs", _PAIRS
    ),
    "audits.privacy.joint": Field(
        False, "shadows share networks and real batches (dm only)", _FLAG
    ),
    "audits.privacy.targets": Field(
        8, "models attacked that share nothing, beside joint shadows", _PAIRS
    ),
    "audits.privacy.scores": Field(
        ("lira_online", "loss"), "of " + ", ".join(SCORES), _some_of(SCORES)
    ),
    "audits.privacy.threats": Field(
        ("t2",), "t0 initial images, t1 released set, t2 one model", _some_of(THREATS)
    ),
    "audits.privacy.repeats": Field(
        1, "networks that a t1 attacker trains on each released set", _at_least(1)
    ),
    "audits.privacy.rows": Field(
        0, "rows of train asked about, at random; 0 = all", _at_least(0)
    ),
    "audits.privacy.variance": Field("auto", "of LiRA", _one_of(VARIANCES)),
    "audits.privacy.query_shift": Field(
        0, "pixels that queries are shifted by, at most", _at_least(0)
    ),
    "audits.privacy.canaries": Field(
        0, "rows of each kind made to be remembered", _EVEN
    ),
    "audits.privacy.epochs": Field(60, "epochs of each shadow's network", _at_least(1)),
    "audits.robustness.enabled": Field(True, "run the adversarial audit", _FLAG),
    "audits.robustness.attacks": Field(
        ("fgsm", "pgd_linf", "pgd_l2"), "of " + ", ".join(ATTACKS), _some_of(ATTACKS)
    ),
    "audits.robustness.eps_linf": Field(
        (0.0, 0.01, 0.02, 0.05, 0.1, 0.2),
        "Linf radii, pixels in [0, 1]",
        _radii(1.0, "Linf, pixels in [0, 1]"),
    ),
    "audits.robustness.eps_l2": Field(
        (0.0, 0.1, 0.25, 0.5, 1.0, 2.0),
        "L2 radii, pixels in [0, 1]",
        _radii(math.inf, "L2, pixels in [0, 1]"),
    ),
    "audits.robustness.images": Field(200, "test images attacked", _at_least(1)),
    "audits.robustness.nets": Field(1, "networks attacked per set", _at_least(1)),
    "audits.robustness.steps": Field(
        20, "steps of PGD and MIM; the others have their own", _at_least(1)
    ),
    "audits.robustness.drop": Field(
        False, "attack at each radius only what stands at all smaller ones", _FLAG
    ),
    "audits.robustness.checks": Field(
        False, "attack again, harder, for all masking checks", _FLAG
    ),
    "audits.transfer.enabled": Field(
        False, "try each pipeline's adversarial images on the others", _FLAG
    ),
    "audits.corruptions.enabled": Field(
        False, "judge the networks on 15 common corruptions", _FLAG
    ),
    "audits.corruptions.images": Field(500, "test images corrupted", _at_least(1)),
    "audits.fairness.enabled": Field(True, "report the gaps between classes", _FLAG),
    "audits.memorisation.enabled": Field(
        True, "compare the images with train and with unseen images", _FLAG
    ),
    "audits.memorisation.gallery": Field(
        False, "show the nearest real images: they are then in the report", _FLAG
    ),
    "report.html": Field(True, "write report.html", _FLAG, changes_results=False),
}


def default() -> ConfigDict:
    """The quick-start config: all keys of `FIELDS`, locked against new ones.

    >>> default().distill.ipc
    10
    """
    config = ConfigDict()
    for key, field in FIELDS.items():
        *parents, leaf = key.split(".")
        node = config
        for parent in parents:
            if parent not in node:
                node[parent] = ConfigDict()
            node = node[parent]
        node[leaf] = field.default
    return config.lock()


def flat(config: ConfigDict) -> dict[str, Any]:
    """The same config with dotted keys, such as `{'distill.ipc': 10, ...}`."""
    pairs: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, ConfigDict):
            pairs |= {f"{key}.{inner}": leaf for inner, leaf in flat(value).items()}
        else:
            pairs[key] = value
    return pairs


def check_key(key: str, where: str) -> None:
    """Raise InputError, with the nearest known key, unless `key` is in `FIELDS`."""
    if key not in FIELDS:
        near = difflib.get_close_matches(key, FIELDS, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else "--help lists all keys"
        raise InputError(f"{where}: unknown config key {key}; {hint}")


def override(config: ConfigDict, values: dict[str, Any], where: str) -> ConfigDict:
    """A copy of `config` with dotted keys replaced.

    Raises:
      InputError: a key that does not exist, or a value of another type.
    """
    changed = config.copy_and_resolve_references().lock()
    for key, value in values.items():
        check_key(key, where)
        *parents, leaf = key.split(".")
        node = changed
        for parent in parents:
            node = node[parent]
        try:
            node[leaf] = value
        except TypeError:
            raise InputError(f"{where}: {wrong(key, value)}") from None
    return changed


def wrong(key: str, value: Any) -> str:
    """The words for a bad value of a known key, with what would be right.

    >>> wrong("distill.ipc", 0)
    'distill.ipc=0: must be at least 1 (type int)'
    """
    field = FIELDS[key]
    kind = type(field.default)
    named = f" (type {kind.__name__})" if kind in (int, float) else ""
    return f"{key}={value!r}: must be {field.rule.right}{named}"


def validate(config: ConfigDict) -> None:
    """Check every key: known, present, of its type and in its range.

    Raises:
      InputError: one line with the first bad key, its value and what is right.
    """
    values = flat(config)
    for key in values:
        check_key(key, "config")
    for key, field in FIELDS.items():
        if key not in values:
            raise InputError(f"config: {key} is missing; start from config.default()")
        value = values[key]
        if type(value) is not type(field.default) or not field.rule.holds(value):
            raise InputError(f"config: {wrong(key, value)}")


def run_id(config: ConfigDict, checksum: str, only: tuple[str, ...] = ("",)) -> str:
    """The name of a run: equal exactly when its results would be.

    `sha256(canonical JSON of result keys, checksum, RESULTS_VERSION)[:12]`. A
    set to be audited (`distill.load`) counts by its contents, not by its path.

    Args:
      config: a valid config; keys that cannot change results are left out.
      checksum: digest of the data, `Dataset.checksum`.
      only: the keys that matter, by how they start; for what several runs share.

    Returns:
      12 hexadecimal digits.
    """
    values: dict[str, Any] = {
        key: _canonical(value)
        for key, value in flat(config).items()
        if FIELDS[key].changes_results and key.startswith(only)
    }
    if values.get("distill.load"):
        values["distill.load"] = _digest(Path(config.distill.load))
    text = json.dumps([values, checksum, RESULTS_VERSION], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _digest(path: Path) -> str:
    """Of a file's bytes, or of the names and bytes of all files of a folder."""
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    files = sorted(inner for inner in path.rglob("*") if inner.is_file())
    parts = [[str(file.relative_to(path)), _digest(file)] for file in files]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _canonical(value: Any) -> Any:
    if isinstance(value, tuple):
        return [float(v) if _is_number(v) else v for v in value]
    return value
