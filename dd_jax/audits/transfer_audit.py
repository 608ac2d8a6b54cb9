"""The transfer audit of a run: adversarial images of each network on all others."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial

import jax
import numpy as np

from dd_jax.audits import robustness, transfer
from dd_jax.audits.audit import Audit, Context, no_check
from dd_jax.audits.robustness import Curve
from dd_jax.system.progress import shown

ATTACK = "pgd_linf"


def networks_of(context: Context) -> dict[str, transfer.Networks]:
    """The networks attacked of each pipeline, architecture and method."""
    most = context.of("robustness").options.nets
    return {
        pipe: transfer.Networks(context.model.apply, context.first_networks(pipe, most))
        for pipe in context.networks
    } | {
        name: transfer.Networks(model.apply, params)
        for name, (model, params) in context.variants().items()
    }


def transferred(
    context: Context,
    groups: Mapping[str, transfer.Networks],
    each: Callable[[Iterable[str]], Iterable[str]] = iter,
) -> dict[tuple[str, str], Curve]:
    """PGD's images of each group of networks on those of all others.

    At the radii and steps of the robustness audit, on its images.

    Args:
      context: of the transfer audit.
      groups: name -> networks.
      each: goes through the names, and may show how far it is.

    Returns:
      `(source, target) -> Curve`; from files where they have been measured.
    """
    options = context.of("robustness").options
    images, labels = context.sample("attacked rows", options.images)
    radii = np.array(options.eps_linf)
    curves = {}
    for i, source in enumerate(each(groups)):
        key = jax.random.fold_in(context.key("transfer"), i)
        task = key, ATTACK, source, groups, images, labels, radii
        chunk = robustness.attacked_at_once(*groups[source], images, len(radii))
        make = partial(_as_dicts, *task, chunk=chunk, steps=options.steps)
        for target, curve in context.cached(str(i), make).items():
            curves[source, target] = Curve(**curve)
    return curves


def _as_dicts(*task, **settings) -> dict[str, dict]:
    found = transfer.curves_from(*task, **settings)
    return {target: curve._asdict() for target, curve in found.items()}


def measure(context: Context) -> list[dict]:
    """The accuracy of each group of networks on the adversarial images of all others.

    Returns:
      Rows, see `dd_jax.audits.transfer.record`.
    """
    groups = networks_of(context)
    each = partial(shown, label="transfer of attacks")

    def estimate(target: str, values: np.ndarray) -> dict:
        on_our_sets = target in context.options.architectures
        return context.estimate("distilled" if on_our_sets else target, values)

    return transfer.record(transferred(context, groups, each), ATTACK, groups, estimate)


AUDIT = Audit("transfer", no_check, measure)
