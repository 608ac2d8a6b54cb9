"""Memory and hours on many chips: the page has what the rows and formulas give."""

import re
import sys

import pytest
from tiny import ROOT

sys.path.insert(0, str(ROOT / "experiments" / "benchmarks"))
import pod_hours  # noqa: E402
from program_sizes import SIZES  # noqa: E402

PAGE = ROOT / "dd_jax" / "runtime" / "README.md"
STAGES = {stage.program: stage for stage in pod_hours.STAGES}


def test_the_page_has_the_table():
    (shown,) = re.findall(r"<!-- hours -->\n(.*?)\n<!--", PAGE.read_text(), re.S)
    assert shown == pod_hours.table(*pod_hours.committed(), pod_hours.Chip())


def test_the_page_has_the_numbers_of_the_chip():
    page, chip = PAGE.read_text(), pod_hours.Chip()
    numbers = (
        f"{chip.passes} passes of bfloat16 for float32, at {chip.flops / 1e12:g}e12"
    )
    assert numbers in page
    assert f"at {chip.memory / 1e9:g}e9 a second" in page
    assert f"at {chip.links / 1e9:g}e9 bytes" in page
    assert f"{chip.reached:g} of the speeds above" in page
    assert f"{1e6 * chip.latency:g} microseconds" in page


@pytest.mark.parametrize("chips", [1, 4, 256])
@pytest.mark.parametrize("program", ["dm", "mtt"])
def test_a_shape_that_was_compiled_has_the_figures_of_its_rows(program, chips):
    """Nothing is scaled or put between where a row says it."""
    compiled, _ = pod_hours.committed()
    kept = ("program", "shape", "chips")
    wanted = dict(zip(kept, (program, "fashion_mnist", chips)))
    (row,) = (
        r for r in compiled if wanted.items() <= r.items() and "v5e" in r["topology"]
    )
    size = row["memory"]["arguments"]
    traced = {(program, "fashion_mnist"): {"flops": row["flops"], "arguments": size}}
    found = pod_hours.estimate(
        STAGES[program], "fashion_mnist", chips, compiled, traced
    )
    sent = sum(kind["bytes"] for kind in row["collectives"].values())
    assert found.flops * found.share == pytest.approx(row["flops"] / chips)
    assert (found.moved, found.sent) == pytest.approx((row["bytes"], sent))
    assert found.held == pytest.approx(row["memory"]["total"])


@pytest.mark.parametrize(
    "chips, wanted", [(8, (1, 13)), (100, (1, 1)), (199, (1, 1)), (200, (200, 100))]
)
def test_experts_are_whole_on_a_chip_unless_two_are_free_for_each(chips, wanted):
    assert pod_hours._spread(STAGES["expert_epoch"], chips) == wanted


def test_more_chips_take_no_longer_until_what_they_exchange_counts():
    compiled, traced = pod_hours.committed()
    times = [
        pod_hours.seconds(
            pod_hours.estimate(STAGES["dm"], "cifar100", n, compiled, traced),
            pod_hours.Chip(),
        )
        for n in pod_hours.CHIPS
    ]
    assert times == sorted(times, reverse=True)


@pytest.mark.slow
def test_committed_operations_are_those_of_the_traces(monkeypatch):
    (_, traced) = pod_hours.committed()
    monkeypatch.setattr(pod_hours, "SHAPES", ("cifar100",))
    monkeypatch.setattr(pod_hours, "STAGES", (STAGES["dm"], STAGES["expert_epoch"]))
    for row in pod_hours.trace():
        assert row == traced[row["program"], row["shape"]]
    assert {shape for _, shape in traced} < {*SIZES}
