"""What reports call methods, attacks, scores, data sets and training data."""

import re
from collections.abc import Container
from pathlib import PurePosixPath

from dd_jax import catalogue
from dd_jax.report.formats import format_value
from dd_jax.report.path_texts import without_paths
from dd_jax.report.records import lookup
from dd_jax.report.safe_text import printable
from dd_jax.types import Record

PIPE_NAMES = {
    "distilled": "Distilled",
    "random_subset": "Random subset",
    "full_data": "Full data",
    "dp_sgd": "DP-SGD on full data",
}
BASELINES = ("random_subset", "full_data", "dp_sgd")
THREAT_NAMES = {
    "t0": "T0, initial images",
    "t1": "T1, released set",
    "t1_images": "T1, images of the set",
    "t2": "T2, released model",
}
NORMS = {"linf": "Linf", "l2": "L2", "l1": "L1"}
KEY_NAMES = {
    "dataset": "data set",
    "arch": "architecture",
    "ipc": "images per class",
    "init": "initialisation",
    "num_classes": "classes",
}
WINDOWS = "Trajectory matching, growing windows (MTT)"  # forms of mtt
DATM = "Difficulty-aligned trajectory matching (DATM)"
KINDS = {"method": "method", "arch": "model", "init": "init"}  # run key -> kind
_COLOURS = r"(foreground|background) colours [0-9.e+-]+"
_UNEVEN = re.compile(  # as names end that `data.biased` makes
    rf" \((((long tail|step) [0-9.e+-]+)(, {_COLOURS})?|{_COLOURS})\)$"
)
DATASETS = {  # by the letters and digits of a source or of its last path part
    "digits": "digits (scikit-learn)",
    "mnist": "MNIST",
    "fashionmnist": "Fashion-MNIST",
    "kmnist": "Kuzushiji-MNIST",
    "cifar10": "CIFAR-10",
    "cifar100": "CIFAR-100",
    "svhncropped": "SVHN",
    "stl10": "STL-10",
}


def pipe_names(measured: Container[str]) -> dict[str, str]:
    """Names of the training data of every run, and of DP-SGD where it was measured.

    >>> list(pipe_names({"distilled": 0.9}))
    ['distilled', 'random_subset', 'full_data']
    """
    return {
        pipe: name
        for pipe, name in PIPE_NAMES.items()
        if pipe != "dp_sgd" or pipe in measured
    }


def display_name(name: str, record: Record | None = None, kind: str = "") -> str:
    """The label of a registered name; the name itself where it has none.

    Args:
      name: as configs and Records have it, options behind colons.
      record: whose `run.labels` holds the labels of plug-ins.
      kind: of the catalogue, where things of several kinds have the name.

    >>> display_name("fgsm"), display_name("autoattack:l2:plus")
    ('FGSM', 'AutoAttack, L2, plus')
    """
    name = printable(name)
    first, *words = name.split(":")
    label = _own_label(record, kind, first) or catalogue.label(first, kind)
    if label == first:
        return name
    return ", ".join([label, *(NORMS.get(word, word) for word in words)])


def _own_label(record: Record | None, kind: str, name: str) -> str | None:
    """That of a plug-in, kept by its kind where another kind has the name too."""
    of_kind = lookup(record, "run", "labels", f"{kind} {name}")
    return of_kind or lookup(record, "run", "labels", name)


def short_name(label: str, key: str = "method") -> str:
    """The abbreviation that the label of a method ends with, else the label.

    >>> short_name("Distribution matching (DM)"), short_name("Herding")
    ('DM', 'Herding')
    """
    if key != "method":
        return label
    found = re.search(r"\(([^()]+)\)$", label)
    return found[1] if found else label


def dataset_name(record: Record) -> str:
    """The data set of a run as people call it; the user's own by its file or folder.

    >>> dataset_name({"run": {"dataset": "idx:/usr/share/datasets/fashion-mnist"}})
    'Fashion-MNIST'
    >>> dataset_name({"run": {"dataset": "folder:/home/ada/pets"}})
    'pets'
    >>> dataset_name({"run": {"dataset": "folder:/home/ada/digits"}})
    'digits'
    >>> dataset_name({"run": {"dataset": "folder:/home/ada"}})  # ada is a user
    'folder'
    >>> dataset_name({"run": {"dataset": "folder:.."}})
    'folder'
    >>> dataset_name({"run": {"dataset": "tfds:mnist (step 10)"}})
    'MNIST (step 10)'
    """
    text = printable(record["run"]["dataset"])
    uneven = _UNEVEN.search(text)
    if uneven:
        return _source_name(text[: uneven.start()], record) + uneven[0]
    return _source_name(text, record)


def _source_name(text: str, record: Record) -> str:
    source, _, place = text.partition(":")
    label = _own_label(record, "source", source)
    if not label and source not in catalogue.names("source"):
        return without_paths(text)
    last = PurePosixPath(without_paths(place)).name.strip(".") or source
    if label:
        return f"{label}, {last}" if place else label
    known = re.sub(r"[^a-z0-9]", "", last.lower())
    own = place and known in catalogue.names("source")  # digits that are not ours
    return last if own else DATASETS.get(known, last)


def key_name(key: str) -> str:
    """The readable name of a key of the `run` part.

    >>> key_name("ipc"), key_name("full_nets")
    ('images per class', 'full nets')
    """
    return KEY_NAMES.get(key, key.replace("_", " "))


def fair_form(record: Record) -> str:
    """The form of fair distillation of a run, allocation among them; empty without.

    >>> fair_form({"run": {"config": {"distill.allocation": [2, 1]}}})
    'allocation'
    """
    run = record["run"]
    form = (run.get("fair") or {}).get("form", "")
    allocated = lookup(record, "run", "config", "distill.allocation")
    return ", ".join(filter(None, (form, "allocation" if allocated else "")))


def run_value(record: Record, key: str) -> str:
    """A key of the `run` part as tables show it.

    >>> run_value({"run": {"ipc": 10.0}}, "ipc"), run_value({"run": {}}, "ipc")
    ('10', 'not recorded')
    """
    value = record["run"].get(key)
    if key == "dataset" and value is not None:
        return dataset_name(record)
    of_experts = lambda key: lookup(record, "run", "config", f"distill.mtt.{key}")
    if key == "method" and value == "mtt" and of_experts("growth"):
        return DATM if of_experts("label_epoch") else WINDOWS
    if key in KINDS:  # images that are selected have no initialisation
        if value is None:
            return "-"
        return display_name(without_paths(value), record, KINDS[key])
    return format_value(without_paths(value))


def set_size_text(record: Record) -> str:
    """The size of a synthetic set as text.

    >>> set_size_text({"run": {"ipc": 1}})
    '1 image per class'
    """
    ipc = run_value(record, "ipc")
    return f"{ipc} image{'' if ipc == '1' else 's'} per class"


def class_name(record: Record, number: int) -> str:
    """What a class is called, by the names of the run where it has them.

    >>> class_name({"run": {"class_names": ["cat"]}}, 0), class_name({"run": {}}, 3)
    ('cat', 'class 3')
    """
    names = record["run"].get("class_names") or ()
    name = names[number] if number < len(names) else None
    return str(name) if name is not None else f"class {number}"
