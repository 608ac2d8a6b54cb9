import gzip
import json

import pytest
from tiny import make

from dd_jax.executors import earlier
from dd_jax.executors.groups import Shares

COST = {
    "distill_seconds": 10.0,
    "train_seconds": 3.0,
    "full_data_seconds": 5.0,
    "shadows_seconds": 100.0,
    "compile_seconds": 7.0,
    "steps_per_second": 20.0,
    "peak_bytes": 10**9,
}


def record(name="a", cost=(), **run):
    values = {
        "id": name,
        "method": "dm",
        "dataset": "digits",
        "arch": "convnet",
        "ipc": 10.0,
        "num_classes": 10,
        "width": 32,
        "init": "real",
        "device": "cpu",
    }
    return {"run": values | run, "cost": COST | dict(cost)}


def config(**changes):
    return make({"distill.steps": 100}, **changes)


def ids(records, **changes):
    found = earlier.Earlier(records, "cpu").resembling(config(**changes))
    return [found["run"]["id"] for found in found]


def test_records_of_another_method_data_set_or_architecture_tell_nothing():
    others = [record(method="dsa"), record(dataset="npz:x.npz"), record(arch="mlp")]
    assert ids(others) == []
    assert ids([*others, record("same")]) == ["same"]


def test_the_nearest_in_size_count_by_ratios():
    sizes = [record("1", ipc=1.0), record("10"), record("50", ipc=50.0)]
    assert [ids(sizes, distill__ipc=ipc) for ipc in (2, 20, 30)] == [
        ["1"],
        ["10"],
        ["50"],
    ]
    widths = [record("8", width=8), record("64", width=64)]
    assert ids(widths, model__width=32) == ["64"]
    classes = [record("2", num_classes=2), record("10")]
    assert ids(classes, data__num_classes=3) == ["2"]
    assert ids(classes) == ["10"]  # all of them


def test_of_equal_sizes_the_device_and_then_the_other_keys_decide():
    far = record("far", config={"train.epochs": 9, "distill.init": "noise"})
    near = record("near", config={"train.epochs": 9, "seed": 3})
    other = record("gpu", device="a GPU", config={"train.epochs": 9})
    assert ids([far, near, other], train__epochs=9) == ["near"]
    assert ids([other], train__epochs=9) == ["gpu"]


def estimate(records, *cells):
    configs, shared = zip(*cells)
    return earlier.estimate(configs, shared, records, "cpu")


def test_shared_parts_count_once_and_steps_are_those_of_the_cell():
    cells = [(config(seed=s), Shares("p", {"full_data": "x"})) for s in (0, 1)]
    found = estimate([record()], *cells)
    assert found.seconds == pytest.approx(2 * (100 / 20 + 3 + 100) + 5)
    assert (found.peak_bytes, found.rests_on) == (10**9, {"a"})
    apart = [(config(seed=s), Shares("p", {"full_data": f"{s}"})) for s in (0, 1)]
    assert estimate([record()], *apart).seconds == found.seconds + 5


def test_shadows_count_where_there_are_some():
    without = config(audits__privacy__enabled=False)
    assert estimate([record()], (without, Shares("p", {}))).seconds == 5 + 3 + 5


def test_shadows_of_baselines_that_cells_share_count_once():
    """Two methods on three seeds: each seed has its baselines once, not each cell."""
    apart = {
        "shadows_seconds": 40.0,
        "random_subset_shadows_seconds": 30.0,
        "full_data_shadows_seconds": 20.0,
    }
    records = [record(m, apart, method=m) for m in ("dm", "dsa")]
    names = "random_subset", "full_data", "random_subset_shadows", "full_data_shadows"
    cells = [
        (config(distill__method=m, seed=s), Shares(m, {n: f"{n}{s}" for n in names}))
        for m in ("dm", "dsa")
        for s in range(3)
    ]
    own = 100 / 20 + 3 + 40
    assert estimate(records, *cells).seconds == pytest.approx(6 * own + 3 * (5 + 50))
    without = config(audits__privacy__enabled=False)
    assert estimate(records, (without, Shares("p", {}))).seconds == 5 + 3 + 5


def test_experts_of_shadows_count_apart():
    apart = {"experts_seconds": 40.0, "shadow_experts_seconds": 60.0}
    records = [record("a", apart)]
    cells = [
        (config(seed=s), Shares("p", {"experts": "x", "shadow_experts": f"{s}"}))
        for s in (0, 1)
    ]
    own = 100 / 20 + 3 + 5 + 100
    assert estimate(records, *cells).seconds == pytest.approx(2 * (own + 60) + 40)
    without = config(audits__privacy__enabled=False)
    assert estimate(records, (without, Shares("p", {}))).seconds == 5 + 3 + 5 + 40


def test_a_teacher_that_cells_share_counts_once():
    records = [record("a", {"teacher_seconds": 40.0})]
    cells = [(config(seed=s), Shares("p", {"teacher": "x"})) for s in (0, 1)]
    own = 100 / 20 + 3 + 5 + 100
    assert estimate(records, *cells).seconds == pytest.approx(2 * own + 40)


def test_seconds_of_dp_sgd_count_for_cells_that_have_it():
    records = [record("a", {"dp_sgd_seconds": 70.0, "dp_sgd_shadows_seconds": 30.0})]
    private = {"dp__epsilon": 1.0, "dp__sgd__epochs": 2}
    seconds = lambda **changes: (
        estimate(records, (config(**changes), Shares("p", {}))).seconds
    )
    assert seconds(**private) == seconds() + 100
    quiet = {"audits__privacy__enabled": False}
    assert seconds(**private, **quiet) == seconds(**quiet) + 70


def test_records_as_near_are_averaged_and_the_largest_memory_counts():
    records = [record(), record("b", {"shadows_seconds": 300.0, "peak_bytes": 10**10})]
    found = estimate(records, (config(), Shares("p", {})))
    assert found.seconds == pytest.approx(5 + 3 + 5 + 200)
    assert found.peak_bytes == 10**10
    assert " 10.0 GB, by 2 Records " in earlier.described(found, 1)


def test_cells_without_an_estimate_are_counted():
    cells = [(config(distill__method=m), Shares("p", {})) for m in ("dm", "dsa")]
    found = estimate([record()], *cells)
    assert earlier.described(found, 2).endswith("; no estimate for 1 of 2 cells")
    nothing = earlier.described(estimate([], *cells), 2)
    assert nothing.startswith("estimate: no estimate; no Record is of the same method")


def test_records_are_read_of_both_places_and_damaged_ones_left_out(tmp_path):
    results = tmp_path / "results"
    results.mkdir()
    line = lambda name, **cost: json.dumps(record(name, cost)) + "\n"
    (tmp_path / "results.jsonl").write_text(line("a") + '{"run"')
    (results / "b.jsonl").write_text(line("b") + line("c", train_seconds=None))
    (results / "d.jsonl").write_text('{"step": 1}\n')
    (results / "e.jsonl.gz").write_bytes(gzip.compress(line("e").encode()))
    (results / "f.jsonl.gz").write_bytes(b"no archive")
    (results / "g.jsonl.tmp").write_text(line("g"))
    found = earlier.read(tmp_path, results)
    assert sorted(record["run"]["id"] for record in found) == ["a", "b", "e"]
    assert earlier.read(tmp_path / "none", tmp_path / "none") == []
