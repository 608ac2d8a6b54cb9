"""Every config key with its default, its help and what is allowed."""

from typing import Any, NamedTuple

from dd_jax.catalogue.rules import (
    ACTIVATIONS,
    ATTACKS,
    ATTACKS_OF,
    AUGMENT,
    BACKGROUND,
    CLASSES,
    DECAYS,
    DISTANCES,
    EVEN,
    FLAG,
    INITS,
    METHODS,
    MODELS,
    NORMS,
    NOT_NEGATIVE,
    PAIRS,
    POOLINGS,
    POSITIVE,
    ROWS,
    SCORES,
    SEED,
    SET,
    SETS,
    SHARE,
    SOURCE,
    THREATS,
    VARIANCES,
    Rule,
    at_least,
    one_of,
    radii,
    some_of,
)


class Field(NamedTuple):
    """One config key: default (which gives the type), help line, rule."""

    default: Any
    help: str
    rule: Rule
    changes_results: bool = True


_AUGMENT_DIGITS = "color_crop_cutout_scale_rotate"

FIELDS: dict[str, Field] = {
    "seed": Field(0, "every random draw follows from it", SEED),
    "checkpoint_seconds": Field(
        20.0, "least time between checkpoints", NOT_NEGATIVE, changes_results=False
    ),
    "devices": Field(
        0,
        "spread models over the first so many devices of this process, virtual CPU "
        "devices counted; 0 = all accelerators",
        at_least(0),
        changes_results=False,
    ),
    "data.source": Field(
        "digits", "digits, tfds:NAME, idx:DIR, npz:FILE or folder:DIR", SOURCE
    ),
    "data.num_classes": Field(0, "keep only the first classes; 0 = all", CLASSES),
    "data.validation": Field(0.0, "share of train held out for tuning", SHARE),
    "data.zca": Field(False, "networks see ZCA-whitened images", FLAG),
    "data.image_size": Field(0, "resize to this side; 0 = as they are", at_least(0)),
    "data.background": Field(
        "refuse",
        "colour that shows through transparent pixels of image files, such as white; "
        "refuse = such files are refused",
        BACKGROUND,
    ),
    "data.rows": Field(0, "rows of train to keep; 0 = all", at_least(0)),
    "model.name": Field("convnet", ", ".join(MODELS), one_of(MODELS)),
    "model.width": Field(32, "channels of a convolution", at_least(1)),
    "model.depth": Field(3, "number of blocks", at_least(1)),
    "model.norm": Field("instance", ", ".join(NORMS), one_of(NORMS)),
    "model.activation": Field("relu", ", ".join(ACTIVATIONS), one_of(ACTIVATIONS)),
    "model.pooling": Field("avg", ", ".join(POOLINGS), one_of(POOLINGS)),
    "distill.method": Field("dm", ", ".join(METHODS), one_of(METHODS)),
    "distill.ipc": Field(10, "synthetic images per class", at_least(1)),
    "distill.init": Field("real", ", ".join(INITS), one_of(INITS)),
    "distill.steps": Field(150, "updates of the synthetic images", at_least(0)),
    "distill.batch_real": Field(64, "real images per class and step", at_least(1)),
    "distill.augment": Field(
        _AUGMENT_DIGITS,
        "augmentation shared by real and synthetic images; dc has none",
        AUGMENT,
    ),
    "distill.lr": Field(
        0.0, "step size on the synthetic images; 0 = the method's own", NOT_NEGATIVE
    ),
    "distill.lr_labels": Field(
        0.0,
        "step size on learned soft labels; 0 = the method's own (frepo 0.01, others "
        "one-hot labels)",
        NOT_NEGATIVE,
    ),
    "distill.factor": Field(
        0,
        "tiles along each side of a stored image, each a synthetic one; 0 = the "
        "method's own (idc 2, others 1)",
        Rule(lambda v: 0 <= v <= 3, "0, 1, 2 or 3"),
    ),
    "distill.multi": Field(
        False, "decode by every factor from 1 to distill.factor", FLAG
    ),
    "distill.distance": Field(
        "own",
        "between gradients, in dc, dsa, idc_i and idc: own (the method's), "
        + ", ".join(DISTANCES),
        one_of(("own", *DISTANCES)),
    ),
    "distill.network.life": Field(
        0,
        "updates that a network serves in dc, dsa, idc_i, idc, frepo; 0 = own",
        at_least(0),
    ),
    "distill.network.epochs": Field(
        0, "its epochs between them in dc and dsa; 0 = own", at_least(0)
    ),
    "distill.network.steps": Field(
        8, "its batches of 64 between them in idc_i and idc", at_least(1)
    ),
    "distill.mtt.experts": Field(10, "networks trained as experts", at_least(1)),
    "distill.mtt.kept_epochs": Field(
        0,
        "keep at least so many first epochs of each expert, for runs with other "
        "windows to share, which costs their training; 0 = keep only those used",
        at_least(0),
        changes_results=False,
    ),
    "distill.mtt.expert_lr": Field(0.01, "step size of the experts", POSITIVE),
    "distill.mtt.student_steps": Field(20, "steps of a student", at_least(1)),
    "distill.mtt.expert_epochs": Field(
        2, "epochs of the expert that these should be worth", at_least(1)
    ),
    "distill.mtt.min_start": Field(0, "first epoch students start from", at_least(0)),
    "distill.mtt.max_start": Field(
        10, "first epoch that none starts from", at_least(1)
    ),
    "distill.mtt.first_max_start": Field(
        0, "its value at the first update, where it grows; 0 = max_start", at_least(0)
    ),
    "distill.mtt.growth": Field(
        0, "updates over which it grows to max_start", at_least(0)
    ),
    "distill.mtt.batch_student": Field(
        0, "synthetic images a student step; 0 = all", at_least(0)
    ),
    "distill.mtt.approximate": Field(
        False, "drop the terms between student steps: constant memory", FLAG
    ),
    "distill.mtt.student_lr": Field(
        0.0,
        "first step size of students, learned from there; 0 = train.lr",
        NOT_NEGATIVE,
    ),
    "distill.mtt.lr_rate": Field(
        0.001, "step size on the logarithm of the students' step size", NOT_NEGATIVE
    ),
    "distill.load": Field(
        "",
        "audit this synthetic.npz, or folder of PNGs, instead of distilling; it is "
        "trained on by this config's recipe, from its own step size if it learned one",
        SET,
        SETS,
    ),
    "distill.steps_per_call": Field(
        50, "steps in one compiled call", at_least(1), changes_results=False
    ),
    "train.epochs": Field(
        300, "epochs on a synthetic set or random subset", at_least(1)
    ),
    "train.batch": Field(256, "images per training step", at_least(1)),
    "train.lr": Field(0.01, "first step size of training", POSITIVE),
    "train.nets": Field(5, "networks trained on each set", at_least(1)),
    "train.augment": Field(
        _AUGMENT_DIGITS,
        "augmentation in training, of networks that distillation trains as well",
        AUGMENT,
    ),
    "train.decay": Field(
        "half",
        "of the step size: half (to a tenth after half of the epochs), thirds (to a "
        "fifth at 2/3 and again at 5/6, as idc is published) or none",
        one_of(DECAYS),
    ),
    "train.cutmix": Field(
        0.0,
        "share of training batches mixed by CutMix",
        Rule(lambda v: 0 <= v <= 1, "in [0, 1]"),
    ),
    "train.adversarial.eps": Field(
        0.0, "train against PGD of this Linf radius; 0 = off", SHARE
    ),
    "train.adversarial.steps": Field(7, "steps of that PGD", at_least(1)),
    "train.full_epochs": Field(60, "epochs on the full data", at_least(1)),
    "train.full_nets": Field(1, "networks trained on the full data", at_least(1)),
    "mitigate.robust.eps": Field(
        0.0, "distil from images attacked within this Linf radius; 0 = off", SHARE
    ),
    "mitigate.robust.steps": Field(5, "steps of that attack", at_least(1)),
    "sets": Field(1, "synthetic sets, each from its own key", at_least(1)),
    "audits.privacy.enabled": Field(True, "run the membership audit", FLAG),
    "audits.privacy.shadows": Field(
        16, "shadow distillations, in complementary pairs", PAIRS
    ),
    "audits.privacy.joint": Field(
        False, "shadows share networks and real batches (dc, dsa, dm)", FLAG
    ),
    "audits.privacy.targets": Field(
        8, "models attacked that share nothing, beside joint shadows", PAIRS
    ),
    "audits.privacy.scores": Field(
        ("lira_online", "rmia", "loss"), "of " + ", ".join(SCORES), some_of(SCORES)
    ),
    "audits.privacy.threats": Field(
        ("t2",), "t0 initial images, t1 released set, t2 one model", some_of(THREATS)
    ),
    "audits.privacy.repeats": Field(
        1, "networks that a t1 attacker trains on each released set", at_least(1)
    ),
    "audits.privacy.rows": Field(
        0, "rows of train asked about, at random; 0 = all", ROWS
    ),
    "audits.privacy.variance": Field("auto", "of LiRA", one_of(VARIANCES)),
    "audits.privacy.query_shift": Field(
        0, "pixels that queries are shifted by, at most", at_least(0)
    ),
    "audits.privacy.canaries": Field(
        0, "rows of each kind made to be remembered", EVEN
    ),
    "audits.privacy.epochs": Field(60, "epochs of each shadow's network", at_least(1)),
    "audits.robustness.enabled": Field(True, "run the adversarial audit", FLAG),
    "audits.robustness.attacks": Field(
        ("fgsm", "pgd_linf", "pgd_l2"),
        "of "
        + ", ".join(ATTACKS)
        + "; with a norm: square:l2, apgd_ce:l1, autoattack:l2:plus (version rand is "
        "for models that draw at random, which only Python can be given)",
        ATTACKS_OF,
    ),
    "audits.robustness.eps_linf": Field(
        (0.0, 0.01, 0.02, 0.05, 0.1, 0.2),
        "Linf radii, pixels in [0, 1]",
        radii("Linf, pixels in [0, 1]", 1.0),
    ),
    "audits.robustness.eps_l2": Field(
        (0.0, 0.1, 0.25, 0.5, 1.0, 2.0),
        "L2 radii, pixels in [0, 1]",
        radii("L2, pixels in [0, 1]", 1e4),
    ),
    "audits.robustness.eps_l1": Field(
        (0.0, 0.5, 1.0, 2.0, 5.0, 10.0),
        "L1 radii, pixels in [0, 1]",
        radii("L1, pixels in [0, 1]", 1e4),
    ),
    "audits.robustness.images": Field(200, "test images attacked", at_least(1)),
    "audits.robustness.nets": Field(1, "networks attacked per set", at_least(1)),
    "audits.robustness.steps": Field(
        20, "steps of PGD and MIM; CW and DeepFool have their own", at_least(1)
    ),
    "audits.robustness.adaptive_steps": Field(
        100, "steps of APGD and FAB, also in AutoAttack", at_least(1)
    ),
    "audits.robustness.queries": Field(
        5000, "queries of Square, also in AutoAttack", at_least(1)
    ),
    "audits.robustness.draws": Field(
        10_000, "points of the ball that noise tries on each image", at_least(1)
    ),
    "audits.robustness.drop": Field(
        False, "attack at each radius only what stands at all smaller ones", FLAG
    ),
    "audits.robustness.checks": Field(
        False, "attack again, harder, for all masking checks", FLAG
    ),
    "audits.transfer.enabled": Field(
        False, "try each pipeline's adversarial images on the others", FLAG
    ),
    "audits.transfer.architectures": Field(
        (),
        "also architectures trained on the same sets, of " + ", ".join(MODELS),
        some_of(MODELS, least=0),
    ),
    "audits.transfer.methods": Field(
        (),
        "also methods that distil a set each, of " + ", ".join(METHODS),
        some_of(METHODS, least=0),
    ),
    "audits.transfer.sets": Field(
        (), "also sets made elsewhere: synthetic.npz files, folders of PNGs", SETS
    ),
    "audits.corruptions.enabled": Field(
        False, "judge the networks on 15 common corruptions", FLAG
    ),
    "audits.corruptions.images": Field(500, "test images corrupted", at_least(1)),
    "audits.fairness.enabled": Field(True, "report the gaps between classes", FLAG),
    "audits.quantization.enabled": Field(
        True, "train on the set in 8 bits too, as PNG files hold it", FLAG
    ),
    "audits.learning_curve.enabled": Field(
        False, "train on the sets of earlier steps too", FLAG
    ),
    "audits.learning_curve.eval_steps": Field(
        3, "how many of them: after 1/2, 1/4, ... of the steps", at_least(1)
    ),
    "audits.memorisation.enabled": Field(
        True, "compare the images with train and with unseen images", FLAG
    ),
    "audits.memorisation.gallery": Field(
        False, "show the nearest real images: they are then in the report", FLAG
    ),
    "report.html": Field(True, "write report.html", FLAG, changes_results=False),
}
