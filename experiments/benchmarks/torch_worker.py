"""The PyTorch side of `versus_torch.py` and of `accelerator.py`."""

import os
import platform
import random
import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
import torch_steps as steps_of
from protocol import run_cases
from sizes import CLASSES, MEAN, STD, STRATEGY, VARIANTS, Size
from torch import Tensor, nn
from torch_augment import augment

siamese = partial(augment, STRATEGY, siamese=True)
independent = partial(augment, STRATEGY, siamese=False)
Run = Callable[[int], None]


class Variant(NamedTuple):
    """How PyTorch is used.

    Attributes:
      compiled: whether `torch.compile` gets what it can take.
      channels_last: whether images and weights lie in memory with channels last.
    """

    compiled: bool = False
    channels_last: bool = False

    def lay(self, x: Tensor) -> Tensor:
        """Images in this layout and no other: compiled functions know strides."""
        last, first = torch.channels_last, torch.contiguous_format
        return x.contiguous(memory_format=last if self.channels_last else first)

    def compile(self, fun: Callable) -> Callable:
        """The function, compiled for the shapes that it meets."""
        return torch.compile(fun, dynamic=False) if self.compiled else fun


class Normalised(nn.Module):
    """A network on images in [0, 1]."""

    def __init__(self, net: nn.Module):
        super().__init__()
        self.net = net

    def forward(self, images: Tensor) -> Tensor:
        """Maps `f32[n c h w]` to logits."""
        return self.net((images - MEAN[0]) / STD[0])


def network(size: Size, variant: Variant) -> nn.Sequential:
    """A ConvNet of one size from its random start."""
    net = steps_of.convnet(size.image, CLASSES, size.width)
    return net.to(memory_format=torch.channels_last) if variant.channels_last else net


def start_again(net: nn.Sequential) -> None:
    """Draws new weights, in place: a compiled function keeps its network."""
    for layer in net:
        if hasattr(layer, "reset_parameters"):
            layer.reset_parameters()


def shape(size: Size) -> tuple[int, int, int]:
    """Channels, height, width."""
    return size.image[2], size.image[0], size.image[1]


def stored(size: Size, variant: Variant) -> Tensor:
    """Normalised real images, `f32[classes stored c h w]`."""
    flat = torch.randn(CLASSES * size.stored, *shape(size))
    return variant.lay(flat).unflatten(0, (CLASSES, size.stored))


def draw(real: Tensor, count: int) -> list[Tensor]:
    """Random images of each class."""
    return [x[torch.randperm(len(x))[:count]] for x in real]


def alike(
    real: list[Tensor], theta: Tensor, variant: Variant
) -> tuple[list[Tensor], list[Tensor]]:
    """Both sides of each class under one random operation of the class."""
    both = [siamese(torch.cat([x, s])) for x, s in zip(real, theta)]
    pairs = [
        variant.lay(x).split([len(x) - theta.shape[1], theta.shape[1]]) for x in both
    ]
    return [x for x, _ in pairs], [s for _, s in pairs]


def dm(size: Size, variant: Variant) -> Run:
    """Steps of distribution matching."""
    real = stored(size, variant)
    theta = torch.randn(CLASSES, size.ipc, *shape(size), requires_grad=True)
    optimizer = torch.optim.SGD([theta], lr=1.0, momentum=0.5)
    net = network(size, variant).requires_grad_(False)
    loss = variant.compile(steps_of.dm_loss)

    def run(steps):
        for _ in range(steps):
            start_again(net)
            pairs = alike(draw(real, size.batch_real), theta, variant)
            optimizer.zero_grad()
            loss(net, *pairs).backward()
            optimizer.step()

    return run


def dsa(size: Size, variant: Variant) -> Run:
    """Matching steps of DSA on one image a class."""
    real = stored(size, variant)
    theta = torch.randn(CLASSES, 1, *shape(size), requires_grad=True)
    optimizer = torch.optim.SGD([theta], lr=0.1, momentum=0.5)
    net = network(size, variant)
    slope_of = variant.compile(partial(steps_of.dsa_slope, net))

    def gradient(real, synthetic):
        if not variant.compiled:
            return steps_of.dsa_gradient(net, real, synthetic, theta)[1]
        weights = [w.detach() for w in net.parameters()]
        slopes = [
            slope_of(weights, x, s.detach(), torch.tensor(label))[1]
            for label, (x, s) in enumerate(zip(real, synthetic))
        ]
        return torch.autograd.grad(synthetic, theta, slopes)[0]

    def run(steps):
        for _ in range(steps):
            start_again(net)
            pairs = alike(draw(real, size.batch_real), theta, variant)
            theta.grad = gradient(*pairs)
            optimizer.step()

    return run


def mtt(size: Size, variant: Variant) -> Run:
    """Steps of trajectory matching, back through all steps of the student."""
    net = network(size, variant)
    theta = torch.randn(CLASSES * size.ipc, *shape(size), requires_grad=True)
    lr = torch.tensor(0.01, requires_grad=True)
    labels = torch.arange(CLASSES).repeat_interleave(size.ipc)
    start = [w.detach() for w in net.parameters()]
    target = [w + 0.01 * torch.randn_like(w) for w in start]
    optimizer = torch.optim.SGD([theta], lr=100.0, momentum=0.5)
    optimizer.add_param_group({"params": [lr], "lr": 1e-7})
    slopes_of = variant.compile(partial(steps_of.mtt_slopes, net))

    def differentiate(views):
        if not variant.compiled:
            steps_of.mtt_loss(net, start, target, views, labels, lr).backward()
            return
        fixed = tuple(view.detach() for view in views)
        slopes, lr.grad = slopes_of(start, target, fixed, labels, lr.detach())
        torch.autograd.backward(views, slopes)

    def run(steps):
        for _ in range(steps):
            optimizer.zero_grad()
            differentiate(
                [variant.lay(independent(theta)) for _ in range(size.student_steps)]
            )
            optimizer.step()

    return run


def training(size: Size, variant: Variant, nets: int) -> Run:
    """Training steps of one or several networks, each a step."""
    images = variant.lay(torch.randn(size.batch, *shape(size)))
    labels = torch.arange(size.batch) % CLASSES
    trained = [network(size, variant) for _ in range(nets)]
    losses = [partial(steps_of.loss, net) for net in trained]
    if variant.compiled:  # once for all networks
        any_loss = variant.compile(partial(steps_of.loss_at, trained[0]))
        losses = [partial(any_loss, list(net.parameters())) for net in trained]
    optimizers = [
        torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
        for net in trained
    ]

    def run(steps):
        for loss, optimizer in zip(losses, optimizers):
            for _ in range(steps):
                rows = torch.randperm(size.batch)
                x = variant.lay(independent(images[rows]))
                steps_of.train_step(loss, optimizer, x, labels[rows])

    return run


def attack(size: Size, variant: Variant) -> Run:
    """PGD on one network; a step is a whole attack."""
    net = Normalised(network(size, variant)).requires_grad_(False)
    logits = variant.compile(net)
    images = variant.lay(torch.rand(size.attacked, *shape(size)))
    labels = torch.arange(size.attacked) % CLASSES

    def run(steps):
        for _ in range(steps):
            steps_of.pgd(logits, images, labels, 8 / 255, size.attack_steps)

    return run


CASES = {
    "dm": dm,
    "dsa": dsa,
    "mtt": mtt,
    "train": partial(training, nets=1),
    "nets": lambda size, variant: training(size, variant, size.nets),
    "pgd": attack,
}


def matmul_peak(side: int = 2048, rounds: int = 10) -> float:
    """TFLOP/s of the best of some products of square matrices."""
    a, spent = torch.randn(side, side), []
    for _ in range(rounds):
        begin = time.perf_counter()
        a @ a
        spent.append(time.perf_counter() - begin)
    return 2e-12 * side**3 / min(spent)


def main() -> None:
    """Runs every case on all cores that this process may use."""
    torch.manual_seed(0)
    random.seed(0)
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    cases = {
        f"{case}/{name}": partial(run, variant=Variant(*settings))
        for case, run in CASES.items()
        for name, settings in VARIANTS.items()
    }
    about = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "matmul_tflops": matmul_peak(),
    }
    run_cases(about, cases)


if __name__ == "__main__":
    main()
