"""The smallest configs that still run everything, for tests of whole runs."""

import importlib.util
from pathlib import Path

import jax
import numpy as np
import orbax.checkpoint as ocp
import pytest

from dd_jax import config
from dd_jax.system import workdir

ROOT = Path(__file__).parents[1]

TINY = {
    "data.num_classes": 3,
    "model.width": 4,
    "model.depth": 2,
    "distill.ipc": 2,
    "distill.steps": 4,
    "distill.steps_per_call": 2,
    "distill.batch_real": 8,
    "distill.augment": "none",
    "train.augment": "none",
    "train.epochs": 4,
    "train.batch": 64,
    "train.nets": 2,
    "train.full_epochs": 2,
    "audits.privacy.shadows": 4,
    "audits.privacy.epochs": 2,
    "audits.robustness.attacks": ("fgsm", "pgd_l2"),
    "audits.robustness.eps_linf": (0.0, 0.1),
    "audits.robustness.eps_l2": (0.0, 0.5),
    "audits.robustness.images": 20,
    "audits.robustness.steps": 2,
}
BARE = TINY | {
    "audits.privacy.enabled": False,
    "audits.robustness.enabled": False,
    "audits.fairness.enabled": False,
    "audits.memorisation.enabled": False,
    "audits.quantization.enabled": False,
    "audits.calibration.enabled": False,
}
MLP = {"model.name": "mlp", "model.depth": 1, "model.width": 8}


@pytest.fixture(scope="module", autouse=True)
def optimised():
    """For modules that need it: without, scatters lose updates and sums are rounded."""
    jax.config.update("jax_disable_most_optimizations", False)
    yield
    jax.config.update("jax_disable_most_optimizations", True)


def make(base, **changes):
    """A config; `distill__ipc=3` changes `distill.ipc`."""
    values = {key.replace("__", "."): value for key, value in changes.items()}
    return config.override(config.default(), base | values, "test")


def flags(base, **changes):
    """The same as arguments of the command line."""
    values = {key.replace("__", "."): value for key, value in changes.items()}
    return [f"--config.{key}={value}" for key, value in (base | values).items()]


def launch(*arguments):
    """Run one command line in this process; returns the exit status."""
    spec = importlib.util.spec_from_file_location("launch", ROOT / "launch.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main(["launch.py", *map(str, arguments)])


def only_run(root):
    """The folder of the one run of a work directory."""
    (folder,) = (Path(root) / "runs").iterdir()
    return folder


def saved_networks(folder):
    """Parameters of the networks of each pipeline, read as others would."""
    checkpointer = ocp.StandardCheckpointer()
    return checkpointer.restore(Path(folder).absolute() / "model/0/default")[1]


def status(root):
    return workdir.read_status(only_run(root))["status"]


def snapshot(root):
    """Contents and time of every file below a folder."""
    files = (path for path in Path(root).rglob("*") if path.is_file())
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def arrays(counts=(8, 8, 9), seed=0, test_seed=1, size=8):
    """Images u8 of classes that differ in brightness, as arrays of an .npz data set."""

    def split(seed, counts):
        labels = np.repeat(np.arange(len(counts)), counts)
        noise = np.random.default_rng(seed).integers(0, 60, (len(labels), size, size))
        return (noise + 60 * labels[:, None, None]).astype(np.uint8), labels

    x_train, y_train = split(seed, counts)
    x_test, y_test = split(test_seed, [6] * len(counts))
    return dict(x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)


def npz(path, **changes):
    """Writes such a data set and returns its source; `name=None` leaves one out."""
    values = arrays() | changes
    np.savez(path, **{k: v for k, v in values.items() if v is not None})
    return f"npz:{path}"
