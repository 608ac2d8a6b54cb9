"""The corruption audit of a run: accuracy on noisy, blurred, compressed images."""

from functools import partial

from dd_jax.audits import corruptions
from dd_jax.audits.audit import Audit, Context, no_check
from dd_jax.system.progress import shown


def measure(context: Context) -> dict:
    """All networks on the same corrupted images.

    Returns:
      See `dd_jax.audits.corruptions.record`.
    """
    images, labels = context.sample("corrupted rows", context.options.images)
    found: dict[str, dict] = {pipe: {} for pipe in context.networks}
    for name in shown(corruptions.CONDITIONS, "corruptions"):
        task = context.key("corruptions"), context.model, context.networks, name
        make = partial(corruptions.corruption_accuracy, *task, images, labels)
        for pipe, values in context.cached(name, make).items():
            found[pipe][name] = values
    return corruptions.record(found, len(labels), context.estimate)


AUDIT = Audit("corruptions", no_check, measure)
