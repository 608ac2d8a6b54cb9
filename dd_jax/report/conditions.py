"""What runs have to have in common to be compared: data, and how networks learn."""

from dd_jax.report.display_names import dataset_name
from dd_jax.report.formats import format_value
from dd_jax.report.records import lookup
from dd_jax.types import Record

IN_NAME = (  # config keys that the name of a data set tells
    "data.source",
    "data.imbalance",
    "data.imbalance_ratio",
    "data.colour",
    "data.correlation",
)
NO_RECIPE = ("train.adversarial.", "train.nets", "train.full_")


def data_of(record: Record) -> tuple:
    """Which rows, classes and groups a run had; equal for those of the same data.

    >>> run = {"dataset": "digits", "config": {"data.groups": "clusters:2"}}
    >>> data_of({"run": run})
    ('digits', None, None, (('data.groups', 'clusters:2'),))
    """
    run = record["run"]
    keys = ("dataset", "num_classes", "split")
    chosen = [pair for pair in of_config(record, "data.") if pair[0] != "data.source"]
    return *(run.get(key) for key in keys), tuple(chosen)


def conditions(record: Record) -> tuple:
    """The data of a run, its architecture and how its networks learn from a set.

    Adversarial training is a mitigation and has no part in it, nor has how many
    networks there are, nor how those on full data train.
    """
    run = record["run"]
    own = of_config(record, ("model.", "train."))
    recipe = tuple(pair for pair in own if not pair[0].startswith(NO_RECIPE))
    return *data_of(record), run.get("arch"), run.get("width"), recipe


def data_name(record: Record) -> str:
    """The data set and what else was chosen of it, for titles.

    >>> data_name({"run": {"dataset": "digits", "config": {"data.rows": 500}}})
    'digits (scikit-learn), rows 500'
    """
    others = [
        f"{key.removeprefix('data.')} {value}"
        for key, value in of_config(record, "data.")
        if key not in IN_NAME
    ]
    return ", ".join([dataset_name(record), *others])


def of_config(record: Record, starts: str | tuple[str, ...]) -> tuple:
    """Config keys that start so and are not at their defaults, with values as texts.

    >>> of_config({"run": {"config": {"data.rows": 500, "seed": 1}}}, "data.")
    (('data.rows', '500'),)
    """
    given = lookup(record, "run", "config") or {}
    own = {k: format_value(v) for k, v in given.items() if k.startswith(starts)}
    return tuple(sorted(own.items()))
