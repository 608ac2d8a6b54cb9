"""Which module may import which, read from the source."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "dd_jax"
# Each layer may import the ones before it. Rooms of a row are side by side and may not
# import one another.
LAYERS = [
    ["types"],
    ["system"],
    ["catalogue", "runtime"],
    ["config", "data", "models"],
    ["attacks", "report"],
    ["train"],
    ["distill", "audits"],
    ["run", "executors"],
    ["benchmark"],
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
NO_JAX = {"types", "system", "catalogue", "config", "report", "executors"}
READS_CONFIGS = {"config", "run", "executors", "benchmark"}


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
    upward = {name for name in found if own and RANK[name] >= RANK[own]}
    assert upward == set()


@pytest.mark.parametrize(
    "room, allowed",
    [
        ("types", set()),
        ("intervals", {"types"}),
        ("system", {"types"}),
        ("catalogue", {"types", "system"}),
        ("data", {"types", "system", "runtime", "catalogue"}),
        ("models", {"types", "runtime", "catalogue"}),
        ("attacks", {"types", "runtime", "catalogue"}),
        ("report", {"types", "intervals", "system", "catalogue"}),
    ],
)
def test_low_layers_lean_on_little(room, allowed):
    for path in modules():
        if layer(path) == room:
            assert imported_layers(parse(path)) <= allowed | {room}, path


def test_the_package_has_few_rooms():
    assert len(RANK) <= 15 and len(LAYERS) <= 9


def test_no_two_modules_have_one_name():
    names = [path.name for path in modules() if not path.name.startswith("__")]
    assert sorted(names) == sorted(set(names))


def exported(package):
    """Names that the `__init__` of a package binds."""
    found = set()
    for node in parse(package / "__init__.py").body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            found |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {t.id for t in node.targets if isinstance(t, ast.Name)}
    return found


@pytest.mark.parametrize(
    "package", sorted({path.parent for path in modules()}), ids=lambda p: p.name
)
def test_no_package_hides_a_module_of_its_own(package):
    inside = {p.stem for p in package.glob("*.py")} | {
        p.name for p in package.iterdir() if (p / "__init__.py").exists()
    }
    assert exported(package) & inside == set()


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
        "import sys, dd_jax, dd_jax.types, dd_jax.config, dd_jax.config.sweep\n"
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


@pytest.mark.parametrize(
    "name, home",
    [
        ("pmap", "device_programs"),
        ("shard_map", "device_programs"),
        ("Mesh", "meshes"),
        ("distributed", "hosts"),
    ],
)
def test_device_mapping_lives_in_one_file(name, home):
    assert where_used(name) == {f"runtime/{home}.py"}


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
