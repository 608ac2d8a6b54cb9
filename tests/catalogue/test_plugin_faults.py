"""Mistakes of those who register: each is one clear line, and no result goes stale."""

import textwrap

import pytest

import dd_jax
from dd_jax import catalogue, config
from dd_jax.catalogue import lookup
from dd_jax.config.overrides import value
from dd_jax.types import InputError

OPTION = dd_jax.Option("strength", 0.5, "how strong")


@pytest.fixture(autouse=True)
def no_leftovers(monkeypatch):
    """What a test registers is gone after it."""
    catalogue.names("method")
    monkeypatch.setattr(lookup, "_entries", dict(lookup._entries))


def factory(model, *, ipc, strength=1.0):
    return model, ipc, strength


def register(name="mine", kind="method", **changes):
    given = {"label": "Mine", "factory": factory, "options": (OPTION,)} | changes
    dd_jax.register(kind, name, given.pop("factory"), **given)


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"options": OPTION}, r"options is a tuple of dd_jax\.Option"),
        ({"options": ("strength",)}, r"options is a tuple of dd_jax\.Option"),
        ({"option": (OPTION,)}, "no argument 'option'; there are label, options"),
        ({"kind": "audit", "name": "run"}, "audit 'run': that is another part of a"),
        ({"kind": "audit", "name": "cost"}, "another part of a Record"),
        (
            {"options": (OPTION._replace(rule=lambda v: v > 0),)},
            r"give a dd_jax\.Rule\(holds, words\)",
        ),
        (
            {"options": (OPTION._replace(rule=dd_jax.Rule(lambda v: v > 1, "> 1")),)},
            "its default is 0.5; it must be > 1",
        ),
        (
            {"options": (OPTION._replace(rule=dd_jax.Rule(lambda v: v[0], "x")),)},
            "its default is 0.5; it must be x",
        ),
        ({"options": (OPTION._replace(default=float("nan")),)}, "a finite number"),
        ({"options": (OPTION._replace(default=(None,)),)}, "or a tuple of these"),
        ({"options": (OPTION._replace(name=3),)}, "not a name of an option"),
    ],
)
def test_a_bad_registration_is_one_line(changes, words):
    with pytest.raises(InputError, match=words) as caught:
        register(**changes)
    assert "\n" not in str(caught.value)
    assert "mine" not in catalogue.names("method")
    config.validate(config.default())


def test_a_name_that_is_a_config_key_is_refused_without_options_too():
    register("steps", "attack", options=())
    with pytest.raises(InputError, match="clash with audits.robustness.steps"):
        config.default()


def test_a_rule_that_fails_on_a_value_refuses_it():
    rule = dd_jax.Rule(lambda v: 1 / v > 0, "above 0")
    register(options=(OPTION._replace(rule=rule),))
    with pytest.raises(InputError, match="distill.mine.strength=0.0: must be above 0"):
        changes = {"distill.mine.strength": 0.0}
        config.validate(config.override(config.default(), changes, "test"))


def test_whole_numbers_of_a_tuple_stay_whole():
    register(options=(OPTION._replace(default=(1, 2)),))
    found = value("distill.mine.strength", "3,4")
    assert found == (3, 4) and {type(v) for v in found} == {int}


def run_id(**values):
    changes = {key.replace("__", "."): v for key, v in values.items()}
    return config.run_id(config.override(config.default(), changes, "test"), "data")


def test_options_of_a_method_count_where_an_initialisation_has_its_name():
    register("kmeans_", options=(OPTION,))
    register("noise", options=(OPTION,))
    chosen = {"distill__method": "noise", "distill__init": "real"}
    assert run_id(**chosen) != run_id(**chosen, distill__noise__strength=2.0)


def test_a_method_called_as_a_room_of_keys_hides_none_of_them():
    register("network", options=())
    assert run_id() != run_id(distill__network__epochs=3)


AUDIT = """
import dd_jax
from dd_jax.audits import Audit, no_check

def measure(context):
    return {{"value": {value}}}

dd_jax.register("audit", "mine", Audit("mine", no_check, measure), label="Mine")
"""


def test_code_of_an_audit_counts_for_what_it_keeps_of_baselines(tmp_path):
    from dd_jax.config import sweep

    ids = []
    for number in (1, 2):
        path = tmp_path / "mine.py"
        path.write_text(AUDIT.format(value=number))
        sweep.read(path)
        kept = ("seed", "train.full", "audits.mine.")
        ids.append(config.run_id(config.default(), "data", kept))
    assert ids[0] != ids[1]


CELL = """
import dd_jax
from dd_jax import distill
{helper}

@distill.matching
def loss(model, params, real, synthetic, *, strength=1.0):
    return strength * scale(synthetic.images)

dd_jax.register("method", "mine", loss, label="Mine")
"""
HELPER = "def scale(images): return (images {sign} {number}).mean()"


def cell(code):
    """Runs code as a notebook does: there is no file."""
    exec(compile(code, "<cell>", "exec"), {"__name__": "__main__"})
    return run_id(distill__method="mine")


def test_code_of_a_notebook_counts_in_the_id_of_a_run():
    first = cell(CELL.format(helper=HELPER.format(sign="*", number=2)))
    moved = "\n\n# lines move\n" + HELPER.format(sign="*", number=2)
    assert cell(CELL.format(helper=moved)) == first
    assert cell(CELL.format(helper=HELPER.format(sign="*", number=3))) != first
    assert cell(CELL.format(helper=HELPER.format(sign="+", number=2))) != first
    loss = CELL.format(helper=HELPER.format(sign="*", number=2))
    assert cell(loss.replace("return strength", "return 2 * strength")) != first


MODEL = """
import dd_jax
import flax.linen as nn

class Mine(nn.Module):
    hidden: int = 4

    @nn.compact
    def __call__(self, x, train):
        return nn.{activation}(nn.Dense(self.hidden)(x.reshape(len(x), -1)))

dd_jax.register("model", "mine", Mine, label="Mine")
"""


def test_a_model_of_a_notebook_is_built_again_when_its_code_changes():
    import jax

    from dd_jax import models

    outputs = []
    for activation in ("relu", "relu", "tanh"):
        exec(
            compile(MODEL.format(activation=activation), "<cell>", "exec"),
            {"__name__": "__main__"},
        )
        model = models.build("mine", 2, (4, 4, 1))
        params = model.init(jax.random.key(0))
        images = jax.random.uniform(jax.random.key(1), (3, 4, 4, 1))
        outputs.append(
            (
                float(model.features(params, images).sum()),
                config.run_id(
                    config.override(
                        config.default(), {"model.name": "mine"}, "notebook"
                    ),
                    "data",
                ),
            )
        )
    assert outputs[0] == outputs[1]
    assert outputs[0][0] != outputs[2][0] and outputs[0][1] != outputs[2][1]


def test_the_file_that_defines_a_factory_counts_beside_the_one_that_registers_it(
    tmp_path, monkeypatch
):
    from dd_jax.config import sweep

    monkeypatch.syspath_prepend(str(tmp_path))
    register_it = """
    import importlib
    import sys

    import dd_jax

    sys.modules.pop("my_methods", None)
    importlib.invalidate_caches()
    from my_methods import method

    dd_jax.register("method", "mine", {factory}, label="Mine")
    """
    for factory in ("method", "'my_methods:method'"):
        path = tmp_path / "mine.py"
        path.write_text(textwrap.dedent(register_it.format(factory=factory)))
        ids = []
        for number in (1, 2):
            text = f"def method(model, *, ipc):\n    return {number}\n"
            (tmp_path / "my_methods.py").write_text(text)
            sweep.read(path)
            ids.append(run_id(distill__method="mine"))
        assert ids[0] != ids[1]


def test_data_of_a_source_are_read_again_when_its_code_changes():
    from dd_jax.run.read_data import dataset

    code = """
import dd_jax
import numpy as np
from dd_jax.data import Raw
from dd_jax.types import Split

def mine(place=""):
    images = np.full((20, 4, 4), {grey}, "u1")
    images[::2] = 0
    return Raw(Split(images, np.arange(20) % 2), Split(images, np.arange(20) % 2), "ab")

dd_jax.register("source", "mine", mine, label="Mine")
"""
    found = []
    for grey in (100, 200):
        exec(
            compile(code.format(grey=grey), "<cell>", "exec"), {"__name__": "__main__"}
        )
        settings = config.override(config.default(), {"data.source": "mine"}, "test")
        found.append(int(dataset(settings).train.images.max()))
    assert found == [100, 200]
