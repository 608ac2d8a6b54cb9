import time
from pathlib import Path

import pytest
from tiny import TINY, arrays, launch, make, npz

from dd_jax import run
from dd_jax.config import sweep
from dd_jax.executors.cells import Request
from dd_jax.executors.prepare import prepare
from dd_jax.run import read_data, validation
from dd_jax.types import InputError


def request(points, **changes):
    cells = sweep.expand(make(TINY, **changes), points)
    return Request(cells, sweep.labels(cells), Path("out"))


def test_a_grid_reads_data_once_and_checks_once_for_all_seeds(tmp_path, monkeypatch):
    checked, read = [], []
    check, load = validation._check_parts, read_data.load
    monkeypatch.setattr(
        validation, "_check_parts", lambda built: (checked.append(built), check(built))
    )
    monkeypatch.setattr(
        read_data,
        "load",
        lambda source, **kw: (read.append(source), load(source, **kw))[1],
    )
    grid = sweep.product(
        {
            "distill.init": ["real", "noise"],
            "seed": [0, 1],
            "data.source": [npz(tmp_path / f"{i}.npz") for i in range(5)],
        }
    )
    wanted = request(grid, data__num_classes=0, audits__privacy__enabled=False)
    found = prepare(wanted, run)
    assert read == sorted(set(read)) and len(read) == 5
    assert [cell.config for cell in found] == wanted.cells
    assert [cell.id for cell in found] == [run.prepared(c).id for c in wanted.cells]
    assert len(set(cell.id for cell in found)) == 20
    assert len(checked) == 10 + 20  # initial images x sources; each alone for its id


@pytest.mark.parametrize(
    "drawn", [{"audits__privacy__canaries": 2}, {"data__rows": 100}]
)
def test_a_seed_that_canaries_or_rows_are_drawn_by_is_checked(drawn, monkeypatch):
    checked, check = [], validation._check_parts
    monkeypatch.setattr(
        validation,
        "_check_parts",
        lambda built: (checked.append(built.config.seed), check(built)),
    )
    prepare(request(sweep.product({"seed": [0, 1, 2]}), **drawn), run)
    assert sorted(checked) == [0, 1, 2]
    wanted = request(sweep.product({"seed": [0, 1, 2]}))
    prepare(wanted, run)
    assert len(checked) == 4


def test_files_of_a_grid_are_looked_at_once_and_again_in_the_next(tmp_path):
    looks, now = [], read_data._stamp_now
    source = npz(tmp_path / "x.npz")
    wanted = request(
        sweep.product({"distill.ipc": [1, 2], "distill.init": ["real", "noise"]}),
        data__source=source,
        data__num_classes=0,
        audits__privacy__enabled=False,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(read_data, "_stamp_now", lambda s: (looks.append(s), now(s))[1])
        before = prepare(wanted, run)
        assert len(looks) <= 2  # when the grid begins, and once the file was read
        npz(tmp_path / "x.npz", y_train=arrays()["y_train"][::-1])
        after = prepare(wanted, run)
    assert all(a.id != b.id for a, b in zip(before, after))


def test_classes_too_small_are_all_listed_and_no_other_cell():
    grid = sweep.product({"distill.ipc": [2, 90, 400], "seed": [0, 1]})
    with pytest.raises(InputError) as caught:
        prepare(request(grid), run)
    words = str(caught.value)
    assert words.startswith("4 of 6 cells cannot run: seed=0 ipc=90, seed=1 ipc=90: ")
    assert words.count("the smallest class of digits has") == 2
    assert "ipc=2," not in words and "\n" not in words


@pytest.mark.slow
def test_a_plan_of_ten_thousand_cells_takes_seconds(tmp_path, capsys):
    axes = {
        "data.num_classes": [2, 5, 10],
        "distill.ipc": [1, 5, 10, 20],
        "distill.init": ["noise", "real", "kmeans"],
        "train.lr": [0.01 * i for i in range(1, 29)],
        "seed": [*range(10)],
    }
    grid = tmp_path / "grid.py"
    grid.write_text(
        "from dd_jax import config\n"
        "from dd_jax.config.sweep import product\n"
        "get_config = config.default\n"
        f"sweep = lambda: product({axes})\n"
    )
    begin = time.process_time()
    assert launch(f"--config={grid}", "--dry_run", f"--workdir={tmp_path / 'out'}") == 0
    assert time.process_time() - begin < 60  # 26 on busy cores
    words = "cells: 10080;", "and 10030 more: 10030 new", "programs: 12 groups of 840"
    printed = capsys.readouterr().out
    assert all(some in printed for some in words)
