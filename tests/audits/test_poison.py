"""Search for backdoors: what it finds, what it leaves alone, what it counts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from contexts import context, digits, real_set

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


def test_a_trigger_is_found_and_its_class_accused():
    result, clean = found(backdoor=True), found(backdoor=False)
    sizes = poison_audit.relative_sizes(result.norms[0], clean.norms[0])
    assert poison_audit.accused(sizes, 0.8) == [1]
    mask = np.asarray(result.masks[0, 1, :, :, 0])
    outside = np.delete(mask.reshape(2, 2, 2, 2).sum((1, 3)).ravel(), 3)
    assert mask[CORNER].sum() > 3 * outside.sum()
    assert result.success[0, 1] == 1


def test_a_clean_network_is_not_accused():
    result = found(backdoor=False)
    other = result.norms[0] * np.linspace(0.7, 0.8, K)  # of another size in all classes
    sizes = poison_audit.relative_sizes(result.norms[0], other)
    assert poison_audit.accused(sizes, 0.8) == []
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


def test_classes_with_small_triggers_in_clean_networks_are_not_accused():
    # quotients 1/2 1 1 3/2, their median 1
    sizes = poison_audit.relative_sizes([1, 1, 4, 6], [2, 1, 4, 4])
    np.testing.assert_allclose(sizes, [0.5, 1, 1, 1.5])
    assert poison_audit.accused(sizes, 0.5) == []
    assert poison_audit.accused(sizes, 0.6) == [0]


def test_anomaly_index_by_hand():
    # median 3, deviations 2 1 0 1 7, their median 1
    expected = np.array([-2, -1, 0, 1, 7]) / 1.4826
    np.testing.assert_allclose(anomaly_index([1, 2, 3, 4, 10]), expected)
    assert np.isnan(anomaly_index([1, 1, 1, 5])).all()


def test_a_part_has_each_class_and_the_images():
    sets = real_set(ipc=2)
    images = np.asarray(sets.images).copy()
    images[0, 0, 0, 0, 0], images[0, 1, 0, 0, 0] = -0.5, 1.5
    sets = sets._replace(images=images)
    given, _ = context("poison", sets=sets, images=20, steps=2, nets=1)
    part = poison_audit.measure(given)
    assert len(part["classes"]) == 3 and part["networks"] == 1
    norms, reference, sizes = (
        np.array([row[key] for row in part["classes"]])
        for key in ("norm", "reference", "relative")
    )
    expected = norms / reference / np.median(norms / reference)
    np.testing.assert_allclose(sizes, expected)
    shown, labels = given.sample("poison", 20)
    params = jax.tree.map(lambda a: a[:1], given.networks["random_subset"])
    again = search_triggers(
        *(given.model, params, given.key("poison"), shown, labels),
        **{"classes": 3, "steps": 2, "weight": given.options.weight},
    )
    np.testing.assert_allclose(reference, again.norms[0], rtol=1e-5)
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
