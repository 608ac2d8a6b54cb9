import hostile
import numpy as np
import pytest

from dd_jax.audits.privacy.score_file import load_scores, save_scores
from dd_jax.types import InputError


def arrays(n=5):
    rng = np.random.default_rng(0)
    half = rng.random(n) < 0.5
    return dict(
        logits=rng.normal(size=(2, n, 1, 3)).astype(np.float32),
        labels=np.arange(n) % 3,
        member=np.stack([half, ~half]),
        index=np.arange(n) + 100,
        group=np.arange(n) % 2,
        threat="t1",
        canary=np.arange(n) - 1,
        shared=2,
        seed=7,
    )


def test_round_trip(tmp_path):
    path = tmp_path / "new" / "scores.npz"
    save_scores(path, **arrays())
    loaded = load_scores(path)
    for name, value in arrays().items():
        np.testing.assert_array_equal(getattr(loaded, name), value)
    assert loaded.threat == "t1"
    assert [file.name for file in path.parent.iterdir()] == ["scores.npz"]


def test_numpy_alone_reads_it(tmp_path):
    save_scores(tmp_path / "scores.npz", **arrays() | {"group": None})
    with np.load(tmp_path / "scores.npz") as file:
        assert {name: file[name].dtype.str for name in file} == {
            "logits": "<f4",
            "labels": "<i4",
            "member": "|b1",
            "index": "<i4",
            "group": "<i4",
            "canary": "<i4",
            "initial": "|b1",
            "shared": "<i4",
            "seed": "<i8",
            "threat": "<U2",
        }
        assert (file["group"] == -1).all()


def test_same_arrays_same_bytes(tmp_path):
    for name in ("a.npz", "b.npz"):
        save_scores(tmp_path / name, **arrays())
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "scores.npz"
    save_scores(path, **arrays())

    def full_disk(file, **_):
        file.write(b"half")
        raise OSError("no space left")

    monkeypatch.setattr(np, "savez", full_disk)
    with pytest.raises(OSError, match="no space left"):
        save_scores(path, **arrays() | {"threat": "t2"})
    assert load_scores(path).threat == "t1"


@pytest.mark.parametrize(
    "change, message",
    [
        ({"threat": "t3"}, "threat 't3' is not known; use t0, t1, t1_images, t2"),
        ({"labels": np.zeros(4)}, r"labels has shape \(4,\); need \(5,\)"),
        ({"member": np.zeros((3, 5))}, r"member has shape \(3, 5\); need \(2, 5\)"),
    ],
)
def test_bad_arrays_are_refused_before_writing(tmp_path, change, message):
    with pytest.raises(InputError, match=message):
        save_scores(tmp_path / "scores.npz", **arrays() | change)
    assert not list(tmp_path.iterdir())


def test_bad_files_are_refused(tmp_path):
    with pytest.raises(InputError, match="no such file; need a scores.npz"):
        load_scores(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("not a zip")
    with pytest.raises(InputError, match="text.npz: not a scores.npz"):
        load_scores(tmp_path / "text.npz")
    save_scores(tmp_path / "cut.npz", **arrays())
    whole = (tmp_path / "cut.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="cut.npz: not a scores.npz"):
        load_scores(tmp_path / "cut.npz")
    np.savez(tmp_path / "other.npz", logits=np.zeros((2, 5, 1, 3)))
    with pytest.raises(InputError, match="need the arrays logits, labels, member"):
        load_scores(tmp_path / "other.npz")


def test_hostile_files(tmp_path):
    """Every case is one line, and damage is seen or does no harm."""
    path = tmp_path / "scores.npz"
    save_scores(path, **arrays())
    given, content = dict(np.load(path)), path.read_bytes()
    cases = [*hostile.listed(given).values(), *hostile.damaged(content, 3, 100)]
    cases += [
        hostile.whole(given | {"logits": given["logits"][0, 0]}),
        hostile.whole(given | {"logits": given["logits"] > 0}),
        hostile.whole(given | {"threat": np.array(1)}),
        hostile.whole(given | {"member": given["member"].astype("U5")}),
    ]
    refused = 0
    for case in cases:
        path.write_bytes(case)
        try:
            found = load_scores(path)
        except InputError as error:
            assert "\n" not in str(error)
            refused += 1
        else:
            np.testing.assert_array_equal(found.logits, given["logits"])
    assert refused > len(cases) - 70
