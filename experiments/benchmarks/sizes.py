"""What is timed: the shapes and schedules that both sides share. Standard library."""

from typing import NamedTuple

CASES = ("dm", "dsa", "mtt", "train", "nets", "pgd")
STRATEGY = "color_crop_cutout_flip_scale_rotate"
CLASSES = 10
MEAN, STD = (0.29,), (0.35,)
# of PyTorch: whether compiled, and whether channels come last in memory
VARIANTS = {
    "eager": (False, False),
    "channels_last": (False, True),
    "compile": (True, False),
    "compile_channels_last": (True, True),
}


class Size(NamedTuple):
    """One column of shapes.

    Attributes:
      image: height, width, channels.
      width: channels of the ConvNet of three blocks.
      ipc: synthetic images a class, of DM and MTT; DSA has one, so that an update is
        one matching step and no network training.
      batch_real: real images a class, of DM and DSA.
      stored: real images a class that these are drawn from.
      student_steps: unrolled steps of MTT on all synthetic images.
      batch: images of a training step, and of an epoch.
      nets: networks in training.
      attacked: images of an attack.
      attack_steps: steps of PGD, Linf 8/255.
    """

    image: tuple[int, int, int]
    width: int
    ipc: int
    batch_real: int
    stored: int
    student_steps: int
    batch: int
    nets: int
    attacked: int
    attack_steps: int


SIZES = {
    "small": Size(
        image=(28, 28, 1),
        width=32,
        ipc=10,
        batch_real=64,
        stored=1000,
        student_steps=10,
        batch=100,
        nets=5,
        attacked=100,
        attack_steps=10,
    ),
    "w128": Size(
        image=(28, 28, 1),
        width=128,
        ipc=10,
        batch_real=256,
        stored=1000,
        student_steps=4,
        batch=256,
        nets=3,
        attacked=100,
        attack_steps=10,
    ),
}
