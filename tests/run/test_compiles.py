"""How many programs a sweep compiles: one distillation step for each set of shapes."""

from functools import cache, wraps

import jax
import pytest
from tiny import BARE, MLP, ROOT, make

from dd_jax import config, run
from dd_jax.config import sweep
from dd_jax.distill import METHODS, batched_form
from dd_jax.run import methods

ABLATION = ROOT / "experiments" / "ablation_digits.py"


@pytest.fixture
def traced(monkeypatch):
    """A list that grows by one at each trace of the distillation step.

    Programs of earlier tests are forgotten: with many of them in the process, a run
    would forget all and trace again (`runtime.program_maps`).
    """
    jax.clear_caches()
    traces = []

    @cache
    def counted(update):
        def once(key, state, batch):
            traces.append(1)
            return update(key, state, batch)

        return once

    @cache
    def counting(factory):
        @wraps(factory)
        def method(model, **settings):
            made = factory(model, **settings)
            return made._replace(update=counted(made.update))

        return method

    known = {"dm": counting(METHODS["dm"]), "random": METHODS["random"]}
    monkeypatch.setattr(methods, "METHODS", known)
    batched = lambda name: counting(batched_form(name))
    monkeypatch.setattr(methods, "batched_form", batched)
    return traces


@pytest.mark.slow
def test_inits_and_seeds_share_the_distillation_step(traced, tmp_path):
    base = BARE | MLP | {"distill.steps": 2, "train.epochs": 1}
    for init, seed in [("noise", 0), ("real", 0), ("kmeans", 1)]:
        run.run(make(base, distill__init=init, seed=seed), tmp_path)
    assert len(traced) == 1
    run.run(make(base, distill__ipc=3), tmp_path)
    assert len(traced) == 2


def cells():
    experiment = sweep.experiment(sweep.read(ABLATION))
    points = sweep.where(experiment.points, lambda p: p["distill.method"] == "dm")
    return sweep.expand(experiment.config, points)


def shape(cell):
    return cell.data.num_classes, cell.distill.ipc


def test_the_ablation_has_twelve_shapes_of_a_method():
    found = cells()
    assert len(found) == 108 and len({shape(cell) for cell in found}) == 12
    # cells of one shape follow one another and differ in initial images and seed alone
    for i in range(0, 108, 9):
        alike = found[i : i + 9]
        assert len({shape(cell) for cell in alike}) == 1
        flat = [config.flat(cell) for cell in alike]
        differ = {k for k in flat[0] if len({f[k] for f in flat}) > 1}
        assert differ == {"distill.init", "seed"}
    assert {cell.distill.init for cell in found} == {"noise", "real", "kmeans"}


@pytest.mark.slow
def test_the_ablation_compiles_one_step_for_each_shape(traced, tmp_path):
    """Cells of two shapes, on a small network and for a few steps."""
    small = {k: v for k, v in BARE.items() if k not in ("distill.ipc", "distill.init")}
    small.pop("data.num_classes")
    some = cells()[:18:2]
    for cell in some:
        run.run(config.override(cell, small | {"distill.steps": 2}, "test"), tmp_path)
    assert len(traced) == len({shape(cell) for cell in some}) == 2


@pytest.mark.slow
@pytest.mark.parametrize("joint", [False, True], ids=["each", "joint"])
def test_learning_rates_share_the_distillation_step(traced, tmp_path, joint):
    privacy = {"audits.privacy.enabled": joint, "audits.privacy.joint": joint}
    base = BARE | MLP | {"distill.steps": 2, "train.epochs": 1} | privacy
    for lr, rate in [(0.5, 0.01), (5.0, 0.01), (0.5, 0.02)]:
        run.run(make(base, distill__lr=lr, train__lr=rate), tmp_path)
    assert len(traced) == 1 + joint
