"""RDED: crops and their choice against loops, and what its tiles hold."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from dd_jax.distill import METHODS, real_data
from dd_jax.distill.methods.rded import LEAST_AREA, _crop_key, random_crop, surest
from dd_jax.models import build
from dd_jax.train.losses import cross_entropy
from dd_jax.types import InputError

CLASSES, SHAPE = 2, (6, 6, 1)
MODEL = build("mlp", CLASSES, SHAPE)
PARAMS = MODEL.init(jax.random.key(5))
WITH_STATISTICS = build("convnet", CLASSES, SHAPE, width=4, depth=1, norm="batch")


def real(counts=(4, 3), params=PARAMS):
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(CLASSES), counts).astype(np.int32)
    images = rng.integers(0, 256, (len(labels), *SHAPE), dtype=np.uint8)
    weights = ravel_pytree(params)[0]
    return real_data(images, labels)._replace(experts=weights[None, None])


def made(model=MODEL, data=None, **options):
    method = METHODS["rded"](model, **({"ipc": 2, "crops": 3} | options))
    assert method.experts.count == 1 and not method.steps
    return np.asarray(method.init(jax.random.key(1), data or real()))


def seen(model):
    """Parameters of a network whose statistics are those of some images, if any."""
    params = model.init(jax.random.key(5))
    images = jnp.asarray(real().images) / 255
    return params | model.train_apply(params, images)[1]


def all_crops(image_key, images):
    """Each crop of each image by a loop, and its loss."""
    crops = np.zeros((len(images), 3, *SHAPE), np.float32)
    for i, image in enumerate(images):
        for m in range(3):
            crops[i, m] = random_crop(_crop_key(image_key, i, m), image)
    return crops


@pytest.mark.parametrize("model", [MODEL, WITH_STATISTICS], ids=["mlp", "batch"])
@pytest.mark.parametrize("label", range(CLASSES))
def test_the_crops_with_the_least_loss_by_a_loop(label, model):
    params = seen(model)
    data = real(params=params)
    draw_key, crop_key = jax.random.split(jax.random.split(jax.random.key(1), 2)[label])
    drawn = jax.random.permutation(draw_key, int(data.counts[label]))
    images = jnp.asarray(data.images)[data.rows[label][np.asarray(drawn)]] / 255
    crops, found = all_crops(crop_key, images), []
    for own in crops:
        logits = model.apply(params, own)
        losses = [cross_entropy(one, jnp.eye(CLASSES)[label]) for one in logits]
        found.append((float(min(losses)), own[int(np.argmin(losses))]))
    best = [crop for _, crop in sorted(found, key=lambda pair: pair[0])[:2]]
    np.testing.assert_allclose(made(model, data)[label], np.stack(best), atol=1e-5)


def test_a_crop_of_a_ramp_is_a_ramp_of_its_share():
    ramp = jnp.tile(jnp.arange(32.0), (32, 1))[..., None]
    for seed in range(20):
        row = np.asarray(random_crop(jax.random.key(seed), ramp))[0, 2:-2, 0]
        steps = np.diff(row)
        assert LEAST_AREA**0.5 - 1e-3 <= steps[0] <= 1 + 1e-3
        np.testing.assert_allclose(steps, steps[0], atol=1e-3)
        assert 0 <= row.min() and row.max() <= 31


def test_areas_are_uniform():
    ramp = jnp.tile(jnp.arange(16.0), (16, 1))[..., None]
    rows = jax.vmap(lambda k: random_crop(k, ramp)[0, :, 0])(
        jax.random.split(jax.random.key(0), 400)
    )
    areas = np.square(np.diff(np.asarray(rows)[:, 7:9], axis=1))
    mean, least = (1 + LEAST_AREA) / 2, LEAST_AREA
    assert abs(areas.mean() - mean) < 4 * (1 - least) / (12 * 400) ** 0.5


@pytest.mark.slow
def test_tiles_hold_several_crops_and_repeat_where_there_are_too_few():
    whole, tiled = made(ipc=4), made(ipc=1, tiles=2)
    assert tiled.shape == (CLASSES, 1, *SHAPE)
    mean = lambda image: image.mean((-3, -2, -1))
    np.testing.assert_allclose(mean(tiled[:, 0, :3, :3]), mean(whole[:, 0]), atol=0.1)
    many = made(ipc=20, crops=1)  # of four and three images
    assert many.shape == (CLASSES, 20, *SHAPE)
    np.testing.assert_array_equal(many[0, 4:8], many[0, :4])
    np.testing.assert_array_equal(many[1, 3:6], many[1, :3])


def test_second_crops_come_after_all_first_ones():
    losses = np.array([[0.1, 0.2], [0.9, 0.4]])
    assert surest(losses, 3).tolist() == [[0, 0], [1, 1], [0, 1]]


def test_a_class_with_fewer_images_than_others_gives_its_second_crops():
    data = real((5, 2))
    method = METHODS["rded"](MODEL, ipc=5, crops=3)
    found = np.asarray(method.init(jax.random.key(1), data))[1]
    draw_key, crop_key = jax.random.split(jax.random.split(jax.random.key(1), 2)[1])
    drawn = np.asarray(jax.random.permutation(draw_key, 2))
    images = jnp.asarray(data.images)[data.rows[1][drawn]] / 255
    crops = all_crops(crop_key, images)
    label = jnp.eye(CLASSES)[1]
    of = lambda own: [cross_entropy(one, label) for one in MODEL.apply(PARAMS, own)]
    losses = np.array([of(own) for own in crops])
    order = [
        (place, losses[i, m], i, m)
        for i in range(2)
        for place, m in enumerate(np.argsort(losses[i]))
    ]
    best = [crops[i, m] for *_, i, m in sorted(order)[:5]]
    np.testing.assert_allclose(found, np.stack(best), atol=1e-5)


def test_fewer_crops_than_tiles_are_refused():
    model = build("convnet", CLASSES, SHAPE, width=4, depth=1)
    with pytest.raises(InputError, match="has 40 tiles; give as many candidates x"):
        METHODS["rded"](model, ipc=10, tiles=2, candidates=13, crops=3)
    METHODS["rded"](model, ipc=10, tiles=2, candidates=10, crops=4)
