"""Which module may import which, read from the source."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "dd_jax"
# Each layer may import the ones before it and itself. Names joined in a row are
# side by side and may not import one another.
LAYERS = [
    ["types", "notice", "interruption"],
    ["paths", "memory", "disk", "reuse"],
    ["archive", "locks"],
    ["rules"],
    ["fields"],
    ["config", "workdir", "parallel", "progress", "checkpoint", "keys", "cost"]
    + ["compiled"],
    ["data", "models", "attacks"],
    ["sweep", "overrides", "destination", "drive"],
    ["train"],
    ["distill", "audits"],
    ["mitigate"],
    ["pipelines"],
    ["report"],
    ["parts", "completed"],
    ["stages"],
    ["recipes", "variants", "description"],
    ["admission", "compose"],
    ["transference"],
    ["exposure", "learning", "portability", "resemblance", "resilience"],
    ["run"],
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
NO_JAX = {"types", "paths", "memory", "archive", "rules", "fields", "config"} | {
    "report",
    "workdir",
    "sweep",
    "overrides",
    "progress",
    "destination",
    "disk",
    "locks",
    "notice",
    "interruption",
    "completed",
}
READS_CONFIGS = {
    "config",
    "sweep",
    "parts",
    "variants",
    "admission",
    "description",
    "exposure",
    "run",
}


def modules():
    return sorted(PACKAGE.rglob("*.py"))


def layer(path):
    """First part of a module's name inside the package; empty for `__init__`."""
    part = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "" if part == "__init__" else part


def imports(tree):
    """Full names of all that a module imports, at any depth of its code."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imported_layers(tree):
    names = (name.split(".") for name in imports(tree))
    return {name[1] for name in names if name[0] == "dd_jax"} & set(RANK)


def names_used(tree):
    """Every identifier: names, attributes, imported parts."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (part for a in node.names for part in a.name.split("."))
            yield from (getattr(node, "module", None) or "").split(".")


def parse(path):
    return ast.parse(path.read_text())


def where_used(name):
    return {
        str(path.relative_to(PACKAGE))
        for path in modules()
        if name in set(names_used(parse(path)))
    }


def test_every_module_has_a_layer():
    assert {layer(path) for path in modules()} == {"", *RANK}


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_one_way(path):
    own = layer(path)
    found = imported_layers(parse(path)) - {own}
    upward = {name for name in found if RANK[name] >= RANK.get(own, 0)}
    assert upward == set()


@pytest.mark.parametrize(
    "sides",
    [
        {"types": set(), "paths": {"types"}, "memory": set(), "fields": {"rules"}},
        {
            "disk": set(),
            "locks": {"disk", "notice"},
            "workdir": {"types", "paths", "disk", "archive"},
        },
        {"archive": {"types", "memory"}, "rules": {"types", "paths"}},
        {"data": {"types", "paths", "archive", "memory", "reuse"}, "reuse": set()},
        {"report": {"types", "paths", "archive", "disk", "locks"}},
        {"config": {"types", "paths", "rules", "fields", "disk"}},
        {
            "parallel": {"types"},
            "checkpoint": {"types", "paths", "disk", "notice", "interruption"},
        },
        {"models": {"types", "reuse"}, "attacks": {"types", "parallel", "reuse"}},
    ],
)
def test_low_layers_lean_on_nothing_but_types(sides):
    for path in modules():
        if layer(path) in sides:
            allowed = sides[layer(path)] | {layer(path)}
            assert imported_layers(parse(path)) <= allowed, path


def test_nothing_imports_the_launcher():
    for path in modules():
        assert not any(n.split(".")[0] == "launch" for n in imports(parse(path))), path


@pytest.mark.parametrize("layer_name", sorted(NO_JAX))
def test_no_jax_in_the_source_of(layer_name):
    banned = {"jax", "flax", "optax", "chex", "orbax"}
    for path in modules():
        if layer(path) in (layer_name, ""):
            found = {name.split(".")[0] for name in imports(parse(path))}
            assert not found & banned, path


def test_config_and_report_load_no_jax():
    code = (
        "import sys, dd_jax, dd_jax.types, dd_jax.config, dd_jax.sweep\n"
        "import dd_jax.report, dd_jax.report.records, dd_jax.report.html\n"
        "print(sorted({'jax', 'flax', 'orbax', 'dd_jax.run'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=PACKAGE.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"


def test_a_dry_run_loads_nothing_that_draws():
    code = (
        "import sys, dd_jax.run\n"
        "print(sorted({'matplotlib', 'tensorflow_datasets'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=PACKAGE.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    "library, home",
    [("flax", "models"), ("tensorflow_datasets", "data"), ("ml_collections", None)],
)
def test_libraries_stay_in_their_place(library, home):
    homes = READS_CONFIGS if home is None else {home}
    users = {
        layer(path)
        for path in modules()
        if library in {name.split(".")[0] for name in imports(parse(path))}
    }
    assert users and users <= homes


@pytest.mark.parametrize("name", ["pmap", "shard_map", "Mesh"])
def test_device_mapping_lives_in_one_file(name):
    assert where_used(name) == {"parallel.py"}


def test_no_other_file_names_several_hosts():
    assert where_used("distributed") <= {"parallel.py"}


def test_convolution_lives_in_one_file():
    assert where_used("conv_general_dilated") == {"models/conv.py"}


def test_no_function_below_the_composition_root_takes_a_config():
    for path in modules():
        if layer(path) in READS_CONFIGS | {"report"}:  # a report reads config.json
            continue
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.FunctionDef | ast.Lambda):
                a = node.args
                taken = {arg.arg for arg in a.posonlyargs + a.args + a.kwonlyargs}
                assert not taken & {"config", "cfg"}, (path, node.lineno)


@pytest.mark.parametrize(
    "source, found",
    [
        ("from dd_jax import run", {"run"}),
        ("import dd_jax.data.masks as m", {"data"}),
        ("def f():\n    from dd_jax.audits.privacy import lira", {"audits"}),
        ("import jax, numpy", set()),
    ],
)
def test_the_reader_of_imports_sees(source, found):
    assert imported_layers(ast.parse(source)) == found
