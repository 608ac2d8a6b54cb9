import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dd_jax import catalogue, config
from dd_jax.config import run_names
from dd_jax.config.fields import fields
from dd_jax.types import InputError

_GIVEN = {  # a valid value that differs from the default, where it is no number
    "data.source": "npz:a.npz",
    "data.validation": 0.1,
    "data.background": "white",
    "data.rows": 100,
    "data.imbalance": "step",
    "data.colour": "background",
    "data.groups": "clusters:4",
    "model.name": "mlp",
    "model.norm": "batch",
    "model.activation": "swish",
    "model.pooling": "max",
    "distill.method": "random",
    "distill.allocation": (9, 11),
    "distill.init": "noise",
    "distill.augment": "none",
    "distill.distance": "squared",
    "distill.mtt.min_start": 1,
    "distill.mtt.max_start": 3,
    "distill.mtt.first_max_start": 2,
    "distill.mtt.growth": 100,
    "distill.public.classes": "nearest",
    "report.lang": "ja",
    "decision.membership_auc.amber": 0.8,
    "decision.membership_auc.red": 0.8,
    "dp.epsilon": 2.0,
    "distill.load": __file__,
    "distill.labels": "teacher",
    "precision": "bfloat16",
    "train.decay": "thirds",
    "train.augment": "flip",
    "train.adversarial.eps": 0.1,
    "mitigate.robust.eps": 0.1,
    "backdoor.rate": 0.1,
    "mitigate.fair.form": "dro",
    "mitigate.fair.over": "classes",
    "audits.privacy.scores": ("loss",),
    "audits.privacy.threats": ("t0", "t1", "t2"),
    "audits.privacy.rows": 50,
    "audits.privacy.protocol": "canaries",
    "audits.privacy.canary_kinds": ("hardest",),
    "audits.privacy.variance": "fixed",
    "audits.robustness.attacks": ("mim", "square", "square:l2", "autoattack:plus"),
    "audits.robustness.eps_linf": (0.0, 0.3),
    "audits.robustness.eps_l2": (0.0, 3.0),
    "audits.robustness.eps_l1": (0.0, 3.0),
    "audits.transfer.architectures": ("mlp", "lenet"),
    "audits.transfer.methods": ("dsa",),
    "audits.transfer.sets": (__file__,),
    "audits.controls.names": ("herding",),
}


def other(key):
    """A valid value of a key that differs from its default."""
    option = fields()[key]
    default = option.default
    if key in _GIVEN:
        return _GIVEN[key]
    if isinstance(default, bool):
        return not default
    near = (2 * default, default + 1, default / 2, default + 2)
    tried = (type(default)(value) for value in near)
    return next(v for v in tried if v != default and option.allowed.accepts(v))


NO_EFFECT = {
    "report.html",
    "report.lang",
    "report.tensorboard",
    "distill.steps_per_call",
    "distill.mtt.kept_epochs",
    "budget_minutes",
    "checkpoint_seconds",
    "devices",
    *(key for key in fields() if key.startswith("decision.")),
}
BAD = {  # beside None, which is never right
    "seed": [-1, True, None, 1.0],
    "data.source": ["cifar", "tfds:", "digit", "csv:x"],
    "data.num_classes": [-1, 1],
    "data.validation": [-0.1, 1.0, float("nan")],
    "data.image_size": [-1, 2**16, 10**30],
    "data.background": ["", "none", "whit", "#ffffff80", "rgba(0,0,0,9)"],
    "data.rows": [-1],
    "data.imbalance": ["", "long", "tail"],
    "data.imbalance_ratio": [0.5, -1.0, float("inf"), float("nan")],
    "data.colour": ["", "front", "color"],
    "data.correlation": [-0.1, 1.1, float("nan")],
    "data.groups": ["", "none", "clusters", "clusters:1", "clusters:x", "clusters: 3"],
    "model.name": ["", "convnet3"],
    "model.width": [0],
    "model.depth": [0],
    "model.norm": ["instancenorm"],
    "model.activation": ["tanh"],
    "model.pooling": ["mean"],
    "distill.method": ["DM", "MTT"],
    "distill.ipc": [0, -1],
    "distill.allocation": [(0, 3), (-1,), (1.5,), (True,)],
    "distill.init": ["zeros", "public", "public:", "public:cifar", "real:digits"],
    "distill.steps": [-1],
    "distill.batch_real": [0],
    "distill.augment": ["", "colour", "crop_crop", "crop,flip"],
    "distill.lr": [-1.0, float("inf"), float("nan")],
    "audits.learning_curve.eval_steps": [-1],
    "distill.lr_labels": [-1.0],
    "distill.labels": ["", "soft"],
    "distill.teacher.epochs": [0],
    "distill.teacher.lr": [0.0],
    "distill.teacher.bytes": [-1],
    "distill.factor": [-1, 4],
    "distill.distance": ["l2"],
    "distill.network.outer_steps": [-1],
    "distill.network.epochs": [-1],
    "distill.network.steps": [0],
    "distill.rded.tiles": [0, 5],
    "distill.rded.crops": [0],
    "distill.rded.candidates": [0],
    "distill.rded.expert_epochs": [0],
    "distill.rded.expert_lr": [0.0],
    "distill.mtt.experts": [0],
    "distill.mtt.kept_epochs": [-1],
    "distill.mtt.expert_lr": [0.0],
    "distill.mtt.student_steps": [0],
    "distill.mtt.expert_epochs": [0],
    "distill.mtt.min_start": [-1],
    "distill.mtt.max_start": [0],
    "distill.mtt.first_max_start": [-1],
    "distill.mtt.growth": [-1],
    "distill.mtt.batch_student": [-1],
    "distill.mtt.student_lr": [-0.1],
    "distill.mtt.lr_lr": [-0.1],
    "distill.rat_bptt.window": [0],
    "distill.rat_bptt.unroll": [0],
    "distill.rat_bptt.inner_lr": [0.0],
    "distill.load": ["/no/such/synthetic.npz", "/"],
    "distill.steps_per_call": [0],
    "checkpoint_seconds": [-1.0, float("inf")],
    "devices": [-1],
    "report.lang": ["", "jp", "de"],
    "decision.accuracy_loss.red": [-0.1, 1.5, float("nan")],
    "train.epochs": [0],
    "train.batch": [0],
    "train.lr": [0.0],
    "train.nets": [0],
    "train.decay": ["", "quarters"],
    "precision": ["", "f32", "bf16"],
    "train.cutmix": [-0.1, 1.1],
    "train.augment": ["rot"],
    "train.adversarial.eps": [-0.1, 1.0, float("nan")],
    "train.adversarial.steps": [0],
    "train.full_epochs": [0],
    "train.full_nets": [0],
    "mitigate.robust.eps": [-0.1, 1.0],
    "mitigate.robust.steps": [0],
    "mitigate.fair.form": ["", "fair", "DRO"],
    "mitigate.fair.over": ["", "rows"],
    "mitigate.fair.eta": [0.0, -0.1, float("nan")],
    "sets": [0],
    "audits.privacy.shadows": [0, 2, 15],
    "audits.privacy.targets": [0, 2, 5],
    "audits.privacy.scores": [(), ("lira",), ("loss", "loss")],
    "audits.privacy.threats": [(), ("t3",), ("t1", "t1")],
    "audits.privacy.repeats": [0],
    "audits.privacy.rows": [-1, 1, 19],
    "audits.privacy.variance": ["own"],
    "audits.privacy.protocol": ["", "all"],
    "audits.privacy.query_shift": [-1],
    "audits.privacy.canaries": [-2, 3],
    "audits.privacy.canary_kinds": [(), ("noise",), ("hardest", "hardest")],
    "audits.privacy.epochs": [0],
    "audits.robustness.attacks": [
        (),
        ("pgd",),
        (1,),
        ("fgsm", "fgsm"),
        ("square", "square:linf"),
        ("square:l3",),
        ("square:l2:l1",),
        ("pgd_linf:linf",),
        ("deepfool:l1",),
        ("autoattack:rand",),
    ],
    "audits.robustness.eps_linf": [(), (-0.1,), (1.1,), ("a",), (float("nan"),)],
    "audits.robustness.eps_l2": [(), (-1.0,), (True,), (float("inf"),)],
    "audits.robustness.eps_l1": [(), (-1.0,)],
    "audits.robustness.images": [0],
    "audits.robustness.nets": [0],
    "audits.robustness.steps": [0],
    "audits.robustness.adaptive_steps": [0],
    "audits.robustness.queries": [0],
    "audits.robustness.draws": [0],
    "audits.calibration.bins": [0],
    "audits.transfer.architectures": [("vgg",), ("mlp", "mlp")],
    "audits.transfer.methods": [("dm2",), ("dm", "dm")],
    "audits.transfer.sets": [("",), ("no/such.npz",), (1,)],
    "audits.corruptions.images": [0],
    "backdoor.rate": [-0.1, 1.0],
    "backdoor.target": [-1],
    "backdoor.size": [0],
    "audits.controls.names": [(), ("random",), ("el2n", "el2n")],
    "audits.controls.nets": [0],
    "audits.controls.holdout": [0.0, 1.0, float("nan")],
    "audits.poison.images": [0],
    "audits.poison.nets": [0],
    "audits.poison.steps": [0],
    "audits.poison.weight": [-0.1],
    "audits.poison.references": [1],
    "audits.poison.threshold": [-1.0, float("nan")],
}


def changed(**values):
    pairs = {key.replace("__", "."): value for key, value in values.items()}
    return config.override(config.default(), pairs, "test")


def with_key(key, value):
    return config.override(config.default(), {key: value}, "test")


def test_default_is_valid_and_holds_every_field():
    values = config.flat(config.default())
    assert values == {key: field.default for key, field in fields().items()}
    config.validate(config.default())


def test_quick_start_values():
    values = config.default()
    assert (values.data.source, values.distill.method) == ("digits", "dm")
    assert (values.distill.ipc, values.audits.privacy.shadows) == (10, 16)


def test_every_key_has_one_line_of_help():
    for key, field in fields().items():
        assert field.help and "\n" not in field.help, key


@pytest.mark.parametrize("key", fields())
def test_other_value_is_valid(key):
    values = with_key(key, other(key))
    config.validate(values)
    assert config.flat(values)[key] == other(key) != fields()[key].default


@pytest.mark.parametrize("key", fields())
def test_bad_value_is_named_in_one_line(key):
    for value in (None, *BAD.get(key, ())):
        with pytest.raises(InputError) as caught:
            config.validate(with_key(key, value))
        message = str(caught.value)
        assert f"{key}={value!r}: must be" in message
        assert fields()[key].allowed.words in message
        assert "\n" not in message


def test_messages():
    with pytest.raises(InputError) as caught:
        config.validate(changed(distill__ipc=0))
    assert str(caught.value) == "config: distill.ipc=0: must be at least 1 (type int)"
    with pytest.raises(InputError) as caught:
        config.validate(changed(distill__method="dmm"))
    assert str(caught.value) == (
        "config: distill.method='dmm': must be one of "
        + ", ".join(catalogue.names("method"))
    )


def test_unknown_key_is_refused_with_the_nearest_one():
    values = config.default().unlock()
    values.distill.ipcs = 3
    with pytest.raises(InputError, match="distill.ipcs; did you mean distill.ipc?"):
        config.validate(values)
    with pytest.raises(InputError, match="zzz; --help lists all keys"):
        config.check_key("zzz", "test")
    with pytest.raises(AttributeError):
        config.default().distill.ipcs = 3


def test_missing_key_is_refused():
    values = config.default().unlock()
    del values.train.nets
    with pytest.raises(InputError, match=re.escape("train.nets is missing")):
        config.validate(values)


def test_override_leaves_the_original_and_refuses_other_types():
    base = config.default()
    assert config.override(base, {"distill.ipc": 3}, "test").distill.ipc == 3
    assert base.distill.ipc == 10
    for value in ("3", 3.5, (3,)):
        with pytest.raises(InputError, match=r"test: distill.ipc=.* \(type int\)"):
            config.override(base, {"distill.ipc": value}, "test")


@pytest.mark.parametrize("key", fields())
def test_run_id_changes_exactly_with_keys_that_change_results(key):
    named = re.match(r"distill\.(mtt|dance|ncfm|rat_bptt|rded)\.", key)
    method = named[1] if named else "dm"
    init = "public:digits" if key.startswith("distill.public.") else "real"
    used = {"distill.method": method, "distill.init": init}
    used |= {"dp.epsilon": 1.0} if key.startswith("dp.") else {}
    used |= {"dp.sgd.epochs": 7} if key.startswith("dp.sgd.") else {}
    used |= {"data.imbalance": "long_tail"} if key == "data.imbalance_ratio" else {}
    used |= {"data.colour": "foreground"} if key == "data.correlation" else {}
    used |= {"backdoor.rate": 0.2} if key.startswith("backdoor.") else {}
    searched = key.startswith("audits.poison.") and key != "audits.poison.enabled"
    used |= {"audits.poison.enabled": True} if searched else {}
    compared = key.startswith("audits.controls.") and not key.endswith("enabled")
    used |= {"audits.controls.enabled": True} if compared else {}
    used |= {"distill.labels": "teacher"} if ".teacher." in key else {}
    of_dro = key in ("mitigate.fair.over", "mitigate.fair.eta")
    used |= {"mitigate.fair.form": "dro"} if of_dro else {}
    distance = key == "mitigate.curvature.distance"
    used |= {"mitigate.curvature.weight": 0.5} if distance else {}
    base = config.override(config.default(), used, "test")
    changed = config.override(base, {key: other(key)}, "test")
    same = config.run_id(base, "abc") == config.run_id(changed, "abc")
    assert same == (key in NO_EFFECT)


def test_run_id_of_a_selection_has_no_start_of_learning():
    of = lambda **kw: config.run_id(changed(**kw), "abc")
    chosen = {"distill__method": "herding"}
    assert of(**chosen) == of(**chosen, distill__init="noise")
    beside = {"audits__transfer__enabled": True, "audits__transfer__methods": ("dm",)}
    assert of(**chosen, **beside) != of(**chosen, **beside, distill__init="noise")


def test_run_id_covers_data_and_results_version(monkeypatch):
    base = config.run_id(config.default(), "abc")
    assert re.fullmatch("[0-9a-f]{12}", base)
    assert config.run_id(config.default(), "abd") != base
    monkeypatch.setattr(run_names, "RESULTS_VERSION", config.RESULTS_VERSION + 1)
    assert config.run_id(config.default(), "abc") != base


def test_run_id_reads_the_loaded_set_not_its_path(tmp_path):
    paths = [tmp_path / name for name in "abc"]
    for path, contents in zip(paths, (b"1", b"1", b"2")):
        path.write_bytes(contents)
    same, moved, other = (
        config.run_id(changed(distill__load=str(path)), "abc") for path in paths
    )
    assert same == moved != other


def test_run_id_reads_public_images_not_their_path(tmp_path):
    ids = []
    for name, contents in [("a", b"1"), ("b", b"1"), ("c", b"2")]:
        (tmp_path / name).mkdir()
        (tmp_path / name / "images").write_bytes(contents)
        for kind in ("idx", "folder"):
            init = f"public:{kind}:{tmp_path / name}"
            ids.append(config.run_id(changed(distill__init=init), "abc"))
    assert ids[:2] == ids[2:4] and len(set(ids)) == 4


def test_run_id_ignores_how_a_number_is_written():
    ids = {
        config.run_id(changed(audits__robustness__eps_linf=eps, train__lr=lr), "abc")
        for eps, lr in [((0, 1), 1), ((0.0, 1.0), 1.0), ([0, 1.0], 1)]
    }
    assert len(ids) == 1


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(sorted(fields())), unique=True, max_size=6))
def test_run_id_does_not_depend_on_the_order_of_changes(keys):
    ids = []
    for order in (keys, keys[::-1]):
        values = config.default()
        for key in order:
            values = config.override(values, {key: other(key)}, "test")
        ids.append(config.run_id(values, "abc"))
    assert ids[0] == ids[1]


def test_a_config_survives_json():
    text = json.dumps(config.default().to_dict())
    assert json.loads(text)["distill"]["augment"] == "color_crop_cutout_scale_rotate"


def test_ids_of_runs_stay_where_new_keys_are_off():
    """That of the quick start before imbalanced data, fairness and backdoors."""
    assert config.run_id(config.default(), "abc") == "c0fb48958d3c"
    mtt = config.override(config.default(), {"distill.method": "mtt"}, "test")
    assert config.run_id(mtt, "abc") == "67586c42312f"
    for off in (
        {"data.imbalance_ratio": 3.0},
        {"data.correlation": 0.5},
        {"backdoor.target": 1},
        {"audits.poison.steps": 5},
        {"audits.controls.nets": 5},
        {"mitigate.fair.eta": 0.5},
        {"distill.teacher.epochs": 5},
    ):
        one = config.override(config.default(), off, "test")
        assert config.run_id(one, "abc") == config.run_id(config.default(), "abc")


@pytest.mark.parametrize("method, changes", [("frepo", True), ("dm", False)])
def test_runs_of_a_method_whose_numbers_changed_have_other_ids(
    monkeypatch, method, changes
):
    run = changed(distill__method=method)
    found = config.run_id(run, "data")
    shared = config.run_id(run, "data", ("data.", "train."))
    monkeypatch.setattr(run_names, "_FORMS", {"frepo": 9})
    assert (config.run_id(run, "data") != found) is changes
    assert config.run_id(run, "data", ("data.", "train.")) == shared
    assert config.method_form(run) == ({"method_form": 9} if changes else {})
