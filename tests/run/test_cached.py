"""What stages keep in files: made once, by one process, and again where damaged."""

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from damage import HARMS, harm

from dd_jax.run.cached import cached, read_or_make
from dd_jax.runtime.cost import Cost


def tree():
    return {"curve": np.arange(20.0), "eps": [0.0, 0.1], "deep": {"x": np.float32(3)}}


def same(found):
    np.testing.assert_array_equal(found["curve"], tree()["curve"])
    assert found["eps"] == [0.0, 0.1] and float(found["deep"]["x"]) == 3


def test_it_is_made_once(tmp_path):
    calls = []
    make = lambda: calls.append(1) or tree()
    for _ in range(2):
        same(read_or_make(tmp_path / "a.npz", make))
    assert len(calls) == 1


@pytest.mark.parametrize("kind", HARMS)
def test_it_is_made_again_where_it_is_damaged(tmp_path, capsys, kind):
    path = tmp_path / "a.npz"
    read_or_make(path, tree)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(12):
        path.write_bytes(whole)
        harm(rng, path, kind)
        same(read_or_make(path, tree))
        line = capsys.readouterr().err
        assert line == "" or line.startswith(f"{path}: damaged (")
        assert line == "" or line.endswith("; made again\n") and line.count("\n") == 1
    same(read_or_make(path, lambda: pytest.fail("made again")))


@pytest.mark.slow
def test_a_second_process_waits_for_the_first_and_takes_its_result(tmp_path, capsys):
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from types import SimpleNamespace\n"
        "from dd_jax.runtime.cost import Cost\n"
        "from dd_jax.run.cached import cached\n"
        "def make():\n"
        "    print('making', flush=True)\n"
        "    time.sleep(1)\n"
        "    return {'x': 1}\n"
        "root = Path(sys.argv[1])\n"
        "context = SimpleNamespace(cache=root, cost=Cost())\n"
        "cached(context, 'robustness', root / 'key' / 'attack.npz', make)\n"
    )
    first = subprocess.Popen(
        [sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE, text=True
    )
    assert first.stdout.readline() == "making\n"
    context = SimpleNamespace(cache=tmp_path, cost=Cost())
    path = tmp_path / "key" / "attack.npz"
    found = cached(context, "robustness", path, lambda: pytest.fail("made twice"))
    assert first.wait() == 0 and found == {"x": 1}
    assert capsys.readouterr().err.startswith(f"waiting for {path}, which {first.pid} ")
    assert 1 <= context.cost.seconds["robustness"] < 2
    assert [file.name for file in path.parent.iterdir()] == ["attack.npz"]


def test_what_is_a_run_s_own_needs_no_lock(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "dd_jax.system.locks.locked", lambda path: pytest.fail("locked")
    )
    context = SimpleNamespace(cache=tmp_path / "cache", cost=Cost())
    path = tmp_path / "runs" / "a.npz"
    assert cached(context, "robustness", path, lambda: {"x": 1}) == {"x": 1}
