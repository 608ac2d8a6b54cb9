"""DP-SGD on the full data, at the epsilon and delta of the private synthetic set."""

from collections.abc import Callable
from functools import partial

import jax.numpy as jnp
import numpy as np

from dd_jax.audits.learning_curve_audit import halving_steps
from dd_jax.run.cached import (
    cache_dir,
    locked,
    one_per_call,
    read_or_make,
    stage_loop,
)
from dd_jax.run.context import RunContext, augmentation
from dd_jax.runtime.keys import stack
from dd_jax.runtime.reuse import reused
from dd_jax.train import Trainer
from dd_jax.train.evaluate import predictions
from dd_jax.train.many import train_on_rows
from dd_jax.train.private.accounting import (
    Gaussians,
    epsilon_of,
    noise_multiplier_for,
    sampling_of,
)
from dd_jax.train.private.dp_sgd import private_trainer, steps_an_epoch
from dd_jax.train.private.noisy_gradient import Views
from dd_jax.types import Params

_EARLIER = 3  # evaluations before the last: after 1/8, 1/4 and 1/2 of the epochs


def cost_of(run: RunContext, epochs: int) -> Gaussians:
    """What some epochs cost, at the noise with which all of them keep to `dp.epsilon`.

    A row of train takes part in a step with the same probability in each training,
    that of shadows on half of the rows too.
    """
    dp = run.config.dp
    sampling = sampling_of(dp.sgd.batch, len(run.dataset.train.labels))
    each = steps_an_epoch(sampling)
    noise_multiplier = noise_multiplier_for(
        dp.epsilon, dp.delta, dp.sgd.epochs * each, sampling
    )
    return Gaussians(epochs * each, noise_multiplier, sampling)


def recipe_of(run: RunContext) -> Trainer:
    """How a network learns from rows by DP-SGD."""
    sgd = run.config.dp.sgd
    _, noise_multiplier, sampling = cost_of(run, sgd.epochs)
    return private_trainer(
        run.model,
        clip=sgd.clip,
        noise_multiplier=noise_multiplier,
        sampling=sampling,
        views=views_of(run),
    )


def views_of(run: RunContext) -> Views | None:
    """What DP-SGD sees of a row: random views by `train.augment`, None for none."""
    config, data = run.config, run.dataset
    augment = augmentation(config.train.augment, data.mean, data.std).independent
    return _views(augment, config.dp.sgd.views) if config.dp.sgd.views else None


@reused
def _views(augment: Callable, count: int) -> Views:
    return lambda key, image: augment(key, jnp.repeat(image, count, 0))


def networks_by_dp_sgd(run: RunContext, epochs: int | None = None) -> Params:
    """`train.full_nets` networks by DP-SGD on all rows of train.

    With `epochs`, the networks after that number of epochs of the same training.
    """
    config, data = run.config, run.dataset.train
    keys = stack(run.key("dp_sgd"), config.train.full_nets)
    schedule = one_per_call(epochs or config.dp.sgd.epochs)
    loop = stage_loop(run, "dp_sgd", cache_dir(run, "dp_sgd"), "DP-SGD")
    lr = config.dp.sgd.lr
    return train_on_rows(recipe_of(run), keys, data, None, lr, schedule, loop)


def earlier_accuracy(run: RunContext) -> dict[int, float]:
    """Epochs, in order and before the last, to the mean accuracy of networks there.

    Training goes on from each to the next, so that they cost no further epochs: they
    come before `networks_by_dp_sgd`. Empty without DP-SGD.
    """
    found = {}
    for epochs in halving_steps(run.config.dp.sgd.epochs, _EARLIER):
        path = cache_dir(run, "dp_sgd", name="dp_sgd_accuracy") / f"{epochs}.npz"
        with locked(run, path):
            kept = read_or_make(path, partial(_evaluated, run, epochs))
        found[epochs] = kept["accuracy"]
    return found


def _evaluated(run: RunContext, epochs: int) -> dict:
    images, labels, _ = run.evaluation
    networks = networks_by_dp_sgd(run, epochs)
    predicted = predictions(run.model, networks, jnp.asarray(images))
    return {"accuracy": float((predicted == labels).mean())}


def spent_by_dp_sgd(run: RunContext, logits: Callable[[str], np.ndarray]) -> dict:
    """What DP-SGD cost, and what it cost by the time that it was as good as the set.

    Args:
      run: the run.
      logits: `PIPE -> f32[s n k]` of its networks on the evaluation images.

    Returns:
      `dp_sgd`, a part of `differential_privacy` of the Record; `epsilon_at_accuracy` is
      that of the first of the `evaluated` epochs whose accuracy is no lower than the
      set's, None without one. With noise for fewer steps it may be less. Empty without
      DP-SGD.
    """
    dp, labels = run.config.dp, run.evaluation.labels
    if not dp.sgd.epochs:
        return {}
    accuracy = lambda pipe: float((logits(pipe).argmax(-1) == labels).mean())
    distilled = accuracy("distilled")
    of_epochs = earlier_accuracy(run) | {dp.sgd.epochs: accuracy("dp_sgd")}
    rows = [
        {
            "epochs": epochs,
            "epsilon": epsilon_of([cost_of(run, epochs)], dp.delta),
            "accuracy": reached,
        }
        for epochs, reached in of_epochs.items()
    ]
    enough = (row["epsilon"] for row in rows if row["accuracy"] >= distilled)
    steps, noise_multiplier, sampling = cost_of(run, dp.sgd.epochs)
    found = {
        "epsilon": rows[-1]["epsilon"],
        "steps": steps,
        "sampling": sampling,
        "clip": dp.sgd.clip,
        "noise_multiplier": noise_multiplier,
        "evaluated": rows,
        "epsilon_at_accuracy": next(enough, None),
    }
    return {"dp_sgd": found}
