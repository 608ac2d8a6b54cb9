"""The shape of a distillation method and the real data as it sees them."""

from collections.abc import Callable
from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from dd_jax.distill.traced import Traced
from dd_jax.train.training import as_pixels
from dd_jax.types import Array, Key, SyntheticSet


class Real(NamedTuple):
    """Labelled images and, for each class, which of them may be used.

    Attributes:
      images: `u8[n h w c]`.
      rows: `i32[k r]`; the first `counts[c]` entries of row c are that class's images,
        which the others repeat.
      counts: `i32[k]`.
      experts: `f16[e t p]`, the flat parameters of e networks trained on those images,
        after each of t epochs; None unless the method follows them.
      released: what left private rows with noise, `f32[r k d]`; a method that is given
        it has no access to the rows: `images` are blank, one of each class.
      secret: `u32[2]`, the key data of noise and batches of a method that makes its
        releases in its steps.
      groups: `i32[n]`, the group of each image, 0, 1, ...; None where data have none.
      strata: `i32[n]`; where given, `draw` takes equal numbers of the strata of a
        class, as far as they have rows.
    """

    images: Array
    rows: Array
    counts: Array
    experts: Array | None = None
    released: Array | None = None
    secret: Array | None = None
    groups: Array | None = None
    strata: Array | None = None


class Batch(NamedTuple):
    """Images of every class, some of which may be fillers.

    Attributes:
      images: `f32[k b h w c]` in [0, 1].
      weights: `f32[k b]`, of each image in the mean of its class, 0 for a filler; or
        `f32[k g b]`, in each of g means of the class that a method is to match.
      groups: `i32[k b]`, as in `Real`.
      importance: `f32[k]` or `f32[k g]`, of the loss of each mean; None is 1.
    """

    images: Array
    weights: Array
    groups: Array | None = None
    importance: Array | None = None


class Experts(NamedTuple):
    """The networks that a method follows, trained on the real rows.

    Attributes:
      epochs: those that `Real.experts` has to hold, in ascending order.
      count: networks.
      lr: learning rate, which stays as it is.
      kept_epochs: least number of first epochs stored, for other runs to share.
      plain: whether they train by plain gradient descent; else with the momentum and
        weight decay of networks on sets.
      teaches: whether they label or choose images; the set follows no teacher, which is
        trained without the penalties of experts and stored with its batch statistics.
    """

    epochs: tuple[int, ...]
    count: int = 10
    lr: float = 0.01
    kept_epochs: int = 0
    plain: bool = True
    teaches: bool = False

    @property
    def stored(self) -> tuple[int, ...]:
        """The epochs that are stored.

        >>> Experts((1, 3)).stored, Experts((1, 3), kept_epochs=4).stored
        ((1, 3), (0, 1, 2, 3, 4))
        """
        if not self.kept_epochs:
            return self.epochs
        return tuple(range(max(self.epochs[-1], self.kept_epochs) + 1))

    def used(self, paths: np.ndarray) -> np.ndarray:
        """Of paths with the stored epochs, `[e t p]`, those that the method reads."""
        if self.stored == self.epochs:
            return paths
        return paths[:, np.isin(self.stored, self.epochs)]


class Releases(NamedTuple):
    """Statistics of private rows that a method learns from, and from nothing else.

    Attributes:
      count: how many, each with noise of its own.
      clip: largest L2 norm of what one row adds to one of them.
      noise_multiplier: standard deviation of the noise over `clip`.
      sampling: probability with which each row takes part in a release, on its own
        (Poisson); 1 is all rows every time.
      in_steps: whether each step makes one from the rows, by `Real.secret`; else all
        are made before the first step, and steps are given `Real.released` alone.
    """

    count: int
    clip: float
    noise_multiplier: float
    sampling: float = 1.0
    in_steps: bool = False


class Method(NamedTuple):
    """A distillation algorithm as four functions.

    A factory is `(model, *, ipc, init="real", ...) -> Method`, and its signature names
    all that it takes. The same thing has the same name in every method:

    | keyword | what |
    |---|---|
    | `ipc` | stored images a class |
    | `init` | what images start from: `noise`, `real` or the name of a selection |
    | `lr`, `momentum`, `optimizer` | of the descent on the stored images |
    | `lr_labels` | learning rate of the soft labels' logits; 0 keeps labels one-hot |
    | `train_lr` | learning rate that networks are to be trained with on the set |
    | `lr_lr` | learning rate of the logarithm of `train_lr`; 0 keeps it |
    | `allocation` | stored images of each class, where not `ipc` of each |
    | `factor`, `multi` | synthetic images in the tiles of a stored one (IDC) |
    | `batch_real` | real images a class and step |
    | `augment` | `(key, images) -> images`, the same for real and synthetic (siamese) |
    | `augment_net` | the same for each image on its own, in inner-loop training |
    | `augment_student` | the same for each image on its own, of a student's batches |
    | `distance` | between gradients: a key of `DISTANCES` |
    | `penalty` | added to the loss of each real image; see `curvature_penalty` |
    | `outer_steps` | outer steps (updates of the images) with one network |
    | `net_epochs`, `net_steps` | inner-loop training of a network between two of them |
    | `cutmix_net` | share of the batches of inner-loop training that CutMix mixes |
    | `student_steps`, `expert_epochs`, `min_start`, `max_start`, `first_max_start`, \
      `growth`, `batch_student`, `tesla`, `label_epoch` | trajectory matching |
    | `experts`, `expert_lr`, `kept_epochs`, `student_lr` | of its experts, students |
    | `expert_weight` | of the loss that trained experts have on the set |
    | `pool`, `ridge` | FRePo |
    | `window`, `unroll`, `inner_lr` | RaT-BPTT: a network's steps on the set |
    | `releases` | what a form for private rows learns from |

    Attributes:
      init: `(key, Real) -> state`; runs on the host.
      sample: `(key, Real) -> batch`; pure.
      update: `(key, state, batch) -> (state, info)`; pure, `info["loss"]` is `f32[]`
        and nothing in `info` is needed to continue. A method that matches means of its
        `Batch` has the loss of each in `info["terms"]`, `f32[k]` or `f32[k g]`.
      read: `state -> SyntheticSet`; pure.
      steps: whether `update` does anything; selection methods end at `init`.
      experts: those that it follows, if any.
      releases: what it learns from where rows are private.
      made: `state -> i32[]`, the releases that its steps have made so far, of a method
        whose steps make them.
      traced: what makes `sample` and `update` of float hyper-parameters that are inputs
        of compiled programs; None where all are constants.
      splits: whether `update` cuts its work by `runtime.split_work`, so that several
        devices share it; where it does not, one set learns on one device.
    """

    init: Callable[[Key, Real], Any]
    sample: Callable[[Key, Real], Any]
    update: Callable[[Key, Any, Any], tuple[Any, dict[str, Array]]]
    read: Callable[[Any], SyntheticSet]
    steps: bool = True
    experts: Experts | None = None
    releases: Releases | None = None
    made: Callable[[Any], Array] | None = None
    splits: bool = False
    traced: Traced | None = None


def real_data(
    images: np.ndarray, labels: np.ndarray, members=None, groups=None
) -> Real:
    """Lines up the rows of each class.

    Args:
      images: `u8[n h w c]`.
      labels: `i32[n]`, all classes 0..k-1 present.
      members: `bool[n]`, the rows that may be used; default all.
      groups: `i32[n]`, ids, which are numbered in their order; default none.

    Returns:
      A `Real` whose shapes do not depend on `members`.

    >>> real = real_data(np.zeros((3, 1, 1, 1), np.uint8), np.array([1, 0, 1]))
    >>> real.rows.tolist(), real.counts.tolist()
    ([[1, 1], [0, 2]], [1, 2])
    """
    chex.assert_rank([images, labels], [4, 1])
    chex.assert_equal_shape_prefix([images, labels], 1)
    chex.assert_type([images, labels], [np.uint8, int])
    classes = int(labels.max()) + 1
    members = np.ones(len(labels), bool) if members is None else members
    width = int(np.bincount(labels).max())
    chosen = [np.flatnonzero((labels == c) & members) for c in range(classes)]
    rows = np.stack([np.resize(c, width) for c in chosen])
    counts = np.array([len(c) for c in chosen])
    if groups is not None:
        groups = np.unique(groups, return_inverse=True)[1].astype(np.int32)
    return Real(images, rows.astype(np.int32), counts.astype(np.int32), groups=groups)


def blank(shape: tuple[int, ...], classes: int) -> Real:
    """What is public of private data: the shape of an image and the classes.

    >>> blank((2, 2, 1), 3).images.shape
    (3, 2, 2, 1)
    """
    images = np.zeros((classes, *shape), np.uint8)
    return real_data(images, np.arange(classes, dtype=np.int32))


def draw_rows(key: Key, real: Real, size: int) -> tuple[Array, Array]:
    """Draws `size` rows of every class without replacement.

    A class with fewer gives all of them; the rest are repeats of weight 0.

    Returns:
      Rows of `real.images` and weights, `i32[k b]` and `f32[k b]`.
    """
    classes, width = real.rows.shape
    size = min(size, width)
    noise = jax.random.uniform(key, (classes, width))
    present = jnp.arange(width) < real.counts[:, None]
    score = jnp.where(present, noise, -jnp.inf)
    if real.strata is not None:
        strata = jnp.asarray(real.strata)[real.rows]
        score -= jax.vmap(place_in_stratum)(score, strata)
    _, at = lax.top_k(score, size)
    taken = lambda table: jnp.take_along_axis(jnp.asarray(table), at, 1)
    return taken(real.rows), taken(present).astype(jnp.float32)


def place_in_stratum(score: Array, strata: Array) -> Array:
    """How many of the same stratum have a higher score, `i32[r]`.

    Args:
      score: `f32[r]`.
      strata: `i32[r]`.

    >>> place_in_stratum(jnp.array([0.1, 0.9, 0.5]), jnp.array([0, 1, 0])).tolist()
    [1, 0, 0]
    """
    order = jnp.lexsort((-score, strata))
    ordered = strata[order]
    place = jnp.arange(len(order)) - jnp.searchsorted(ordered, ordered)
    return place[jnp.argsort(order)]


def draw(key: Key, real: Real, size: int) -> Batch:
    """The images of `draw_rows`, and their groups."""
    rows, weights = draw_rows(key, real, size)
    groups = None if real.groups is None else jnp.asarray(real.groups)[rows]
    return Batch(as_pixels(jnp.asarray(real.images)[rows]), weights, groups)


def one_hot_labels(classes: int, ipc: int) -> Array:
    """Labels of `ipc` images of each class in turn, `f32[classes * ipc, classes]`."""
    return jnp.repeat(jnp.eye(classes), ipc, 0)
