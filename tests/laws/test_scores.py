"""Laws of every membership score, with each of its options."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny import optimised as optimised

from dd_jax.audits.privacy.metrics import auc
from dd_jax.audits.privacy.scores import NEEDS, SCORES, Score, all_targets
from dd_jax.audits.privacy.signals import scaled_logits

M, N, Q, K = 8, 12, 2, 3

# values other than the default, for whichever score has such an option
OPTIONS = {"variance": ["per_example"], "a": [0.3], "scale": [0.3], "form": ["n"]}
TOY = Score(
    lambda logits, labels, member: scaled_logits(logits, labels),
    lambda phi, member, target: phi[target].max(-1),
    needs="none",
)  # such as a user may register: the most confident query
ALL = dict(SCORES) | {"toy": TOY}
CASES = [(name, {}) for name in ALL] + [
    (name, {option: value})
    for name, score in ALL.items()
    for option in score.options
    for value in OPTIONS[option]
]


def shadow_world(seed=0, m=M, n=N, q=Q, k=K, scale=1.0):
    """Logits of models that learn nothing; rows 2i and 2i+1 are complements."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, k, n).astype(np.int32)
    half = np.arange(n) < n // 2
    masks = np.stack([rng.permutation(half) for _ in range(m // 2)])
    member = np.stack([masks, ~masks], axis=1).reshape(m, n)
    logits = scale * rng.normal(size=(m, n, q, k)).astype(np.float32)
    return jnp.asarray(logits), jnp.asarray(labels), jnp.asarray(member)


@partial(jax.jit, static_argnames=("name", "options"))
def compiled(name, logits, labels, member, target, options):
    return ALL[name](logits, labels, member, target, **dict(options))


def score(name, logits, labels, member, target, options):
    return compiled(name, logits, labels, member, target, tuple(options.items()))


def every(name, *case):
    *world, options = case
    return np.stack([score(name, *world, target, options) for target in range(M)])


def shadows_used(name, options):
    """The kind of shadows whose logits a score depends on: see `Score.needs`."""
    logits, labels, member = shadow_world()
    right = 5 * jax.nn.one_hot(labels, K)[:, None]
    before = score(name, logits, labels, member, 2, options)

    def depends(side):
        moved = logits.at[4:].add(side[4:, :, None, None] * right)
        return not np.array_equal(
            score(name, moved, labels, member, 2, options), before
        )

    used = {(False, False): "none", (True, False): "out", (True, True): "in_out"}
    return used[depends(~member), depends(member)]


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name, options", CASES, ids=str)
class TestLaws:
    def test_shape_and_type(self, name, options):
        scores = score(name, *shadow_world(), 1, options)
        assert scores.shape == (N,) and scores.dtype == jnp.float32

    def test_target_and_complement_are_no_shadows_of_themselves(self, name, options):
        logits, labels, member = shadow_world()
        before = score(name, logits, labels, member, 2, options)
        far = score(name, logits.at[3].set(99.0), labels, member, 2, options)
        np.testing.assert_array_equal(before, far)

    def test_what_a_point_is_never_enters_its_score(self, name, options):
        logits, labels, member = shadow_world()
        before = score(name, logits, labels, member, 2, options)
        for point in range(N):
            swapped = member.at[2:4, point].set(~member[2:4, point])
            after = score(name, logits, labels, swapped, 2, options)
            close(after[point], before[point])

    def test_shadows_are_used_as_declared(self, name, options):
        """Options may leave shadows out, but never add any."""
        needs, used = ALL[name].needs, shadows_used(name, options)
        assert used == needs or options and NEEDS.index(used) < NEEDS.index(needs)

    def test_only_differences_of_logits_count(self, name, options):
        logits, labels, member = shadow_world()
        shift = np.random.default_rng(5).normal(size=logits.shape[:-1])[..., None]
        close(
            score(name, logits + shift.astype(np.float32), labels, member, 0, options),
            score(name, logits, labels, member, 0, options),
        )

    def test_names_of_classes_do_not_matter(self, name, options):
        logits, labels, member = shadow_world()
        order = jnp.array([2, 0, 1])
        renamed = jnp.argsort(order)[labels]
        close(
            score(name, logits[..., order], renamed, member, 0, options),
            score(name, logits, labels, member, 0, options),
        )

    def test_points_move_with_their_scores(self, name, options):
        logits, labels, member = shadow_world()
        order = np.random.default_rng(3).permutation(N)
        close(
            score(name, logits[:, order], labels[order], member[:, order], 0, options),
            score(name, logits, labels, member, 0, options)[order],
        )

    @pytest.mark.parametrize("scale", [0.0, 1e4])
    def test_finite_at_extreme_logits(self, name, options, scale):
        world = shadow_world(scale=scale)
        assert np.isfinite(every(name, *world, options)).all()

    def test_finite_where_a_point_lacks_a_side(self, name, options):
        logits, labels, member = shadow_world()
        member = member.at[:, 0].set(True).at[:, 1].set(False)
        assert np.isfinite(score(name, logits, labels, member, 2, options)).all()

    def test_members_that_fit_better_score_higher(self, name, options):
        logits, labels, member = shadow_world(scale=0.3)
        boost = 3 * jax.nn.one_hot(labels, K)[:, None] * member[..., None, None]
        scores = every(name, logits + boost, labels, member, options)
        assert auc(scores, member) > 0.95


@pytest.mark.parametrize("name", ALL)
def test_one_program_scores_all_targets(name):
    world = shadow_world()
    close(all_targets(ALL[name], *world), every(name, *world, {}))


@pytest.mark.parametrize("name", ALL)
def test_repeated_queries_change_nothing(name):
    logits, labels, member = shadow_world()
    once, twice = logits[:, :, :1], jnp.repeat(logits[:, :, :1], Q, axis=2)
    close(
        score(name, twice, labels, member, 0, {}),
        score(name, once, labels, member, 0, {}),
    )


def test_the_law_of_shadows_sees_what_a_score_uses():
    used = {name: shadows_used(name, {}) for name in ("toy", "calibrated_out", "rmia")}
    assert used == {"toy": "none", "calibrated_out": "out", "rmia": "in_out"}


@pytest.mark.parametrize(
    "change",
    [
        {"logits": jnp.zeros((M, N, K))},
        {"labels": jnp.zeros(N - 1, int)},
        {"labels": jnp.zeros(N)},
        {"member": jnp.zeros((M, N - 1), bool)},
        {"member": jnp.zeros((M, N))},
    ],
    ids=["rank", "length", "float labels", "other points", "float members"],
)
def test_arrays_of_other_shapes_or_types_are_refused(change):
    world = dict(zip(("logits", "labels", "member"), shadow_world())) | change
    with pytest.raises(AssertionError):
        SCORES["loss"](**world, target=0)
