"""RDED: the crops of real images that a network on all of them is surest of."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from dd_jax.distill.base import Experts, Method, Real
from dd_jax.distill.methods.flat_weights import unraveller
from dd_jax.distill.methods.selection import selected
from dd_jax.distill.parametrisation.multi_formation import join_tiles
from dd_jax.runtime.device_memory import in_batches
from dd_jax.runtime.reuse import reused
from dd_jax.train.losses import cross_entropy
from dd_jax.train.training import as_pixels
from dd_jax.types import Array, InputError, Key, Model, Params

LEAST_AREA = 0.08  # share of an image that a crop covers at least
_BATCH = 16  # images whose crops are looked at at a time on CPU


@reused
def rded(
    model: Model,
    *,
    ipc: int,
    init: str = "real",
    train_lr: float = 0.01,
    tiles: int = 1,
    crops: int = 5,
    candidates: int = 300,
    expert_epochs: int = 20,
    expert_lr: float = 0.01,
) -> Method:
    """Selection of realistic crops, several in the tiles of an image.

    Of each candidate image the crop with the least cross-entropy of the teacher counts,
    `argmin_i CE(f_T(crop_i(x)), y)`; the crops with the least are taken. Where tiles
    are more than candidates, second crops of images follow, and so on; a class with too
    few images for all tiles repeats its crops.

    Sun et al. (2024), "On the diversity and realism of distilled dataset" (CVPR),
    section 4. Their labels are those of the teacher: `distill.labels=teacher` with
    `distill.teacher.bytes`, and `distill.teacher` of the epochs and learning rate that
    the teacher has here, else it is another network.
    Differs from the released code in: the teacher is trained here, at a constant
    learning rate; it sees crops at full size, not small ones with a margin; tiles are
    shrunk crops; networks on the images are trained by the recipe of the run
    (published: a divergence at temperature 20 by AdamW, on tiles in random order, and
    the best of the last epochs on test rows).

    Args:
      model: the architecture of the teacher.
      ipc: images a class.
      init: not used; nothing is learned.
      train_lr: learning rate that networks are to be trained with on the images.
      tiles: along each side of an image; published 2, of 32 x 32 images 1.
      crops: square ones of each candidate, of 8 to 100 % of its area.
      candidates: images of each class that crops are taken of.
      expert_epochs: epochs of the teacher.
      expert_lr: its learning rate.

    Returns:
      A `Method` whose `init` reads `Real.experts`; its state is `f32[k ipc h w c]`.

    Raises:
      InputError: fewer crops than tiles.
    """
    unravel, losses_of = unraveller(model, whole=True), _losses(model, crops)
    wanted = ipc * tiles**2
    if candidates * crops < wanted:
        raise InputError(
            f"distill.rded.candidates={candidates} with {crops} crops each: a class "
            f"has {wanted} tiles; give as many candidates x crops"
        )

    def of_class(key: Key, params: Params, real: Real, label: int) -> Array:
        draw_key, crop_key = jax.random.split(key)
        drawn = jax.random.permutation(draw_key, int(real.counts[label]))
        drawn = np.asarray(drawn)[:candidates]
        rows = np.resize(drawn, min(candidates, real.rows.shape[1]))  # one shape
        rows = np.asarray(real.rows)[label][rows]
        images = as_pixels(jnp.asarray(np.asarray(real.images)[rows]))
        losses = np.asarray(losses_of(crop_key, params, images, label))
        places = surest(losses[: len(drawn)], wanted)
        places = np.resize(places, (wanted, 2))
        chosen = _chosen(crop_key, images, jnp.asarray(places))
        return join_tiles(chosen, tiles)

    def start(key: Key, real: Real) -> Array:
        params = unravel(jnp.asarray(real.experts[0, 0], jnp.float32))
        keys = jax.random.split(key, len(real.counts))
        each = (of_class(k, params, real, c) for c, k in enumerate(keys))
        return jnp.stack(list(each))

    experts = Experts((expert_epochs,), 1, expert_lr, plain=False, teaches=True)
    return selected(start, ipc, train_lr, experts)


def surest(losses: np.ndarray, count: int) -> np.ndarray:
    """The images and crops with the least losses, first crops of images first.

    Args:
      losses: `f32[n m]`, of m crops of n images.
      count: how many.

    Returns:
      `i64[min(count, n m) 2]`, image and crop.

    >>> surest(np.array([[3.0, 1.0], [2.0, 5.0]]), 3).tolist()
    [[0, 1], [1, 0], [0, 0]]
    """
    order = np.argsort(losses, axis=1, kind="stable")
    place = np.argsort(order, axis=1)
    by_image = np.lexsort((losses.ravel(), place.ravel()))[:count]
    return np.stack(np.unravel_index(by_image, losses.shape), 1)


def random_crop(key: Key, image: Array) -> Array:
    """A square crop, in shares of the sides, enlarged to the whole image.

    Its area is uniform in [0.08, 1], its place uniform.

    Args:
      key: decides both.
      image: `f32[h w c]`.
    """
    area_key, place_key = jax.random.split(key)
    side = jnp.sqrt(jax.random.uniform(area_key, minval=LEAST_AREA, maxval=1.0))
    corner = jax.random.uniform(place_key, (2,)) * (1 - side)
    scale = jnp.full(2, 1 / side)
    shift = -corner * jnp.array(image.shape[:2]) * scale
    shape = image.shape
    return jax.image.scale_and_translate(image, shape, (0, 1), scale, shift, "linear")


def _crop_key(key: Key, image: Array, crop: Array) -> Key:
    return jax.random.fold_in(jax.random.fold_in(key, image), crop)


@reused
def _losses(model: Model, crops: int):
    """`(key, params, f32[n h w c], label) -> f32[n crops]`, losses of crops."""

    @jax.jit
    def run(key, params, images, label):
        def of(rows):
            one = lambda i, m: random_crop(_crop_key(key, i, m), images[i])
            each = jax.vmap(lambda i: jax.vmap(partial(one, i))(jnp.arange(crops)))
            made = each(rows)
            logits = model.apply(params, made.reshape(-1, *images.shape[1:]))
            target = jax.nn.one_hot(label, logits.shape[-1])
            losses = jax.vmap(cross_entropy, (0, None))(logits, target)
            return losses.reshape(len(rows), crops)

        return in_batches(of, jnp.arange(len(images)), _BATCH)

    return run


@jax.jit
def _chosen(key: Key, images: Array, places: Array) -> Array:
    """The crops of images and numbers `i32[m 2]`, made again: `f32[m h w c]`."""
    one = lambda at: random_crop(_crop_key(key, *at), images[at[0]])
    return jax.vmap(one)(places)
