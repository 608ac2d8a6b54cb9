"""The shadows of a run's pipelines: what membership inference is tested on."""

from collections.abc import Callable

from dd_jax.audits.audit import ON_ROWS
from dd_jax.distill.pipeline import distil_then_train, train_on_data
from dd_jax.run.cached import (
    cache_dir,
    distillation_steps,
    in_ten_calls,
    one_per_call,
    run_dir,
    stage_loop,
)
from dd_jax.run.context import RunContext
from dd_jax.run.dp_sgd_baseline import recipe_of
from dd_jax.run.methods import batched_method_of, experts_of, method_of
from dd_jax.run.taught import teacher_of
from dd_jax.train.many import train_on_sets
from dd_jax.types import Array, Params, Pipeline, Split, SyntheticSet


def _shadow_loop(run: RunContext, pipe: str, stage: str) -> Callable:
    """The loop of one stage of a pipeline's shadows.

    Those of baselines are shared by runs, so that their seconds count apart.
    """
    seconds = "shadow_distill" if stage == "distil" else "shadows"
    label = f"{seconds.replace('_', ' ')}, {pipe}"
    if pipe == "distilled":
        return stage_loop(run, seconds, run_dir(run, f"shadow_{stage}"), label)
    part = f"{pipe}_shadows"
    folder = cache_dir(run, part, name=f"shadow_{stage}")
    return stage_loop(run, part, folder, label)


def shadow_pipeline(
    run: RunContext,
    pipe: str,
    data: Split,
    *,
    joint: bool = False,
    halves: bool = True,
) -> Pipeline:
    """The pipeline that shadows are made of, by the name that Records use.

    Args:
      run: the run.
      pipe: `distilled`, `random_subset`, `full_data` or `dp_sgd`.
      data: the rows that members are drawn from.
      joint: whether shadows share networks and real batches.
      halves: whether each of joint shadows has half of the rows that they draw.
    """
    config = run.config
    if pipe in ON_ROWS:
        recipe, lr, epochs = run.trainer, config.train.lr, config.train.full_epochs
        if pipe == "dp_sgd":
            recipe, lr, epochs = recipe_of(run), config.dp.sgd.lr, config.dp.sgd.epochs
        loop = _shadow_loop(run, pipe, "nets")
        return train_on_data(recipe, data, lr, one_per_call(epochs), loop)
    return distil_then_train(
        method_of(run, config.distill.method if pipe == "distilled" else "random"),
        run.trainer,
        data,
        distillation_steps(run),
        in_ten_calls(config.audits.privacy.epochs),
        (_shadow_loop(run, pipe, "distil"), _shadow_loop(run, pipe, "nets")),
        experts_of(run, data, shadows=True),
        batched=batched_method_of(run, halves) if joint else None,
        teacher=teacher_of(run) if pipe == "distilled" else None,
    )


def shadow_networks(
    run: RunContext, pipe: str, keys: Array, sets: SyntheticSet
) -> Params:
    """Further networks on sets of shadows, trained as their pipeline does."""
    epochs = in_ten_calls(run.config.audits.privacy.epochs)
    loop = _shadow_loop(run, pipe, "nets")
    return train_on_sets(run.trainer, keys, sets, epochs, loop)
