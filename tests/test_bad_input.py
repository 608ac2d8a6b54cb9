"""Bad input: status 2, one line that says what is wrong and right, nothing written."""

import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from tiny import BARE, ROOT, TINY, arrays, flags, launch, npz, snapshot

from dd_jax import distill
from dd_jax.run import forecast, read_data, validation
from dd_jax.runtime.reuse import reused
from dd_jax.types import SyntheticSet

NAN = arrays()["x_train"] / 255
NAN[3, 2, 2] = np.nan
ALL_CLASSES = {"data.num_classes": 0}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """An empty folder; data are read once a process, by their relative paths."""
    monkeypatch.chdir(tmp_path)
    fresh = reused(read_data._load.__wrapped__)
    monkeypatch.setattr(read_data, "_load", fresh)


def refused(capsys, *arguments):
    """What launch says; holds the status, the one line and that nothing changed."""
    before = snapshot("."), sorted(os.listdir())
    assert launch(*arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ") and err.endswith("\n") and err.count("\n") == 1
    assert (snapshot("."), sorted(os.listdir())) == before
    return err.removeprefix("error: ").removesuffix("\n")


def picture(path, size):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    Image.fromarray(np.zeros((size, size), np.uint8)).save(path)


@pytest.mark.parametrize(
    "argument, message",
    [
        ("--confg=x.py", "Unknown command line flag 'confg'. Did you mean: config ?"),
        (
            "--config.distill.ipcs=1",
            "--config.distill.ipcs=1: unknown config key distill.ipcs; "
            "did you mean distill.ipc?",
        ),
        (
            "--config.distill.ipc=ten",
            "distill.ipc='ten': must be at least 1 (type int)",
        ),
        (
            "--config.data.source=npz:nowhere.npz",
            "npz: nowhere.npz: no such file; it should hold x_train, y_train, x_test, "
            "y_test",
        ),
        (
            "--config.data.source=idx:nowhere",
            "idx: nowhere: no such folder; it should hold train-images-idx3-ubyte.gz "
            "and the three other MNIST-format files",
        ),
        (
            "--config.data.source=folder:nowhere",
            "folder: nowhere: no such folder; it should hold train/CLASS/*.png and "
            "test/CLASS/*.png, or CLASS/*.png",
        ),
        (
            "--config.distill.load=nowhere.npz",
            "config: distill.load='nowhere.npz': must be empty, an existing .npz file "
            "or an exported folder with labels.csv (no such file)",
        ),
        (
            "--config.data.num_classes=11",
            "num_classes is 11; digits has 10 classes, so a number from 2 to 10 is "
            "needed",
        ),
    ],
)
def test_arguments(capsys, argument, message):
    assert refused(capsys, argument) == message


@pytest.mark.parametrize(
    "changes, message",
    [
        (
            {"x_train": NAN},
            "npz:data.npz train image 3 holds NaN pixels; remove or mend it",
        ),
        (
            {"x_train": arrays()["x_train"] / 64},
            "npz:data.npz train float pixels range from 0 to 2.79688; scale them to "
            "[0, 1], or give uint8",
        ),
        (
            {"y_train": np.zeros(25, int), "y_test": np.zeros(18, int)},
            "npz:data.npz has one class only, '0'; at least 2 are needed",
        ),
        (
            {"y_train": np.repeat([0, 1, 3], (8, 8, 9))},
            "class '2' of npz:data.npz is absent in train; give train images of it, or "
            "leave it out of test",
        ),
        (
            {"x_train": np.zeros((25, 3, 8, 8), np.uint8)},
            "npz:data.npz train images have shape (25, 3, 8, 8), which suggests "
            "channels first; [n h w c] is needed: x.transpose(0, 2, 3, 1)",
        ),
        (
            {"y_train": np.repeat([-1, 1, 2], (8, 8, 9))},
            "npz:data.npz train labels go down to -1; they must start from 0",
        ),
        (
            {"y_train": None},
            "data.npz has no array y_train; it should hold x_train, y_train, x_test, "
            "y_test",
        ),
        (
            {"x_test": np.zeros((18, 9, 9), np.uint8)},
            "npz:data.npz has training images of shape (8, 8, 1) but test images of "
            "shape (9, 9, 1); they must be alike",
        ),
        (
            {"group_train": np.zeros(25, int), "group_test": np.zeros(18, int)},
            "fairness: no class has test rows of two groups; equalised odds compare "
            "groups within a class",
        ),
    ],
)
def test_data(capsys, changes, message):
    source = npz("data.npz", **changes)
    arguments = flags(TINY | ALL_CLASSES, data__source=source)
    assert refused(capsys, *arguments) == message


@pytest.mark.parametrize(
    "changes, message",
    [
        (
            {"data__imbalance": "step", "data__imbalance_ratio": 0.9},
            "config: data.imbalance_ratio=0.9: must be a finite number, at least 1 "
            "(type float)",
        ),
        (
            {"data__imbalance": "step", "data__imbalance_ratio": 10.0},
            "data.imbalance=step at data.imbalance_ratio=10 leaves class '2' of "
            "npz:data.npz empty; lower the ratio",
        ),
        (
            {"data__imbalance": "long_tail", "data__imbalance_ratio": 8.0},
            "class '1' of npz:data.npz (long tail 8) has 2 training images, 3 needed; "
            "at most 1 per class are possible",
        ),
        (
            {"data__colour": "foreground", "data__correlation": 1.5},
            "config: data.correlation=1.5: must be in [0, 1] (type float)",
        ),
        (
            {"data__colour": "foreground"},
            "data.colour: images of npz:data.npz have 3 channels; grey ones, of one "
            "channel, are needed",
        ),
        (
            {"data__groups": "clusters:1"},
            "config: data.groups='clusters:1': must be given, or clusters:K with K at "
            "least 2",
        ),
        (
            {"data__groups": "clusters:80"},
            "data.groups=clusters:80: there are 25 training images; take fewer "
            "clusters",
        ),
    ],
)
def test_uneven_data(capsys, changes, message):
    colour = np.repeat(arrays()["x_train"][..., None], 3, -1)
    test = np.repeat(arrays()["x_test"][..., None], 3, -1)
    source = npz("data.npz", x_train=colour, x_test=test)
    three = {"data__source": source, "distill__ipc": 3}
    assert refused(capsys, *flags(BARE | ALL_CLASSES, **three, **changes)) == message


def test_corrupt_data(capsys):
    with open("data.npz", "wb") as file:
        file.write(b"PK\x03\x04 and then no more")
    message = refused(capsys, "--config.data.source=npz:data.npz")
    assert message == (
        "data.npz is not a readable .npz file (no archive); write it with "
        "numpy.savez from plain arrays"
    )


def test_images_of_several_sizes(capsys):
    for split in ("train", "test"):
        for name in ("cat", "dog"):
            picture(f"images/{split}/{name}/0.png", 8)
    picture("images/test/dog/1.png", 9)
    assert refused(capsys, "--config.data.source=folder:images") == (
        "images holds images of 2 sizes, such as 8x8 and 9x9; set data.image_size to "
        "resize them all to one square size"
    )


@pytest.mark.parametrize("ipc", [9, 10**6])
def test_a_class_with_too_few_images(capsys, ipc):
    source = npz("data.npz")
    arguments = flags(BARE | ALL_CLASSES, data__source=source, distill__ipc=ipc)
    assert refused(capsys, *arguments) == (
        f"class '0' of npz:data.npz has 8 training images, {ipc} needed; "
        "at most 8 per class are possible"
    )


def test_enough_images_are_not_refused(capsys):
    source = npz("data.npz")
    for base, ipc in ((BARE, 8), (TINY, 4)):
        base = base | ALL_CLASSES
        arguments = flags(base, data__source=source, distill__ipc=ipc)
        assert launch(*arguments, "--dry_run") == 0
    assert os.listdir() == ["data.npz"]


def synthetic(images=(6, 8, 8, 1), classes=3, metadata=None):
    labels = np.resize(np.eye(classes), (images[0], classes))
    return SyntheticSet(np.zeros(images), labels, np.float32(0.01), metadata)


def test_a_loaded_set_of_other_images_or_classes(capsys):
    for given, words in [
        (synthetic(images=(6, 9, 8, 1)), "(9, 8, 1) images of 3 classes"),
        (synthetic(images=(6, 8, 8, 3)), "(8, 8, 3) images of 3 classes"),
        (synthetic(classes=2), "(8, 8, 1) images of 2 classes"),
    ]:
        distill.save("set.npz", given)
        message = refused(capsys, *flags(TINY, distill__load="set.npz"))
        assert message == (
            f"set.npz holds {words}; digits has (8, 8, 1) images of 3, "
            "which must be the same"
        )


@pytest.mark.parametrize("made_with", [True, False])
def test_a_loaded_set_of_another_space(capsys, made_with):
    distill.save(
        "set.npz", synthetic(metadata={"zca": "zca.npz" if made_with else None})
    )
    given = flags(TINY, distill__load="set.npz", data__zca=not made_with)
    assert refused(capsys, *given) == (
        f"set.npz was made with data.zca={made_with}; networks have to see it in the "
        f"same space: give --config.data.zca={made_with}"
    )


def test_several_copies_of_a_loaded_set(capsys):
    distill.save("set.npz", synthetic())
    message = refused(capsys, *flags(TINY, distill__load="set.npz", sets=2))
    assert message == "sets=2: set.npz is one set; take sets=1"


def test_a_loaded_set_beyond_the_random_subset(capsys):
    distill.save("set.npz", synthetic(images=(600, 8, 8, 1)))
    message = refused(capsys, *flags(TINY, distill__load="set.npz"))
    assert message.startswith("class '0' of digits has 142 training images, 200 needed")


def test_loaded_files_that_hold_no_set(capsys):
    arguments = flags(TINY, distill__load="set.npz")
    with open("set.npz", "w") as file:
        file.write("not a set")
    assert refused(capsys, *arguments).startswith(
        "set.npz is not a synthetic set (.npz): "
    )
    npz("set.npz")
    assert refused(capsys, *arguments) == (
        "set.npz is not a synthetic set (.npz): it lacks images, labels"
    )
    distill.save("set.npz", synthetic()._replace(images=np.full((6, 8, 8, 1), np.nan)))
    assert refused(capsys, *arguments) == (
        "set.npz: images, labels or lr hold NaN or infinity"
    )


def test_sets_made_elsewhere_in_other_ranges(capsys):
    arguments = flags(TINY, distill__load="set.npz")
    pixels = np.random.default_rng(0).random((6, 8, 8, 1))
    labels = np.resize(np.eye(3), (6, 3))
    for images, words in [
        ((pixels - 0.5) / 0.25, "store x * std + mean if they are normalised"),
        (254.9 * pixels, "divide them by 255 if they are bytes"),
        (2 * pixels - 1, "store (x + 1) / 2 if they are scaled to [-1, 1]"),
    ]:
        np.savez("set.npz", images=images, labels=labels, lr=0.01)
        assert words in refused(capsys, *arguments)
    np.savez("set.npz", images=pixels, labels=9 * labels, lr=0.01)
    assert "each row of labels should be prob" in refused(capsys, *arguments)


def test_what_is_converted_is_said(capsys):
    bytes_ = np.random.default_rng(0).integers(0, 256, (6, 1, 8, 8), np.uint8)
    np.savez("set.npz", images=bytes_, labels=np.resize([0, 1, 2], 6))
    given = flags(TINY, distill__load="set.npz", data__source=npz("data.npz"))
    assert launch(*given, "--dry_run") == 0
    assert capsys.readouterr().out.splitlines()[-4:] == [
        "data: set.npz: images had their channels first: moved last",
        "data: set.npz: images were bytes: divided by 255",
        "data: set.npz: labels were class numbers: made one-hot",
        "data: set.npz: no lr: trained on from train.lr of the run",
    ]


@pytest.mark.parametrize(
    "changes, message",
    [
        (
            {"model__depth": 4},
            "model.norm 'instance' erases 1x1 feature maps: take larger images, a "
            "smaller model.depth or another model.norm",
        ),
        (
            {"model__norm": "group", "model__width": 6},
            "model.norm 'group' needs channels in multiples of 4; got 6",
        ),
    ],
)
def test_models_that_cannot_be(capsys, changes, message):
    assert refused(capsys, *flags(TINY, **changes)) == message


@pytest.mark.parametrize(
    "changes, message",
    [
        (
            {"distill.mtt.min_start": 3, "distill.mtt.max_start": 3},
            "trajectory windows from 3 to 3 and then 3: min_start < first_max_start <= "
            "max_start is needed",
        ),
        (
            {"distill.mtt.growth": 5},
            "trajectory windows: growth=5 and first_max_start=0; the window grows from "
            "first_max_start to max_start over growth updates: give both or neither",
        ),
        (
            {"distill.method": "rat_bptt", "distill.rat_bptt.window": 61},
            "distill.rat_bptt.window=61: more steps than distill.rat_bptt.unroll=60, "
            "the most that a network takes",
        ),
        (
            {"distill.multi": True},
            "distill.multi=True: with one tile an image there is no more to decode; "
            "give distill.factor 2 or 3",
        ),
        (
            {"distill.method": "idc_i", "distill.factor": 2},
            "distill.factor=2: idc_i does not take it; leave it at 0",
        ),
        (
            {"distill.method": "idc_i", "distill.multi": True},
            "distill.multi=True: idc_i does not take it; leave it at False",
        ),
        (
            {"distill.distance": "cosine"},
            "distill.distance=cosine: mtt does not take it; leave it at own",
        ),
        (
            {"distill.network.epochs": 3},
            "distill.network.epochs=3: mtt does not take it; leave it at 0",
        ),
        (
            {"distill.teacher.epochs": 5},
            "distill.teacher.epochs=5: goes with distill.labels=teacher",
        ),
    ],
)
def test_methods_that_cannot_be(capsys, changes, message):
    changes = {"distill.method": "mtt"} | changes
    assert refused(capsys, *flags(BARE | changes)) == message


def test_a_workdir_that_cannot_be_made(capsys):
    with open("file", "w"):
        pass
    for root, reason in [("file", "is a file"), ("file/inside", "not a directory")]:
        message = refused(capsys, *flags(BARE), f"--workdir={root}")
        assert message == f"--workdir={root}: {reason}; give a folder"


def test_a_read_only_workdir(capsys, monkeypatch):
    os.mkdir("w")
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    message = refused(capsys, *flags(BARE), "--workdir=w")
    assert message == "--workdir=w: w is read-only; give another folder"


@pytest.mark.parametrize("size", [8, 64])
def test_a_dry_run_fits_no_zca(capsys, monkeypatch, size):
    def refuse(*args):
        raise AssertionError("fitted")

    monkeypatch.setattr(read_data, "fit_zca", refuse)
    monkeypatch.setattr(forecast, "fitting_seconds", lambda shape: 601.0)
    images = np.random.default_rng(0).integers(0, 256, (9, size, size, 3), np.uint8)
    labels = np.resize(np.arange(3), 9)
    source = npz(
        "data.npz", x_train=images, y_train=labels, x_test=images, y_test=labels
    )
    base = BARE | ALL_CLASSES | {"distill.ipc": 1, "data.zca": True}
    assert launch(*flags(base, data__source=source), "--dry_run") == 0
    _, run, *ahead = capsys.readouterr().out.splitlines()
    assert run.endswith("  new")
    assert ahead == [
        "data.zca: whitening starts with the eigenvectors of 12288 x 12288 "
        "covariances, about 11 min and 6.8 GB"
    ] * (size == 64)


@pytest.mark.parametrize(
    "steps, first, said", [(4, 1, True), (8, 1, True), (9, 1, False), (4, 3, False)]
)
def test_windows_that_the_run_is_too_short_for(capsys, steps, first, said):
    mtt = {"first_max_start": first, "max_start": 3, "growth": 8, "expert_epochs": 1}
    keys = {f"distill.mtt.{key}": value for key, value in mtt.items()}
    base = BARE | keys | {"distill.method": "mtt", "distill.steps": steps}
    assert launch(*flags(base), "--dry_run") == 0
    _, _, *ahead = capsys.readouterr().out.splitlines()
    assert ahead == said * [
        f"distill.mtt.growth=8: the run has {steps} steps, in which the window does "
        "not reach max_start=3"
    ]


def test_zca_beyond_the_free_memory(capsys, monkeypatch):
    monkeypatch.setattr(validation, "free", lambda: 100_000)
    assert refused(capsys, *flags(BARE, data__zca=True)) == (
        "data.zca: to whiten 430 images of 8x8x1 values takes about 0.7 MB of memory, "
        "and 0.1 MB are free; take data.image_size=3 at most, or data.zca=False"
    )
    monkeypatch.setattr(validation, "free", lambda: 0)
    message = refused(capsys, *flags(BARE, data__zca=True))
    assert message.endswith("0.0 MB are free; take data.zca=False")


def test_a_platform_that_is_absent(capsys, monkeypatch):
    def devices():
        raise RuntimeError("Unable to initialize backend 'tpu': no TPU (set JAX_ ...)")

    monkeypatch.setattr(validation.jax, "devices", devices)
    assert refused(capsys, *flags(BARE)) == (
        "JAX_PLATFORMS=cpu: JAX finds no such devices here (Unable to initialize "
        "backend 'tpu': no TPU); unset it, or set JAX_PLATFORMS=cpu"
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, value, words",
    [
        ("JAX_PLATFORMS", "nonsense", "JAX_PLATFORMS=nonsense: JAX finds no such dev"),
        (
            "JAX_PLATFORMS",
            "cuda",
            "JAX_PLATFORMS=cuda: JAX finds no such devices here (",
        ),
        ("JAX_PLATFORMS", "tpu", "JAX_PLATFORMS=tpu: JAX finds no such devices here ("),
        (
            "JAX_NUM_CPU_DEVICES",
            "two",
            'JAX does not start: ValueError: Invalid value "two" for JAX flag',
        ),
    ],
)
def test_variables_of_jax_from_a_shell(name, value, words):
    done = subprocess.run(
        [sys.executable, ROOT / "launch.py", *flags(BARE)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT), name: value},
    )
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith(f"error: {words}") and done.stderr.count("\n") == 1
    assert os.listdir() == []


def test_later_cells_are_checked_before_the_first_one_runs(capsys):
    with open("sweep.py", "w") as file:
        file.write(
            "from dd_jax import config\n"
            "from dd_jax.config.sweep import product\n"
            "get_config = config.default\n"
            "def sweep(): return product({'distill.ipc': [1, 72, 90]})\n"
        )
    base = {key: value for key, value in BARE.items() if key != "distill.ipc"}
    message = refused(
        capsys, "--config=sweep.py", *flags(base | {"audits.privacy.enabled": True})
    )
    why = (
        "each shadow of the membership audit distils half of the rows, and the "
        "smallest class of digits has 142 in train; take at most 71, or "
        "audits.privacy.enabled=False"
    )
    two = f"[2/3] ipc=72: distill.ipc=72: {why}; [3/3] ipc=90: distill.ipc=90: {why}"
    assert message.startswith("2 of 3 cells cannot run: [2/3] ipc=72: ")
    assert message.replace(" with at most 142", "") == f"2 of 3 cells cannot run: {two}"


def test_from_a_shell(tmp_path):
    source = npz("data.npz", x_train=NAN)
    done = subprocess.run(
        [sys.executable, ROOT / "launch.py", f"--config.data.source={source}"],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr == (
        "error: npz:data.npz train image 3 holds NaN pixels; remove or mend it\n"
    )
    assert os.listdir() == ["data.npz"]


def test_the_good_config_is_good(capsys):
    """Each refusal above has its one cause: without it the command is accepted."""
    assert launch(*flags(TINY), "--dry_run") == 0
    distill.save("set.npz", synthetic())
    assert launch(*flags(TINY, distill__load="set.npz"), "--dry_run") == 0
    assert os.listdir() == ["set.npz"]
