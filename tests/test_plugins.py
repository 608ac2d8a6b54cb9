"""A config file outside the package brings one of each kind, and a run uses all."""

import json
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from tiny import ROOT, launch

from dd_jax import catalogue
from dd_jax.catalogue import lookup
from dd_jax.system import workdir

NAMES = {
    "toy_method": "Toy method",
    "toy_attack": "Toy attack",
    "toy_score": "Toy score",
    "toy_source": "toy_source",
    "toy_model": "Toy model",
    "toy_init": "Toy init",
    "toy_audit": "Toy audit",
}


@pytest.fixture(autouse=True)
def no_leftovers():
    """What a config file registers in this process is gone after the test."""
    with forgotten():
        yield


@contextmanager
def forgotten():
    catalogue.names("method")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lookup, "_entries", dict(lookup._entries))
        yield


def command(folder, *arguments):
    """Arguments of `launch.py` with the config file that lies in a folder."""
    return [f"--config={folder / 'toy.py'}", f"--workdir={folder / 'out'}", *arguments]


@pytest.fixture
def launched(folder, capsys):
    """`launched(*arguments)`: status and output of the launcher in this process."""

    def run(*arguments):
        capsys.readouterr()
        code = launch(*command(folder, *arguments))
        out, err = capsys.readouterr()
        return code, out + err

    return run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("plugin")
    shutil.copy(Path(__file__).parent / "plugin_config.py", place / "toy.py")
    return place


@pytest.fixture(scope="module")
def finished(folder):
    """Killed once the first cell has distilled, then run again to the end."""
    process = subprocess.Popen(
        [sys.executable, ROOT / "launch.py", *command(folder)],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.time() + 300
    while time.time() < deadline and process.poll() is None:
        if list(folder.glob("out/runs/*/synthetic.npz")):
            break
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert list(folder.glob("out/runs/*/synthetic.npz"))
    assert not list(folder.glob("out/results.jsonl"))
    with forgotten():
        assert launch(*command(folder)) == 0
    return folder / "out"


def records(root):
    return [
        json.loads(line)
        for line in (root / "results.jsonl").read_text().split("\n")
        if line
    ]


@pytest.mark.slow
def test_all_of_them_stand_in_the_record(finished):
    first, second = records(finished)
    text = json.dumps(first)
    assert all(name in text for name in NAMES)
    run = first["run"]
    assert (run["method"], run["init"], run["arch"]) == (
        "toy_method",
        "toy_init",
        "toy_model",
    )
    assert run["dataset"] == "toy_source"
    assert run["labels"]["toy_method"] == "Toy method" and len(run["labels"]) == 7
    assert first["toy_audit"]["limit"] == 0.4
    assert first["privacy"]["distilled"]["t2"].keys() == {"toy_score", "loss"}
    attacks = first["robustness"]["distilled"]["attacks"]
    assert attacks.keys() == {"toy_attack", "fgsm"}
    strengths = {
        record["run"]["config"].get("distill.toy_method.strength", 0.7)
        for record in (first, second)
    }
    assert strengths == {0.7, 2.0}


@pytest.mark.slow
def test_each_hyperparameter_reaches_its_code(finished):
    """Rows of the source, units of the network, the mean of the first images."""
    folder = next((finished / "runs").iterdir())
    config = workdir.read_json(folder / "config.json")
    assert config["data"]["toy_source"]["rows"] == 48
    record = records(finished)[0]
    assert record["run"]["ratio"] == 6 / 48
    hidden = json.dumps(record["run"]["config"])
    assert '"model.toy_model.hidden": 6' in hidden


@pytest.mark.slow
def test_the_report_shows_their_labels(finished):
    page = (finished / "report.html").read_text()
    for label in NAMES.values():
        assert label in page, label


@pytest.mark.slow
def test_a_report_made_without_the_file_shows_them_too(finished):
    before = (finished / "report.html").read_text()
    (finished / "report.html").unlink()
    command = [sys.executable, "-m", "dd_jax.report", str(finished)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    assert (finished / "report.html").read_text() == before


@pytest.mark.slow
def test_a_finished_sweep_is_not_run_again(launched, finished):
    code, output = launched()
    assert code == 0 and output.count("already done") == 2


def test_a_value_on_the_command_line_wins(launched):
    strength = "--config.distill.toy_method.strength=2"
    code, output = launched("--dry_run", strength)
    assert code == 0 and "cells: 1" in output


@pytest.mark.parametrize(
    "argument, words",
    [
        (
            "--config.distill.toy_method.strenth=1",
            "did you mean distill.toy_method.str",
        ),
        ("--config.distill.toy_method.strength=x", "distill.toy_method.strength='x'"),
        ("--config.distill.method=toy_methods", "must be one of random, herding"),
        (
            "--config.audits.privacy.scores=toy",
            "one or more, each once, of lira_online",
        ),
        ("--config.audits.robustness.attacks=toy_attack:l2", "must be a tuple of one"),
        ("--config.data.source=toy", "digits, tfds:NAME"),
    ],
)
def test_bad_values_are_one_line(launched, argument, words):
    code, output = launched(argument)
    assert code == 2 and output.count("\n") == 1 and words in output


def test_help_teaches_their_keys(launched):
    code, output = launched("--help")
    assert code == 0
    assert "distill.toy_method.strength=0.7" in output
    assert "learning rate of the images" in output


@pytest.mark.slow
def test_a_set_of_a_plugin_is_described_in_the_words_of_its_model(finished):
    from dd_jax.distill import load

    metadata = load(next(finished.glob("runs/*/synthetic.npz"))).metadata
    assert "One hidden layer" in metadata["architecture_in_words"]
    assert metadata["architecture"] == {"name": "toy_model", "hidden": 6}
