"""Builds a `Model` of pure functions by name; the only file that calls Flax modules."""

import inspect

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from dd_jax.catalogue import Registry
from dd_jax.models.layers import Linear
from dd_jax.models.normalisation import standard_space
from dd_jax.runtime.reuse import reused
from dd_jax.types import InputError, Model, Space

MODELS = Registry("model")

_WEIGHTS, _STATISTICS = "params", "batch_stats"  # Flax's collections


class Classifier(nn.Module):
    """A linear layer in f32 on the features of a backbone."""

    backbone: nn.Module
    num_classes: int

    @nn.compact
    def __call__(self, x, train: bool):
        """Maps `f32[n h w c]` to logits and features."""
        features = self.backbone(x, train)
        return Linear(self.num_classes, exact=True)(features), features


def _architecture(name):
    if name not in MODELS:
        raise InputError(f"model.name is {name!r}; known: {', '.join(MODELS)}")
    return MODELS[name]


def minimum_size(name: str) -> int:
    """Side below which the architecture up-samples its images (bilinear)."""
    return _minimum_size(_architecture(name))


def _minimum_size(architecture) -> int:
    return getattr(architecture, "minimum_size", 1)


def field_names(name: str) -> frozenset[str]:
    """Names of the choices that the architecture offers, as `build` takes them.

    >>> sorted(field_names("resnet18"))
    ['norm']
    """
    known = getattr(_architecture(name), "__dataclass_fields__", None)
    if known is None:
        raise InputError(f"model {name!r} is no Flax module, a class of nn.Module")
    return frozenset(known) - {"name", "parent"}


def describe_architecture(name: str) -> str:
    """A description of an architecture, for training it without this package."""
    words = " ".join(inspect.getdoc(_architecture(name)).split())
    return (
        f"{words} One linear layer from there to the logits. Norms have an eps of "
        "1e-5, a scale that starts at 1 and an offset at 0. All other weights and "
        "biases start from U(-1/sqrt(fan_in), 1/sqrt(fan_in))."
    )


def build(
    name: str,
    num_classes: int,
    image_shape: tuple[int, int, int],
    *,
    mean: tuple[float, ...] | None = None,
    std: tuple[float, ...] | None = None,
    space: Space | None = None,
    **kw,
) -> Model:
    """Builds a network; the same arguments give the same object, so no recompilation.

    Args:
      name: a key of `MODELS`.
      num_classes: number of logits.
      image_shape: height, width, channels.
      mean: per-channel mean of the data, in units of [0, 1]; default 0.
      std: per-channel standard deviation of the data; default 1. The model sees
        `(x - mean) / std`.
      space: what it sees instead, such as whitened images: `data.zca.zca_space`.
      **kw: fields of the architecture, such as `width`, `depth` and `norm`.

    Returns:
      A `Model` for images `f32[n h w c]` in [0, 1].

    Raises:
      InputError: unknown name or field; a shape, mean or deviation of another length,
        or a deviation that is not positive.

    >>> model = build("convnet", 10, (28, 28, 1), width=128)
    >>> params = jax.eval_shape(model.init, jax.random.key(0))
    >>> sum(leaf.size for leaf in jax.tree.leaves(params))
    317706
    """
    unknown = set(kw) - field_names(name)
    if unknown:
        known = ", ".join(sorted(field_names(name))) or "none"
        raise InputError(
            f"model {name!r} has no {', '.join(sorted(unknown))}; its fields: {known}"
        )
    if len(image_shape) != 3:
        raise InputError(f"image_shape={image_shape}: need height, width, channels")
    for word, value in (("mean", mean), ("std", std)):
        if value is not None and np.shape(value) != (image_shape[2],):
            raise InputError(
                f"{word}={value}: need a number for each of {image_shape[2]} channels"
            )
    if std is not None and min(std) <= 0:
        raise InputError(f"std={std}: need numbers above 0")
    choices, shape = tuple(sorted(kw.items())), tuple(map(int, image_shape))
    seen = (None if v is None else tuple(map(float, v)) for v in (mean, std))
    return _built(_architecture(name), choices, num_classes, shape, *seen, space)


@reused
def _built(architecture, choices, num_classes, image_shape, mean, std, space) -> Model:
    """By the architecture itself: a notebook may register another under its name."""
    module = Classifier(architecture(**dict(choices)), num_classes)
    h, w, c = image_shape
    side = _minimum_size(architecture)
    mean, std = mean or (0.0,) * c, std or (1.0,) * c
    space = space or standard_space(mean, std)
    seen = max(h, side), max(w, side), c

    def prepare(images):
        chex.assert_shape(images, (None, *image_shape))
        chex.assert_type(images, float)  # pixels in [0, 1], not bytes
        x = space.enter(images)
        if min(h, w) < side:
            x = jax.image.resize(x, (x.shape[0], *seen), "bilinear")
        return x

    def init(key):  # depends only on the shape
        return dict(module.init(key, jnp.zeros((1, *seen)), False))

    def apply(params, images):
        return module.apply(params, prepare(images), False)[0]

    def features(params, images, train=False):
        if not train:
            return module.apply(params, prepare(images), False)[1]
        (_, features), _ = module.apply(
            params, prepare(images), True, mutable=[_STATISTICS]
        )
        return features

    def train_apply(params, images):
        (logits, _), statistics = module.apply(
            params, prepare(images), True, mutable=[_STATISTICS]
        )
        return logits, dict(statistics)

    return Model(
        init,
        apply,
        features,
        train_apply,
        space,
        mean,
        std,
        trainable=lambda params: params[_WEIGHTS],
        with_trainable=lambda params, weights: params | {_WEIGHTS: weights},
        has_batch_stats=_STATISTICS in jax.eval_shape(init, jax.random.key(0)),
    )
