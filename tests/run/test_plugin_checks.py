"""What others register is built and looked at before any compute."""

from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest
from tiny import BARE, MLP, npz

import dd_jax
from dd_jax import attacks, catalogue, config, run
from dd_jax.attacks import Attack, Settings, ball_of
from dd_jax.audits import Audit, no_check
from dd_jax.audits.privacy import membership_audit
from dd_jax.audits.robustness.robustness_audit import norm_of
from dd_jax.catalogue import lookup
from dd_jax.distill import METHODS
from dd_jax.run.audit_context import options_of
from dd_jax.types import InputError

OPTION = dd_jax.Option("strength", 0.5, "how strong")
ROBUST = {"audits.robustness.enabled": True}
PRIVATE = {"audits.privacy.enabled": True, "audits.privacy.shadows": 4}


@pytest.fixture(autouse=True)
def no_leftovers(monkeypatch):
    """What a test registers is gone after it."""
    catalogue.names("method")
    monkeypatch.setattr(lookup, "_entries", dict(lookup._entries))


def register(kind, factory, **more):
    dd_jax.register(kind, "mine", factory, label="Mine", **more)


def prepared(path, values):
    base = BARE | MLP | {"data.source": npz(path / "data.npz"), "data.num_classes": 0}
    settings = config.override(config.default(), base | values, "test")
    config.validate(settings)
    return run.prepared(settings)


def dark(eps, *, steps=1, norm="linf"):
    def darker(key, logits_fn, images, labels):
        return jnp.clip(images - eps, 0, 1)

    return Attack(darker, ball_of(norm, eps), Settings(steps))


def patch(eps):
    return dark(eps)._replace(ball=ball_of("linf", eps)._replace(name="patch"))


@pytest.mark.parametrize(
    "kind, factory, options, values, words",
    [
        ("method", lambda model, *, ipc: 3, (), {}, "gives a int; it must give a dd_"),
        (
            "method",
            lambda model, *, init="real": METHODS["dm"](model, ipc=1),
            (),
            {},
            "its factory takes no ipc",
        ),
        ("method", lambda model, *, ipc: 1 / 0, (), {}, "'mine': ZeroDivisionError"),
        (
            "attack",
            lambda eps: lambda key, logits_fn, images, labels: images,
            (),
            ROBUST,
            "gives a function; it must give a dd_jax.attacks.Attack",
        ),
        ("attack", dark, (OPTION,), ROBUST, "option 'strength' is no parameter"),
        ("attack", patch, (), ROBUST, "no radii for the norm 'patch'"),
        (
            "score",
            lambda logits, labels, member, target: labels,
            (OPTION,),
            PRIVATE,
            "option 'strength' is no parameter",
        ),
        ("model", lambda width=3: None, (), {}, "no Flax module"),
    ],
)
def test_a_bad_factory_is_one_line(tmp_path, kind, factory, options, values, words):
    register(kind, factory, options=options)
    chosen = {
        "method": {"distill.method": "mine"},
        "attack": {"audits.robustness.attacks": ("mine",)},
        "score": {"audits.privacy.scores": ("mine",)},
        "model": {"model.name": "mine"},
    }
    with pytest.raises(InputError, match=words) as caught:
        prepared(tmp_path, values | chosen[kind])
    assert "\n" not in str(caught.value)


def test_a_method_need_not_take_an_initialisation(tmp_path):
    register("method", lambda model, *, ipc: METHODS["dm"](model, ipc=ipc))
    assert prepared(tmp_path, {"distill.method": "mine"}).id


@pytest.mark.parametrize("factor", [1, 3])
def test_tiles_are_refused_of_a_method_that_does_not_name_them(tmp_path, factor):
    register("method", lambda model, *, ipc, **others: METHODS["dm"](model, ipc=ipc))
    values = {"distill.method": "mine", "distill.factor": factor}
    if factor == 1:
        assert prepared(tmp_path, values).id
        return
    with pytest.raises(InputError, match="distill.factor=3: mine does not take it"):
        prepared(tmp_path, values)


def test_a_selection_need_not_take_a_learning_rate(tmp_path):
    select = lambda model, *, ipc: METHODS["random"](model, ipc=ipc, train_lr=0.01)
    register("method", select, selects=True)
    assert prepared(tmp_path, {"distill.method": "mine"}).id


def test_radii_are_those_of_the_norm_that_an_option_gives():
    option = dd_jax.Option("norm", "l2", "norm of the ball")
    register("attack", dark, options=(option,))
    settings = config.override(
        config.default(), {"audits.robustness.attacks": ("mine",)}, "test"
    )
    assert norm_of("mine", options_of(settings, "robustness")) == "l2"


def test_an_attack_may_need_its_steps():
    register("attack", lambda eps, *, steps: dark(eps, steps=steps))
    options = options_of(config.default(), "robustness")
    assert norm_of("mine", options) == "linf"


def test_what_describes_an_attack_can_be_written():
    register("attack", lambda eps, *, steps=1, loss=jnp.sin, **kw: dark(eps, **kw))
    assert attacks.describe("mine", 0.1, norm="l2") == {
        "eps": 0.1,
        "norm": "l2",
        "steps": 1,
        "step_size": None,
        "restarts": 1,
        "random_start": False,
        "momentum": 0.0,
    }


def test_an_attack_that_loses_images_is_refused():
    ball, settings = ball_of("linf", 0.1), Settings(1)
    attack = Attack(lambda key, f, images, labels: images[:1], ball, settings)
    with pytest.raises(AssertionError, match="shape"):
        attack(None, None, jnp.zeros((3, 4, 4, 1)), jnp.zeros(3, int))


def test_options_of_a_score_need_not_be_keyword_only():
    from dd_jax.audits.privacy.scores import score_of

    register("score", lambda logits, labels, member, target, power=2: labels)
    assert score_of("mine").options == ("power",)


def test_labels_of_two_kinds_of_one_name_are_kept_apart():
    from dd_jax.report.display_names import display_name
    from dd_jax.run.identity import labels

    dd_jax.register("method", "real", lambda model, *, ipc: 0, label="Realistic")
    settings = config.override(config.default(), {"distill.method": "real"}, "test")
    record = {"run": {"labels": labels(settings)}}
    assert display_name("real", record, "method") == "Realistic"
    assert display_name("real", record, "init") == "Random real images"


def test_tiles_of_a_method_are_those_of_its_signature(tmp_path):
    register("method", METHODS["idc"])
    assert prepared(tmp_path, {"distill.method": "mine", "distill.multi": True}).id
    with pytest.raises(InputError, match="with one tile an image"):
        prepared(tmp_path, {"distill.method": "dm", "distill.multi": True})
    with pytest.raises(InputError, match="take one of dc, .*, rat_bptt, mine"):
        prepared(tmp_path, {"distill.method": "mtt", "mitigate.robust.eps": 0.1})


@pytest.mark.slow
def test_an_audit_measures_json_values(tmp_path):
    audit = Audit("mine", no_check, lambda context: {"a": np.float32(1), "b": {1, 2}})
    register("audit", audit)
    settings = prepared(tmp_path, {"distill.method": "random"})
    with pytest.raises(InputError, match="audit mine: .*set.* JSON values") as caught:
        run.run(settings, tmp_path / "out")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "score, words",
    [
        (lambda logits, labels, member, target: labels[:2], r"shape \(2,\) for 6 rows"),
        (lambda logits, labels, member, target: logits.nothing, "AttributeError"),
    ],
)
def test_a_score_is_tried_before_models_are_trained_for_it(tmp_path, score, words):
    register("score", score)
    chosen = PRIVATE | {"distill.method": "dm", "audits.privacy.scores": ("mine",)}
    with pytest.raises(InputError, match=f"score 'mine': .*{words}") as caught:
        prepared(tmp_path, chosen)
    assert "\n" not in str(caught.value)


def test_other_keys_of_an_audit_are_no_hyperparameters():
    """`images` and `epochs` are keys of the audits, and their own business."""

    def attack(eps, *, images=3, steps=1):
        assert images == 3
        return dark(eps, steps=steps)

    def score(logits, labels, member, target, *, epochs=5):
        return labels + epochs

    register("attack", attack)
    register("score", score)
    options = options_of(config.default(), "robustness")
    assert norm_of("mine", options) == "linf"
    chosen = config.override(
        config.default(), {"audits.privacy.scores": ("mine",)}, "test"
    )
    context = SimpleNamespace(options=options_of(chosen, "privacy"))
    assert membership_audit._score_options(context) == {"mine": {}}


def test_one_name_for_an_architecture_and_a_method_is_refused(tmp_path):
    register("method", lambda model, *, ipc: METHODS["dm"](model, ipc=ipc))
    register("model", METHODS["dm"])
    both = {
        f"audits.transfer.{kind}": ("mine",) for kind in ("architectures", "methods")
    }
    chosen = ROBUST | both | {"audits.transfer.enabled": True}
    with pytest.raises(InputError, match="mine is an architecture and a method"):
        prepared(tmp_path, chosen)


@pytest.mark.slow
@pytest.mark.parametrize("traits", [{}, {"follows_experts": True}])
@pytest.mark.parametrize("threat", ["t0", "t1"])
def test_a_method_of_others_is_attacked_with_a_score_of_others(
    tmp_path, traits, threat
):
    """With canaries, after robust distillation or along expert trajectories."""
    name = "mtt" if traits else "dm"
    register("method", METHODS[name], **traits)
    flat = lambda logits, labels, member, target: jnp.ones(len(labels))
    register("score", flat)
    chosen = PRIVATE | {
        "distill.method": "mine",
        "audits.privacy.scores": ("mine", "loss"),
        "audits.privacy.threats": (threat,),
        "audits.privacy.canaries": 2,
    }
    if not traits:
        chosen |= {"mitigate.robust.eps": 0.1, "mitigate.robust.steps": 1}
    record = run.run(prepared(tmp_path, chosen), tmp_path / "out")
    found = record["privacy"]["distilled"][threat]
    assert found["mine"]["auc"]["mean"] == 0.5
