"""Whole runs on damaged folders and full disks: the same results, or one clear line."""

import shutil
import subprocess

import numpy as np
import pytest
from damage import HARMS, harm, harm_one
from test_resume import LONG, assert_same_results, kill_when
from test_resume import unbroken as unbroken
from tiny import BARE, MLP, TINY, flags, launch, only_run, status

from dd_jax.system import workdir

pytestmark = pytest.mark.slow
ARGUMENTS = flags(TINY | MLP | LONG)


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """A run with every audit that was killed just before its Record."""
    root = tmp_path_factory.mktemp("killed")
    kill_when(root, "runs/*/curves.json", ARGUMENTS)
    assert status(root) == "running"
    return root


def assert_same_scores(root, other):
    scores = [np.load(only_run(folder) / "scores.npz") for folder in (root, other)]
    for name in scores[1].files:
        np.testing.assert_array_equal(scores[0][name], scores[1][name])


@pytest.mark.parametrize("kind", HARMS)
@pytest.mark.parametrize("where", ["runs", "cache"])
@pytest.mark.parametrize("seed", range(2))
def test_a_damaged_run_ends_in_the_same_results(
    killed, unbroken, tmp_path, where, kind, seed
):
    root = shutil.copytree(killed, tmp_path / "w")
    rng = np.random.default_rng([seed, HARMS.index(kind)])
    harmed = [harm_one(rng, root / where, kind) for _ in range(1 + 3 * seed)]
    assert launch(*ARGUMENTS, f"--workdir={root}") == 0, harmed
    assert_same_results(root, unbroken)
    assert_same_scores(root, unbroken)


@pytest.mark.parametrize("kind", HARMS)
@pytest.mark.parametrize("name", ["record.json", "synthetic.npz", "status.json"])
def test_a_damaged_result_is_made_again(unbroken, tmp_path, capsys, name, kind):
    root = shutil.copytree(unbroken, tmp_path / "w")
    harm(np.random.default_rng(3), only_run(root) / name, kind)
    assert launch(*ARGUMENTS, f"--workdir={root}") == 0
    err = capsys.readouterr().err
    if name == "synthetic.npz" and kind == "delete":
        assert "is done; deleted since: synthetic.npz" in err
        return
    assert name in err or name == "status.json"
    assert_same_results(root, unbroken)
    assert_same_scores(root, unbroken)
    assert status(root) == "done"


@pytest.fixture
def disk_of(tmp_path):
    """Makes disks of some kilobytes; needs the right to mount."""
    made = []

    def make(size):
        place = tmp_path / str(size)
        place.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", place]
        try:
            subprocess.run(mount, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("may not mount a disk")
        made.append(place)
        return place

    yield make
    for place in made:
        subprocess.run(["umount", place], check=True)


def test_a_full_disk_is_one_line_and_a_run_goes_on_where_there_is_room(
    disk_of, tmp_path, capsys
):
    arguments = flags(BARE | MLP | LONG)
    reached = set()
    whole = tmp_path / "whole"
    assert launch(*arguments, f"--workdir={whole}") == 0
    capsys.readouterr()
    for size in (4, 16, 40, 300, 500, 800, 1200, 2000, 2800, 3600, 4400):
        place = disk_of(size)
        code = launch(*arguments, f"--workdir={place / 'w'}")
        err = capsys.readouterr().err
        assert not list(place.rglob(".*")) and not list(place.rglob("*tmp*")), size
        if code == 0:
            break
        assert code == 1 and err.count("\n") == 1 and "make room" in err, (size, err)
        reached.add(err.split(str(place))[1].split(":")[0].split("/")[-2])
    assert len(reached) >= 3, reached
    rest = shutil.copytree(place / "w", tmp_path / "rest")
    assert launch(*arguments, f"--workdir={rest}") == 0
    assert_same_results(rest, whole)


@pytest.mark.parametrize("name", ["results.jsonl", "report.html"])
def test_a_disk_that_is_full_at_the_end_keeps_the_run(disk_of, tmp_path, capsys, name):
    arguments = flags(BARE | MLP | LONG)
    root = tmp_path / "whole"
    assert launch(*arguments, f"--workdir={root}") == 0
    size = sum(path.stat().st_size for path in only_run(root).rglob("*"))
    place = disk_of(size // 1000 + 400) / "w"
    shutil.copytree(root / "runs", place / "runs")
    if name == "report.html":
        shutil.copy(root / "results.jsonl", place)
    with (place / "filler").open("wb", 0) as file, pytest.raises(OSError):
        while True:
            file.write(bytes(4096))
    capsys.readouterr()
    assert launch(*arguments, f"--workdir={place}") == 1
    err = capsys.readouterr().err
    assert err.startswith(f"error: {place / name}: cannot be written (No space left")
    assert err.count("\n") == 1 and not list(place.rglob(".*"))
    (place / "filler").unlink()
    assert launch(*arguments, f"--workdir={place}") == 0
    assert len(workdir.read_jsonl(place / "results.jsonl")) == 1
    assert (place / "report.html").is_file()
