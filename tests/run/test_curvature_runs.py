"""The curvature penalty of a run: what has it, and what it leaves in a Record."""

import numpy as np
import pytest
from tiny import BARE, MLP, flags, launch, make, only_run

from dd_jax import distill, run
from dd_jax.run.mitigated import require_mitigated
from dd_jax.run.read_data import dataset
from dd_jax.types import InputError

WITH = {"mitigate.curvature.weight": 3.0}


@pytest.mark.parametrize("method", ["dm", "frepo", "herding"])
def test_methods_without_such_networks_refuse_it(method):
    config = make(BARE | MLP | WITH, distill__method=method)
    with pytest.raises(InputError, match="learns from no network .*; take one of dc, "):
        require_mitigated(config, dataset(config))


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"mitigate.curvature.weight": -1.0}, "mitigate.curvature.weight"),
        ({"mitigate.curvature.distance": 0.0}, "mitigate.curvature.distance"),
        (
            {"audits.privacy.enabled": True, "audits.privacy.joint": True},
            "mitigate.curvature.weight has no joint form",
        ),
    ],
)
def test_bad_values_are_one_line(tmp_path, capsys, changes, words):
    settings = BARE | MLP | {"distill.method": "dc"} | WITH | changes
    assert launch(*flags(settings), f"--workdir={tmp_path}") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line


def test_without_it_the_distance_has_no_part_in_the_id():
    one, same = (make(BARE, **c) for c in ({}, {"mitigate__curvature__distance": 2.0}))
    assert run.prepared(one).id == run.prepared(same).id


@pytest.mark.slow
@pytest.mark.parametrize("method", ["dc", "idc", "mtt", "dance", "ncfm"])
def test_it_changes_the_set_of_each_method_that_has_it(tmp_path, method):
    settings = BARE | MLP | {"distill.method": method, "distill.lr": 1.0}
    settings |= {"distill.mtt.experts": 1} if method == "mtt" else {}
    if method in ("dance", "ncfm"):
        settings |= {f"distill.{method}.expert_epochs": 1, "distill.factor": 1}
    if method == "idc":
        settings |= {"model.name": "convnet", "model.width": 4}
    attacked = {"mitigate.robust.eps": 0.1, "mitigate.robust.steps": 1}
    settings |= {} if method == "mtt" else attacked  # both may be on
    sets, records = [], []
    for name, changes in (("plain", {}), ("with", WITH)):
        root = tmp_path / name
        assert launch(*flags(settings | changes), f"--workdir={root}") == 0
        sets.append(np.asarray(distill.load(only_run(root) / "synthetic.npz").images))
        records.append(run.record_of(only_run(root).name, root)["run"])
    assert not np.array_equal(*sets)
    assert "curvature" not in records[0]["adversarial"]
    assert records[1]["adversarial"]["curvature"] == 3.0
