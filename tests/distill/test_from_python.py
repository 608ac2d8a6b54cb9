"""What the command line does, as short in Python; a loss of one's own as well."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dd_jax
from dd_jax import data, distill, models, train
from dd_jax.catalogue import lookup
from dd_jax.data.splits import take
from dd_jax.types import InputError

KEY = jax.random.key(0)


@pytest.fixture(scope="module")
def digits():
    return data.load("digits", rows=300)


def network(digits):
    shape = digits.train.images.shape[1:]
    return models.build("mlp", 10, shape, mean=digits.mean, std=digits.std)


@pytest.mark.slow
def test_experts_are_cached_apart_for_all_that_they_follow_from(digits, tmp_path):
    split, rows = digits.train, np.arange(300)
    wanted = distill.base.Experts((0, 1), 1, 0.01)
    small = partial(models.build, "convnet", 10, (8, 8, 1), width=2, depth=1)
    own = network(digits)
    smaller = lambda key: jax.tree.map(lambda leaf: 0.1 * leaf, own.init(key))
    other_start = own._replace(init=smaller)
    others = [
        (network(digits), split, wanted, {}),
        (network(digits), split, wanted._replace(lr=0.1), {}),
        (network(digits), split, wanted._replace(plain=False), {}),
        (network(digits), split, wanted._replace(epochs=(0, 2)), {}),
        (network(digits), split, wanted, {"batch": 100}),
        (network(digits), split, wanted, {"augment": "scale"}),
        (network(digits), split._replace(images=1 - split.images), wanted, {}),
        (models.build("mlp", 10, (8, 8, 1)), split, wanted, {}),  # not normalised
        (small(activation="relu"), split, wanted, {}),
        (other_start, split, wanted, {}),
        (small(activation="sigmoid"), split, wanted, {}),
    ]
    found = []
    for model, real, experts, options in others:
        cached = distill.train_experts(model, real, tmp_path, **options)
        found.append(cached(KEY, rows, experts))
        alone = distill.train_experts(model, real, **options)
        np.testing.assert_array_equal(found[-1], alone(KEY, rows, experts))
    files = sorted(tmp_path.rglob("*.npy"))
    assert len(files) == len(others)
    again = distill.train_experts(network(digits), split, tmp_path)
    np.testing.assert_array_equal(again(KEY, rows, wanted), found[0])
    assert sorted(tmp_path.rglob("*.npy")) == files


def test_windows_share_experts_of_which_more_epochs_are_kept(digits, tmp_path):
    rows, cached = (
        np.arange(300),
        distill.train_experts(network(digits), digits, tmp_path),
    )
    of = lambda *epochs: cached(
        KEY, rows, distill.base.Experts(epochs, 1, kept_epochs=3)
    )
    every, some = of(0, 1, 2, 3), of(1, 3)
    np.testing.assert_array_equal(some, every[:, [1, 3]])
    assert len(sorted(tmp_path.rglob("*.npy"))) == 1


def test_experts_without_an_epoch_are_refused(digits):
    method = distill.build("dance", network(digits), ipc=1, expert_epochs=0)
    experts = distill.train_experts(network(digits), digits)
    with pytest.raises(InputError, match="experts: no epoch to train"):
        distill.distil(KEY, method, digits, 1, experts=experts)


@pytest.fixture
def forget():
    """Names that a test registers are there for that test alone."""
    before = dict(lookup._entries)
    yield
    lookup._entries.clear()
    lookup._entries.update(before)


def test_a_method_by_name(digits, capsys):
    model = network(digits)
    method = distill.build(
        "dm", model, ipc=2, batch_real=16, augment="color_crop_cutout"
    )
    synthetic = distill.distil(KEY, method, digits, steps=10)
    params = train.train(KEY, model, synthetic, nets=2, epochs=40)
    accuracy = train.accuracy(model, params, digits)
    print(f"accuracy {accuracy.mean():.3f}")
    assert accuracy.shape == (2,) and (accuracy > 0.3).all()
    shown = capsys.readouterr()
    assert "10/10" in shown.err and "40/40" in shown.err and "loss=" in shown.err
    assert synthetic.metadata == {"class_names": list(digits.class_names)}


def test_a_loss_of_ones_own(digits, forget):
    @distill.matching
    def moments(model, params, real, synthetic, *, spread=1.0):
        """Matches mean and standard deviation of the features of each class."""
        features = partial(distill.class_features, model, params)
        ours, theirs = features(synthetic.images), features(real.images)
        means = ours.mean(1) - theirs.mean(1)
        deviations = ours.std(1) - theirs.std(1)
        return jnp.square(means).sum() + spread * jnp.square(deviations).sum()

    spread = dd_jax.Option("spread", 1.0, "weight of the standard deviations")
    dd_jax.register("method", "moments", moments, label="Moments", options=(spread,))

    model = network(digits)
    method = distill.build("moments", model, ipc=2, batch_real=16, spread=0.5)
    synthetic = distill.distil(KEY, method, digits, steps=10, progress=False)
    params = train.train(KEY, model, synthetic, epochs=40, progress=False)
    assert train.accuracy(model, params, digits).mean() > 0.3


@distill.matching
def mean_images(model, params, real, synthetic, *, scale=1.0):
    gap = real.images.mean(1) - synthetic.images.mean(1)
    return scale * jnp.square(gap).sum()


def test_the_loss_is_descended_and_its_options_reach_it(digits):
    model, real = network(digits), distill.real_data(*digits.train[:2])
    method = mean_images(model, ipc=2, batch_real=16, init="noise")
    state = method.init(KEY, real)
    batch, update = method.sample(KEY, real), jax.jit(method.update)
    losses = []
    for _ in range(5):
        state, info = update(KEY, state, batch)
        losses.append(float(info["loss"]))
    assert losses[-1] < 0.5 * losses[0]
    options = dict(ipc=2, batch_real=16, init="noise", scale=3.0)
    more = mean_images(model, **options)
    _, info = more.update(KEY, more.init(KEY, real), batch)
    assert float(info["loss"]) == pytest.approx(3 * losses[0], rel=1e-4)
    assert more is mean_images(model, **options)


def test_networks_learn_from_real_data_too(digits):
    params = train.train(
        KEY, network(digits), digits, epochs=4, lr=0.1, batch=32, progress=False
    )
    assert train.accuracy(network(digits), params, digits)[0] > 0.5


def test_networks_learn_from_rows_without_some_class(digits):
    model = models.build("mlp", 10, (8, 8, 1))
    some = take(digits.train, digits.train.labels < 9)
    params = train.train(KEY, model, some, epochs=1)
    assert train.accuracy(model, params, digits).shape == (1,)
    small = models.build("mlp", 3, (8, 8, 1))
    with pytest.raises(InputError, match="label 9, and the model has 3 classes"):
        train.train(KEY, small, digits, epochs=1)


@pytest.mark.slow
def test_trajectory_matching_brings_its_experts(digits):
    model = network(digits)
    method = distill.build(
        "mtt", model, ipc=1, experts=2, max_start=1, expert_epochs=1, student_steps=2
    )
    with pytest.raises(InputError, match="train_experts"):
        distill.distil(KEY, method, digits, 2)
    experts = distill.train_experts(model, digits)
    made = distill.distil(KEY, method, digits, 2, experts=experts, progress=False)
    assert made.images.shape == (10, 8, 8, 1) and np.isfinite(made.images).all()


@pytest.mark.parametrize("name", sorted({*distill.METHODS} - {"mtt"}))
def test_a_learning_rate_that_no_loss_depends_on_is_not_learned(digits, name):
    with pytest.raises(InputError, match="no option 'lr_lr'"):
        distill.build(name, network(digits), ipc=1, lr_lr=0.1)


def test_what_cannot_be_done_is_one_line(digits):
    model = network(digits)
    with pytest.raises(InputError, match="no option 'ipx'; its options: ipc, init, "):
        distill.build("dm", model, ipx=2)
    with pytest.raises(
        InputError, match="no option 'lr_lr'"
    ):  # its rate is not learned
        distill.build("dm", model, ipc=1, lr_lr=0.1)
    with pytest.raises(InputError, match="'dm' needs ipc"):
        distill.build("dm", model)
    with pytest.raises(InputError, match="no method 'dn'; there are random"):
        distill.build("dn", model, ipc=1)
    with pytest.raises(InputError, match="steps=0"):
        distill.distil(KEY, distill.build("dm", model, ipc=1), digits, 0)
    with pytest.raises(InputError, match="nets=0"):
        train.train(KEY, model, digits, nets=0)
    with pytest.raises(InputError, match="batch=0"):
        train.train(KEY, model, digits, batch=0)
    with pytest.raises(InputError, match="optimizer='rmsprop'; use sgd or adam"):
        distill.build("dm", model, ipc=1, optimizer="rmsprop")
    with pytest.raises(InputError, match="a class has none; give each 1 or more"):
        distill.build("dm", model, ipc=1, allocation=(0,) * 10)
    by_name = distill.build("dm", model, ipc=1, init="public")
    with pytest.raises(InputError, match="init=public: give public:SOURCE"):
        distill.distil(KEY, by_name, digits, 1)
    with pytest.raises(InputError, match="default for scale"):
        distill.matching(lambda model, params, real, synthetic, *, scale: 0.0)
