"""The benchmark of cells that share programs refuses what it cannot measure."""

import sys

import pytest
from tiny import ROOT

sys.path.insert(0, str(ROOT / "experiments" / "benchmarks"))
import shared_cells  # noqa: E402


@pytest.mark.parametrize("rounds", ["0", "-1", "two"])
def test_rounds_that_are_none_are_refused(rounds, monkeypatch, capsys):
    monkeypatch.setattr(shared_cells, "WAYS", {})
    monkeypatch.setattr(sys, "argv", ["shared_cells.py", f"--rounds={rounds}"])
    with pytest.raises(SystemExit) as caught:
        shared_cells.main()
    assert caught.value.code == 2
    assert "--rounds" in capsys.readouterr().err.splitlines()[-1]
