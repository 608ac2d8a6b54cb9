"""On which images a run was evaluated and how large its set is."""

from dd_jax import catalogue
from dd_jax.catalogue import entry
from dd_jax.catalogue.lookup import Entry
from dd_jax.report.formats import count, format_value, kilobytes, rate
from dd_jax.types import Record

SPLITS = {
    "test": "the test split, which nothing was trained or distilled on",
    "validation": "the validation split, held out of training; the test split was not "
    "used",
}
HIDDEN = (
    "The images of this set are training images, which the report does not show; they "
    "are in images.png beside the Record."
)
NEAR_REAL = (
    "They started from training images and may still look like them: see the section "
    "on memorisation before you pass this page on."
)
LOADED = (
    "The set was loaded, not made by this run; its file names the method, if it does. "
    "Membership, attribute and distribution inference cannot be audited: they need "
    "shadow sets that are made in the same way from other halves of the data."
)


def evaluated_on(record: Record) -> str:
    """Which split the accuracies come from."""
    split = record["run"].get("split")
    if split is None:
        return "The run does not say on which split it was evaluated."
    return f"Evaluated on {SPLITS.get(split, f'the {split} split')}."


def size(record: Record) -> str:
    """The size of the set by all ratios: images a class, share of images, of bytes."""
    run = record["run"]
    images = round(run["ipc"] * run["num_classes"])
    text = f"{count(images, 'synthetic image')}, {format_value(run['ipc'])} per class"
    if not run.get("ratio"):
        return text
    text += f", for {images / run['ratio']:,.0f} real images ({rate(run['ratio'])})"
    if not (bytes_ := run.get("bytes")):
        return text
    of_images, of_labels = (kilobytes(bytes_[key]) for key in ("images", "labels"))
    return (
        f"{text}; {of_images} of images and {of_labels} of labels, "
        f"{rate(run['byte_ratio'])} of the bytes"
    )


def is_loaded(record: Record) -> bool:
    """Whether the set was made elsewhere: by its flag, or by the settings of the run.

    >>> is_loaded({"run": {"config": {"distill.load": "set.npz"}}})
    True
    """
    run = record["run"]
    return bool(run.get("loaded") or (run.get("config") or {}).get("distill.load"))


def origin(record: Record) -> str:
    """What cannot be audited of a loaded set; empty for one that the run made."""
    return LOADED if is_loaded(record) else ""


def hidden(record: Record) -> str:
    """Why the report shows no images of a set; empty where it shows them."""
    known = _entry("method", record["run"].get("method"))
    selected = bool(known and known.traits.get("selects"))
    return HIDDEN if selected and not is_loaded(record) else ""


def near_real(record: Record) -> str:
    """That images started from real ones; empty where they did not, or are hidden."""
    if is_loaded(record) or hidden(record):
        return ""
    known = _entry("init", record["run"].get("init"))
    return NEAR_REAL if known and known.traits.get("real") else ""


def _entry(kind: str, name: str | None) -> Entry | None:
    return entry(kind, name) if name in catalogue.names(kind) else None


def guarantee(record: Record) -> str:
    """What differential privacy the set has; empty for one without."""
    part = record["run"].get("differential_privacy")
    if not part:
        return ""
    costs = [
        f"{count(cost['count'], 'release')} at noise multiplier "
        f"{format_value(cost['noise_multiplier'])}"
        + (f" and sampling {rate(cost['sampling'])}" if cost["sampling"] < 1 else "")
        for cost in part["mechanisms"]
    ]
    return (
        f"Differential privacy: epsilon {format_value(part['epsilon'])} at delta "
        f"{part['delta']:g}, by {' and '.join(costs)}. Protected is "
        f"{part['protects']}. Labels, counts and which rows are used are public, and "
        "settings that were chosen on these rows are not accounted for. Against "
        "another row of the same class epsilon is "
        f"{format_value(part['epsilon_of_exchange'])}."
        f"{_of_dp_sgd(part.get('dp_sgd'))}"
    )


def _of_dp_sgd(part: dict | None) -> str:
    """How the baseline spent the same epsilon; empty without one."""
    if not part:
        return ""
    reached = part.get("epsilon_at_accuracy")
    return (
        f" DP-SGD on the full data: epsilon {format_value(part['epsilon'])}, by "
        f"{count(part['steps'], 'step')} at noise multiplier "
        f"{format_value(part['noise_multiplier'])}"
        + (f" and sampling {rate(part['sampling'])}" if part["sampling"] < 1 else "")
        + f", gradients clipped to {format_value(part['clip'])}. "
        + (
            "It does not reach the accuracy of the set."
            if reached is None
            else "It is as accurate as the set once it has spent epsilon "
            f"{format_value(reached)}."
        )
    )
