"""Published sets evaluated again, each by an ordinary run that loads it."""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from ml_collections import ConfigDict

from dd_jax import config as configs
from dd_jax import run
from dd_jax.benchmark.published_set import PublishedSet, data_name, place_of
from dd_jax.config.fields import fields
from dd_jax.config.grid import possible
from dd_jax.executors.cells import attempt
from dd_jax.executors.inline import run_in_turn
from dd_jax.executors.joint_steps import Together
from dd_jax.report import records
from dd_jax.report.records import lookup
from dd_jax.runtime.loop import array_digest
from dd_jax.system import destination, disk
from dd_jax.types import Dataset, InputError, Record

SOURCES = {  # of data that come with the package or lie in one place
    "digits": "digits",
    "fashionmnist": "idx:/usr/share/datasets/fashion-mnist",
}


class Evaluated(NamedTuple):
    """What became of the sets, by name.

    Attributes:
      records: of the runs that are finished.
      reasons: why others were refused, or ended otherwise.
      failed: whether one that was to run is not finished though its data are here.
      rows: digests of the images and labels that they are evaluated on.
    """

    records: dict[str, Record]
    reasons: dict[str, str]
    failed: bool
    rows: dict[str, str]


def config_of(published: PublishedSet, source: str) -> ConfigDict:
    """The config of the run that evaluates a set: its recipe, and no audits.

    Args:
      published: the set.
      source: of its data.

    Raises:
      InputError: keys or values that no config has.
    """
    audits = (k for k in fields() if re.fullmatch(r"audits\.\w+\.enabled", k))
    own = {
        "data.source": source,
        "distill.load": str(published.path.absolute()),
        "train.full_epochs": 1,  # sets are not compared with the full data
        "train.full_nets": 1,
        **dict.fromkeys(audits, False),
    }
    config = configs.override(configs.default(), published.recipe | own, published.name)
    configs.validate(config)
    return config


def prepared(published: PublishedSet, source: str) -> tuple[run.Prepared, str]:
    """The run that evaluates a set on the data of a source, ready to start.

    Returns:
      The run, and a digest of the images and labels that it evaluates on.

    Raises:
      InputError: what `config_of` refuses, other data than those that the set was made
        from or published with, or a set that does not fit its data and network.
    """
    config = config_of(published, source)
    data = run.dataset(config)
    rows = array_digest(data.evaluation[:2])
    _require_its_data(published, data, rows)
    return run.prepared(config), rows


def evaluate(
    sets: Sequence[PublishedSet],
    sources: Mapping[str, str],
    root: Path,
    only: str = "",
    source: str = "",
) -> Evaluated:
    """Runs what is not finished in a work directory, one set after another.

    Args:
      sets: in order.
      sources: of data by name, see `data_name`; `SOURCES` where none is given.
      root: the work directory.
      only: the name of the one set to run; those that are finished count all the same.
      source: of the data of that set.

    Returns:
      The Records, and why there is none.
    """
    known = {data_name(source): source, **SOURCES, **sources}
    names = {i: each.name for i, each in enumerate(sets)}
    places = {each.name: known.get(each.data, "") for each in sets}
    if only:
        places[only] = source or places[only]
    here = [(i, each) for i, each in enumerate(sets) if places[each.name]]
    with run.one_grid():
        made, refused = possible(lambda e: prepared(e, places[e.name]), here)
    taken = [i for i in made if only in ("", names[i])]
    cells = [made[i][0] for i in taken]
    destination.make(root, [cell.id for cell in cells])
    disk.sweep(root, ours=False)
    ends = run_in_turn(
        cells,
        [f"[{n}/{len(taken)}] {names[i]}" for n, i in enumerate(taken, 1)],
        root,
        partial(attempt, run, records.append_result),
        Together(run.take_steps_together, lambda devices: 1),
    )
    reasons = {
        each.name: f"its data are not here; give --data={each.data}={_source(each)}"
        for each in sets
        if not places[each.name]
    }
    reasons |= {
        names[i]: why.replace(str(sets[i].path.absolute()), sets[i].path.name)
        for i, why in refused.items()
    }
    reasons |= {names[i]: e.text for i, e in zip(taken, ends) if e.kind != "done"}
    found = {}
    for i, (cell, _) in made.items():
        if record := run.record_of(cell.id, root):
            found[names[i]] = record
    failed = bool(refused and not only) or any(end.kind != "done" for end in ends)
    rows = {names[i]: digest for i, (_, digest) in made.items()}
    return Evaluated(found, reasons, failed, rows)


def _source(published: PublishedSet) -> str:
    """The source that a set states, where that is the same everywhere."""
    stated = str(published.recipe.get("data.source", ""))
    return "SOURCE" if not stated or place_of(stated) else stated


def source_here(stated: str, sources: Mapping[str, str]) -> str:
    """Where data are on this machine: as given by name, as stated, or as `SOURCES`.

    >>> source_here("npz:/of/others/digits.npz", {}), source_here("digits", {})
    ('digits', 'digits')
    """
    name, place = data_name(stated), place_of(stated)
    usual = SOURCES.get(name, stated) if place and not place.exists() else stated
    return sources.get(name, usual)


def _require_its_data(published: PublishedSet, data: Dataset, rows: str) -> None:
    """Refuses other data than those that a set states to be made from."""
    checksum = lookup(published.metadata, "provenance", "checksum")
    if checksum not in (None, data.checksum):
        raise InputError("its data are others here than those that it was made from")
    if published.metadata.get("evaluation_rows") not in (None, rows):
        raise InputError("its evaluation rows are others here than when published")
    seen = lookup(published.metadata, "normalisation")
    if seen not in (None, {"mean": list(data.mean), "std": list(data.std)}):
        raise InputError(
            "networks saw it through another normalisation than that of its data, as "
            "those of private runs may; such sets are not evaluated"
        )
