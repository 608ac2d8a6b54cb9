"""Search for backdoors: what it finds, what it leaves alone, what it counts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from contexts import context, digits, real_set, untrained

from dd_jax.audits import backdoor_audit, poison_audit
from dd_jax.audits.anomaly import anomaly_index
from dd_jax.audits.trigger_search import masked, search_triggers
from dd_jax.data.trigger import Trigger, stamped
from dd_jax.runtime.devices import spread
from dd_jax.types import InputError, Model

K, SHAPE = 4, (4, 4, 1)
CORNER = np.s_[-2:, -2:]


def linear_model(backdoor):
    """Class c is bright row c; with a backdoor, class 1 is also a bright corner."""
    weights = np.zeros((*SHAPE[:2], K), np.float32)
    weights[np.arange(K), :, np.arange(K)] = 4
    if backdoor:
        weights[CORNER][..., 1] = 30

    def apply(params, images):
        return jnp.einsum("nhwc,hwk->nk", images, params)

    model = Model(lambda key: weights, apply, apply, lambda p, x: (apply(p, x), {}))
    return model, jnp.asarray(weights)


def rows(count=40):
    """Each class has its row bright, all else is dark."""
    labels = np.arange(count) % K
    images = np.zeros((count, *SHAPE), np.float32)
    images[np.arange(count), labels] = 1
    return images, labels


def found(backdoor, networks=1, steps=150):
    model, weights = linear_model(backdoor)
    stacked = jnp.stack([weights] * networks)
    return search_triggers(
        model,
        stacked,
        jax.random.key(0),
        *rows(),
        classes=K,
        steps=steps,
        weight=1.6,
    )


def beside_clean(norms):
    """The anomaly index by two clean networks, of different sizes in all classes."""
    clean = np.asarray(found(backdoor=False).norms[0])
    return anomaly_index(norms, [0.9 * clean, 1.1 * clean ** np.array([1, 1.1, 1, 1])])


def test_a_trigger_is_found_and_its_class_accused():
    result = found(backdoor=True)
    sizes = beside_clean(result.norms[0])
    assert poison_audit.accused(sizes.index, 3.5) == [1]
    assert result.norms[0, 1] < 0.8 * sizes.expected[1]
    mask = np.asarray(result.masks[0, 1, :, :, 0])
    outside = np.delete(mask.reshape(2, 2, 2, 2).sum((1, 3)).ravel(), 3)
    assert mask[CORNER].sum() > 3 * outside.sum()
    assert result.success[0, 1] == 1


@pytest.mark.slow
def test_a_clean_network_is_not_accused():
    result = found(backdoor=False)
    sizes = beside_clean(0.5 * result.norms[0])  # of another size in all classes
    assert poison_audit.accused(sizes.index, 3.5) == []
    assert (result.success == 1).all()  # each class can be reached, at equal cost
    assert np.ptp(np.asarray(result.norms)) < 0.5


def test_a_step_is_that_of_adam_on_the_written_loss():
    """The first step of Adam moves all by its learning rate against the gradient."""
    model, weights = linear_model(backdoor=False)
    images, _ = rows()
    result = found(backdoor=False, steps=1)
    key = jax.random.split(jax.random.key(0), K)[2]
    batch = images[jax.random.randint(jax.random.fold_in(key, 0), (32,), 0, 40)]
    pattern = jax.random.normal(jax.random.fold_in(key, 1), SHAPE)

    def loss(raw):
        mask, pattern = (1 / (1 + jnp.exp(-r)) for r in raw)
        logits = model.apply(weights, (1 - mask) * batch + mask * pattern)
        entropy = jnp.log(jnp.exp(logits).sum(-1)) - logits[:, 2]
        return entropy.mean() + 1.6 * mask.mean()

    first = jnp.zeros((*SHAPE[:2], 1)), pattern
    moved = [
        r - 0.1 * g / (abs(g) + 1e-8) for r, g in zip(first, jax.grad(loss)(first))
    ]
    expected = [1 / (1 + np.exp(-r)) for r in moved]
    np.testing.assert_allclose(result.masks[0, 2], expected[0], atol=1e-5)
    np.testing.assert_allclose(result.patterns[0, 2], expected[1], atol=1e-5)
    np.testing.assert_allclose(result.norms[0, 2], expected[0].sum(), rtol=1e-5)


def test_networks_are_searched_each_on_its_own():
    """On one device or several."""
    one = found(backdoor=True, steps=20)
    with spread(2):
        two = found(backdoor=True, networks=2, steps=20)
    for alone, shared in zip(one, two):
        np.testing.assert_allclose(shared, np.repeat(alone, 2, 0), rtol=1e-4)


def test_masked_and_stamped_by_hand():
    image = jnp.full((1, 2, 2, 1), 0.5)
    mask = jnp.array([[0.0, 1.0], [0.5, 0.0]])[..., None]
    mixed = masked(image, mask, jnp.ones((2, 2, 1)))[0, :, :, 0]
    np.testing.assert_allclose(mixed, [[0.5, 1.0], [0.75, 0.5]])
    whole = stamped(image, jnp.zeros((2, 2, 1)))
    assert (np.asarray(whole) == 0).all()


def test_anomaly_index_by_hand():
    # in units of log 2: clean rows less their medians are -1 0 1 and -1 0 3, their
    # means -1 0 2, variances 0 0 2, of which the mean is 2/3; own 0 3 4, away 1 3 2
    clean = np.exp2([[1.0, 2.0, 3.0], [4.0, 5.0, 8.0]])
    sizes = anomaly_index(np.exp2([0.0, 3.0, 4.0]), clean)
    np.testing.assert_allclose(sizes.expected, np.exp2([1.0, 2.0, 4.0]))
    np.testing.assert_allclose(sizes.index, np.array([-1, 1, 0]) / np.sqrt(2 / 3))


def test_the_index_does_not_depend_on_what_all_classes_share():
    rng = np.random.default_rng(0)
    clean, own = rng.uniform(5, 10, (6, 5)), rng.uniform(5, 10, 5)
    index = anomaly_index(own, clean).index
    scaled = anomaly_index(3 * own, clean * rng.uniform(0.5, 2, (6, 1)))
    np.testing.assert_allclose(scaled.index, index, atol=1e-9)
    of_class = np.array([1, 0.2, 1, 3, 1])
    np.testing.assert_allclose(
        anomaly_index(own * of_class, clean * of_class).expected,
        anomaly_index(own, clean).expected * of_class,
        rtol=0.5,
    )
    pattern = anomaly_index(own, clean).expected  # that of clean networks, scaled
    again = anomaly_index(3 * pattern, clean)
    np.testing.assert_allclose(again.expected, 3 * pattern)
    np.testing.assert_allclose(again.index, 0, atol=1e-9)


def test_clean_networks_that_do_not_differ_accuse_nobody_without_a_difference():
    index = anomaly_index([1, 2, 3], [[1, 2, 3], [1, 2, 3]]).index
    assert np.isnan(index).all() and poison_audit.accused(index, 3.5) == []


def test_a_clean_set_is_seldom_accused():
    """Log sizes that are normal, as those of clean networks, all alike."""
    rng = np.random.default_rng(1)
    draws = np.exp(rng.normal(0, 0.15, (2000, 9, 10)) + rng.normal(2, 1, 10))
    hits = [
        bool(poison_audit.accused(anomaly_index(d[0], d[1:]).index, 3)) for d in draws
    ]
    assert 0.01 < np.mean(hits) < 0.03  # 2.0 % of 2000; standard error 0.3 points


def test_random_rows_are_as_many_of_each_class():
    labels = np.array([0, 1, 0, 1, 0, 2, 0])
    rows = poison_audit.random_rows(jax.random.key(0), labels, 3, 5)
    assert rows.shape == (5, 9) and len({tuple(r) for r in rows}) > 1
    for one in rows:
        assert labels[one].tolist() == [0] * 3 + [1] * 3 + [2] * 3
        assert len(set(one[:3])) == 3 and len(set(one[3:6])) == 2


def clean(given):
    """Sizes of triggers in the clean networks of a context."""
    images, labels = given.sample("poison", 20)
    found = search_triggers(
        *(given.model, untrained(3, seed=5), given.key("poison"), images, labels),
        **{"classes": 3, "steps": 2, "weight": given.options.weight},
    )
    return found.norms


def test_a_part_has_each_class_and_the_images():
    sets = real_set(ipc=2)
    images = np.asarray(sets.images).copy()
    images[0, 0, 0, 0, 0], images[0, 1, 0, 0, 0] = -0.5, 1.5
    sets = sets._replace(images=images)
    options = {"images": 20, "steps": 2, "nets": 1, "references": 3}
    fit = lambda rows, chosen, name: untrained(len(chosen), seed=5)
    given, _ = context("poison", sets=sets, fields={"fit": fit}, **options)
    part = poison_audit.measure(given)
    assert len(part["classes"]) == 3 and part["networks"] == 1
    expected, index = anomaly_index([r["norm"] for r in part["classes"]], clean(given))
    np.testing.assert_allclose([r["expected"] for r in part["classes"]], expected)
    np.testing.assert_allclose([r["index"] for r in part["classes"]], index)
    assert part["references"] == 3
    assert part["outside"] == pytest.approx(2 / images.size)
    assert (part["lowest"], part["highest"]) == (-0.5, 1.5)
    logits = given.model.apply(
        jax.tree.map(lambda a: a[0], given.networks["full_data"]),
        jnp.asarray(images[0]),
    )
    wrong = np.asarray(logits).argmax(-1) != np.repeat([0, 1, 2], 2)
    assert part["disagreement"] == pytest.approx(wrong.mean())
    by_class = [row["disagreement"] for row in part["classes"]]
    np.testing.assert_allclose(by_class, wrong.reshape(3, 2).mean(1))


def test_two_classes_are_refused():
    given, _ = context("poison")
    two = given._replace(dataset=digits()._replace(class_names=("a", "b")))
    poison_audit.check(given)
    with pytest.raises(InputError, match="2 classes.*at least 3"):
        poison_audit.check(two)


def test_success_is_counted_on_the_other_classes_by_the_trigger_of_each_set():
    sets = jax.tree.map(lambda a: np.repeat(a, 2, 0), real_set())
    patches = np.stack([np.zeros((3, 3, 1)), np.ones((3, 3, 1))]).astype(np.float32)
    given, _ = context("backdoor", sets=sets, fields={"trigger": Trigger(patches, 1)})
    part = backdoor_audit.measure(given)
    images, labels, _ = digits().test
    pixels = images[labels != 1] / np.float32(255)
    expected = []
    for i, patch in enumerate(patches):
        pixels[:, -3:, -3:] = patch
        params = jax.tree.map(lambda a: a[i], given.networks["distilled"])  # noqa: B023
        said = np.asarray(given.model.apply(params, jnp.asarray(pixels))).argmax(-1)
        expected.append((said == 1).mean())
    assert part["distilled"]["success"]["mean"] == pytest.approx(np.mean(expected))
    clean = (given.predictions("distilled") == labels).mean()
    assert part["distilled"]["accuracy"]["mean"] == pytest.approx(clean)
    assert (part["target"], part["size"]) == (1, 3)
    assert backdoor_audit.measure(given._replace(trigger=None)) == {}
