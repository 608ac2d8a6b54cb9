"""IDC: gradient matching of condensed images that hold several synthetic ones."""

from collections.abc import Callable

from dd_jax.distill.base import Method
from dd_jax.distill.methods.gradient_matching import match_gradients
from dd_jax.distill.methods.inner_loop_training import on_real
from dd_jax.distill.parametrisation.synthetic_images import synthetic, synthetic_pixels
from dd_jax.distill.signatures import passes_on
from dd_jax.runtime.reuse import reused
from dd_jax.train.curvature import Penalty
from dd_jax.train.training import unchanged
from dd_jax.types import Array, Key, Model


@reused
@passes_on(synthetic, "space", "clamp", "lr_lr")
def idc(
    model: Model,
    *,
    ipc: int,
    init: str = "real",
    batch_real: int = 64,
    augment: Callable[[Key, Array], Array] = unchanged,
    augment_net: Callable[[Key, Array], Array] = unchanged,
    lr: float = 1e-3,
    outer_steps: int = 10,
    net_steps: int = 8,
    cutmix_net: float = 0.5,
    distance: str = "kernel_absolute",
    factor: int = 2,
    penalty: Penalty | None = None,
    **images,
) -> Method:
    """Information-intensive dataset condensation; `factor=1` is IDC-I.

    Gradients of convolution kernels are matched on networks that learn from real images
    with CutMix, and each stored image in [0, 1] holds `factor^2` synthetic ones.

    Kim et al. (2022), arXiv:2205.14959.
    Differs from the released code in: initial images are random; all classes are
    updated in one step, so that momentum runs from step to step; every update is
    clamped to [0, 1], not every 100th; every decoded image is matched, not 128 at most;
    images to start from are shrunk into tiles bilinearly, noise among them, which has
    the mean and standard deviation of the data before that (released: 1/2 and 1/4).

    Args:
      model: the family of networks.
      ipc: stored images a class.
      batch_real: real images a class and matching step.
      augment: `(key, f32[n h w c]) -> f32[n h w c]`, alike for all images (published:
        `color+crop+cutout`).
      augment_net: the same with parameters for each image, for the network's training
        (published, there and in evaluation: `flip+color+crop_scale_rotate`).
      init: see `synthetic`.
      lr: learning rate of the stored images. (The publication's for Fashion-MNIST is
        `1e-4 ipc / 10 (28 / 32)^2`, over 200,000 steps.)
      outer_steps: matching steps a network. (Published: 100, of 2,000 networks. In a
        hundred steps that would be one network, which the images overfit: they train
        others worse than the real tiles that they start from. From about five networks
        on, older ones are worth more than more of them.)
      net_steps: batches of 64 real images between them.
      cutmix_net: share of those batches that CutMix mixes.
      distance: a key of `DISTANCES`.
      factor: tiles along each side of a stored image.
      penalty: added to the loss of each real image; see `curvature_penalty`.
      **images: see `synthetic`.

    Returns:
      A `Method`; the same arguments give the same object.
    """
    inner_loop = on_real(
        model,
        outer_steps=outer_steps,
        steps=net_steps,
        augment=augment_net,
        mixed=cutmix_net,
    )
    learner = synthetic_pixels(
        ipc=ipc, init=init, noise_in=model.space, lr=lr, factor=factor, **images
    )
    return match_gradients(
        model,
        learner,
        inner_loop,
        distance=distance,
        batch_real=batch_real,
        augment=augment,
        penalty=penalty,
    )


@passes_on(idc, "factor", "multi")
def idc_i(model: Model, **options) -> Method:
    """IDC-I: `idc` with one synthetic image in each stored image."""
    return idc(model, factor=1, **options)
