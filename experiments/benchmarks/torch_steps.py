"""The same network, matching losses and steps in PyTorch.

Written as one would for PyTorch: images `f32[n c h w]`, a loop over classes where the
published algorithms have one, gradients by `autograd.grad`, networks as modules.
`torch.compile` takes no gradient of a gradient made that way: what it compiles has
`torch.func` in its place.
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, grad, grad_and_value


def convnet(image: tuple[int, int, int], classes: int, width: int) -> nn.Sequential:
    """Three blocks of 3x3 convolution, instance norm, ReLU and 2x2 average pooling."""
    height, across, channels = image
    layers: list[nn.Module] = []
    for block in range(3):
        padding = 3 if block == 0 and channels == 1 else 1
        layers += [
            nn.Conv2d(channels if block == 0 else width, width, 3, padding=padding),
            nn.GroupNorm(width, width),
            nn.ReLU(),
            nn.AvgPool2d(2),
        ]
    extra = 4 if channels == 1 else 0
    area = ((height + extra) // 8) * ((across + extra) // 8)
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(width * area, classes))


def features(net: nn.Sequential, images: Tensor) -> Tensor:
    """Input of the last layer, `f32[n d]`."""
    return net[:-1](images)


def dm_loss(
    net: nn.Sequential, real: Sequence[Tensor], synthetic: Sequence[Tensor]
) -> Tensor:
    """Distribution matching: `sum_c || mean phi(real_c) - mean phi(synthetic_c) ||^2`.

    Args:
      net: phi and a last layer that is not used.
      real: images of each class.
      synthetic: images of each class, all of one number.
    """
    with torch.no_grad():
        target = torch.stack([features(net, x).mean(0) for x in real])
    embedded = features(net, torch.cat(list(synthetic)))
    ours = embedded.view(len(real), -1, embedded.shape[1]).mean(1)
    return (target - ours).square().sum()


def dsa_gradient(
    net: nn.Sequential,
    real: Sequence[Tensor],
    synthetic: Sequence[Tensor],
    theta: Tensor,
) -> tuple[Tensor, Tensor]:
    """Gradient matching: loss and gradient of `theta`, the classes one by one.

    `sum_c D(grad CE(synthetic_c), grad CE(real_c))`.

    Args:
      net: the network whose gradients are matched.
      real: images of each class.
      synthetic: images of each class, made from `theta`.
      theta: what is learned.
    """
    total, slope = torch.zeros(()), torch.zeros_like(theta)
    weights = list(net.parameters())
    for label, (x, s) in enumerate(zip(real, synthetic)):
        hard = lambda n, label=label: torch.full((n,), label)
        target = torch.autograd.grad(F.cross_entropy(net(x), hard(len(x))), weights)
        ours = torch.autograd.grad(
            F.cross_entropy(net(s), hard(len(s))), weights, create_graph=True
        )
        loss = row_cosine(ours, target)
        slope += torch.autograd.grad(loss, theta, retain_graph=True)[0]
        total += loss.detach()
    return total, slope


def row_cosine(a: Sequence[Tensor], b: Sequence[Tensor]) -> Tensor:
    """`sum_layers sum_rows 1 - <a_r, b_r> / (|a_r| |b_r| + 1e-6)`, weights only."""
    total = torch.zeros(())
    for x, y in zip(a, b):
        if x.ndim > 1:
            x, y = x.flatten(1), y.flatten(1)
            scale = x.norm(dim=1) * y.norm(dim=1) + 1e-6
            total = total + (1 - (x * y).sum(1) / scale).sum()
    return total


def dsa_slope(
    net: nn.Sequential,
    weights: Sequence[Tensor],
    real: Tensor,
    synthetic: Tensor,
    label,
) -> tuple[Tensor, Tensor]:
    """Gradient matching of one class by `torch.func`: its loss and its gradient.

    Args:
      net: the architecture.
      weights: whose gradients are matched.
      real: images of the class.
      synthetic: images of the class, for which the gradient is.
      label: the class, `i64[]`.
    """
    loss = lambda w, x: F.cross_entropy(_logits(net, w, x), label.expand(len(x)))
    target = grad(loss)(tuple(weights), real)
    distance = lambda s: row_cosine(grad(loss)(tuple(weights), s), target)
    slope, value = grad_and_value(distance)(synthetic)
    return value, slope


def _logits(net: nn.Sequential, weights: Sequence[Tensor], images: Tensor) -> Tensor:
    names = [name for name, _ in net.named_parameters()]
    return functional_call(net, dict(zip(names, weights)), (images,))


def mtt_loss(
    net: nn.Sequential,
    start: Sequence[Tensor],
    target: Sequence[Tensor],
    views: Sequence[Tensor],
    labels: Tensor,
    lr: Tensor,
) -> Tensor:
    """Trajectory matching: `|| w_N - target ||^2 / || start - target ||^2`.

    Args:
      net: the student's architecture.
      start: its first weights.
      target: where it should arrive.
      views: of each of N steps, all synthetic images under its augmentation; the whole
        path is differentiated.
      labels: their classes.
      lr: learning rate.
    """
    weights = [w.detach().requires_grad_() for w in start]
    for images in views:
        loss = F.cross_entropy(_logits(net, weights, images), labels)
        slope = torch.autograd.grad(loss, weights, create_graph=True)
        weights = [w - lr * g for w, g in zip(weights, slope)]
    return _square(weights, target) / _square(start, target)


def mtt_slopes(
    net: nn.Sequential,
    start: Sequence[Tensor],
    target: Sequence[Tensor],
    views: tuple[Tensor, ...],
    labels: Tensor,
    lr: Tensor,
) -> tuple[tuple[Tensor, ...], Tensor]:
    """The gradients of `mtt_loss` for `views` and `lr`, by `torch.func`."""
    cost = lambda w, x: F.cross_entropy(_logits(net, w, x), labels)

    def loss(views, lr):
        weights = tuple(start)
        for images in views:
            slope = grad(cost)(weights, images)
            weights = tuple(w - lr * g for w, g in zip(weights, slope))
        return _square(weights, target) / _square(start, target)

    return grad(loss, (0, 1))(views, lr)


def _square(a: Sequence[Tensor], b: Sequence[Tensor]) -> Tensor:
    return sum((x - y).square().sum() for x, y in zip(a, b))


def loss(net: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of a network."""
    return F.cross_entropy(net(images), labels)


def loss_at(
    net: nn.Sequential, weights: Sequence[Tensor], images: Tensor, labels: Tensor
) -> Tensor:
    """The same at weights that are not those of the network."""
    return F.cross_entropy(_logits(net, weights, images), labels)


def train_step(
    loss: Callable[[Tensor, Tensor], Tensor],
    optimizer: torch.optim.Optimizer,
    images: Tensor,
    labels: Tensor,
) -> None:
    """One step of training by a loss of images and labels."""
    optimizer.zero_grad()
    loss(images, labels).backward()
    optimizer.step()


def pgd(net: Callable, images: Tensor, labels: Tensor, eps: float, steps: int):
    """Projected gradient in the Linf ball; each image ends at its largest margin.

    Args:
      net: maps images in [0, 1] to logits; its weights need no gradient.
      images: `f32[n c h w]` in [0, 1].
      labels: `i64[n]`.
      eps: radius; a step is `2.5 eps / steps`.
      steps: number of steps.
    """
    size = 2.5 * eps / steps
    x = (images + eps * (2 * torch.rand_like(images) - 1)).clamp(0, 1)
    best, height = x, torch.full((len(x),), -torch.inf)
    for step in range(steps + 1):
        x = x.detach().requires_grad_(step < steps)
        logits = net(x)
        if step > 0:
            others = logits.detach().clone()
            others.scatter_(1, labels[:, None], -torch.inf)
            margin = others.amax(1) - logits.detach().gather(1, labels[:, None])[:, 0]
            best = torch.where((margin > height)[:, None, None, None], x.detach(), best)
            height = torch.maximum(height, margin)
        if step < steps:
            loss = F.cross_entropy(logits, labels, reduction="sum")
            moved = x.detach() + size * torch.autograd.grad(loss, x)[0].sign()
            x = moved.clamp(images - eps, images + eps).clamp(0, 1)
    return best
