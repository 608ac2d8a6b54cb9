"""Runs with differential privacy: audited epsilons beside the claimed ones."""

import jax
import numpy as np
import pytest
import tiny
from tiny import BARE, MLP, make, npz, only_run

from dd_jax import report, run
from dd_jax.distill.private import class_releases
from dd_jax.report.schema import validate
from dd_jax.run import private
from dd_jax.run.audited_claims import (
    audited_mechanism,
    require_clipping,
    withdraw_if_refuted,
)
from dd_jax.run.context import build_context
from dd_jax.system import workdir
from dd_jax.train.private import noisy_gradient
from dd_jax.train.private.ledger import Ledger
from dd_jax.types import InputError

pytest.importorskip("dp_accounting")
pytest.importorskip("jax_privacy")
PRIVATE = (
    BARE
    | MLP
    | {
        "distill.init": "noise",
        "dp.epsilon": 2.0,
        "dp.delta": 1e-4,
        "dp.releases": 3,
        "train.epochs": 2,
    }
)
AUDITED = PRIVATE | {
    "audits.privacy.enabled": True,
    "audits.privacy.threats": ("t1", "t2"),
    "audits.privacy.scores": ("loss", "rmia"),
}
plain = Ledger.release


def half_of_the_noise(self, key, total, **how):
    """What a release with an error would give: the ledger has the full noise."""
    return (plain(self, key, total, **how) + total) / 2


def one_key_for_all(self, key, total, **how):
    return plain(Ledger(), jax.random.key(5), total, **how)


@pytest.fixture
def data(tmp_path):
    source = npz(tmp_path / "drawn.npz", **tiny.arrays((20, 20, 20)))
    return {"data.source": source, "data.num_classes": 0}


@pytest.mark.slow
def test_the_record_has_audited_epsilons_beside_the_claimed_ones(tmp_path, data):
    record = validate(run.run(make(AUDITED | data), tmp_path / "out"))
    part, found = record["run"]["differential_privacy"], record["privacy"]
    assert part["epsilon"] / 2 < part["audited"]["epsilon"] < part["epsilon"]
    assert part["audited"]["repetitions"] == 800_000
    assert set(found["audited_epsilon"]) == {"t1", "t2"}
    for audited in found["audited_epsilon"].values():
        assert audited["score"] == "loss" and audited["pairs"] == 30
        assert 0 <= audited["epsilon"] <= audited["most"] < part["epsilon_of_exchange"]
    page = report.build(tmp_path / "out").read_text()
    assert "800,000 repetitions" in page and "of 30 pairs right" in page


def test_a_run_without_privacy_has_none(data, tmp_path):
    assert audited_mechanism(build_context(make(BARE | MLP | data))) == {}
    withdraw_if_refuted({"run": {}, "privacy": {}}, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("release", [half_of_the_noise, one_key_for_all])
def test_a_run_that_leaks_more_than_it_claims_fails(
    tmp_path, data, monkeypatch, release
):
    monkeypatch.setattr(Ledger, "release", release)
    with pytest.raises(InputError, match="the noise of its releases shows an epsilon"):
        run.run(make(PRIVATE | data), tmp_path / "out")
    folder = only_run(tmp_path / "out")
    assert workdir.read_status(folder)["status"] == "failed"
    assert not (folder / "record.json").exists()
    assert not (folder / "synthetic.npz").exists()


@pytest.mark.slow
def test_batches_of_more_rows_than_are_accounted_for_are_refuted(data, monkeypatch):
    sampled = {"dp.batch": 6, "dp.releases": 10}
    context = build_context(make(PRIVATE | data | sampled))
    assert 0.8 < audited_mechanism(context)["audited"]["epsilon"] < 2.0
    all_rows = lambda key, number, rows, sampling: (np.arange(rows), rows)
    monkeypatch.setattr(class_releases, "batch_of", all_rows)
    with pytest.raises(InputError, match="the noise of its releases shows an epsilon"):
        audited_mechanism(context)


@pytest.mark.slow
def test_releases_of_steps_are_audited_by_the_noise_of_their_gradients(
    data, monkeypatch
):
    steps = {"distill.method": "dc", "dp.releases": 0, "distill.steps": 10}
    context = build_context(make(PRIVATE | data | steps | {"dp.batch": 30}))
    assert 0.8 < audited_mechanism(context)["audited"]["epsilon"] < 2.0
    full = noisy_gradient.with_noise
    halved = lambda key, total, scale: full(key, total, scale / 2)
    monkeypatch.setattr(noisy_gradient, "with_noise", halved)
    with pytest.raises(InputError, match="the noise of its releases shows an epsilon"):
        audited_mechanism(context)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["dm", "dc"])
def test_a_row_that_is_not_clipped_is_refused(data, monkeypatch, method):
    changed = {"distill.method": method} | (
        {"dp.releases": 0} if method == "dc" else {}
    )
    context = build_context(make(PRIVATE | data | changed))
    wanted = private.releases_of(context.config, 60)
    require_clipping(context, wanted)
    sums, gradient = class_releases.class_sums, noisy_gradient.noisy_gradient
    monkeypatch.setattr(
        class_releases,
        "class_sums",
        lambda model, number, row, classes, clip, *rest: sums(
            model, number, row, classes, 10 * clip, *rest
        ),
    )
    monkeypatch.setattr(
        noisy_gradient,
        "noisy_gradient",
        lambda model, *, clip, **rest: gradient(model, clip=10 * clip, **rest),
    )
    with pytest.raises(InputError, match="more to a release than dp.clip allows"):
        require_clipping(context, wanted)


def test_members_that_are_found_too_often_refute_the_claim(tmp_path):
    record = {
        "run": {"differential_privacy": {"epsilon": 1.0, "epsilon_of_exchange": 2.2}},
        "privacy": {"audited_epsilon": {"t2": {"epsilon": 2.5, "surely": 2.1}}},
    }
    files = [tmp_path / name for name in ("synthetic.npz", "synthetic_1.npz")]
    for file in (*files, tmp_path / "images.png", tmp_path / "scores.npz"):
        file.touch()
    withdraw_if_refuted(record, tmp_path)
    assert all(file.exists() for file in files)
    record["privacy"]["audited_epsilon"]["t2"]["surely"] = 2.3
    with pytest.raises(InputError, match="under T2 shows an epsilon of 2.3 or more"):
        withdraw_if_refuted(record, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["scores.npz"]
