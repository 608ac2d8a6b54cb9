"""The config keys of each audit of this package."""

from dd_jax.catalogue.lookup import Option
from dd_jax.catalogue.naming import ATTACKS, some_named
from dd_jax.catalogue.rules import (
    CANARIES,
    CONTROL_NAMES,
    EVEN,
    FLAG,
    NOT_NEGATIVE,
    PAIRS,
    PROTOCOLS,
    ROWS,
    SETS,
    THREATS,
    VARIANCES,
    Rule,
    at_least,
    one_of,
    radii,
    some_of,
)

DATA = (
    Option(
        "enabled",
        False,
        "run the audit of the data: counts, duplicates, sizes; its advice is printed "
        "before anything is trained",
        FLAG,
    ),
)
PRIVACY = (
    Option("enabled", True, "run the membership audit", FLAG),
    Option(
        "protocol",
        "halves",
        "what shadow models differ in: halves of train, or the canaries alone beside a "
        "fixed bulk that all have",
        one_of(PROTOCOLS),
    ),
    Option("shadows", 16, "shadow models, in pairs that share train out", PAIRS),
    Option(
        "joint",
        False,
        "batched shadow distillation: shadows share networks and real batches, for "
        "methods that have a batched form",
        FLAG,
    ),
    Option(
        "targets",
        8,
        "target models with joint shadows, each distilled with a seed of its own",
        PAIRS,
    ),
    Option(
        "scores",
        ("lira_online", "rmia", "loss"),
        "membership scores",
        some_named("score"),
    ),
    Option(
        "threats",
        ("t2",),
        "what the attacker has: t0 initial images, t1 the released set, t1_images its "
        "images with one-hot labels in place of soft ones, t2 one network",
        some_of(THREATS),
    ),
    Option(
        "repeats",
        1,
        "networks that a t1 attacker trains on each released set",
        at_least(1),
    ),
    Option("rows", 0, "random training rows whose membership is tested; 0 = all", ROWS),
    Option(
        "variance",
        "auto",
        "variance of LiRA: per row, fixed over rows, or auto (fixed below 64 shadows)",
        one_of(VARIANCES),
    ),
    Option(
        "query_shift",
        0,
        "query also every shift of a row by up to n pixels",
        at_least(0),
    ),
    Option(
        "canaries",
        0,
        "rows of each kind that become canaries, which are easily memorised",
        EVEN,
    ),
    Option(
        "canary_kinds",
        CANARIES[:3],
        "kinds of canaries; hardest are rows of train as they are, by EL2N",
        some_of(CANARIES),
    ),
    Option("epochs", 60, "training epochs of each shadow network", at_least(1)),
)
ROBUSTNESS = (
    Option("enabled", True, "run the adversarial audit", FLAG),
    Option(
        "attacks",
        ("fgsm", "pgd_linf", "pgd_l2"),
        "attacks, with a norm or version behind a colon, such as square:l2, apgd_ce:l1 "
        "and autoattack:l2:plus",
        ATTACKS,
    ),
    Option(
        "eps_linf",
        (0.0, 0.01, 0.02, 0.05, 0.1, 0.2),
        "Linf radii, pixels in [0, 1]",
        radii("Linf, pixels in [0, 1]", 1.0),
    ),
    Option(
        "eps_l2",
        (0.0, 0.1, 0.25, 0.5, 1.0, 2.0),
        "L2 radii, pixels in [0, 1]",
        radii("L2, pixels in [0, 1]", 1e4),
    ),
    Option(
        "eps_l1",
        (0.0, 0.5, 1.0, 2.0, 5.0, 10.0),
        "L1 radii, pixels in [0, 1]",
        radii("L1, pixels in [0, 1]", 1e4),
    ),
    Option("images", 200, "evaluation images attacked", at_least(1)),
    Option("nets", 1, "networks attacked per set", at_least(1)),
    Option(
        "steps", 20, "steps of PGD and MIM; CW and DeepFool have their own", at_least(1)
    ),
    Option(
        "adaptive_steps", 100, "steps of APGD and FAB, also in AutoAttack", at_least(1)
    ),
    Option("queries", 5000, "queries of Square, also in AutoAttack", at_least(1)),
    Option(
        "draws",
        10_000,
        "random points that the noise attack tries in the ball of each image",
        at_least(1),
    ),
    Option(
        "sequential_radii",
        False,
        "attack at each radius only images that are still classified correctly at all "
        "smaller ones",
        FLAG,
    ),
    Option(
        "checks",
        False,
        "attack again with more steps and restarts, for all gradient-masking checks",
        FLAG,
    ),
)
TRANSFER = (
    Option(
        "enabled",
        False,
        "classify the adversarial images of each pipeline by the others",
        FLAG,
    ),
    Option(
        "architectures",
        (),
        "further architectures, trained on the same sets",
        some_named("model", least=0),
    ),
    Option(
        "methods",
        (),
        "further methods, each of which distils a set",
        some_named("method", least=0),
    ),
    Option(
        "sets", (), "sets made elsewhere: synthetic.npz files, folders of PNGs", SETS
    ),
)
CORRUPTIONS = (
    Option("enabled", False, "run the audit of 15 common corruptions", FLAG),
    Option("images", 500, "evaluation images corrupted", at_least(1)),
)
FAIRNESS = (
    Option(
        "enabled",
        True,
        "run the fairness audit: gaps between classes, against those of full data and "
        "of a random subset, and between groups where rows have some",
        FLAG,
    ),
)
QUANTIZATION = (
    Option(
        "enabled",
        True,
        "train also on the set rounded to 8 bits, as PNG files store it",
        FLAG,
    ),
)
MEMORISATION = (
    Option(
        "enabled",
        True,
        "run the memorisation audit: distances to train and to unseen images",
        FLAG,
    ),
    Option(
        "gallery",
        False,
        "show the nearest real images in the report, which then contains them",
        FLAG,
    ),
)
LEARNING_CURVE = (
    Option(
        "eval_steps",
        0,
        "evaluate also the sets after 1/2, 1/4, ... of the steps: n of them",
        at_least(0),
    ),
)
CALIBRATION = (
    Option(
        "enabled",
        True,
        "run the calibration audit, before and after temperature scaling",
        FLAG,
    ),
    Option("bins", 15, "bins of the expected calibration error", at_least(1)),
)
DISTRIBUTION = (
    Option(
        "enabled",
        False,
        "run the audit of distribution inference: is the share of a class or group in "
        "train guessed right",
        FLAG,
    ),
    Option(
        "models",
        16,
        "models of each pipeline, in turn from two distributions of rows",
        PAIRS,
    ),
)
ATTRIBUTES = (
    Option(
        "enabled",
        False,
        "run the audit of attribute inference: are the groups of training rows guessed "
        "from outputs and features of networks; needs groups",
        FLAG,
    ),
    Option(
        "rows",
        2000,
        "rows that the attacker knows the groups of, and training rows under attack, "
        "at most",
        at_least(2),
    ),
)
CONTROLS = (
    Option(
        "enabled",
        False,
        "train networks on simpler sets of the same size as well, to see what of the "
        "gain is of the images; a method that learns labels distils once more",
        FLAG,
    ),
    Option(
        "names",
        CONTROL_NAMES,
        "random images with labels of a teacher of chosen epochs; the easiest or "
        "hardest images by el2n, grand or forgetting; herding of learned features; all "
        "pipelines trained without augmentation",
        some_of(CONTROL_NAMES),
    ),
    Option("nets", 3, "networks on the full data that score its rows", at_least(1)),
    Option(
        "holdout",
        0.1,
        "share of train that the teacher's epoch and the end of a score are chosen on",
        Rule(lambda v: 0 < v < 1, "in (0, 1)"),
    ),
)
POISON = (
    Option(
        "enabled",
        False,
        "look for a backdoor in the set: the smallest trigger of each class in "
        "networks on it, labels that networks on the full data do not share, pixels "
        "out of range",
        FLAG,
    ),
    Option("images", 200, "evaluation images that triggers are sought on", at_least(1)),
    Option("nets", 2, "networks searched per set", at_least(1)),
    Option(
        "references",
        8,
        "networks on random real images, as many as in the set, whose triggers say "
        "what to expect of a clean set",
        at_least(2),
    ),
    Option("steps", 300, "steps of the search in each network and class", at_least(1)),
    Option(
        "weight",
        6.0,
        "weight of the share of the image that a trigger covers",
        NOT_NEGATIVE,
    ),
    Option(
        "threshold",
        3.0,
        "accuse a class whose trigger is smaller than expected from clean networks by "
        "this many of their standard deviations; 3 accuses about 2 % of clean sets of "
        "ten classes if log sizes of triggers are normal",
        NOT_NEGATIVE,
    ),
)
