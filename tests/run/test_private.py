"""Runs with differential privacy: what is refused, released and recorded."""

import json

import numpy as np
import pytest
from tiny import BARE, make, only_run

from dd_jax import run
from dd_jax.data import load
from dd_jax.distill.io import storage
from dd_jax.report.safe_text import printable
from dd_jax.run import private
from dd_jax.run.context import build_context
from dd_jax.run.validation import check
from dd_jax.train.private.ledger import Ledger
from dd_jax.types import InputError

pytest.importorskip("dp_accounting")
pytest.importorskip("jax_privacy")
DP = BARE | {
    "distill.init": "noise",
    "dp.epsilon": 2.0,
    "dp.delta": 1e-4,
    "dp.releases": 3,
    "train.epochs": 2,
}


@pytest.mark.parametrize(
    "key, value, words",
    [
        ("distill.init", "real", "take noise or public:SOURCE"),
        ("distill.init", "kmeans", "take noise or public:SOURCE"),
        ("distill.method", "mtt", "take one of dc, dm"),
        ("distill.method", "random", "take one of dc, dm"),
        ("distill.method", "dc", "dc makes one in each of distill.steps; take 0"),
        ("dp.delta", 0.01, "must be below 1 / "),
        ("data.zca", True, "take False"),
        ("sets", 2, "take 1"),
        ("mitigate.robust.eps", 0.1, "take 0"),
        ("backdoor.rate", 0.1, "take 0"),
        ("mitigate.fair.form", "fairdd", "take none"),
    ],
)
def test_what_would_let_rows_out_is_refused(key, value, words):
    with pytest.raises(InputError, match="dp.epsilon=2: ") as caught:
        check(make(DP | {key: value}))
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_public_images_of_the_nearest_class_are_refused():
    public = {"distill.init": "public:digits", "distill.public.classes": "nearest"}
    with pytest.raises(InputError, match="looks at private rows; take free"):
        check(make(DP | public))


def test_public_images_that_are_private_rows_are_refused(tmp_path):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (12, 8, 8), dtype=np.uint8)
    arrays = {f"y_{split}": np.arange(12) % 3 for split in ("train", "test")}
    arrays |= {f"x_{split}": images for split in ("train", "test")}
    np.savez(tmp_path / "public.npz", **arrays)
    public = DP | {"distill.init": f"public:npz:{tmp_path}/public.npz"}
    check(make(public))
    private_rows = load("digits", num_classes=3).train.images[:1, ..., 0]
    arrays["x_train"] = np.concatenate([images[1:], private_rows])
    np.savez(tmp_path / "public.npz", **arrays)
    with pytest.raises(InputError, match="holds training rows, which are private"):
        check(make(public))


def test_batch_statistics_and_other_sets_are_refused():
    with pytest.raises(InputError, match="take another model.norm"):
        check(make(DP | {"model.norm": "batch"}))
    for changes in ({"methods": ("dm",)}, {"sets": (__file__,)}):
        transfer = {f"audits.transfer.{k}": v for k, v in changes.items()}
        with pytest.raises(InputError, match="other sets have no guarantee"):
            check(make(DP | transfer | {"audits.transfer.enabled": True}))


def test_any_number_of_releases_and_any_epsilon_is_planned_at_once():
    for epsilon, releases in [(0.01, 1), (500.0, 10**6)]:
        config = make(DP, dp__epsilon=epsilon, dp__releases=releases)
        wanted = private.releases_of(config, 1000)
        assert wanted.noise_multiplier > 0


def test_computed_normalisation_is_replaced_by_constants():
    built = build_context(make(DP))
    assert (built.dataset.mean, built.dataset.std) == ((0.5,), (0.25,))
    assert any("private rows" in note for note in built.dataset.notes)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("private")
    return run.run(make(DP), folder), folder


@pytest.mark.slow
def test_the_record_has_the_guarantee(finished):
    record, folder = finished
    part = record["run"]["differential_privacy"]
    (cost,) = part["mechanisms"]
    assert cost["count"] == 3 and cost["sampling"] == 1
    assert 1.9 < part["epsilon"] <= 2.0 and part["delta"] == 1e-4
    wanted = private.releases_of(make(DP), 1000)
    assert cost["noise_multiplier"] == pytest.approx(wanted.noise_multiplier)
    assert not list(folder.rglob("secret.npz"))
    assert 2.0 < part["epsilon_of_exchange"] < 6.0
    metadata = storage.load(only_run(folder) / "synthetic.npz").metadata
    assert metadata["provenance"]["checksum"] is None


@pytest.mark.slow
def test_the_same_seed_draws_other_noise(finished, tmp_path):
    record, folder = finished
    again = run.run(make(DP), tmp_path)
    assert again["run"]["id"] == record["run"]["id"]
    one, other = (
        storage.load(only_run(where) / "synthetic.npz").images
        for where in (folder, tmp_path)
    )
    assert not np.allclose(one, other)


@pytest.mark.slow
@pytest.mark.parametrize("several", [1, 2])  # releases in a file
def test_a_release_that_is_there_is_read_again(tmp_path, several):
    rows = np.arange(len(build_context(make(DP)).dataset.train.labels))
    config = make(DP, dp__batch=len(rows) // several)
    context = build_context(config, tmp_path, tmp_path)
    wanted = private.releases_of(config, len(rows))
    one, same = (
        private.released(context, context.dataset.train, rows, wanted) for _ in range(2)
    )
    np.testing.assert_array_equal(one, same)
    part = private.guarantee(context)
    assert 1.9 < part["epsilon"] <= 2.0 and len(one) == 3
    (cost,) = part["mechanisms"]
    assert cost == {
        "count": 3,
        "noise_multiplier": wanted.noise_multiplier,
        "sampling": wanted.sampling,
    }
    assert wanted.sampling == pytest.approx(1 / several, rel=0.05)
    assert len(list(tmp_path.rglob("[0-9].npz"))) == (3 if several == 1 else 2)
    json.dumps(part)


@pytest.mark.slow
def test_condensation_makes_a_release_in_each_step(tmp_path):
    changed = {"distill.method": "dc", "dp.releases": 0, "dp.batch": 8}
    config = make(DP | changed)
    rows = len(build_context(config).dataset.train.labels)
    record = run.run(config, tmp_path)
    part = record["run"]["differential_privacy"]
    (cost,) = part["mechanisms"]
    assert cost["count"] == config.distill.steps
    assert cost["sampling"] == pytest.approx(8 / rows)
    assert 1.8 < part["epsilon"] <= 2.0 < part["epsilon_of_exchange"]
    assert not list(tmp_path.rglob("secret.npz"))
    again = run.run(config, tmp_path / "again")
    assert again["run"]["id"] == record["run"]["id"]
    one, other = (
        storage.load(only_run(where) / "synthetic.npz").images
        for where in (tmp_path, tmp_path / "again")
    )
    assert not np.allclose(one, other)


@pytest.mark.parametrize("broken", [0.5, 0.9])
def test_too_little_noise_fails_loudly(tmp_path, monkeypatch, broken):
    plain = Ledger.release

    def weaker(self, key, total, *, noise_multiplier, **rest):
        return plain(
            self, key, total, noise_multiplier=broken * noise_multiplier, **rest
        )

    monkeypatch.setattr(Ledger, "release", weaker)
    context = build_context(make(DP), tmp_path, tmp_path)
    rows = np.arange(len(context.dataset.train.labels))
    wanted = private.releases_of(make(DP), len(rows))
    private.released(context, context.dataset.train, rows, wanted)
    with pytest.raises(InputError, match="must not be published"):
        private.guarantee(context)


@pytest.mark.slow
def test_a_damaged_release_is_one_line(tmp_path):
    context = build_context(make(DP), tmp_path, tmp_path)
    rows = np.arange(len(context.dataset.train.labels))
    wanted = private.releases_of(make(DP), len(rows))
    private.released(context, context.dataset.train, rows, wanted)
    (file,) = tmp_path.rglob("1.npz")
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(InputError, match="1.npz"):
        private.guarantee(context)
    (secret,) = tmp_path.rglob("secret.npz")
    assert secret.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("key, value", [("dp.batch", 8), ("dp.releases", 3)])
def test_keys_that_do_nothing_without_an_epsilon_are_refused(key, value):
    with pytest.raises(InputError, match=f"{key}={value}: needs dp.epsilon above 0"):
        check(make(BARE | {key: value, "dp.delta": 1e-4}))


def test_a_method_that_makes_its_releases_in_steps_needs_one():
    steps = {"distill.method": "dc", "dp.releases": 0, "distill.steps": 0}
    with pytest.raises(InputError, match="dc learns in its steps alone"):
        check(make(DP | steps))


def test_reports_show_all_that_a_record_says_is_protected():
    assert printable(private.PROTECTS) == private.PROTECTS


def test_ids_of_runs_without_privacy_do_not_depend_on_its_keys():
    from dd_jax import config

    plain = config.run_id(make(BARE), "abc")
    assert config.run_id(make(BARE, dp__delta=1e-6, dp__releases=7), "abc") == plain
    assert config.run_id(make(DP), "abc") != plain
    assert config.run_id(make(DP, dp__delta=1e-6), "abc") != config.run_id(
        make(DP), "abc"
    )
