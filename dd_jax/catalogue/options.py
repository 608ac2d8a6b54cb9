"""The config keys that methods and audits of this package have of their own."""

from dd_jax.catalogue.lookup import Option
from dd_jax.catalogue.naming import ATTACKS, some_named
from dd_jax.catalogue.rules import (
    EVEN,
    FLAG,
    NOT_NEGATIVE,
    PAIRS,
    POSITIVE,
    ROWS,
    SETS,
    THREATS,
    VARIANCES,
    at_least,
    one_of,
    radii,
    some_of,
)

TRAJECTORY_MATCHING = (
    Option("experts", 10, "networks trained as experts", at_least(1)),
    Option(
        "kept_epochs",
        0,
        "keep at least so many first epochs of each expert, for runs with other "
        "windows to share, which costs their training; 0 = keep only those used",
        at_least(0),
        changes_results=False,
    ),
    Option("expert_lr", 0.01, "learning rate of the experts", POSITIVE),
    Option("student_steps", 20, "steps of a student", at_least(1)),
    Option(
        "expert_epochs",
        2,
        "epochs of the expert that these should be worth",
        at_least(1),
    ),
    Option("min_start", 0, "first epoch students start from", at_least(0)),
    Option("max_start", 10, "first epoch that none starts from", at_least(1)),
    Option(
        "first_max_start",
        0,
        "its value at the first update, where it grows; 0 = max_start",
        at_least(0),
    ),
    Option("growth", 0, "updates over which it grows to max_start", at_least(0)),
    Option("batch_student", 0, "synthetic images a student step; 0 = all", at_least(0)),
    Option(
        "tesla",
        False,
        "drop the terms between student steps: constant memory",
        FLAG,
    ),
    Option(
        "student_lr",
        0.0,
        "first learning rate of students, learned from there; 0 = train.lr",
        NOT_NEGATIVE,
    ),
    Option(
        "lr_lr",
        0.001,
        "learning rate of the logarithm of the students' learning rate",
        NOT_NEGATIVE,
    ),
)
PRIVACY = (
    Option("enabled", True, "run the membership audit", FLAG),
    Option("shadows", 16, "shadow distillations, in complementary pairs", PAIRS),
    Option(
        "joint",
        False,
        "shadows share networks and real batches, in methods that have such a form",
        FLAG,
    ),
    Option(
        "targets", 8, "target models that share nothing, beside joint shadows", PAIRS
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
        "t0 initial images, t1 released set, t2 one model",
        some_of(THREATS),
    ),
    Option(
        "repeats",
        1,
        "networks that a t1 adversary trains on each released set",
        at_least(1),
    ),
    Option("rows", 0, "training rows that are queried, at random; 0 = all", ROWS),
    Option("variance", "auto", "variance that LiRA estimates", one_of(VARIANCES)),
    Option("query_shift", 0, "largest shift of queries in pixels", at_least(0)),
    Option("canaries", 0, "canaries of each kind", EVEN),
    Option("epochs", 60, "epochs of each shadow's network", at_least(1)),
)
ROBUSTNESS = (
    Option("enabled", True, "run the adversarial audit", FLAG),
    Option(
        "attacks",
        ("fgsm", "pgd_linf", "pgd_l2"),
        "attacks; with a norm: square:l2, apgd_ce:l1, autoattack:l2:plus (version rand "
        "is for models that draw at random, which only Python can be given)",
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
    Option("images", 200, "test images attacked", at_least(1)),
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
        "points that noise draws from the ball of each image",
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
        "checks", False, "attack again with more steps, for all masking checks", FLAG
    ),
)
TRANSFER = (
    Option(
        "enabled",
        False,
        "attack each pipeline by the adversarial images of the others",
        FLAG,
    ),
    Option(
        "architectures",
        (),
        "architectures trained on the same sets, beside the run's",
        some_named("model", least=0),
    ),
    Option(
        "methods",
        (),
        "methods that distil a set each, beside the run's",
        some_named("method", least=0),
    ),
    Option(
        "sets", (), "sets made elsewhere: synthetic.npz files, folders of PNGs", SETS
    ),
)
CORRUPTIONS = (
    Option("enabled", False, "evaluate the networks on 15 common corruptions", FLAG),
    Option("images", 500, "test images corrupted", at_least(1)),
)
FAIRNESS = (Option("enabled", True, "report the gaps between classes", FLAG),)
QUANTIZATION = (
    Option(
        "enabled",
        True,
        "train on the set clipped to 8 bits too, as PNG files hold it",
        FLAG,
    ),
)
MEMORISATION = (
    Option(
        "enabled", True, "compare the images with train and with unseen images", FLAG
    ),
    Option(
        "gallery",
        False,
        "show the nearest real images: they are then in the report",
        FLAG,
    ),
)
LEARNING_CURVE = (
    Option(
        "eval_steps",
        0,
        "earlier sets that are evaluated too, after 1/2, 1/4, ... of the steps",
        at_least(0),
    ),
)
CALIBRATION = (
    Option(
        "enabled",
        True,
        "report calibration, before and after temperature scaling",
        FLAG,
    ),
    Option("bins", 15, "bins of the expected calibration error", at_least(1)),
)
