"""Laws of the hot programs, read from what the TPU compiler makes of them."""

import re
import sys
from pathlib import Path

import jax
import pytest

from dd_jax.types import InputError

FOLDER = Path(__file__).parents[2] / "experiments" / "benchmarks"
sys.path.insert(0, str(FOLDER))
from compiled_row import described, lowered  # noqa: E402
from compiled_text import host_transfers, read  # noqa: E402
from hot_programs import programs  # noqa: E402
from program_sizes import Size  # noqa: E402
from tpu_topology import chips, require_compiler  # noqa: E402

SIZE = Size(
    (12, 12, 3),
    classes=3,
    rows=129,
    depth=2,
    width=16,
    ipc=11,
    batch_real=43,  # 129 images: more than pass through a network at a time on CPU
    batch_idc=43,
    batch_frepo=129,
    student_steps=5,
    max_start=2,
    experts=2,
    batch=20,
    nets=4,
    shadows=6,
    attacked=70,
    pgd_steps=13,
    apgd_steps=17,
)
EPOCH, SET, INNER = 7, 2, 8  # batches of real rows, of a set, of IDC's networks
LOOPS = {  # lengths of loops that may convolve; None where they depend on arguments
    "dm": set(),
    "dsa": {SIZE.classes, None},
    "mtt": {SIZE.student_steps},
    "idc": {SIZE.classes, INNER, None},
    "frepo": {None},
    "expert_epoch": {EPOCH, None},
    "nets": {SET, None},
    "shadows": set(),
    "pgd": {SIZE.pgd_steps},
    "apgd": {SIZE.apgd_steps},
}


@pytest.fixture(scope="module")
def one_chip():
    try:
        require_compiler()
    except InputError as error:
        pytest.skip(str(error))
    return chips("v5e:1x1")


@pytest.mark.slow
@pytest.mark.parametrize("name", programs(SIZE))
def test_programs_are_shaped_for_the_chip(one_chip, name):
    program = programs(SIZE)[name]
    made = lowered(program, one_chip)
    compiled = made.compile()
    row, text = described(program, compiled, one_chip), compiled.as_text()
    assert row["memory"]["total"] < row["memory"]["chip"]
    assert "f64[" not in text
    assert host_transfers(read(text)[1]) == []
    groups = re.findall(r"batch_group_count ?= ?(\d+)", made.as_text() + text)
    assert set(groups) <= {"1"}, "weight gradients of networks in one convolution"
    assert set(row["loops"]) <= LOOPS[name], "images one piece after another"
    assert row["collectives"] == {}
    jax.clear_caches()
