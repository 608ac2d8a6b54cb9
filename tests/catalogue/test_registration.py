"""The door of the catalogue: what comes in, what is refused, and in which words."""

import textwrap
from types import SimpleNamespace

import pytest

import dd_jax
from dd_jax import catalogue, config
from dd_jax.catalogue import lookup
from dd_jax.config import sweep
from dd_jax.config.fields import fields
from dd_jax.config.overrides import config_file
from dd_jax.types import InputError


@pytest.fixture(autouse=True)
def no_leftovers(monkeypatch):
    """What a test registers is gone after it."""
    catalogue.names("method")
    monkeypatch.setattr(lookup, "_entries", dict(lookup._entries))


def factory(model, *, ipc, strength=1.0):
    return model, ipc, strength


STRENGTH = dd_jax.Option("strength", 0.5, "how strong")


def registered(kind="method", name="mine", **changes):
    made = factory
    if kind == "audit":
        made = SimpleNamespace(name=name, check=print, measure=dict)
    given = {"label": "My method", "options": (STRENGTH,)} | changes
    dd_jax.register(kind, name, given.pop("factory", made), **given)


def test_a_method_is_known_everywhere():
    registered()
    assert catalogue.resolve("method", "mine") is factory
    assert catalogue.label("mine") == "My method"
    assert fields()["distill.mine.strength"].help == "how strong"
    values = {"distill.method": "mine", "distill.mine.strength": 2.0}
    made = config.override(config.default(), values, "test")
    config.validate(made)
    assert made.distill.mine.strength == 2.0
    with pytest.raises(InputError, match="distill.mine.strength=nan: must be a finite"):
        config.validate(
            config.override(made, {"distill.mine.strength": float("nan")}, "test")
        )
    with pytest.raises(InputError, match="did you mean distill.mine.strength?"):
        config.check_key("distill.mine.strenth", "test")


@pytest.mark.parametrize(
    "kind, key",
    [
        ("method", "distill.mine.strength"),
        ("init", "distill.mine.strength"),
        ("attack", "audits.robustness.mine.strength"),
        ("score", "audits.privacy.mine.strength"),
        ("source", "data.mine.strength"),
        ("model", "model.mine.strength"),
        ("audit", "audits.mine.strength"),
    ],
)
def test_options_stand_in_the_room_of_their_kind(kind, key):
    registered(kind)
    assert key in fields()
    config.validate(config.default())
    assert ("audits.mine.enabled" in fields()) == (kind == "audit")


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"kind": "loss"}, "no kind 'loss'; there are method, init, attack"),
        ({"name": "My-Method"}, "a name starts with a small letter"),
        ({"name": "dm"}, "method 'dm' is already in the catalogue, by dd_jax"),
        ({"label": " "}, "needs a label"),
        ({"factory": 3}, "its factory is 3; give a function"),
        ({"factory": "no path"}, "give a function, or 'module:attribute'"),
        ({"options": (STRENGTH, STRENGTH)}, "given twice"),
        ({"options": (STRENGTH._replace(default=None),)}, "its default is None"),
        ({"options": (STRENGTH._replace(default=-1.0, rule=None),)}, None),
        ({"kind": "attack", "name": "steps"}, "audits.robustness.steps"),
        ({"kind": "audit", "name": "privacy"}, "audit 'privacy' is already"),
        ({"name": "network"}, "distill.network"),
        ({"kind": "audit", "name": "learning"}, "another part of a Record"),
        ({"kind": "audit", "factory": print}, "it is a builtin_function_or_method"),
        (
            {"kind": "audit", "factory": SimpleNamespace(name="x", check=1, measure=2)},
            "it calls itself 'x'; give both one name",
        ),
        ({"options": None}, "options is a tuple of dd_jax.Option"),
        ({"options": (STRENGTH._replace(help=" "),)}, "it has no help"),
        ({"options": (STRENGTH._replace(name="enabled"),)}, "is True or False"),
        ({"kind": "init", "name": "mtt"}, "distill.mtt"),
    ],
)
def test_what_cannot_come_in_is_refused_in_one_line(changes, words):
    if words is None:
        registered(**changes)
        return
    with pytest.raises(InputError, match=words) as caught:
        registered(**changes)
        fields()
    assert "\n" not in str(caught.value)


def write(folder, name, code):
    path = folder / name
    path.write_text(textwrap.dedent(code))
    return path


PLUGIN = """
    import dd_jax
    from dd_jax import config

    def factory(model, *, ipc):
        return {value}

    dd_jax.register("method", "mine", factory, label="Mine")

    def get_config():
        return config.override(config.default(), {{"distill.method": "mine"}}, "file")
    {more}
"""


def run_id(path):
    return config.run_id(sweep.experiment(sweep.read(path)).config, "data")


def test_the_code_of_a_config_file_counts_in_the_id_of_a_run(tmp_path):
    """Its comments, its config and its sweep do not: they have keys of their own."""
    path = write(tmp_path, "mine.py", PLUGIN.format(value=1, more=""))
    first = run_id(path)
    more = "# a comment\n    def sweep():\n        return [{}]"
    assert (
        run_id(write(tmp_path, "mine.py", PLUGIN.format(value=1, more=more))) == first
    )
    changed = write(tmp_path, "mine.py", PLUGIN.format(value=2, more=""))
    assert run_id(changed) != first


def test_an_entry_that_a_run_does_not_use_leaves_its_id_alone(tmp_path):
    before = config.run_id(config.default(), "data")
    registered()
    assert config.run_id(config.default(), "data") == before


def test_a_second_file_cannot_take_a_name(tmp_path):
    code = PLUGIN.format(value=1, more="")
    sweep.read(write(tmp_path, "one.py", code))
    sweep.read(write(tmp_path, "one.py", code))  # the same file again: replaced
    with pytest.raises(InputError, match="two.py: register: method 'mine' is already"):
        sweep.read(write(tmp_path, "two.py", code))


def test_another_spelling_of_its_path_is_the_same_file(tmp_path, monkeypatch):
    path = write(tmp_path, "one.py", PLUGIN.format(value=1, more=""))
    monkeypatch.chdir(tmp_path)
    assert len({run_id(str(path)), run_id("one.py"), run_id("./one.py")}) == 1


def test_names_in_annotations_are_found_in_the_file(tmp_path):
    code = """
        from __future__ import annotations

        from dataclasses import dataclass
        from typing import ClassVar

        from dd_jax import config

        @dataclass
        class Shape:
            known: ClassVar[int] = 3
            side: int = 2

        get_config = config.default
    """
    assert sweep.read(write(tmp_path, "json.py", code)).Shape().side == 2


def test_the_config_file_is_found_on_a_command_line():
    assert config_file(["--config.seed=1", "--config=a.py"]) == "a.py"
    assert config_file(["--dry_run"]) is None


@pytest.mark.parametrize(
    "body, words",
    [
        ("raise ValueError('broken')", "plug-in toy .*: ValueError: broken"),
        (
            "import dd_jax\ndd_jax.register('method', 'dm', print, label='DM')",
            "plug-in toy .*: register: method 'dm' is already in the catalogue",
        ),
    ],
)
def test_a_broken_installed_plugin_is_one_line(tmp_path, monkeypatch, body, words):
    install(tmp_path, monkeypatch, body)
    with pytest.raises(InputError, match=words) as caught:
        catalogue.names("method")
    assert "\n" not in str(caught.value)


def test_an_installed_package_registers_by_an_entry_point(tmp_path, monkeypatch):
    body = """
import dd_jax

def score(logits, labels, member, target):
    return logits[0, :, 0, 0]

dd_jax.register("score", "mine", score, label="Mine")
"""
    install(tmp_path, monkeypatch, body)
    assert "mine" in catalogue.names("score")
    assert catalogue.label("mine") == "Mine"


def install(folder, monkeypatch, body):
    """A distribution whose entry point is a module `toy_plugin`."""
    (folder / "toy_plugin.py").write_text(body)
    info = folder / "toy_plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[dd_jax]\ntoy = toy_plugin\n")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(__import__("sys").modules, "toy_plugin", raising=False)
    monkeypatch.setattr(lookup, "_loaded", False)
