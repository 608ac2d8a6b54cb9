"""The audit of the data: what it counts, and what it says before training."""

import numpy as np
from contexts import context, digits

from dd_jax import audits
from dd_jax.audits.audit import Shadows, not_yet
from dd_jax.audits.data_audit import AUDIT
from dd_jax.report.data_advice import NOTHING
from dd_jax.types import Split


def counted(**changes):
    return AUDIT.measure(context("data", dataset=digits()._replace(**changes))[0])


def test_digits_have_nothing_to_mend():
    given, files = context("data")
    found = AUDIT.measure(given)
    data = digits()
    assert [row["name"] for row in found["classes"]] == ["0", "1", "2"]
    assert [row["train"] for row in found["classes"]] == np.bincount(
        data.train.labels
    ).tolist()
    assert found["images"] == {
        "height": 8,
        "width": 8,
        "channels": 1,
        "constant": 0,
        "grey": 0,
        "sizes": 1,
        "resized": 0,
        "enlarged": 0,
        "largest_enlargement": 1.0,
        "stretched": 0,
    }
    assert {"ipc", "groups"}.isdisjoint(found) and files == {}
    assert AUDIT.advise(given) == [NOTHING]
    assert audits.measure("data", data, given.model, {}) == found


def test_each_split_is_compared_with_train():
    data = digits()
    held = Split(*(array[:5] for array in data.train[:2]))
    test = Split(
        np.concatenate([data.test.images, held.images[:2]]),
        np.concatenate([data.test.labels, (held.labels[:2] + 1) % 3]),
    )
    data = data._replace(validation=held, test=test)
    given, files = context("data", dataset=data)
    found = AUDIT.measure(given)["duplicates"]
    assert found["exact"] == {
        "train": {"rows": 0, "other_label": 0},
        "validation": {"rows": 5, "other_label": 0},
        "test": {"rows": 2, "other_label": 2},
    }
    assert all(of["rows"] == 0 for of in found["near"].values())
    header, *lines = files["duplicate_rows.csv"].decode().splitlines()
    assert header == "kind,split,row,label,train_row,train_label"
    labels, last = held.labels, len(test.labels)
    assert lines == [
        *(f"exact,validation,{i},{labels[i]},{i},{labels[i]}" for i in range(5)),
        *(
            f"exact,test,{last - 2 + i},{(labels[i] + 1) % 3},{i},{labels[i]}"
            for i in range(2)
        ),
    ]


def test_facts_of_images_are_of_all_splits():
    colour = lambda split: split._replace(images=split.images.repeat(3, -1))
    train, test = map(colour, digits()[:2])
    train.images[0], test.images[0] = 7, (1, 2, 3)
    found = counted(train=train, test=test, sizes=((4, 8, 9), (8, 8, 1)))["images"]
    total = len(train.labels) + len(test.labels)
    assert (found["constant"], found["grey"]) == (2, total - 1)
    assert (found["channels"], found["enlarged"], found["stretched"]) == (3, 9, 9)


def test_groups_and_images_per_class_are_known_where_there_are_any():
    with_groups = lambda split: split._replace(groups=split.labels % 2)
    train, test = map(with_groups, digits()[:2])
    given, _ = context("data", dataset=digits()._replace(train=train, test=test))
    shadows = Shadows({}, False, not_yet, not_yet, not_yet)
    found = AUDIT.measure(given._replace(ipc=7, shadows=shadows))
    assert found["ipc"] == 7 and [row["group"] for row in found["groups"]] == [0, 1]
    assert [rows > 0 for rows in found["groups"][0]["train"]] == [True, False, True]


def test_copies_are_looked_for_once():
    given, _ = context("data")
    calls = []
    cached = lambda *of: calls.append(of[::2]) or given.cached(*of)
    for _ in range(2):
        AUDIT.advise(given._replace(cached=cached))
    assert calls == 2 * [("duplicates", "data")]
