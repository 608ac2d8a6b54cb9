"""The page of fabricated Records: order, groups, columns and what stays empty."""

import pytest

from dd_jax.benchmark import ranking, ranking_page
from dd_jax.benchmark.evaluation import config_of, evaluate
from dd_jax.benchmark.kept import Kept
from dd_jax.benchmark.published_set import PublishedSet, data_name, records_of
from dd_jax.config import RESULTS_VERSION
from dd_jax.report import markdown


def around(mean, half=0.01):
    return {"mean": mean, "ci": [mean - half, mean + half], "n": 5}


def found(accuracy, ipc=10.0, dataset="digits", split="test", **others):
    """The Record of an evaluation."""
    run = {"dataset": dataset, "ipc": ipc, "num_classes": 10, "split": split}
    run |= {"results_version": RESULTS_VERSION} | others
    return {
        "run": run | {"method": "dm", "arch": "mlp", "width": 8},
        "accuracy": {"distilled": around(accuracy), "random_subset": around(0.5)},
    }


MADE = {
    "run": {"method": "dm", "dataset": "digits", "num_classes": 10, "ipc": 10.0},
    "accuracy": {"distilled": around(0.9), "full_data": 0.97},
    "quantization": {"accuracy": around(0.8)},
    "controls": {
        "controls": [
            {"name": "el2n", "accuracy": around(0.61)},
            {"name": "teacher_labels", "accuracy": around(0.72)},
            {"name": "of another version", "accuracy": around(0.99)},
            {"name": "hard_labels", "accuracy": around(0.98)},
            {"name": "herding"},
        ]
    },
    "cost": {
        "experts_seconds": 60.0,
        "teacher_seconds": 6.0,
        "distill_seconds": 90.0,
        "shadow_experts_seconds": 900.0,
    },
    "privacy": {"distilled": {"t1": {"rmia": {"auc": around(0.56)}}}},
    "robustness": {
        "distilled": {
            "attacks": {
                "pgd_linf": [{"eps": 0.05, "norm": "linf", "accuracy": around(0.4)}]
            }
        }
    },
}


def ranked(sets, records, made, **rows):
    rows = dict.fromkeys(records, "rows") | rows
    found = {name: Kept(record, rows[name]) for name, record in records.items()}
    return ranking.ranked(sets, found, made)


@pytest.fixture
def published(tmp_path):
    def make(name, **metadata):
        path = tmp_path / f"{name}.npz"
        path.write_bytes(bytes(12_345))
        return PublishedSet(name, path, 400, metadata)

    return make


@pytest.mark.parametrize("key, value", [("method", "idc"), ("ipc", 1.0)])
def test_a_set_has_no_record_of_another_run(published, key, value):
    other = MADE | {"run": MADE["run"] | {key: value}}
    sets = [published("mine", record="id")]
    (row,) = ranked(sets, {"mine": found(0.784)}, {"id": other})
    assert row.made == {} and ranking.compared(row) == "-"


def test_data_may_lie_elsewhere(published):
    other = MADE | {"run": MADE["run"] | {"dataset": "idx:/data/fashion-mnist"}}
    sets = [published("mine", record="id")]
    here = found(0.784, dataset="idx:/usr/share/datasets/fashion-mnist")
    (row,) = ranked(sets, {"mine": here}, {"id": other})
    assert row.made == other


def test_the_row_of_a_set(published):
    training = {"train": {"epochs": 300, "batch": 256}}
    sets = [published("mine", record="id", config=training)]
    again = found(0.784, bytes={"images": 640, "labels": 100_000})
    rows = ranked(sets, {"mine": again}, {"id": MADE})
    text = markdown.of_blocks(ranking_page.page(rows, {}))
    head, _, row = [line for line in text.splitlines() if line.startswith("|")]
    assert [*zip(*(line.strip("| ").split(" | ") for line in (head, row)))] == [
        ("rank", "1"),
        ("set", "mine"),
        ("method", "Distribution matching (DM)"),
        ("architecture", "MLP"),
        ("width", "8"),
        ("training rows", "all"),
        ("steps", "600"),
        ("accuracy", "78.4 % (77.4 to 79.4)"),
        ("Record", "80.0 % (79.0 to 81.0)"),
        ("found again", "outside by 0.6 points"),
        ("random subset", "50.0 % (49.0 to 51.0)"),
        ("best control", "teacher's labels 72.0 %"),
        ("full data", "97.0 %"),
        ("minutes", "2.6"),
        ("membership", "0.560 (0.550 to 0.570) T1"),
        ("accuracy under PGD", "40.0 % (39.0 to 41.0) at Linf 0.05"),
        ("images", "0.64 kB"),
        ("labels", "100 kB"),
    ]
    assert "1 of 1 sets evaluated: 0 inside" in ranking.summary(rows, {})


def test_a_set_of_an_earlier_form_of_its_method_says_so(published, monkeypatch):
    newer = MADE | {"run": MADE["run"] | {"method_form": 2}}
    sets = [published(name, record=name) for name in ("old", "new")]
    records = {"old": found(0.7), "new": found(0.8)}
    rows = ranked(sets, records, {"old": MADE, "new": newer})
    monkeypatch.setattr(ranking_page, "current_form", {"dm": 2}.get)
    lines = markdown.of_blocks(ranking_page.page(rows, {})).splitlines()
    cells = {of[1]: of[2] for of in (line.split(" | ", 4) for line in lines[-2:])}
    assert {of: cell.endswith(", earlier form") for of, cell in cells.items()} == {
        "old": True,
        "new": False,
    }


def test_sets_are_ranked_within_data_and_size(published):
    sets = [published(name) for name in "abcdefg"]
    records = {
        "a": found(0.7),
        "b": found(0.9),
        "c": found(0.8, ipc=1.0),
        "d": found(0.6, dataset="idx:/home/ada/fashion-mnist"),
        "e": found(0.8),
        "g": found(0.99, split="validation"),
    }
    rows = ranked(sets, records, {})
    assert "".join(row.published.name for row in rows) == "dcbeag"
    text = markdown.of_blocks(
        ranking_page.page(rows, {"f": "no such file: /home/ada/x"})
    )
    title = "**digits (scikit-learn), 10 classes, 10 images per class, test rows**"
    assert text.count(title) == 1 and title.replace("test", "validation") in text
    assert "**Fashion-MNIST, 10 classes, 10 images" in text and "ada" not in text
    assert "- f: refused on this machine" in text
    assert text.count("\n| 1 |") == 4 and text.count("\n| 3 |") == 1


def test_equal_sets_share_a_rank(published):
    sets = [published(name) for name in "abcd"]
    accuracies = {"a": 0.5, "b": 0.7, "c": 0.7, "d": 0.6}
    records = {name: found(mean) for name, mean in accuracies.items()}
    rows = ranked(sets, records, {})
    text = markdown.of_blocks(ranking_page.page(rows, {}))
    lines = [line.split(" | ")[:2] for line in text.splitlines() if line[:1] == "|"]
    assert lines[2:] == [["| 1", "b"], ["| 1", "c"], ["| 3", "d"], ["| 4", "a"]]


def test_sets_that_see_other_rows_are_not_ranked_together(published):
    details = {"data": {"image_size": 4, "validation": 0.2}}
    sets = [published(name) for name in "abc"] + [published("d", config=details)]
    records = {name: found(0.7) for name in "abcd"}
    rows = ranked(sets, records, {}, b="other", d="small")
    text = markdown.of_blocks(ranking_page.page(rows, {}))
    assert text.count("\n| 1 |") == 4  # a and c share a rank
    title = "**digits (scikit-learn), 10 classes, 10 images per class, test rows"
    assert f"{title} rows**" in text and f"{title} other**" in text
    assert f"{title}, 4x4, share 0.2**" in text


def test_sets_that_see_the_same_rows_are_ranked_together(published):
    sources = {"a": "tfds:cifar10", "b": "npz:cifar10.npz"}
    sets = [published(n, config={"data": {"source": s}}) for n, s in sources.items()]
    here = {name: found(mean, dataset="npz:x") for name, mean in zip("ab", (0.6, 0.7))}
    for record in here.values():
        record["run"]["config"] = {"data.source": "npz:x"}
    text = markdown.of_blocks(ranking_page.page(ranked(sets, here, {}), {}))
    assert text.count("**") == 2 and "| 1 | b |" in text and "| 2 | a |" in text


@pytest.mark.parametrize("mean, words", [(0.81, "inside"), (0.8101, "outside")])
def test_the_ends_of_an_interval_are_inside(mean, words):
    assert ranking.verdict(around(mean), around(0.8)).startswith(words)


def test_the_recipe_comes_with_the_set_and_the_place_from_here(published):
    stated = {
        "data": {"source": "idx:fashion-mnist", "num_classes": 3},
        "train": {"epochs": 7, "full_epochs": 90},
        "seed": 4,
        "distill": {"ipc": 1},
        "audits": {"privacy": {"enabled": True}},
    }
    config = config_of(published("a", config=stated), "npz:FILE")
    assert config.data.source == "npz:FILE" and config.data.num_classes == 3
    assert (config.seed, config.train.epochs, config.train.full_epochs) == (4, 7, 1)
    assert not any(own.get("enabled") for own in config.audits.values())
    assert config.distill.load.endswith("a.npz") and config.distill.ipc == 10


def test_data_are_never_fetched_unless_they_are_named(published, tmp_path):
    stated = {"data": {"source": "tfds:cifar10"}}
    result = evaluate([published("a", config=stated)], {}, tmp_path)
    reason = "its data are not here; give --data=cifar10=tfds:cifar10"
    assert result == ({}, {"a": reason}, False, {})


@pytest.mark.parametrize("source", ["", "folder:", "npz:a/My Set.2.npz", ":", "x:y:z"])
def test_every_source_has_a_name(source):
    assert data_name(source) == data_name(data_name(source))


def test_records_are_found_beside_and_above(tmp_path):
    folder = tmp_path / "sets"
    folder.mkdir()
    assert records_of(folder, {"a1b2c3d4e5f6"}) == {}
    (tmp_path / "notes.jsonl").write_bytes(b'"a1b2c3d4e5f6" \xff\n')
    assert records_of(folder, {"a1b2c3d4e5f6"}) == {}
