"""A config file with one of each kind of its own; tests copy it elsewhere."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

import dd_jax
from dd_jax import config
from dd_jax.attacks import Attack
from dd_jax.attacks.constraints import linf
from dd_jax.attacks.settings import Settings
from dd_jax.audits import Audit, no_check
from dd_jax.data import Raw
from dd_jax.distill import METHODS
from dd_jax.types import Split


def toy_method(model, *, ipc, init="real", train_lr=0.01, batch_real=8, strength=1.0):
    """Distribution matching with a learning rate of its own."""
    return METHODS["dm"](
        model,
        ipc=ipc,
        init=init,
        train_lr=train_lr,
        batch_real=batch_real,
        lr=strength,
    )


def toy_attack(eps, *, steps=1, darken=1.0):
    """Makes every pixel darker."""

    def run(key, logits_fn, images, labels):
        return jnp.clip(images - darken * eps, 0, 1)

    return Attack(run, linf(eps), Settings(steps))


def toy_score(logits, labels, member, target, *, scale=1.0):
    """The logit of the label."""
    mine = logits[target].mean(1)
    return scale * jnp.take_along_axis(mine, labels[:, None], 1)[:, 0]


def toy_source(place="", *, seed=0, rows=60):
    """Squares of three brightnesses."""
    rng = np.random.default_rng(seed)

    def split(count):
        labels = np.arange(count) % 3
        noise = rng.integers(0, 40, (count, 8, 8, 1))
        return Split(
            (80 * labels[:, None, None, None] + noise).astype(np.uint8), labels
        )

    return Raw(split(rows), split(30), ("dark", "grey", "bright"))


class ToyModel(nn.Module):
    """One hidden layer."""

    hidden: int = 8

    @nn.compact
    def __call__(self, x, train):
        """Maps images to features."""
        return nn.relu(nn.Dense(self.hidden)(x.reshape(len(x), -1)))


def toy_init(key, real, ipc, enter, *, grey=0.5):
    """Grey images with a little noise."""
    shape = (len(real.counts), ipc, *real.images.shape[1:])
    return enter(grey + 0.01 * np.asarray(jax.random.normal(key, shape)))


def toy_audit(context):
    """How bright each synthetic image is."""
    bright = np.asarray(context.sets.images).mean((0, 2, 3, 4)) > context.options.limit
    return {"bright_images": int(bright.sum()), "limit": context.options.limit}


OPTION = dd_jax.Option
dd_jax.register(
    "method",
    "toy_method",
    toy_method,
    label="Toy method",
    options=(OPTION("strength", 0.7, "learning rate of the images"),),
)
dd_jax.register(
    "attack",
    "toy_attack",
    toy_attack,
    label="Toy attack",
    options=(OPTION("darken", 1.0, "share of the radius"),),
)
dd_jax.register(
    "score",
    "toy_score",
    toy_score,
    label="Toy score",
    options=(OPTION("scale", 1.0, "factor of the score"),),
)
dd_jax.register(
    "source",
    "toy_source",
    toy_source,
    label="Toy source",
    options=(OPTION("rows", 60, "rows of train"),),
)
dd_jax.register(
    "model",
    "toy_model",
    ToyModel,
    label="Toy model",
    options=(OPTION("hidden", 8, "hidden units"),),
)
dd_jax.register(
    "init",
    "toy_init",
    toy_init,
    label="Toy init",
    options=(OPTION("grey", 0.5, "mean of the images"),),
)
dd_jax.register(
    "audit",
    "toy_audit",
    Audit("toy_audit", no_check, toy_audit),
    label="Toy audit",
    options=(OPTION("limit", 0.4, "brightness from which an image is bright"),),
)


def get_config():
    """All of them in one run."""
    values = {
        "data.source": "toy_source",
        "data.toy_source.rows": 48,
        "model.name": "toy_model",
        "model.toy_model.hidden": 6,
        "distill.method": "toy_method",
        "distill.init": "toy_init",
        "distill.ipc": 2,
        "distill.steps": 6,
        "distill.steps_per_call": 2,
        "distill.augment": "none",
        "checkpoint_seconds": 0.0,
        "train.augment": "none",
        "train.epochs": 4,
        "train.nets": 2,
        "train.full_epochs": 2,
        "audits.privacy.shadows": 4,
        "audits.privacy.epochs": 2,
        "audits.privacy.scores": ("toy_score", "loss"),
        "audits.robustness.attacks": ("toy_attack", "fgsm"),
        "audits.robustness.eps_linf": (0.0, 0.2),
        "audits.robustness.images": 20,
    }
    return config.override(config.default(), values, "plug-in")


def sweep():
    """Two values of a plug-in's own key."""
    return [{"distill.toy_method.strength": value} for value in (0.7, 2.0)]
