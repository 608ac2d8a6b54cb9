"""Matching of means in networks between the start and the end of their training."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from dd_jax.distill.base import Batch, Experts, Method, Real, draw
from dd_jax.distill.loss_matching import augmented, siamese, weighed
from dd_jax.distill.methods.distribution_matching import class_means, synthetic_means
from dd_jax.distill.methods.flat_weights import unraveller
from dd_jax.distill.methods.network_loss import network_loss
from dd_jax.distill.parametrisation.protocol import flattened
from dd_jax.distill.parametrisation.synthetic_images import synthetic, synthetic_pixels
from dd_jax.distill.signatures import passes_on
from dd_jax.distill.traced import switched_on
from dd_jax.train.training import unchanged
from dd_jax.types import Array, Key, Model, Params, SyntheticSet


class PairSample(NamedTuple):
    """Real images to match, an expert's start and end `f16[2 p]`, a place between."""

    match: Batch
    path: Array
    place: Array


def expert_loss(model: Model, params: Params, synthetic_batch: SyntheticSet) -> Array:
    """Sum over classes of a network's mean cross-entropy on their images, `f32[]`."""
    per_class, flat = synthetic_batch.images.shape[1], flattened(synthetic_batch)
    weights = jnp.full(len(flat.images), 1 / per_class)
    return network_loss(model, params, weights, flat.images, flat.labels)


@passes_on(synthetic, "space", "clamp", "lr_lr")
def interpolated_matching(
    model: Model,
    distances: Callable[[Array, Array], Array],
    *,
    ipc: int,
    init: str = "real",
    batch_real: int = 64,
    augment: Callable[[Key, Array], Array] = unchanged,
    lr: float,
    experts: int = 5,
    expert_epochs: int = 20,
    expert_lr: float = 0.01,
    expert_weight: float = 1.0,
    factor: int = 2,
    embedding: Model | None = None,
    drawn_with: Callable[[Key, Params, int], Params] = lambda key, params, d: params,
    **images,
) -> Method:
    """Matches class means in one network of each step, and the loss of its end.

    With an expert's weights w_0 before and w_T after its training, and l uniform in
    [0, 1], each step takes two steps of descent, first on
    `sum_c D(mean_i f(A_c(x_ci); w), mean_j f(A_c(s_cj); w))`, `w = l w_0 + (1 - l)
    w_T`, with one augmentation A_c for both sides of class c, and then on
    `b sum_c mean_j CE(A'_c(s_cj); w_T)`. Stored images in [0, 1] hold `factor^2`
    synthetic ones each, as in IDC.

    Args:
      model: the network of the experts.
      distances: `(f32[k d] or f32[k g d], f32[k d]) -> f32[k] or f32[k g]`, D.
      ipc: stored images a class.
      init: see `synthetic`.
      batch_real: real images a class and step.
      augment: `(key, f32[n h w c]) -> f32[n h w c]`, one operation for all images.
      lr: learning rate of the stored images.
      experts: networks trained as experts, with momentum and weight decay as networks
        on a set, at a constant learning rate.
      expert_epochs: T, epochs that they train for.
      expert_lr: their learning rate.
      expert_weight: b; 0 leaves the second step out.
      factor: tiles along each side of a stored image.
      embedding: whose features f are matched, in place of the model's.
      drawn_with: `(key, params, d) -> params` of the embedding, of a network with d
        features.
      **images: see `synthetic`.

    Returns:
      A `Method` whose `sample` reads `Real.experts`.
    """
    unravel, embed = unraveller(model), embedding or model
    used = Experts((0, expert_epochs), experts, expert_lr, plain=False)
    learner = synthetic_pixels(
        ipc=ipc,
        init=init,
        noise_in=model.space,
        lr=lr,
        factor=factor,
        **images,
    )

    def sample(key: Key, real: Real) -> PairSample:
        if real.experts is None:
            raise ValueError(f"Real.experts has to hold the epochs {used.epochs}")
        match_key, expert_key, place_key = jax.random.split(key, 3)
        expert = jax.random.randint(expert_key, (), 0, len(real.experts))
        path = jnp.asarray(real.experts)[expert][jnp.array([0, -1])]
        place = jax.random.uniform(place_key)
        return PairSample(draw(match_key, real, batch_real), path, place)

    def update(key: Key, state, drawn: PairSample):
        match_key, embed_key, own_key = jax.random.split(key, 3)
        start, end = drawn.path.astype(jnp.float32)
        between = unravel(drawn.place * start + (1 - drawn.place) * end)
        features = partial(model.features, between)
        shape = jax.eval_shape(features, drawn.match.images[0]).shape
        between = drawn_with(embed_key, between, shape[-1])
        change = lambda key: partial(siamese, augment, key)
        real = class_means(embed, between, drawn.match, change(match_key))

        def matching(learned):
            ours = augmented(learner.decode(learned), change(match_key))
            terms = distances(real, synthetic_means(embed, between, ours))
            return weighed(terms, drawn.match.importance), terms

        found, gradient = jax.value_and_grad(matching, has_aux=True)(state.params)
        state = learner.update(state, gradient)
        info = dict(zip(("loss", "terms"), found))
        if not switched_on(expert_weight):
            return state, info

        def own(learned):
            ours = augmented(learner.decode(learned), change(own_key))
            return expert_weight * expert_loss(model, unravel(end), ours)

        info["expert_loss"], gradient = jax.value_and_grad(own)(state.params)
        return learner.update(state, gradient), info

    splits = not model.has_batch_stats
    return Method(
        learner.init, sample, update, learner.read, experts=used, splits=splits
    )
