"""Checks of what attacks and their audits are given: images, labels, radii, logits."""

import chex
import numpy as np

from dd_jax.types import Array, InputError


def assert_batch(images: Array, labels: Array) -> None:
    """Static checks of a batch under attack, free of cost within jit.

    Args:
      images: `f32[n h w c]`.
      labels: `i32[n]`.

    Raises:
      InputError: another rank or dtype, or counts that differ.
    """
    right = f"an attack takes images f32[n h w c] and labels i32[n], not {_of(images)}"
    how = {
        "exception_type": InputError,
        "include_default_message": False,
        "custom_message": f"{right} and {_of(labels)}",
    }
    chex.assert_rank([images, labels], [4, 1], **how)
    chex.assert_equal_shape_prefix([images, labels], 1, **how)
    chex.assert_type([images, labels], [float, int], **how)


def _of(array: Array) -> str:
    return f"{array.dtype}{list(array.shape)}"


def check_inputs(images: Array, labels: Array, eps: Array, chunk: int) -> None:
    """Checks of values that an attack audit is given.

    Args:
      images: `f32[n h w c]` in [0, 1].
      labels: `i32[n]`.
      eps: `f32[e]`, radii, finite and at least 0.
      chunk: batch size, at least 1.

    Raises:
      InputError: other shapes, pixels that are no floats in [0, 1], labels that are no
        integers, a negative or infinite radius.
    """
    if images.ndim != 4 or not len(images):
        raise InputError(
            f"attacked images have shape {images.shape}; "
            "it must be (n, h, w, c) with n 1 or more"
        )
    if images.dtype.kind != "f" or not (images.min() >= 0 and images.max() <= 1):
        raise InputError(
            f"attacked images are {images.dtype} in [{images.min()}, {images.max()}];"
            " they must be floats in [0, 1], so divide 8-bit pixels by 255"
        )
    if labels.shape != (len(images),):
        raise InputError(
            f"labels of attacked images have shape {labels.shape}; "
            f"{len(images)} images need ({len(images)},)"
        )
    if labels.dtype.kind not in "iu":
        raise InputError(
            f"labels of attacked images are {labels.dtype}; they must be integers"
        )
    if eps.ndim != 1 or not len(eps) or not ((eps >= 0) & np.isfinite(eps)).all():
        raise InputError(
            f"attack eps is {eps.tolist()}; it must be a list of finite radii, each 0+"
        )
    if chunk < 1:
        raise InputError(f"attack chunk is {chunk}; it must be 1 or more")


def check_logits(logits: Array, labels: Array | None = None) -> None:
    """Checks of a model's outputs: logits, since gradients of probabilities vanish.

    Args:
      logits: `f32[... k]`, outputs on clean images.
      labels: `i32[n]` of the images.

    Raises:
      InputError: fewer than 2 classes, all rows lie in [0, 1] and sum to 1, some output
        is not finite, or a label has no output.
    """
    logits = np.asarray(logits)
    if logits.shape[-1] < 2:
        raise InputError(
            "the model under attack has 1 output; attacks need 2 classes or more"
        )
    if not np.isfinite(logits).all():
        raise InputError(
            "the model under attack gives outputs that are not finite on clean images; "
            "train it again, or check its normalisation"
        )
    sums_to_one = np.allclose(logits.sum(-1), 1.0, atol=1e-4)
    if sums_to_one and logits.min() >= 0 and logits.max() <= 1:
        raise InputError(
            "the model under attack gives probabilities (rows in [0, 1] that sum to 1);"
            " attacks need logits, so drop its softmax"
        )
    classes = logits.shape[-1]
    if labels is not None and not (0 <= labels.min() and labels.max() < classes):
        raise InputError(
            f"labels of attacked images are {labels.min()} to {labels.max()}; the "
            f"model under attack has outputs 0 to {classes - 1}"
        )
