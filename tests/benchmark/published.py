"""The benchmark's command in the folder `sets`, and sets for it."""

import re

import numpy as np
import pytest
import tiny

from dd_jax import run
from dd_jax.benchmark import __main__ as command
from dd_jax.distill import save
from dd_jax.types import SyntheticSet

BASE = tiny.BARE | tiny.MLP | {"audits.quantization.enabled": True}
BASE |= {"distill.method": "kmeans", "train.epochs": 2}

RECIPE = [f"--config.{key}={value}" for key, value in tiny.MLP.items()]
RECIPE += ["--config.data.source=digits", "--config.data.num_classes=3"]
RECIPE += ["--config.train.epochs=2", "--config.train.nets=2"]
RECIPE += ["--config.train.augment=none"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a finished run on digits."""
    root = tmp_path_factory.mktemp("made")
    record = run.run(tiny.make(BASE), root)
    return root / "runs" / record["run"]["id"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ranked(*words):
    return command.main([*map(str, words), "sets"])


def page():
    return open("runs_out/benchmark/benchmark.md").read()


def rows():
    """The cells of each set on the page, by heading."""
    lines = re.findall(r"^\| (?:rank|\d).*$", page(), re.M)
    head, *others = ([c.strip() for c in line.split("|")[1:-1]] for line in lines)
    return [dict(zip(head, cells, strict=True)) for cells in others if cells != head]


def elsewhere(path, classes=3, count=6, seed=0, **metadata):
    """A set as others may make it."""
    rng = np.random.default_rng(seed)
    labels = np.eye(classes, dtype="f4")[np.arange(count) % classes]
    images = rng.random((count, 8, 8, 1), np.float32)
    save(path, SyntheticSet(images, labels, np.float32(0.01), metadata))
    return path


def refusal(capsys, *words):
    assert ranked(*words) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and said.startswith("error: ")
    return said
