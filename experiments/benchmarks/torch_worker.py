"""The PyTorch side of `versus_torch.py`."""

import os
import platform
from collections.abc import Callable
from functools import partial

import torch
import torch_steps as steps_of
from protocol import run_cases
from sizes import CLASSES, MEAN, STD, STRATEGY, Size
from torch import Tensor, nn
from torch_augment import augment

siamese = partial(augment, STRATEGY, siamese=True)
independent = partial(augment, STRATEGY, siamese=False)


class Normalised(nn.Module):
    """A network on images in [0, 1]."""

    def __init__(self, net: nn.Module):
        super().__init__()
        self.net = net

    def forward(self, images: Tensor) -> Tensor:
        """Maps `f32[n c h w]` to logits."""
        return self.net((images - MEAN[0]) / STD[0])


def network(size: Size) -> nn.Sequential:
    """A ConvNet of one size from its random start."""
    return steps_of.convnet(size.image, CLASSES, size.width)


def shape(size: Size) -> tuple[int, int, int]:
    """Channels, height, width."""
    return size.image[2], size.image[0], size.image[1]


def stored(size: Size) -> Tensor:
    """Normalised real images, `f32[classes stored c h w]`."""
    return torch.randn(CLASSES, size.stored, *shape(size))


def draw(real: Tensor, count: int) -> list[Tensor]:
    """Random images of each class."""
    return [x[torch.randperm(len(x))[:count]] for x in real]


def alike(real: list[Tensor], theta: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Both sides of each class under one random operation of the class."""
    pairs = []
    for x, s in zip(real, theta):
        state = torch.get_rng_state()
        x = siamese(x)
        torch.set_rng_state(state)
        pairs.append((x, siamese(s)))
    return [x for x, _ in pairs], [s for _, s in pairs]


def dm(size: Size) -> Callable[[int], None]:
    """Steps of distribution matching."""
    real = stored(size)
    theta = torch.randn(CLASSES, size.ipc, *shape(size), requires_grad=True)
    optimizer = torch.optim.SGD([theta], lr=1.0, momentum=0.5)

    def run(steps):
        for _ in range(steps):
            net = network(size).requires_grad_(False)
            pairs = alike(draw(real, size.batch_real), theta)
            optimizer.zero_grad()
            steps_of.dm_loss(net, *pairs).backward()
            optimizer.step()

    return run


def dsa(size: Size) -> Callable[[int], None]:
    """Matching steps of DSA on one image a class."""
    real = stored(size)
    theta = torch.randn(CLASSES, 1, *shape(size), requires_grad=True)
    optimizer = torch.optim.SGD([theta], lr=0.1, momentum=0.5)

    def run(steps):
        for _ in range(steps):
            net = network(size)
            pairs = alike(draw(real, size.batch_real), theta)
            theta.grad = steps_of.dsa_gradient(net, *pairs, theta)[1]
            optimizer.step()

    return run


def mtt(size: Size) -> Callable[[int], None]:
    """Steps of trajectory matching, back through all steps of the student."""
    net = network(size)
    theta = torch.randn(CLASSES * size.ipc, *shape(size), requires_grad=True)
    lr = torch.tensor(0.01, requires_grad=True)
    labels = torch.arange(CLASSES).repeat_interleave(size.ipc)
    start = [w.detach() for w in net.parameters()]
    target = [w + 0.01 * torch.randn_like(w) for w in start]
    optimizer = torch.optim.SGD([theta], lr=100.0, momentum=0.5)
    optimizer.add_param_group({"params": [lr], "lr": 1e-7})

    def run(steps):
        for _ in range(steps):
            optimizer.zero_grad()
            steps_of.mtt_loss(
                net,
                start,
                target,
                theta,
                labels,
                lr,
                size.student_steps,
                independent,
            ).backward()
            optimizer.step()

    return run


def training(size: Size, nets: int) -> Callable[[int], None]:
    """Training steps of one or several networks, each a step."""
    images = torch.randn(size.batch, *shape(size))
    labels = torch.arange(size.batch) % CLASSES
    trained = [network(size) for _ in range(nets)]
    optimizers = [
        torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
        for net in trained
    ]

    def run(steps):
        for net, optimizer in zip(trained, optimizers):
            for _ in range(steps):
                rows = torch.randperm(size.batch)
                x = independent(images[rows])
                steps_of.train_step(net, optimizer, x, labels[rows])

    return run


def attack(size: Size) -> Callable[[int], None]:
    """PGD on one network; a step is a whole attack."""
    net = Normalised(network(size)).requires_grad_(False)
    images = torch.rand(size.attacked, *shape(size))
    labels = torch.arange(size.attacked) % CLASSES

    def run(steps):
        for _ in range(steps):
            steps_of.pgd(net, images, labels, 8 / 255, size.attack_steps)

    return run


def main() -> None:
    """Runs every case on all cores that this process may use."""
    torch.manual_seed(0)
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    cases = {
        "dm": dm,
        "dsa": dsa,
        "mtt": mtt,
        "train": partial(training, nets=1),
        "nets": lambda size: training(size, size.nets),
        "pgd": attack,
    }
    about = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
    }
    run_cases(about, cases)


if __name__ == "__main__":
    main()
