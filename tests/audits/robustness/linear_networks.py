"""Two linear networks of two classes, whose robust accuracy has a closed form."""

import jax.numpy as jnp
import numpy as np

N, SHAPE, S = 10, (3, 2, 1), 2
IMAGES = np.random.default_rng(0).uniform(0.3, 0.7, (N, *SHAPE)).astype(np.float32)
LABELS = np.arange(N) % 2
PARAMS = {"w": jnp.asarray(np.random.default_rng(1).normal(size=(S, 6)), jnp.float32)}


def apply(params, images):
    """`logits = (0, w (x - 0.5))`."""
    score = (images.reshape(len(images), -1) - 0.5) @ params["w"]
    return jnp.stack([jnp.zeros_like(score), score], -1)


NETWORKS = apply, PARAMS, IMAGES, LABELS


def signed_scores():
    """`f64[s n]`, positive where the clean image is right, and weights `f64[s d]`."""
    w = np.asarray(PARAMS["w"], np.float64)
    score = (IMAGES.reshape(N, -1).astype(np.float64) - 0.5) @ w.T
    return np.where(LABELS[:, None] == 1, score, -score).T, w


def closed_form(eps, dual):
    """`bool[s e n]`: the signed score exceeds `eps * ||w||` of the dual norm."""
    signed, w = signed_scores()
    lengths = np.linalg.norm(w, dual, axis=1)
    return signed[:, None] > eps[None, :, None] * lengths[:, None, None]
