"""Memory and hours on many chips: the page has what the compiled rows say."""

import re
import sys

import pytest
from tiny import ROOT

sys.path.insert(0, str(ROOT / "experiments" / "benchmarks"))
import pod_hours  # noqa: E402
from program_sizes import SIZES  # noqa: E402

PAGE = ROOT / "dd_jax" / "runtime" / "README.md"
STAGES = {stage.program: stage for stage in pod_hours.STAGES}
ROWS = {
    (row["program"], row["shape"], row["chips"]): row
    for row in pod_hours.committed()
    if row["topology"].startswith("v5e:")
}
CHIP = pod_hours.Chip()


def shown() -> str:
    (text,) = re.findall(r"<!-- hours -->\n(.*?)\n<!--", PAGE.read_text(), re.S)
    return text


def cells(shape: str, program: str) -> dict[str, str]:
    """The line of the page of one program at one shape, by the names of its columns."""
    head, _, *lines = [line.strip("| ").split(" | ") for line in shown().splitlines()]
    order = [(s, stage.program) for s in pod_hours.SHAPES for stage in pod_hours.STAGES]
    return dict(zip(head, lines[order.index((shape, program))]))


def test_the_page_has_the_table():
    assert shown() == pod_hours.table(pod_hours.committed(), CHIP)


def test_the_page_has_the_numbers_of_the_chip():
    page = PAGE.read_text()
    numbers = (
        f"{CHIP.passes} passes of bfloat16 for float32, at {CHIP.flops / 1e12:g}e12"
    )
    assert numbers in page
    assert f"at {CHIP.memory / 1e9:g}e9 a second" in page
    assert f"at {CHIP.links / 1e9:g}e9 bytes" in page
    assert f"{CHIP.reached:g} of the speeds above" in page
    assert f"{1e6 * CHIP.latency:g} microseconds" in page


@pytest.mark.parametrize("chips", [4, 256])
@pytest.mark.parametrize("shape", pod_hours.SHAPES)
@pytest.mark.parametrize("program", STAGES)
def test_the_page_has_the_memory_and_the_traffic_of_compiled_rows(
    program, shape, chips
):
    """Memory to the digit; hours at least those that bytes and operations take."""
    stage, line = STAGES[program], cells(shape, program)
    of_one, turns = pod_hours._spread(stage, chips)
    row = ROWS[program, shape, of_one]
    assert line[f"GB a chip, of {chips}"] == f"{row['memory']['total'] / 1e9:.1f}"
    moved = row["bytes"] / CHIP.memory / CHIP.reached
    work = row["flops"] / of_one * CHIP.passes / CHIP.flops / CHIP.reached
    least = stage.calls * turns * max(moved, work) / 3600
    assert float(line[f"hours on {chips}"]) >= 0.95 * least  # two digits are shown


@pytest.mark.parametrize("program, shape, chips", [r for r in ROWS if r[0] in STAGES])
def test_nothing_is_put_between_where_a_row_says_it(program, shape, chips):
    row = ROWS[program, shape, chips]
    found = pod_hours.estimate(STAGES[program], shape, chips, ROWS.values())
    kinds = row["collectives"].values()
    assert (found.flops, found.moved) == (row["flops"], row["bytes"])
    assert found.held == row["memory"]["total"]
    assert found.sent == sum(kind["bytes"] for kind in kinds)
    assert found.collectives == sum(kind["count"] for kind in kinds)


def test_between_rows_figures_lie_between_theirs():
    for shape in pod_hours.SHAPES:
        for program, stage in STAGES.items():
            around = [ROWS[program, shape, n]["bytes"] for n in (4, 256)]
            found = pod_hours.estimate(stage, shape, 32, ROWS.values()).moved
            assert min(around) < found < max(around)


def test_chips_beyond_the_classes_gain_nothing_where_classes_are_shared():
    at = [
        pod_hours.estimate(STAGES["dsa"], "cifar100", n, ROWS.values())
        for n in (128, 256)
    ]
    assert at[0] == at[1]


@pytest.mark.parametrize(
    "chips, wanted", [(8, (1, 13)), (100, (1, 1)), (199, (1, 1)), (200, (200, 100))]
)
def test_experts_are_whole_on_a_chip_unless_two_are_free_for_each(chips, wanted):
    assert pod_hours._spread(STAGES["expert_epoch"], chips) == wanted


def test_more_chips_take_no_longer_until_what_they_exchange_counts():
    times = [
        pod_hours.seconds(
            pod_hours.estimate(STAGES["dm"], "cifar100", n, ROWS.values()), CHIP
        )
        for n in pod_hours.CHIPS
    ]
    assert times == sorted(times, reverse=True)


@pytest.mark.slow
@pytest.mark.parametrize("program", ["dm", "expert_epoch"])
def test_operations_of_the_rows_are_those_of_the_traces(program):
    import jax
    from flops import flops
    from hot_programs import programs

    from dd_jax.runtime.platform import made_for

    one = programs(SIZES["cifar100"])[program]
    with made_for("tpu"):
        shapes = jax.eval_shape(one.arguments, jax.random.key(0))
        found = flops(one.run, *shapes, turns=one.turns)
    assert found == ROWS[program, "cifar100", 256]["flops"]
