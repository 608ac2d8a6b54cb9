"""Workers get disjoint parts of a machine, and variables that say so."""

import pytest

from dd_jax.executors.shares import gpus, sensible_workers, shares
from dd_jax.types import InputError


@pytest.mark.parametrize(
    "variables, expected",
    [
        ({"CUDA_VISIBLE_DEVICES": "3,5"}, ["3", "5"]),
        ({"CUDA_VISIBLE_DEVICES": " 3, 5 "}, ["3", "5"]),
        ({"CUDA_VISIBLE_DEVICES": "GPU-8932f937,MIG-1"}, ["GPU-8932f937", "MIG-1"]),
        ({"CUDA_VISIBLE_DEVICES": ""}, []),
        ({"CUDA_VISIBLE_DEVICES": "-1"}, []),
        ({"CUDA_VISIBLE_DEVICES": "NoDevFiles"}, []),
        ({"CUDA_VISIBLE_DEVICES": "0,-1,1"}, ["0"]),
        ({"CUDA_VISIBLE_DEVICES": "0,1", "JAX_PLATFORMS": "cpu"}, []),
        ({"CUDA_VISIBLE_DEVICES": "0,1", "JAX_PLATFORMS": "cuda,cpu"}, ["0", "1"]),
    ],
)
def test_accelerators_are_those_that_a_process_sees(variables, expected):
    assert gpus(variables) == expected


def test_workers_without_accelerators_share_cores():
    assert sensible_workers([*range(8)], gpus({"CUDA_VISIBLE_DEVICES": "-1"})) == 4


def test_each_worker_has_the_devices_that_a_cell_asks_for():
    four = ["a", "b", "c", "d"]
    assert sensible_workers([*range(8)], four, devices=2) == 2
    assert sensible_workers([*range(8)], four, devices=8) == 1
    for part in shares(2, [0, 1], four, devices=2):
        assert part.env["CUDA_VISIBLE_DEVICES"].count(",") == 1
    with pytest.raises(InputError, match="--workers=3: .* 2 .* of 4; .* at most 2"):
        shares(3, [0, 1], four, devices=2)
    assert len(shares(3, [0, 1], [], devices=2)) == 3  # virtual CPU devices


def test_shares_are_disjoint_where_there_are_enough():
    parts = shares(3, [*range(8)], ["a", "b", "c", "d"])
    assert sorted(core for part in parts for core in part.cores) == [*range(8)]
    assert [p.env["CUDA_VISIBLE_DEVICES"] for p in parts] == ["a,d", "b", "c"]
    crowded = shares(4, [0], ["a"])
    assert {part.env["XLA_PYTHON_CLIENT_MEM_FRACTION"] for part in crowded} == {"0.225"}
