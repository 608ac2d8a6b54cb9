"""Runs with controls: what is in the Record, what they share with other networks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny import BARE, MLP, flags, launch, make, only_run

from dd_jax import report, run
from dd_jax.executors.groups import shares_of
from dd_jax.report import schema
from dd_jax.run import control_networks
from dd_jax.run.context import build_context
from dd_jax.runtime.keys import stack
from dd_jax.train.many import Schedule, train_on_sets
from dd_jax.types import Split, SyntheticSet

ON = BARE | MLP | {"audits.controls.enabled": True, "train.augment": "scale"}
NAMES = ["teacher_labels", "el2n", "grand", "forgetting", "herding"]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("controls")


@pytest.fixture(scope="module")
def record(root):
    return run.run(make(ON), root)


def test_the_part_is_in_the_record_and_the_report(record, root):
    schema.validate(record)
    part = record["controls"]
    assert [row["name"] for row in part["controls"]] == NAMES
    assert set(part["unaugmented"]) == {"distilled", "random_subset", "full_data"}
    assert 0 <= part["scores"]["lrs"] <= 1 and not part["soft"]
    assert record["cost"]["controls_seconds"] > 0
    page = report.build(root).read_text()
    assert "labels of a teacher of chosen epochs" in page and "LRS" in page


@pytest.mark.usefixtures("record")
def test_a_plan_names_the_folders_where_controls_are_shared(root):
    parts = shares_of(run.prepared(make(ON))).parts
    for part, file in (("scores of rows", "scores"), ("controls", "networks")):
        assert list((root / "cache" / parts[part]).rglob(f"controls/{file}*.npz"))


def test_without_augmentation_there_is_nothing_to_compare(tmp_path):
    values = {"train.augment": "none", "audits.controls.names": ("unaugmented",)}
    part = run.run(make(ON | values), tmp_path)["controls"]
    assert part["unaugmented"] is None and part["controls"] == []


@pytest.mark.slow
def test_without_augmentation_is_without_cutmix_too(tmp_path):
    values = {"train.augment": "none", "train.cutmix": 0.5}
    names = {"audits.controls.names": ("unaugmented",)}
    part = run.run(make(ON | values | names), tmp_path)["controls"]
    assert set(part["unaugmented"]) == {"distilled", "random_subset", "full_data"}


def test_soft_labels_have_hard_ones_beside_them(record, root, tmp_path):
    with np.load(only_run(root) / "synthetic.npz") as file:
        arrays = dict(file)
    arrays["labels"] = 0.9 * arrays["labels"] + 0.1 / 3
    np.savez(tmp_path / "soft.npz", **arrays)
    values = {"distill.load": str(tmp_path / "soft.npz")}
    part = run.run(make(ON | values), tmp_path)["controls"]
    assert part["soft"] and part["controls"][-1]["name"] == "hard_labels"


@pytest.mark.slow
def test_networks_on_rows_are_those_on_a_set_of_these_rows(tmp_path):
    built = build_context(make(ON), tmp_path / "run", tmp_path / "cache")
    train = built.dataset.train
    labels = np.eye(3, dtype=np.float32)[train.labels]
    chosen = np.stack([np.arange(6), np.arange(6, 12)])
    found = control_networks.networks_on_some_rows(
        built, Split(train.images, labels, None), chosen, "any"
    )
    sets = SyntheticSet(
        jnp.asarray(train.images[chosen] / np.float32(255)),
        jnp.asarray(labels[chosen]),
        jnp.full(2, built.config.train.lr),
    )
    epochs = Schedule(built.config.train.epochs, 1)
    keys = stack(built.key("controls any"), 2)
    expected = train_on_sets(built.trainer, keys, sets, epochs)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), found, expected
    )


@pytest.mark.slow
def test_controls_take_as_many_steps_as_networks_on_the_set(tmp_path, monkeypatch):
    """IDC's 2 images of each of 3 classes are 24 that networks see: 6 steps, not 2."""
    taken, on_rows = [], control_networks.train_on_rows

    def spy(trainer, keys, rows, chosen, lr, epochs, *others):
        if chosen is not None:  # the scores are of networks on all rows
            taken.append((chosen.shape[1], epochs.total))
        return on_rows(trainer, keys, rows, chosen, lr, epochs, *others)

    monkeypatch.setattr(control_networks, "train_on_rows", spy)
    values = {"distill.method": "idc", "distill.ipc": 2, "train.batch": 4}
    names = {"audits.controls.names": ("herding",), "train.epochs": 5}
    run.run(make(ON | values | names), tmp_path)
    assert (6, 5 * 6 // 2) in taken


@pytest.mark.slow
def test_runs_share_the_controls_of_real_rows(tmp_path, monkeypatch):
    """Scores; and networks, of sets of as many images: 6 of DM and DSA, 24 of IDC."""
    watched, calls = control_networks.watched_networks, []

    def spy(*given):
        calls.append(given)
        return watched(*given)

    monkeypatch.setattr(control_networks, "watched_networks", spy)
    parts, trained = [], []
    for method in ("dm", "dsa", "idc"):
        values = {"distill.method": method, "distill.ipc": 2, "train.batch": 4}
        parts.append(run.run(make(ON | values), tmp_path)["controls"])
        trained.append(len(calls))
    assert trained == [1, 1, 1]
    assert parts[0]["controls"] == parts[1]["controls"] != parts[2]["controls"]
    alone = {"distill.method": "dsa", "distill.ipc": 2, "train.batch": 4}
    assert run.run(make(ON | alone), tmp_path / "alone")["controls"] == parts[1]


def test_watched_networks_are_seen_after_every_epoch(tmp_path):
    built = build_context(make(ON), tmp_path / "run", tmp_path / "cache")
    seen = []
    last = control_networks.watched_networks(
        built,
        Split(*built.dataset.train[:2], None),
        2,
        lambda params, *epochs: seen.append((epochs, jax.tree.map(np.array, params))),
    )
    assert [epochs for epochs, _ in seen] == [(0, 2), (1, 2), (2, 2)]
    jax.tree.map(np.testing.assert_array_equal, seen[-1][1], last)


@pytest.mark.slow
def test_a_kill_leaves_finished_controls(tmp_path, monkeypatch, record):
    fit = control_networks.networks_on_some_rows

    def killed(built, rows, chosen, name, in_set):
        if name.startswith("forgetting"):
            raise KeyboardInterrupt
        return fit(built, rows, chosen, name, in_set)

    monkeypatch.setattr(control_networks, "networks_on_some_rows", killed)
    with pytest.raises(KeyboardInterrupt):
        run.run(make(ON), tmp_path)
    monkeypatch.undo()
    again = lambda *given: pytest.fail("scores are measured again")
    monkeypatch.setattr(control_networks, "watched_networks", again)
    assert run.run(make(ON), tmp_path)["controls"] == record["controls"]


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"audits.controls.names": ("random",)}, "audits.controls.names=('random',): "),
        ({"audits.controls.holdout": 1.0}, "audits.controls.holdout=1.0: must be in"),
        ({"audits.controls.holdout": 0.001}, "no training row is left to choose on"),
    ],
)
def test_bad_values_end_in_one_line(tmp_path, capsys, changes, words):
    given = [f"--config.{key}={value!r}" for key, value in changes.items()]
    assert launch(*flags(ON), *given, f"--workdir={tmp_path / 'w'}") == 2
    found = capsys.readouterr().err
    assert found.count("\n") == 1 and words in found, found
    assert not (tmp_path / "w").exists()
