"""The READMEs hold what they say: code that runs, commands that parse, links."""

import re
import shlex
import sys
import types

import pytest
import tiny
from test_imports import LAYERS
from tiny import ROOT

from dd_jax.benchmark import __main__ as benchmark_command
from dd_jax.catalogue import lookup
from dd_jax.config import sweep
from dd_jax.config.overrides import overrides
from dd_jax.distill import convert
from dd_jax.executors import plan_file
from dd_jax.executors.time_plan import Plan
from dd_jax.report import __main__ as report_command

EXPERIMENTS = ROOT / "experiments"
READMES = {
    str(path.relative_to(ROOT)): path.read_text()
    for path in [
        ROOT / "README.md",
        EXPERIMENTS / "README.md",
        *sorted((ROOT / "dd_jax").rglob("README.md")),
    ]
}
FIRST, INSIDE = READMES["README.md"], READMES["dd_jax/README.md"]
each_readme = pytest.mark.parametrize("name", READMES)


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)


# Python


def slow_if(code):
    """What the first page has in another form."""
    again = "precision.computing_in", '"runs_out/notebook"'
    return [pytest.mark.slow] if any(words in code for words in again) else []


PYTHON = [
    pytest.param(name, code, id=f"{name}-{i}", marks=slow_if(code))
    for name, text in READMES.items()
    for i, code in enumerate(blocks(text, "python"))
]
SMALLER = {  # the same code on less
    "config.default()": "small()",
    '"convnet", 10, (8, 8, 1)': '"convnet", 10, (8, 8, 1), width=4, depth=1',
    "steps=150": "steps=2",
    "nets=5": "nets=2, epochs=2",
}


def small():
    """The default config on little; the audit of membership stays on."""
    changes = tiny.BARE | tiny.MLP | {"audits.privacy.enabled": True}
    return tiny.make(changes)


@pytest.fixture
def forget():
    """Names that a block registers are there for that block alone."""
    lookup.load_entries()
    before = dict(lookup._entries)
    yield
    lookup._entries.clear()
    lookup._entries.update(before)


@pytest.mark.parametrize("name, code", PYTHON)
def test_python_runs(name, code, tmp_path, monkeypatch, forget):
    monkeypatch.chdir(tmp_path)
    for before, after in SMALLER.items():
        code = code.replace(before, after)
    exec(compile(code, name, "exec"), {"__name__": "block", "small": small})


def test_every_kind_has_a_block_that_registers_and_uses_it():
    for kind in lookup.ROOMS:
        found = [
            code
            for _, code in (param.values for param in PYTHON)
            if re.search(rf'register\(\s*"{kind}"', code)
        ]
        assert found, kind
        for code in found:
            name = re.search(rf'register\(\s*"{kind}", "?\s*"(\w+)"', code)
            assert not name or code.count(name[1]) > 1, kind


# Commands


def commands():
    """Every `python ...` of a shell block, a line or a docstring: where, what."""
    texts = dict(READMES)
    for path in sorted(EXPERIMENTS.glob("*.py")):
        docstring = path.read_text().split('"""')[1]
        shell = re.findall(r"^  (python .*(?:\\\n.*)*)", docstring, re.M)
        texts[path.name] = "".join(f"```sh\n{line}\n```\n" for line in shell)
    for name, text in texts.items():
        lines = "\n".join(blocks(text, "sh")).replace("\\\n", " ").split("\n")
        lines += re.findall(r"`(python (?:launch\.py|-m dd_jax)[^`]*)`", text)
        for line in lines:
            found = re.search(r"python (launch\.py|-m dd_jax\.\S+)(.*)", line)
            if found:
                rest = re.sub(r"\[.*?\]|\s#.*", "", found[2])
                yield name, found[1].removeprefix("-m "), shlex.split(rest)


COMMANDS = [pytest.param(*c, id=f"{c[0]}-{i}") for i, c in enumerate(commands())]


@pytest.fixture(scope="module")
def parsed():
    """Parses and validates a command line of `launch.py`, without any data."""
    module = sweep.read(ROOT / "launch.py")
    module.plan = types.SimpleNamespace(show=lambda *arguments: None)
    instead = re.compile(r"--(dry_run|estimate|status|manifest=.*)")

    def parse(*words):
        words = [word for word in map(str, words) if not instead.fullmatch(word)]
        return module.main(["launch.py", *words, "--dry_run"])

    plan = Plan(60.0, {}, [{}], [1.0])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan_file, "planned", lambda *arguments: plan)
        yield parse


@pytest.mark.parametrize("name, program, words", COMMANDS)
def test_commands_parse(name, program, words, parsed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [program])
    (tmp_path / "set.npz").write_bytes(b"")
    place = {"NAME": "digits_methods", "experiments/": f"{EXPERIMENTS}/"}
    place |= {"=FILE": "=set.npz", "/synthetic.npz": "", "runs_out/quickstart/": ""}
    place |= {"runs/RUN_ID": "set.npz"}
    for before, after in place.items():
        words = [word.replace(before, after) for word in words]
    if program == "launch.py":
        assert parsed(*words) == 0
    elif program == "dd_jax.report":
        report_command._parser().parse_args(words)
    elif program == "dd_jax.benchmark":
        benchmark_command.parser().parse_args(overrides(words)[1])
    elif program == "dd_jax.distill.convert":
        convert.parser().parse_args(words)
    else:
        assert program == "dd_jax.distill.export" and len(words) == 2


@pytest.mark.parametrize("path", sorted(EXPERIMENTS.glob("*.py")), ids=lambda p: p.stem)
def test_an_experiment_expands_and_says_what_to_expect(path, parsed, capsys):
    assert parsed(f"--config={path}") == 0, capsys.readouterr().err
    docstring = path.read_text().split('"""')[1]
    assert f"python launch.py --config=experiments/{path.name}" in docstring
    assert re.search(r"^Time: ", docstring, re.M)
    assert re.search(r"^Expect\b", docstring, re.M)
    for file in re.findall(r"experiments/results/\w+\.jsonl(?:\.gz)?", docstring):
        assert (ROOT / file).exists()
    assert re.search(r"^Records?\b|No Record yet", docstring, re.M)


def test_the_ci_runs_the_test_command_of_the_readme():
    found = re.findall(r"^python3 .*pytest$", FIRST, re.MULTILINE)
    assert len(found) == 1
    pattern = re.search(r"grep -m 1 -E '(.*)' README", (ROOT / ".ci/run").read_text())
    assert pattern and re.search(pattern[1], found[0])


# Links and shape


def anchors(text):
    titles = re.findall(r"^#+ (.*)$", text, re.M)
    return {re.sub(r"[^\w -]", "", t).strip().lower().replace(" ", "-") for t in titles}


@each_readme
def test_links_exist(name):
    for target in re.findall(r"\]\(([^)\s]+)\)", READMES[name]):
        if re.match(r"https?:", target):
            continue
        file, _, anchor = target.partition("#")
        path = (ROOT / name).parent / file if file else ROOT / name
        assert path.exists(), target
        assert not anchor or anchor in anchors(path.read_text()), target


def test_the_first_page_is_short():
    assert len(FIRST.splitlines()) <= 140
    size = (EXPERIMENTS / "results" / "report.png").stat().st_size
    assert size < 300_000


@each_readme
def test_words(name):
    private = (
        r"\b(anew|withstand\w*|give\w* away|so many|practis\w*|looks? on|judged?)\b"
    )
    assert not re.findall(private, READMES[name])


def test_the_map_is_that_of_the_imports():
    picture = next(b for b in blocks(INSIDE, "") if b.startswith("benchmark"))
    assert [line.split() for line in picture.splitlines()] == LAYERS[::-1]
    rooms = re.findall(r"^\| \[`(\w+)(?:\.py)?`\]", INSIDE, re.M)
    assert sorted(rooms) == sorted(room for layer in LAYERS for room in layer)
