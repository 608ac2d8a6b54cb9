"""The config keys that no entry of the catalogue brings with it."""

from dd_jax.catalogue.lookup import Option
from dd_jax.catalogue.naming import INIT, one_named
from dd_jax.catalogue.rules import (
    ACTIVATIONS,
    AUGMENT,
    DECAYS,
    DISTANCES,
    FLAG,
    NORMS,
    NOT_NEGATIVE,
    PER_CLASS,
    POOLINGS,
    POSITIVE,
    PRECISIONS,
    SEED,
    SET,
    SETS,
    SHARE,
    Rule,
    at_least,
    one_of,
)
from dd_jax.config.data_fields import DATA
from dd_jax.config.decision_fields import DECISION
from dd_jax.config.dp_fields import DP
from dd_jax.config.mitigation_fields import MITIGATE

_AUGMENT_DIGITS = "color_crop_cutout_scale_rotate"

BASE = (
    Option("seed", 0, "seed of every random draw", SEED),
    Option(
        "budget_minutes",
        0.0,
        "choose what to run so that it ends in this time on this machine: initial "
        "images, images per class, size of networks, shadows; 0 = run what is given",
        NOT_NEGATIVE,
        changes_results=False,
    ),
    Option(
        "checkpoint_seconds",
        20.0,
        "least seconds between two checkpoints",
        NOT_NEGATIVE,
        changes_results=False,
    ),
    Option(
        "devices",
        0,
        "share networks, and the work of a single one, among the first n devices of "
        "this process, virtual CPU devices included; 0 = all accelerators",
        at_least(0),
        changes_results=False,
    ),
    Option(
        "precision",
        "float32",
        "what networks are trained and distilled with in their products: tf32 needs "
        "an NVIDIA GPU of compute capability 8.0 or later; evaluation and audits take "
        "float32",
        one_of(PRECISIONS),
    ),
    *DATA,
    Option("model.name", "convnet", "architecture", one_named("model")),
    Option("model.width", 32, "channels of each convolution", at_least(1)),
    Option("model.depth", 3, "number of blocks", at_least(1)),
    Option("model.norm", "instance", "normalisation layers", one_of(NORMS)),
    Option("model.activation", "relu", "activation function", one_of(ACTIVATIONS)),
    Option("model.pooling", "avg", "pooling after each block", one_of(POOLINGS)),
    Option(
        "distill.method",
        "dm",
        "distillation or selection method",
        one_named("method"),
    ),
    Option("distill.ipc", 10, "synthetic images per class", at_least(1)),
    Option(
        "distill.init",
        "real",
        "initialisation of the synthetic images",
        INIT,
    ),
    Option(
        "distill.steps",
        150,
        "outer steps: updates of the synthetic images",
        at_least(0),
    ),
    Option("distill.batch_real", 64, "real images per class and step", at_least(1)),
    Option(
        "distill.augment",
        _AUGMENT_DIGITS,
        "siamese augmentation of real and synthetic images, in methods that have one; "
        "in MTT and RaT-BPTT with other parameters for each image",
        AUGMENT,
    ),
    Option(
        "distill.allocation",
        (),
        "images of each class, of as many in all as with distill.ipc each; () = "
        "distill.ipc of each",
        PER_CLASS,
    ),
    Option(
        "distill.lr",
        0.0,
        "learning rate of the synthetic images; 0 = the method's own",
        NOT_NEGATIVE,
    ),
    Option(
        "distill.lr_labels",
        0.0,
        "learning rate of soft labels; 0 = the method's own, for most one-hot labels",
        NOT_NEGATIVE,
    ),
    Option(
        "distill.labels",
        "own",
        "labels of the set: own = the method's; teacher = those of a network trained "
        "on the rows that it is distilled from, as random images have with "
        "distill.method=random",
        one_of(("own", "teacher")),
    ),
    Option(
        "distill.teacher.epochs",
        20,
        "epochs of the teacher; small sets want few: tune on data.validation",
        at_least(1),
    ),
    Option("distill.teacher.lr", 0.01, "learning rate of the teacher", POSITIVE),
    Option(
        "distill.teacher.bytes",
        0,
        "bytes for a teacher's labels: as many augmented views of each image as their "
        "labels fit into (4 bytes a class), at most train.epochs, a view an epoch in "
        "turn; 0 = one label for each image",
        at_least(0),
    ),
    Option(
        "distill.factor",
        0,
        "multi-formation: factor x factor synthetic images in a stored one; 0 = the "
        "method's own, for most 1",
        Rule(lambda v: 0 <= v <= 3, "0, 1, 2 or 3"),
    ),
    Option(
        "distill.multi", False, "decode by every factor from 1 to distill.factor", FLAG
    ),
    Option(
        "distill.distance",
        "own",
        "distance between gradients, in methods that match them; own = the method's",
        one_of(("own", *DISTANCES)),
    ),
    Option(
        "distill.network.outer_steps",
        0,
        "outer steps before a new network, in methods with an inner loop; 0 = the "
        "method's own",
        at_least(0),
    ),
    Option(
        "distill.network.epochs",
        0,
        "epochs of an inner loop on synthetic images; 0 = the method's own",
        at_least(0),
    ),
    Option(
        "distill.network.steps",
        8,
        "batches of 64 real images in an inner loop on these",
        at_least(1),
    ),
    Option(
        "distill.load",
        "",
        "audit this synthetic.npz, or folder of PNGs, instead of distilling; networks "
        "train on it by train.*, at the learning rate of the set if it has one",
        SET,
        SETS,
    ),
    Option(
        "distill.steps_per_call",
        50,
        "outer steps in one compiled call",
        at_least(1),
        changes_results=False,
    ),
    Option(
        "train.epochs",
        300,
        "epochs of training on a synthetic set or random subset",
        at_least(1),
    ),
    Option("train.batch", 256, "images per training step", at_least(1)),
    Option("train.lr", 0.01, "first learning rate of training", POSITIVE),
    Option("train.nets", 5, "networks trained on each set", at_least(1)),
    Option(
        "train.augment",
        _AUGMENT_DIGITS,
        "augmentation in training, also of experts and in inner loops",
        AUGMENT,
    ),
    Option(
        "train.decay",
        "half",
        "learning rate decay: half (to a tenth after half of the epochs), thirds (to "
        "a fifth at 2/3 and again at 5/6, as idc is published) or none",
        one_of(DECAYS),
    ),
    Option(
        "train.cutmix",
        0.0,
        "share of training batches mixed by CutMix",
        Rule(lambda v: 0 <= v <= 1, "in [0, 1]"),
    ),
    Option(
        "train.adversarial.eps",
        0.0,
        "adversarial training with PGD of this Linf radius; 0 = off",
        SHARE,
    ),
    Option(
        "train.adversarial.steps", 7, "PGD steps of adversarial training", at_least(1)
    ),
    Option("train.full_epochs", 60, "epochs of training on the full data", at_least(1)),
    Option("train.full_nets", 1, "networks trained on the full data", at_least(1)),
    *MITIGATE,
    *DP,
    Option(
        "sets", 1, "synthetic sets a run, each from its own random key", at_least(1)
    ),
    Option(
        "report.html",
        True,
        "write report.html into the work directory",
        FLAG,
        changes_results=False,
    ),
    Option(
        "report.lang",
        "en",
        "language of the page of the decision; the rest of report.html is in English",
        one_of(("en", "ja")),
        changes_results=False,
    ),
    Option(
        "report.tensorboard",
        False,
        "write event files for TensorBoard into WORKDIR/tensorboard",
        FLAG,
        changes_results=False,
    ),
    *DECISION,
)
