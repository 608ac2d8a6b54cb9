"""Noise: what it reaches on a linear model, and that more draws never do worse."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dd_jax.attacks import ATTACKS
from dd_jax.types import InputError

KEY = jax.random.key(0)


def problem(pixels=1, n=200):
    """Two classes by the sum over pixels; all images of class 1 by 0.05 a pixel."""

    def logits_fn(images):
        score = (images - 0.5).sum((1, 2, 3))
        return jnp.stack([jnp.zeros_like(score), score], -1)

    return logits_fn, np.full((n, pixels, 1, 1), 0.55, np.float32), np.ones(n, int)


def right(steps, pixels=1, eps=0.1, **settings):
    logits_fn, images, labels = problem(pixels)
    attack = ATTACKS["noise"](eps, steps=steps, **settings)
    attacked = attack(KEY, logits_fn, images, labels)
    return np.asarray(logits_fn(attacked)).argmax(-1) == labels


def test_one_pixel_is_misclassified_with_its_probability():
    """u in [-0.1, 0.1] is below -0.05 with probability 1/4."""
    assert right(1).mean() == pytest.approx(0.75, abs=0.1)  # 3 standard errors
    assert right(4).mean() == pytest.approx(0.75**4, abs=0.1)


def test_more_draws_are_never_weaker():
    few, many = right(2), right(10)
    assert not (many & ~few).any() and many.sum() < few.sum()


def test_noise_does_not_add_up_over_many_pixels():
    """The sum of 400 uniforms of width 0.1 never comes near -20."""
    assert right(20, pixels=400).all()
    assert right(20, pixels=400, eps=2.0, norm="l2").all()


def test_no_draws_are_refused():
    with pytest.raises(InputError, match="steps=0"):
        ATTACKS["noise"](0.1, steps=0)
