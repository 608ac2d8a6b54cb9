"""Whole runs of several processes equal those of one, and end together."""

import pytest
from alike import ALL_AUDITS, SMALL, assert_alike
from processes import ended, start
from tiny import MLP, TINY, flags, make, only_run

from dd_jax import run
from dd_jax.system import workdir

pytestmark = pytest.mark.slow
NO_ATTACKS = {"audits.robustness.enabled": False, "audits.memorisation.enabled": False}
LONG = {"distill.steps": 400, "distill.steps_per_call": 1, "checkpoint_seconds": 0.0}
WHOLE = {
    "dm": ALL_AUDITS | {"distill.method": "dm"},
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
    assert codes == [0, 0], said
    assert not [line for line in others if "proxy" not in line]
    record = workdir.read_json(only_run(tmp_path / "several") / "record.json")
    assert record["run"]["devices"] == 4
    assert_alike(tmp_path / "one", tmp_path / "several", tolerance=1e-5)
