"""AutoAttack: several attacks in turn, each on the examples that are still right."""

from collections.abc import Callable
from functools import partial
from itertools import groupby

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial

from dd_jax.attacks.apgd import auto_pgd
from dd_jax.attacks.boundary import fast_adaptive_boundary
from dd_jax.attacks.chain import LogitsFn
from dd_jax.attacks.constraints import ball_of
from dd_jax.attacks.eot import drawn_logits
from dd_jax.attacks.inputs import check_inputs, check_logits
from dd_jax.attacks.restarts import Restarts
from dd_jax.attacks.settings import Settings
from dd_jax.attacks.square import square_search
from dd_jax.runtime.parallel import map_models
from dd_jax.runtime.reuse import reused
from dd_jax.types import Array, InputError, Key

VERSIONS = ("standard", "plus", "rand")
EOT = 20  # draws of a randomised model at each gradient
TARGETS = 9  # target classes of a targeted attack by default
COMPONENTS: dict[str, Callable[..., Restarts]] = {
    "apgd_ce": partial(auto_pgd, loss="ce"),
    "apgd_dlr": partial(auto_pgd, loss="dlr"),
    "apgd_t": partial(auto_pgd, loss="targeted_dlr", targets=TARGETS),
    "fab": fast_adaptive_boundary,
    "fab_t": partial(fast_adaptive_boundary, targets=TARGETS),
    "square": square_search,
}


def components_in_turn(
    eps: float,
    norm: str,
    version: str,
    *,
    steps: int,
    queries: int,
    batch: int,
) -> Callable[[Key, LogitsFn, Array, Array], tuple[np.ndarray, dict[str, np.ndarray]]]:
    """The ensemble as a host function that drops examples once they are broken.

    standard: apgd_ce, apgd_t, fab_t, square. plus: apgd_ce and apgd_dlr with 5
    restarts, fab with 5, square, apgd_t, fab_t. rand, for models that draw at random:
    apgd_ce and apgd_dlr on gradients averaged over 20 draws. Standard in L1 has 5
    restarts of apgd_ce and 5 targets. Examples are dropped after each restart and each
    target.

    The examples still right are packed into batches of `batch`, `batch / 4` and
    `batch / 16`, the last one padded: a component compiles once for each of these
    sizes, whatever the radius, the restart and the target. It compiles once for all
    networks too where `logits_fn` is a `jax.tree_util.Partial` of one function and the
    parameters. Batches of one size are spread over accelerators.

    Source: Croce and Hein 2020, "Reliable evaluation of adversarial robustness",
    section 5. Differs from the released code in: no more targets than wrong classes;
    the differences of each component; predictions of a randomised model are those of
    its mean logits over 20 draws.

    Args:
      eps: radius in pixel units, concrete.
      norm: `linf`, `l2` or `l1`.
      version: `standard`, `plus` or `rand`.
      steps: of APGD and FAB.
      queries: of Square.
      batch: largest number of examples attacked at once.

    Returns:
      `(key, logits_fn, images f32[n h w c], labels i32[n]) ->
      (images f32[n h w c], {component: bool[n]})`, with the examples still right after
      each in turn. Examples that no component breaks, or that are misclassified from
      the start, come back clean. Version rand calls `logits_fn` as `(key, images)`.

    Raises:
      InputError: unknown norm or version, no steps, queries or batch; when called, as
        `check_inputs` and `check_logits`.
    """
    if version not in VERSIONS:
        raise InputError(f"autoattack version is {version!r}; it is one of {VERSIONS}")
    if min(steps, queries, batch) < 1:
        raise InputError(
            f"autoattack has steps={steps}, queries={queries}, batch={batch}; "
            "each must be 1 or more"
        )
    ball_of(norm, eps)
    plan = _plan(norm, version, steps, queries)
    eot = EOT if version == "rand" else 0

    def attack(key: Key, logits_fn: LogitsFn, images: Array, labels: Array):
        if not isinstance(logits_fn, Partial):
            logits_fn = Partial(logits_fn)
        images, labels = np.asarray(images), np.asarray(labels)
        check_inputs(images, labels, np.array([eps]), batch)
        clean, labels = np.float32(images), labels.astype(np.int32)
        for_clean, key = jax.random.split(key)
        logits = np.concatenate(
            [
                _logits(eot, for_clean, logits_fn, clean[padded])[: len(rows)]
                for rows, padded in _batches(np.arange(len(labels)), batch)
            ]
        )
        check_logits(logits, labels)
        robust, after = logits.argmax(-1) == labels, {}
        result, active = clean.copy(), np.flatnonzero(robust & (eps > 0))
        for component in plan:
            name, restarts = component[0], _restarts(component, eps)
            for index in range(restarts.number(logits.shape[-1])):
                shared = logits_fn, np.int32(index), np.float32(eps)
                for group in _by_size(_batches(active, batch)):
                    key, keys = _keys(key, len(group))
                    padded = np.stack([padded for _, padded in group])
                    found, broken = _compiled(component)(
                        shared, keys, clean[padded], labels[padded]
                    )
                    for (rows, _), images, wrong in zip(group, found, broken):
                        wrong = np.asarray(wrong)[: len(rows)]
                        robust[rows[wrong]] = False
                        result[rows[wrong]] = np.asarray(images)[: len(rows)][wrong]
                active = active[robust[active]]
            after[name] = robust.copy()
        return result, after

    return attack


def component_settings(
    eps: float, norm: str, version: str, *, steps: int, queries: int
) -> dict[str, Settings]:
    """The settings of each component, in the order in which they run."""
    return {
        name: _restarts(component, eps).settings
        for component in _plan(norm, version, steps, queries)
        for name in component[:1]
    }


def _plan(norm: str, version: str, steps: int, queries: int) -> list[tuple]:
    """The components in order: `(name, norm, settings)`, hashable."""
    once = {"steps": steps}
    few = norm == "l1" and version == "standard"
    again = once | {"restarts": 5 if few or version == "plus" else 1}
    targeted = {"steps": steps, "targets": 5 if few else TARGETS}
    random = {"steps": steps, "eot": EOT}
    plans = {
        "standard": [
            ("apgd_ce", again),
            ("apgd_t", targeted),
            ("fab_t", once),
            ("square", {"steps": queries}),
        ],
        "plus": [
            ("apgd_ce", again),
            ("apgd_dlr", again),
            ("fab", again),
            ("square", {"steps": queries}),
            ("apgd_t", targeted),
            ("fab_t", once),
        ],
        "rand": [("apgd_ce", random), ("apgd_dlr", random)],
    }
    return [(name, norm, tuple(given.items())) for name, given in plans[version]]


def _restarts(component: tuple, eps: Array) -> Restarts:
    name, norm, settings = component
    return COMPONENTS[name](ball_of(norm, eps), **dict(settings))


@reused
def _compiled(component):
    """One restart of a component on batches of one size, spread over devices.

    `((logits_fn, index, eps), keys, images, labels) -> (images, bool[n])`: the images
    found, and which of them are adversarial in the ball.
    """

    def run(shared, key, images, labels):
        logits_fn, index, eps = shared
        restarts = _restarts(component, eps)
        found, score = restarts.run_once(key, logits_fn, images, labels, index)
        return found, score >= -eps if restarts.minimises_distance else score > 0

    return map_models(run, chunk=None)


def _keys(key: Key, count: int) -> tuple[Key, Array]:
    """The next key, and `count` keys, one for each batch."""
    keys = []
    for _ in range(count):
        key, one = jax.random.split(key)
        keys.append(one)
    return key, jnp.stack(keys)


def _by_size(batches: list) -> list[list]:
    """Consecutive batches grouped by size."""
    grouped = groupby(batches, key=lambda batch: len(batch[1]))
    return [list(group) for _, group in grouped]


def _batches(rows: np.ndarray, batch: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Batches of few sizes: `(rows, the same padded by repeats to the size)`."""
    sizes = sorted({batch, max(batch // 4, 1), max(batch // 16, 1)}, reverse=True)
    parts = []
    while len(rows):
        size = next((size for size in sizes if size <= len(rows)), sizes[-1])
        parts.append((rows[:size], np.resize(rows[:size], size)))
        rows = rows[size:]
    return parts


@partial(jax.jit, static_argnums=0)
def _logits(eot, key, logits_fn, images):
    return drawn_logits(logits_fn, eot)(key, images).mean(0)
