"""An audit of networks that are in memory, as in a notebook."""

from functools import cache, partial
from types import SimpleNamespace
from typing import Any

import jax
import numpy as np

from dd_jax.audits.audit import Audit, Context
from dd_jax.catalogue import entries, entry, resolve
from dd_jax.report.intervals import mean_interval
from dd_jax.runtime.keys import named
from dd_jax.train.evaluate import logits_of_each
from dd_jax.types import Dataset, InputError, Model, Params, SyntheticSet


def measure(name: str, *args: Any, **kw: Any) -> Any:
    """Runs one audit by its name: its part of a Record; see `context`.

    Raises:
      InputError: no such audit or option, or the audit cannot be done.
    """
    audit: Audit = resolve("audit", name)
    given = context(name, *args, **kw)
    audit.check(given)
    return audit.measure(given)


def context(
    name: str,
    dataset: Dataset,
    model: Model,
    networks: dict[str, Params],
    *,
    sets: SyntheticSet | None = None,
    seed: int = 0,
    fields: dict[str, Any] | None = None,
    **options: Any,
) -> Context:
    """What an audit is given, for networks that no run of this package has made.

    The membership audit is not possible in this way (it makes its own shadow models:
    `dd_jax.audits.privacy.SCORES` takes the logits of yours), and neither are the
    quantization audit and the learning curve without `train` among the fields.

    Args:
      name: of the audit.
      dataset: evaluated on validation where held out, else on test.
      model: the architecture of all networks.
      networks: pipeline -> parameters with a leading axis of networks; `full_data` is
        what fairness, corruptions and checks of attacks compare with.
      sets: synthetic sets with a leading axis, for audits of the images.
      seed: of every random draw.
      fields: of `Context`, in place of those made here.
      **options: of the audit, in place of its defaults.

    Raises:
      InputError: no such audit or option.
    """
    evaluation = dataset.evaluation
    classes = len(dataset.class_names)
    results: dict = {}

    def cached(file, make, pipe="distilled"):
        if (file, pipe) not in results:
            results[file, pipe] = make()
        return results[file, pipe]

    def logits(pipe: str) -> np.ndarray:
        return np.asarray(logits_of_each(model, networks[pipe], evaluation.images))

    def made(other: str) -> Context:
        values = _options(other, options if other == name else {})
        return Context(options=values, of=made, **shared)

    shared = {
        "dataset": dataset,
        "evaluation": evaluation,
        "model": model,
        "key": partial(named, jax.random.key(seed)),
        "ipc": 0 if sets is None else -(-sets.images.shape[1] // classes),
        "sets": sets,
        "networks": networks,
        "logits": cache(logits),
        "estimate": lambda pipe, values: mean_interval(values),
        "cached": cached,
        "variants": dict,
        "undefended": lambda: networks["full_data"],
        "save": lambda file, content: None,
        "save_curves": lambda curve, value: None,
    } | (fields or {})
    return made(name)


def _options(name: str, given: dict[str, Any]) -> SimpleNamespace:
    """The options of an audit as attributes, and those of its attacks or scores."""
    found = entry("audit", name)
    values = {option.name: option.default for option in found.options}
    if unknown := given.keys() - values.keys():
        raise InputError(
            f"audit {name!r} has no option {min(unknown)!r}; it has {', '.join(values)}"
        )
    own = {
        e.name: SimpleNamespace(**{option.name: option.default for option in e.options})
        for e in entries("attack", "score")
        if e.options and e.prefix.startswith(found.prefix)
    }
    return SimpleNamespace(**own | values | given)
