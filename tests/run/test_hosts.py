"""Whole runs of several processes equal those of one, and end together."""

import os
import signal

import pytest
from alike import ALL_AUDITS, SMALL, assert_alike
from processes import NEEDS_COLLECTIVES, ended, start, statuses, wait_for_state
from tiny import BARE, MLP, TINY, arrays, flags, make, npz, only_run

from dd_jax import run
from dd_jax.system import locks, workdir

pytestmark = [pytest.mark.slow, NEEDS_COLLECTIVES]
NO_ATTACKS = {"audits.robustness.enabled": False, "audits.memorisation.enabled": False}
LONG = {
    "distill.steps": 24,
    "distill.lr": 0.05,
    "distill.steps_per_call": 1,
    "checkpoint_seconds": 0.0,
}
WHOLE = {
    "dm": ALL_AUDITS
    | {
        "distill.method": "dm",
        "audits.privacy.scores": ("lira_online", "rmia"),
        "audits.robustness.attacks": ("apgd_ce", "square"),
        "audits.transfer.architectures": ("mlp",),
    },
    "mtt": TINY | MLP | SMALL | NO_ATTACKS | {"distill.method": "mtt"},
    "dsa": TINY
    | SMALL
    | NO_ATTACKS
    | {
        "distill.method": "dsa",
        "sets": 3,
        "audits.privacy.joint": True,
        "audits.privacy.targets": 4,
    },
}


@pytest.mark.parametrize("method", WHOLE)
def test_whole_runs_equal_those_of_one_process(tmp_path, method):
    """All audits; experts; joint shadows. Behind a proxy that leads nowhere."""
    values = WHOLE[method]
    processes = start(
        flags(values), tmp_path / "several", http_proxy="http://127.0.0.1:9"
    )
    run.run(make(values), tmp_path / "one")
    codes, (said, others) = ended(processes, 500)
    assert codes == [0, 0], (said, others)
    assert not [line for line in others if "proxy" not in line]
    record = workdir.read_json(only_run(tmp_path / "several") / "record.json")
    assert record["run"]["devices"] == 4
    assert_alike(tmp_path / "one", tmp_path / "several", tolerance=1e-5)


SWEEP = """
from dd_jax import config
from dd_jax.config.sweep import product
get_config = config.default
def sweep(): return product({{'distill.lr': {rates}}})
"""


def sweep(folder, rates, **changes):
    path = folder / "rates.py"
    path.write_text(SWEEP.format(rates=rates))
    return [f"--config={path}", *flags(BARE | MLP | SMALL | changes)]


@pytest.mark.parametrize(
    "victim, by", [(1, signal.SIGKILL), (0, signal.SIGKILL), (0, signal.SIGTERM)]
)
def test_where_one_ends_all_end_and_another_number_resumes(tmp_path, victim, by):
    values = BARE | MLP | LONG
    processes = start(flags(values), tmp_path / "several")
    wait_for_state(
        tmp_path / "several", processes, "runs/*/checkpoints/distil/*/[1-9]*.json"
    )
    processes[victim].send_signal(by)
    codes, said = ended(processes, 150)
    assert 0 not in codes, said
    if by == signal.SIGTERM:
        assert codes[0] == 143 and "to resume" in said[0][-1]
    folder = only_run(tmp_path / "several")
    assert workdir.read_status(folder)["status"] != "done"
    run.run(make(values), tmp_path / "several")
    run.run(make(values), tmp_path / "one")
    assert len(workdir.read_jsonl(folder / "metrics.jsonl")) == LONG["distill.steps"]
    assert_alike(tmp_path / "one", tmp_path / "several", tolerance=1e-5)


def test_experts_go_on_where_two_processes_left_them(tmp_path):
    """Their file is then whole on both, though one began in the middle."""
    values = BARE | MLP | SMALL | {"checkpoint_seconds": 0.0, "distill.method": "mtt"}
    values |= {"distill.mtt.expert_epochs": 30, "distill.mtt.max_start": 29}
    root = tmp_path / "several"
    processes = start(flags(values), root)
    wait_for_state(root, processes, "cache/*/experts_*/*/*/[1-9]?.json")
    processes[0].terminate()
    first, other = ended(processes)[0]
    assert first == 143 and other != 0
    codes, (said, _) = ended(start(flags(values), root))
    assert codes == [0, 0] and any("resumes at step" in x for x in said), said
    run.run(make(values), tmp_path / "one")
    assert_alike(tmp_path / "one", root, tolerance=1e-5)


def test_a_cell_that_diverges_leaves_the_others_alone_and_all_is_run_once(tmp_path):
    arguments = sweep(tmp_path, [0.5, 1e30, 1.0])
    root = tmp_path / "several"
    codes, (said, others) = ended(start(arguments, root))
    assert codes == [1, 1] and others == [], (said, others)
    assert statuses(root) == ["diverged", "done", "done"]
    (held,) = (f for f in (root / "runs").iterdir() if not (f / "model").exists())
    with locks.exclusive(held):  # as by another launcher; the others are done
        codes, (said, others) = ended(start(arguments, root))
    assert codes == [0, 0], said
    assert sum("already done" in line for line in said) == 2
    assert any(f"is being run by {os.getpid()} on" in line for line in said)


def test_data_that_another_process_reads_differently(tmp_path):
    """Each host has its own file: no run starts."""
    one, other = (npz(tmp_path / f"{seed}.npz", **arrays(seed=seed)) for seed in (0, 1))
    processes = start(
        flags(BARE | MLP),
        tmp_path / "out",
        more=[[f"--config.data.source={one}"], [f"--config.data.source={other}"]],
    )
    codes, (said, _) = ended(processes)
    assert codes == [2, 2], said
    assert "data, config file or code are not those of process 0" in said[-1]


def test_a_file_that_one_process_lacks_is_its_bad_input(tmp_path):
    source = npz(tmp_path / "data.npz")
    processes = start(
        flags(BARE | MLP),
        tmp_path / "out",
        more=[[f"--config.data.source={source}"], [f"--config.data.source={source}x"]],
    )
    codes, (said, _) = ended(processes)
    assert codes == [2, 2]
    assert "process 1 on" in said[-1] and "no such file" in said[-1], said
