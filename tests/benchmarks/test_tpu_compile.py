"""The compile-only benchmark: what it reads from programs, its rows, its refusals."""

import itertools
import json
import math
import re
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

from dd_jax.types import InputError

FOLDER = Path(__file__).parents[2] / "experiments" / "benchmarks"
sys.path.insert(0, str(FOLDER))
import compiled_row  # noqa: E402
import compiled_text  # noqa: E402
import tpu_compile  # noqa: E402
import tpu_topology  # noqa: E402
from hot_programs import programs  # noqa: E402
from memory_traffic import memory_traffic  # noqa: E402
from program_sizes import SIZES, Size  # noqa: E402

SMALL = Size(
    (8, 8, 1),
    classes=3,
    rows=24,
    depth=1,
    width=4,
    ipc=2,
    batch_real=4,
    batch_idc=4,
    batch_frepo=12,
    student_steps=2,
    max_start=2,
    experts=2,
    batch=8,
    nets=2,
    shadows=4,
    attacked=6,
    pgd_steps=2,
    apgd_steps=3,
)
TEXT = """\
HloModule jit_run

%condition (p.0: (s32[], f32[8])) -> pred[] {
  %p.0 = (s32[]{:T(128)}, f32[8]{0:T(128)}) parameter(0)
  %last = s32[]{:T(128)} constant(5)
  %i = s32[]{:T(128)} get-tuple-element(%p.0), index=0
  ROOT %more = pred[]{:T(512)} compare(%i, %last), direction=LT
}

%fused (f.0: f32[5,8], f.1: s32[]) -> f32[8] {
  %f.0 = f32[5,8]{1,0:T(8,128)} parameter(0)
  %f.1 = s32[]{:T(128)} parameter(1)
  ROOT %part = f32[1,8]{1,0} dynamic-slice(%f.0, %f.1), dynamic_slice_sizes={1,8}
}

%body (p.1: (s32[], f32[8], f32[5,8])) -> (s32[], f32[8], f32[5,8]) {
  %p.1 = (s32[], f32[8]{0}, f32[5,8]{1,0}) parameter(0)
  %j = s32[] get-tuple-element(%p.1), index=0
  %rows = f32[5,8]{1,0} get-tuple-element(%p.1), index=2
  %row = f32[8]{0:T(128)S(1)} fusion(%rows, %j), kind=kLoop, calls=%fused
  %y = f32[8]{0} convolution(%row, %row), window={size=1}, dim_labels=b0f_0io->b0f
  %sum = f32[8]{0} all-reduce(%y), replica_groups={{0,1}}, to_apply=%add
  ROOT %next = (s32[], f32[8]{0}, f32[5,8]{1,0}) tuple(%j, %sum, %rows)
}

%add (a: f32[], b: f32[]) -> f32[] {
  %a = f32[] parameter(0)
  %b = f32[] parameter(1)
  ROOT %c = f32[] add(%a, %b)
}

ENTRY %main (x: (s32[], f32[8], f32[5,8])) -> f32[8] {
  %x = (s32[], f32[8]{0}, f32[5,8]{1,0}) parameter(0)
  %loop = (s32[], f32[8]{0}, f32[5,8]{1,0}) while(%x), condition=%condition, \
body=%body, metadata={op_name="jit(run)/while"}
  ROOT %out = f32[8]{0} get-tuple-element(%loop), index=1
}
"""


def test_loops_of_a_compiled_program_are_read_with_their_lengths():
    entry, computations = compiled_text.read(TEXT)
    assert entry == "main" and len(computations) == 5
    (loop,) = compiled_text.convolving_loops(entry, computations)
    assert loop == ("jit(run)/while", 5)
    times = compiled_text.executions(entry, computations, turns=7)
    assert times["body"] == times["fused"] == 5 and times["main"] == 1


def test_a_loop_up_to_a_variable_runs_as_often_as_it_is_said_to():
    variable = TEXT.replace("constant(5)", "get-tuple-element(%p.0), index=0")
    entry, computations = compiled_text.read(variable)
    assert compiled_text.convolving_loops(entry, computations)[0].trips is None
    assert compiled_text.executions(entry, computations, turns=7)["body"] == 7


def test_transfers_between_chips_count_as_often_as_they_run():
    found = compiled_text.collectives(*compiled_text.read(TEXT), turns=1)
    assert found == {"all-reduce": {"count": 5, "bytes": 5 * 32}}


def test_transfers_to_the_host_are_found():
    _, computations = compiled_text.read(TEXT)
    assert compiled_text.host_transfers(computations) == []
    fed = TEXT.replace("all-reduce(", "outfeed(")
    _, computations = compiled_text.read(fed)
    assert compiled_text.host_transfers(computations) == ["sum"]


def test_memory_traffic_counts_slices_and_leaves_out_the_fast_memory():
    # a turn: 32 read of the slice's operand and 4 of its place, its result is in fast
    # memory; 32 written by the convolution, 64 moved by the sum over chips, 9 by the
    # comparison of two integers
    assert memory_traffic(*compiled_text.read(TEXT)) == 5 * (32 + 4 + 32 + 64 + 9)


COMMITTED = tpu_compile.rows_of(tpu_compile.FILE)


def test_committed_rows_are_whole_and_in_order():
    """Every program at every shape on all chips, attacks on one, as one compiler."""
    default = itertools.product(
        SIZES, sorted(tpu_compile.TOPOLOGIES), tpu_compile.NAMES
    )
    wanted = [
        (program, shape, topology)
        for shape, topology, program in default
        if topology.endswith(":1x1") or program not in tpu_compile.ON_ONE_CHIP
    ]
    found = [tuple(row[key] for key in tpu_compile.KEY) for row in COMMITTED]
    assert found == wanted and len(wanted) == 208
    assert len({str(row["versions"]) for row in COMMITTED}) == 1


def test_committed_rows_fit_their_chips():
    kinds = {"v5e": "TPU v5 lite", "v6e": "TPU v6 lite"}
    for row in COMMITTED:
        generation, _, shape = row["topology"].partition(":")
        assert row["chips"] == math.prod(map(int, shape.split("x"))), row
        memory = row["memory"]
        assert memory["chip"] == tpu_topology.MEMORY[kinds[generation]], row
        assert "error" not in row and 0 < memory["total"] <= memory["chip"], row
        parts = sum(memory[k] for k in ("arguments", "temporaries", "output", "code"))
        assert memory["total"] == parts - memory["aliased"], row


def test_the_page_says_how_long_the_committed_rows_took():
    page = (FOLDER.parents[1] / "dd_jax" / "README.md").read_text()
    clock, processors = (
        sorted(row[f"compile_{kind}seconds"] for row in COMMITTED)
        for kind in ("", "processor_")
    )
    middle = lambda values: f"{sum(values[103:105]) / 2:.0f}"
    over = lambda values, limit: f"{sum(v > limit for v in values)}"
    (said,) = re.findall(r"Of 208 programs .*?\n\n", page, re.S)
    assert re.findall(r"\d+", said) == [
        *("208", over(clock, 60), "60", middle(clock)),
        *(middle(processors), over(processors, 120), "120", "60"),
    ]


def test_the_table_names_the_versions_of_its_rows(capsys):
    assert tpu_compile.main(["--table"]) == 0
    *lines, last = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + 208 + 1 and lines[-1] == ""
    assert last == "Compiled by jax 0.12.0.1, jaxlib 0.12.0.1, libtpu 0.0.50.1."


def test_a_new_row_takes_the_place_of_the_old_one():
    row = {"program": "dm", "shape": "cifar10", "topology": "v5e:1x1", "digest": "a"}
    other = row | {"program": "pgd"}
    rows = tpu_compile.with_row([row, other], row | {"digest": "b"})
    assert [(r["program"], r["digest"]) for r in rows] == [("dm", "b"), ("pgd", "a")]


def test_rows_are_shown_as_a_table(tmp_path, capsys):
    row = {"program": "dm", "shape": "cifar10", "topology": "v5e:2x2", "flops": 2e12}
    row |= {
        "digest": "a",
        "compile_seconds": 61.2,
        "compile_processor_seconds": 40.4,
        "bytes": 3e9,
    }
    row |= {"versions": {"jax": "1"}, "memory": {"total": 8e9, "chip": 16e9}}
    row |= {"collectives": {"all-reduce": {"count": 2, "bytes": 4e6}}}
    broken = row | {"program": "pgd", "error": "RESOURCE_EXHAUSTED", "memory": {}}
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps(row) + "\n")
    assert tpu_compile.main(["--table", f"--out={file}"]) == 0
    assert capsys.readouterr().out.splitlines()[2] == (
        "| dm | cifar10 | v5e:2x2 | 8.00 | 50 % | 1 | 2.000 | 3.0 | 2 all-reduce, "
        "4.0 MB | 61 | 40 |"
    )
    file.write_text(json.dumps(broken | {"memory": {"chip": 16e9}}) + "\n")
    assert tpu_compile.main(["--table", f"--out={file}"]) == 1
    assert "RESOURCE_EXHAUSTED" in capsys.readouterr().out


def test_a_file_of_other_rows_is_one_line(tmp_path, capsys):
    file = tmp_path / "rows.jsonl"
    file.write_text('{"run": {}}\n')
    assert tpu_compile.main(["--table", f"--out={file}"]) == 2
    assert capsys.readouterr().err == (
        f"error: {file}: line 1 is no row of this benchmark\n"
    )


def test_no_rows_to_print_is_one_line(tmp_path, capsys):
    (cut := tmp_path / "cut.rows").write_text('{"program": "dm", "sha')
    for file, why in (
        (tmp_path / "none.rows", "no rows"),
        (cut, "no rows"),
        (tmp_path, "Is a directory"),
    ):
        assert tpu_compile.main(["--table", f"--out={file}"]) == 2
        out, err = capsys.readouterr()
        assert out == "" and err.startswith(f"error: {file}: {why}")
        assert err.count("\n") == 1


@pytest.mark.parametrize("names", ["", "v5e:1x1,"])
def test_an_empty_name_of_a_topology_is_refused(names, capsys):
    with pytest.raises(SystemExit) as caught:
        tpu_compile.main([f"--topologies={names}"])
    assert caught.value.code == 2
    assert "a name is missing" in capsys.readouterr().err


def test_what_a_compiler_lacks_is_one_line(monkeypatch, capsys):
    lacking = {
        "Python 3.11": lambda m: m.setattr(sys, "version_info", (3, 11, 7)),
        "jax 0.10.1": lambda m: m.setattr(jax, "__version__", "0.10.1"),
        "libtpu is missing": lambda m: m.setattr(
            tpu_topology.util, "find_spec", lambda name: None
        ),
    }
    for words, lack in lacking.items():
        with monkeypatch.context() as changed:
            changed.setattr(sys, "version_info", (3, 13, 0))
            changed.setattr(jax, "__version__", "0.12.0")
            lack(changed)
            assert tpu_compile.main([]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"error: {words}")


def compiler():
    try:
        tpu_topology.require_compiler()
    except InputError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("name", ["v9:2x2", "nonsense", "v5e:3x3", "v2:2x2"])
def test_an_unknown_topology_is_one_line(name):
    compiler()
    command = [sys.executable, FOLDER / "tpu_compile.py", f"--topologies={name}"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: topology '{name}': ") and "take one" in line


@pytest.mark.slow
@pytest.mark.parametrize("name", programs(SMALL))
def test_hot_programs_run_and_go_on_from_their_state(name):
    program = programs(SMALL)[name]
    first, *rest = jax.jit(program.arguments)(jax.random.key(0))
    for _ in range(2):
        found = program.run(first, *rest)
        if name not in ("pgd", "apgd"):
            rest[0] = found[0]
        for leaf in jax.tree.leaves(found):
            assert jnp.isfinite(leaf).all()


@pytest.mark.parametrize(
    "needs, pieces", [([8], 1), ([20, 9], 2), ([20, 17, None, 8], 8), ([20, 20], 1)]
)
def test_what_does_not_fit_is_compiled_in_smaller_pieces(monkeypatch, needs, pieces):
    """`None` is a program that the compiler itself refuses."""
    made = iter(range(1, 9))
    left = iter(needs)
    same = len(set(needs)) < len(needs)

    def measured(*_):
        need = next(left)
        memory = {"chip": 16} | ({"total": need} if need else {})
        return {"memory": memory} | ({} if need else {"error": "RESOURCE_EXHAUSTED"})

    monkeypatch.setattr(compiled_row, "measured", measured)
    monkeypatch.setattr(compiled_row, "lowered", lambda *_: 0 if same else next(made))
    monkeypatch.setattr(compiled_row, "digest", lambda program: program)
    found = compiled_row.measured_in_pieces(lambda pieces: None, 0, [])
    assert found["pieces"] == pieces and compiled_row.fits(found) == (not same)
