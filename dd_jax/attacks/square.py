"""Square attack: random search with square windows, without gradients."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from dd_jax.attacks.chain import LogitsFn
from dd_jax.attacks.constraints import Constraint
from dd_jax.attacks.objectives import margin
from dd_jax.attacks.restarts import Restarts, select
from dd_jax.attacks.settings import Settings
from dd_jax.types import Array, InputError, Key

HALVINGS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)  # of the window's area
_TINY = 1e-12


def square_search(ball: Constraint, *, steps: int, area: float = 0.8) -> Restarts:
    """Random search: change a window, keep the change where the margin increases.

    Linf: starts from stripes of +-eps; each query sets a window to one sign per
    channel. L2 and L1: starts from a grid of pyramids; each query sets one window to 0,
    moves its norm to another window, adds a pyramid there, and scales the whole to the
    sphere. The window's share of the image halves after 10, 50, 200, 500, 1000, 2000,
    4000, 6000 and 8000 queries, whatever their number. Misclassified examples do not
    change.

    Source: Andriushchenko et al. 2020, algorithms 1 to 3; L1: Croce and Hein 2021,
    "Mind the box", appendix. Differs from the released code in: each example draws its
    own windows, from all places, the last row and column included; images need not be
    square; a window's length is shared among channels as in the paper.

    Args:
      ball: the norm ball.
      steps: queries after the start, static.
      area: share of the image that the first window covers.

    Raises:
      InputError: no steps.
    """
    if steps < 1:
        raise InputError(f"attack has steps={steps}; it needs 1 or more")
    start, propose = (
        (_stripes, _flat_window) if ball.name == "linf" else (_tiles, _moved_norm)
    )

    def run_once(key: Key, logits_fn: LogitsFn, images, labels, index):
        del index
        n, height, width, _ = images.shape
        sides = _sides(steps, area, height, width)

        def margins_of(delta):
            return jax.vmap(margin)(logits_fn(images + delta), labels)

        def body(carry, now):
            delta, best = carry
            i, side = now
            keys = jax.random.split(jax.random.fold_in(key, i), n)
            new = lambda k, d, x: ball.within(propose(k, ball, d, side), x)
            tried = jax.vmap(new)(keys, delta, images)
            margins = margins_of(tried)
            better = (best <= 0) & (margins > best)
            best = jnp.where(better, margins, best)
            return (select(better, tried, delta), best), None

        keys = jax.random.split(jax.random.fold_in(key, steps), n)
        first = lambda k, x: ball.within(start(k, ball, x.shape), x)
        delta = jax.vmap(first)(keys, images)
        carry = delta, margins_of(delta)
        (delta, best), _ = lax.scan(body, carry, (jnp.arange(steps), sides))
        return jnp.clip(images + delta, 0.0, 1.0), best

    return Restarts(run_once, Settings(steps, random_start=True, loss="margin"))


def _sides(steps: int, area: float, height: int, width: int) -> np.ndarray:
    """Window side at each query: `round(sqrt(p h w))`, at least 1, fitting in."""
    halved = np.searchsorted(HALVINGS, np.arange(steps), side="left")
    sides = np.round(np.sqrt(area / 2.0**halved * height * width))
    return np.clip(sides, 1, min(height, width)).astype(np.int32)


def _stripes(key: Key, ball: Constraint, shape) -> Array:
    signs = jax.random.rademacher(key, (1, *shape[1:]), jnp.float32)
    return ball.eps * jnp.broadcast_to(signs, shape)


def _flat_window(key: Key, ball: Constraint, delta: Array, side: Array) -> Array:
    for_place, for_sign = jax.random.split(key)
    inside = _window(for_place, delta.shape, side)[0]
    signs = jax.random.rademacher(for_sign, delta.shape[-1:], jnp.float32)
    return jnp.where(inside, ball.eps * signs, delta)


def _window(key: Key, shape, side: Array) -> tuple[Array, Array, Array]:
    """A window at a random place: its mask `[h w 1]`, and rows and columns within."""
    height, width, _ = shape
    key_row, key_column = jax.random.split(key)
    row = jnp.arange(height) - jax.random.randint(key_row, (), 0, height - side + 1)
    column = jnp.arange(width) - jax.random.randint(key_column, (), 0, width - side + 1)
    rows = ((row >= 0) & (row < side))[:, None, None]
    columns = ((column >= 0) & (column < side))[None, :, None]
    return rows & columns, row, column


def _tiles(key: Key, ball: Constraint, shape) -> Array:
    """Pyramids of random signs side by side, on a fifth of the shorter side each."""
    height, width, channels = shape
    side = max(min(height, width) // 5, 1)
    down, across = height // side, width // side
    for_sign, for_turn = jax.random.split(key)
    flat = _pyramid(jnp.arange(side), jnp.arange(side), side)
    turned = jax.random.bernoulli(for_turn, shape=(down, across))[..., None, None]
    tiles = jnp.where(turned, flat.T, flat)
    tiles = tiles.transpose(0, 2, 1, 3).reshape(down * side, across * side)
    signs = jax.random.rademacher(for_sign, (down, across, channels), jnp.float32)
    signs = signs.repeat(side, 0).repeat(side, 1)
    rest = height - down * side, width - across * side
    pad = [(extra // 2, extra - extra // 2) for extra in rest]
    return _on_sphere(ball, jnp.pad(tiles[..., None] * signs, (*pad, (0, 0))))


def _moved_norm(key: Key, ball: Constraint, delta: Array, side: Array) -> Array:
    to, from_, for_turn, for_sign = jax.random.split(key, 4)
    height, width, channels = delta.shape
    side = jnp.maximum(side, 3)
    side = jnp.minimum(side + 1 - side % 2, min(height, width))
    window, row, column = _window(to, delta.shape, side)
    either = window | _window(from_, delta.shape, side)[0]
    power = 1 if ball.name == "l1" else 2
    mass = lambda values: jnp.sum(jnp.abs(values) ** power, (0, 1))
    length = lambda values: mass(values) ** (1 / power)

    unused = jnp.maximum(ball.eps**power - mass(delta).sum(), 0.0) / channels
    norm = (mass(delta * either) + unused) ** (1 / power)
    shape = _pyramid(row, column, side)
    turned = jax.random.bernoulli(for_turn)
    shape = jnp.where(turned, _pyramid(column, row, side).T, shape)[..., None] * window
    shape = shape / jnp.maximum(length(shape), _TINY)
    signs = jax.random.rademacher(for_sign, (channels,), jnp.float32)
    kept = delta * window
    mixed = shape * signs + kept / jnp.maximum(length(kept), _TINY)
    mixed = mixed * norm / jnp.maximum(length(mixed), _TINY)
    return _on_sphere(ball, jnp.where(either, 0.0, delta) + mixed)


def _on_sphere(ball: Constraint, delta: Array) -> Array:
    return delta * ball.eps / jnp.maximum(ball.norm(delta), _TINY)


def _pyramid(row: Array, column: Array, side) -> Array:
    """Two stepped pyramids of opposite sign, one above the other: `f32[h w]`.

    A pixel at distance d (in the maximum norm) from a half's centre has height `sum_{j
    >= d} 1 / (j + 1)^2`; each half has unit length.
    """
    steps = max(len(row), len(column))
    heights = jnp.concatenate(
        [jnp.zeros(1), jnp.cumsum(1.0 / jnp.arange(1, steps + 2) ** 2)]
    )
    half = side // 2
    inside = (column >= 0) & (column < side)

    def one_half(first, size):
        local = row - first
        within = ((local >= 0) & (local < size))[:, None] & inside[None]
        distance = jnp.maximum(
            jnp.abs(local - size // 2)[:, None], jnp.abs(column - side // 2)[None]
        )
        values = heights[half + 1] - heights[jnp.clip(distance, 0, half + 1)]
        values = jnp.where(within, values, 0.0)
        return values / jnp.maximum(jnp.linalg.norm(values), _TINY)

    return one_half(0, half) - one_half(half, side - half)
