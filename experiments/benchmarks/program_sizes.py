"""Shapes of the published recipes, by data set; no JAX."""

from typing import NamedTuple


class Size(NamedTuple):
    """Shapes and static numbers of all programs.

    Attributes:
      image: height, width, channels.
      classes: k.
      rows: real training images.
      depth: blocks of the ConvNet.
      width: its channels.
      ipc: stored images a class.
      batch_real: real images a class and step of DM and DSA.
      batch_idc: the same of IDC.
      batch_frepo: real images a step of FRePo, of all classes.
      student_steps: steps of a student of MTT.
      batch_student: synthetic images a step of it; 0 is all.
      max_start: the first epoch that no student starts from.
      experts: networks whose paths MTT draws from.
      batch: images a step of training.
      nets: networks in training at once.
      shadows: shadow distillations at once.
      batch_joint: real images a class and step that they share; 0 is twice those of DM.
      attacked: images of an attack.
      pgd_steps: steps of PGD.
      apgd_steps: steps of APGD.
    """

    image: tuple[int, int, int]
    classes: int
    rows: int
    depth: int = 3
    width: int = 128
    ipc: int = 10
    batch_real: int = 256
    batch_idc: int = 64
    batch_frepo: int = 1024
    student_steps: int = 30
    batch_student: int = 0
    max_start: int = 20
    experts: int = 100
    batch: int = 256
    nets: int = 20
    shadows: int = 64
    batch_joint: int = 0
    attacked: int = 1000
    pgd_steps: int = 20
    apgd_steps: int = 100


SIZES = {
    "fashion_mnist": Size((28, 28, 1), 10, 60_000),
    "cifar10": Size((32, 32, 3), 10, 50_000),
    "cifar100": Size((32, 32, 3), 100, 50_000, student_steps=20),
    "tiny_imagenet": Size(
        (64, 64, 3),
        200,
        100_000,
        depth=4,
        student_steps=20,
        batch_student=200,
        max_start=40,
        experts=20,  # the paths of 100 are 7 GB
        shadows=16,  # 64 sets with their momentum are 13 GB
        batch_joint=128,  # 512 a class are 5 GB, which chips store in twice the space
    ),
}
