"""The types that all of the package shares; imports none of its modules and no jax."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

Array = Any  # jax.Array or np.ndarray; shapes are stated in docstrings, f32[n h w c]
Key = Any  # a typed jax PRNG key
Params = Any  # a pytree of arrays: everything a model has learned


class InputError(ValueError):
    """Bad user input: one line that says what is wrong, where, and what is right.

    `launch.py` prints the message and exits with status 2.
    """


class DoesNotFit(InputError):
    """A stage of a run needs more memory than its device has, however it is cut."""


class Split(NamedTuple):
    """Some labelled images: `u8[n h w c]`, `i32[n]` and, where known, `i32[n]`."""

    images: np.ndarray
    labels: np.ndarray
    groups: np.ndarray | None = None


class Dataset(NamedTuple):
    """A labelled image data set, as `dd_jax.data.load` gives it.

    Attributes:
      train: rows that distillation and training may use.
      test: rows that reported numbers come from; touched once.
      class_names: one name a class; label `i` is `class_names[i]`.
      mean: per-channel mean of the pixels scaled to [0, 1], `c` floats.
      std: per-channel standard deviation of the same.
      name: the source it came from, such as `digits`, and how it was made uneven, such
        as `digits (long tail 100)`.
      checksum: hexadecimal digest of all arrays and the class names.
      validation: rows held out of train for tuning, or None.
      notes: what loading did that a user may not expect, a line each.
      sizes: `(height, width, images)` of each size as the source stores them, before
        rows were left out or images resized.
    """

    train: Split
    test: Split
    class_names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    name: str
    checksum: str
    validation: Split | None = None
    notes: tuple[str, ...] = ()
    sizes: tuple[tuple[int, int, int], ...] = ()

    @property
    def evaluation(self) -> Split:
        """The rows that numbers come from: validation where held out, else test."""
        return self.validation or self.test


class Space(NamedTuple):
    """Where networks see images and synthetic ones are learned.

    Attributes:
      enter: `f32[... h w c]` pixels in [0, 1] -> the same shape in this space.
      leave: back to pixels.
    """

    enter: Callable[[Array], Array]
    leave: Callable[[Array], Array]


PIXELS = Space(lambda images: images, lambda images: images)


class Model(NamedTuple):
    """A network as pure functions; images are `f32[n h w c]` in [0, 1].

    Normalisation is inside, given once: what learns or augments images for a model
    takes it from here. `params` holds all that the functions need, batch statistics
    beside the weights; `trainable` is the part of it that gradient descent learns.

    Attributes:
      init: `key -> params`.
      apply: `(params, images) -> logits f32[n k]`, as in evaluation.
      features: `(params, images, train=False) -> f32[n d]`, the input of the last
        layer; `train=True` normalises by the statistics of this batch, if any.
      train_apply: `(params, images) -> (logits f32[n k], statistics)`, as in training;
        `params | statistics` are the parameters with their statistics
        updated (an empty dict for models without any).
      space: what the network sees of images: normalised, or whitened by ZCA; synthetic
        images are learned there.
      mean: per-channel mean of pixels in [0, 1], by which augmentation normalises.
      std: per-channel standard deviation of the same.
      trainable: `params -> pytree` of the weights.
      with_trainable: `(params, pytree) -> params` with other weights.
      has_batch_stats: whether images of one batch see one another in training.
    """

    init: Callable[[Key], Params]
    apply: Callable[[Params, Array], Array]
    features: Callable[..., Array]
    train_apply: Callable[[Params, Array], tuple[Array, dict]]
    space: Space = PIXELS
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    trainable: Callable[[Params], Params] = lambda params: params
    with_trainable: Callable[[Params, Params], Params] = lambda params, weights: weights
    has_batch_stats: bool = False


class SyntheticSet(NamedTuple):
    """A distilled data set with all that training on it needs.

    Attributes:
      images: `f32[m h w c]` in pixel space.
      labels: `f32[m k]`, probabilities.
      lr: `f32[]`, the learning rate to train with.
      metadata: JSON-able provenance; None inside compiled code.
      views: `f32[v m k]`, the labels of v augmented views of each image, which
        training then sees in turn, see `train.views`; None where an image has one
        label.
      classes: `i32[m]`, the classes that the images are of, where their labels need not
        say it; None where the likeliest class of a label does.
    """

    images: Array
    labels: Array
    lr: Array
    metadata: dict | None = None
    views: Array | None = None
    classes: Array | None = None

    @property
    def image_classes(self) -> Array:
        """The class of each image, `i32[m]`."""
        return self.labels.argmax(-1) if self.classes is None else self.classes

    @property
    def with_hard_labels(self) -> "SyntheticSet":
        """The same images with their classes as one-hot labels."""
        numbers = np.arange(self.labels.shape[-1])
        hard = (self.image_classes[..., None] == numbers).astype(self.labels.dtype)
        return self._replace(labels=hard, views=None, classes=None)

    @property
    def soft(self) -> bool:
        """Whether some label is other than one-hot in the class of its image."""
        return not np.array_equal(self.with_hard_labels.labels, self.labels)


class Trained(NamedTuple):
    """What a pipeline ends in: the parameters of one trained network."""

    params: Params


class Pipeline(NamedTuple):
    """Everything between rows of the real data and a trained model.

    Attributes:
      distil: `(key, idx i32[r]) -> SyntheticSet`, or None where nothing is distilled.
      fit: `(key, SyntheticSet or idx) -> Trained`.
      many: `(keys key[s], member bool[s n]) -> (SyntheticSet[s] or None, Trained[s])`;
        where something is distilled also with `initial bool[s n]`, the rows that the
        first images are made from, which are those of `member` by default.
    """

    distil: Callable[[Key, Array], SyntheticSet] | None
    fit: Callable[[Key, Any], Trained]
    many: Callable[..., tuple[SyntheticSet | None, Trained]]


Record = dict[str, Any]  # one JSON row of results: nested keys, fractions
