"""Fair distillation: groups of a class count alike, or more where matched worse."""

from typing import Any, NamedTuple

import jax.numpy as jnp

from dd_jax.distill.base import Batch, Method, Real
from dd_jax.distill.wrappers.group_dro import among, exponentiated
from dd_jax.distill.wrappers.group_means import equal_groups, mean_of_each
from dd_jax.distill.wrappers.matched_batch import matched, with_matched
from dd_jax.runtime.reuse import reused
from dd_jax.types import Array, InputError, Key, Model


class DroState(NamedTuple):
    """State of the method, and `log q` of classes, `f32[k]`, or groups, `f32[k g]`."""

    learned: Any
    log_q: Array


@reused
def fair(
    method: Method, model: Model, *, form: str, over: str, eta: float, groups: int
) -> Method:
    """Distils so that the groups of a class count alike, or those matched worst more.

    With `r_cg` what the method matches of group g of class c (a mean of features or of
    gradients), `s_c` the same of the synthetic images and D the method's distance:

    | form | loss | real batch |
    |---|---|---|
    | `balanced` | `sum_c D(mean_g r_cg, s_c)` | as many rows of each group of a class |
    | `barycentre` | `sum_c D(mean_g r_cg, s_c)` | random rows of a class |
    | `fairdd` | `sum_c sum_g D(r_cg, s_c)` | random rows of a class |
    | `dro` over groups | `sum_c sum_g q_cg D(r_cg, s_c)` | as `balanced` |
    | `dro` over classes | `k sum_c q_c D(r_c, s_c)` | random rows of a class |

    Groups are those that the batch has of a class; `group_dro` has q. What is matched
    is linear in the weights of real images, so that `balanced` and `barycentre` differ
    in the draw alone. With a squared distance D the gradient of `fairdd` is that of
    `barycentre` times the number of groups: to compare them, its learning rate is
    divided by it. With one group all forms over groups are the method itself. Networks
    that train on real images between steps (IDC) see them as they are.

    FairDD: Zhou et al. (2024), arXiv:2411.19623; barycentre: COBRA (2026),
    arXiv:2605.00185; DRO: Sagawa et al. (2020), arXiv:1911.08731.
    Differs from these in: networks of COBRA are not trained on the set beforehand but
    as the method has it; q is of the groups of each class on their own, or of classes.

    Args:
      method: one that matches weighted means of a `Batch`; for `balanced` any whose
        `sample` gives a `Batch` of real images, or holds one as `match`.
      model: the family of networks; it has no part.
      form: one of the table; `none` leaves the method as it is.
      over: `groups` of each class, or `classes`; of `dro` alone.
      eta: of DRO, the rate at which q grows.
      groups: number of groups in the data.

    Returns:
      A `Method`; the same arguments give the same object.

    Raises:
      InputError: in `sample`, a batch without groups.
    """
    if form == "none" or not method.steps:
        return method
    over_classes = form == "dro" and over == "classes"
    equal_numbers = form == "balanced" or (form == "dro" and not over_classes)
    averaged = form in ("balanced", "barycentre")

    def weights_of(batch: Batch) -> Batch:
        if over_classes:
            return batch._replace(importance=jnp.ones(len(batch.weights)))
        if batch.groups is None:
            raise InputError(
                "mitigate.fair: the method's real batches tell no groups; draw them by "
                "dd_jax.distill.base.draw"
            )
        return (equal_groups if averaged else mean_of_each)(batch, groups)

    def sample(key: Key, real: Real):
        strata = real.groups if equal_numbers else None
        drawn = method.sample(key, real._replace(strata=strata))
        return with_matched(drawn, weights_of(matched(drawn)))

    fairer = method._replace(sample=sample)
    return _by_need(fairer, over_classes, eta, groups) if form == "dro" else fairer


def _by_need(method: Method, over_classes: bool, eta: float, groups: int) -> Method:
    """A method whose loss terms count by q, which follows from earlier ones."""

    def init(key: Key, real: Real) -> DroState:
        classes = len(real.counts)
        shape = (classes,) if over_classes else (classes, groups)
        return DroState(method.init(key, real), jnp.full(shape, -jnp.log(shape[-1])))

    def update(key: Key, state: DroState, drawn):
        batch = matched(drawn)
        present = batch.importance
        scale = len(present) if over_classes else 1
        importance = scale * among(state.log_q, present)
        drawn = with_matched(drawn, batch._replace(importance=importance))
        learned, info = method.update(key, state.learned, drawn)
        log_q = exponentiated(state.log_q, info["terms"] * present, eta)
        return DroState(learned, log_q), info

    read = lambda state: method.read(state.learned)
    return method._replace(init=init, update=update, read=read)
