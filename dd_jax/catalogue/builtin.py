"""Every method, initialisation, attack, score, source, model and audit of this package.

Traits, by kind:

- method, init: `random_rows`, its images are random real rows.
- init: `real`, its images are real rows; the report then says so.
- method: `selects`, it takes real images as they are; `matches_real`, its batch holds
  real images that robust distillation can attack (default true); `matches_means`, it
  matches weighted means of them, several of a class too, and its `info["terms"]` has
  the loss of each, so that every form of fair distillation has it; `follows_experts`,
  all sets of a run follow the same ones; `batched`, the form of it that shadows share;
  `private`, the form of it that learns from releases of private rows, and
  `private_steps`, whether its steps make them;
  `memory`, its options with which its memory grows, of which 0 is all there is;
  `traced`, parameters that its factory takes as traced values, on which it does not
  branch but by `distill.traced.switched_on`: cells of a sweep that differ in them share
  compiled programs.
- attack: `words`, the values that a config may give after a colon, by parameter, the
  default first; `shared`, the key of `audits.robustness` that gives a parameter, where
  that is not the key of its own name, or None.
- source, init: `place`, what a config gives after the colon: nothing if empty.
"""

from functools import partial

from dd_jax.catalogue import audit_options, method_options
from dd_jax.catalogue.registration import register
from dd_jax.catalogue.rules import BALLS

method = partial(register, "method")
init = partial(register, "init")
attack = partial(register, "attack")
score = partial(register, "score")
source = partial(register, "source")
model = partial(register, "model")
audit = partial(register, "audit")

_IN = "dd_jax.distill.methods."
_CHOICE = {"selects": True, "matches_real": False}
_LEARNS = ("lr", "lr_labels", "train_lr")
method(
    "random",
    _IN + "selection:random_images",
    label="Random",
    random_rows=True,
    **_CHOICE,
)
method("herding", _IN + "selection:herded_images", label="Herding", **_CHOICE)
method("kcenter", _IN + "selection:kcenter_images", label="k-center", **_CHOICE)
method("kmeans", _IN + "selection:kmeans_images", label="k-means", **_CHOICE)
method(
    "rded",
    _IN + "rded:rded",
    label="Realistic crops (RDED)",
    options=method_options.RDED,
    follows_experts=True,
    **_CHOICE,
)
method(
    "dc",
    _IN + "condensation:condensation",
    label="Dataset condensation (DC)",
    matches_means=True,
    traced=_LEARNS,
    batched="dd_jax.distill.batched.shadow_condensation:shadow_condensation",
    private="dd_jax.distill.private.private_condensation:private_condensation",
    private_steps=True,
)
method(
    "dsa",
    _IN + "condensation:siamese_condensation",
    label="Siamese augmentation (DSA)",
    matches_means=True,
    traced=_LEARNS,
    batched="dd_jax.distill.batched.shadow_condensation:shadow_siamese_condensation",
)
method(
    "dm",
    _IN + "distribution_matching:distribution_matching",
    label="Distribution matching (DM)",
    matches_means=True,
    traced=_LEARNS,
    batched="dd_jax.distill.batched.shadow_matching:shadow_matching",
    private="dd_jax.distill.private.release_matching:release_matching",
)
method(
    "mtt",
    _IN + "trajectory_matching:trajectory_matching",
    label="Trajectory matching (MTT)",
    options=method_options.TRAJECTORY_MATCHING,
    matches_real=False,
    follows_experts=True,
    memory=("student_steps", "batch_student"),
    traced=(*_LEARNS, "expert_lr", "student_lr", "lr_lr"),
)
method(
    "idc_i",
    _IN + "idc:idc_i",
    label="Parametrised condensation (IDC-I)",
    matches_means=True,
    traced=_LEARNS,
)
method(
    "idc",
    _IN + "idc:idc",
    label="Parametrised condensation (IDC)",
    matches_means=True,
    traced=_LEARNS,
)
method(
    "dance",
    _IN + "dance:dance",
    label="Matching between start and end of training (DANCE)",
    options=method_options.DANCE,
    matches_means=True,
    follows_experts=True,
    traced=(*_LEARNS, "expert_lr", "expert_weight"),
)
method(
    "ncfm",
    _IN + "ncfm:ncfm",
    label="Characteristic function matching (NCFM)",
    options=method_options.NCFM,
    matches_means=True,
    follows_experts=True,
    traced=(*_LEARNS, "expert_lr", "expert_weight", "scale"),
)
method(
    "frepo",
    _IN + "kernel_ridge:kernel_ridge",
    label="Kernel ridge regression (FRePo)",
    traced=_LEARNS,
)
method(
    "rat_bptt",
    _IN + "truncated_backpropagation:truncated_backpropagation",
    label="Random truncated back-propagation (RaT-BPTT)",
    options=method_options.TRUNCATED_BACKPROPAGATION,
    memory=("window",),
    traced=(*_LEARNS, "inner_lr"),
)

_IN = "dd_jax.distill.parametrisation.initial_images:"
init("noise", _IN + "noise", label="Noise")
init("real", _IN + "real", label="Random real images", random_rows=True, real=True)
init("balanced", _IN + "balanced", label="Random of each group", real=True)
init("kmeans", _IN + "kmeans", label="k-means", real=True)
init("kcenter", _IN + "kcenter", label="k-center", real=True)
init("herding", _IN + "herding", label="Herding", real=True)
init(
    "public",
    "dd_jax.distill.parametrisation.public_images:public",
    label="Public images",
    place="SOURCE",
    options=method_options.PUBLIC,
)

_FIXED, _ADAPTIVE = "dd_jax.attacks.fixed_step:", "dd_jax.attacks.adaptive:"
_NORM = {"norm": BALLS}
_LONG = {"steps": "adaptive_steps"}
attack("fgsm", _FIXED + "fgsm", label="FGSM")
attack("pgd_linf", _FIXED + "pgd_linf", label="PGD Linf")
attack("pgd_l2", _FIXED + "pgd_l2", label="PGD L2")
attack("mim", _FIXED + "mim", label="MIM")
attack("cw_l2", _ADAPTIVE + "cw_l2", label="Carlini-Wagner L2", shared={"steps": None})
attack(
    "deepfool",
    _ADAPTIVE + "deepfool",
    label="DeepFool",
    shared={"steps": None},
    words={"norm": ("l2", "linf")},
)
attack("apgd_ce", _ADAPTIVE + "apgd_ce", label="APGD-CE", shared=_LONG, words=_NORM)
attack("apgd_dlr", _ADAPTIVE + "apgd_dlr", label="APGD-DLR", shared=_LONG, words=_NORM)
attack("apgd_t", _ADAPTIVE + "apgd_t", label="targeted APGD", shared=_LONG, words=_NORM)
attack("fab_t", _ADAPTIVE + "fab_t", label="targeted FAB", shared=_LONG, words=_NORM)
attack(
    "square",
    _ADAPTIVE + "square",
    label="Square",
    shared={"steps": "queries"},
    words=_NORM,
)
attack(  # version rand is for models that draw at random; those of a run do not
    "autoattack",
    _ADAPTIVE + "autoattack",
    label="AutoAttack",
    shared=_LONG,
    words=_NORM | {"version": ("standard", "plus")},
)
attack(
    "noise",
    _ADAPTIVE + "noise",
    label="Uniform noise",
    shared={"steps": "draws"},
    words=_NORM,
)

_IN = "dd_jax.audits.privacy.scores:"
score("lira_online", _IN + "LIRA_ONLINE", label="LiRA, online")
score("lira_offline", _IN + "LIRA_OFFLINE", label="LiRA, offline")
score("rmia", _IN + "RMIA", label="RMIA")
score("base", _IN + "BASE", label="BASE")
score("bavaria", _IN + "BAVARIA", label="BaVarIA")
score("bavaria_offline", _IN + "BAVARIA_OFFLINE", label="BaVarIA, offline")
score("loss", _IN + "LOSS", label="Loss threshold")
score("loss_per_class", _IN + "LOSS_PER_CLASS", label="Loss threshold, per class")
score("entropy", _IN + "ENTROPY", label="Entropy threshold")
score(
    "entropy_per_class", _IN + "ENTROPY_PER_CLASS", label="Entropy threshold, per class"
)
score("modified_entropy", _IN + "MODIFIED_ENTROPY", label="Modified-entropy threshold")
score(
    "modified_entropy_per_class",
    _IN + "MODIFIED_ENTROPY_PER_CLASS",
    label="Modified-entropy threshold, per class",
)
score("calibrated", _IN + "CALIBRATED", label="Calibrated log-odds")
score("calibrated_out", _IN + "CALIBRATED_OUT", label="Calibrated log-odds, OUT only")
score("shadow_classifier", _IN + "SHADOW_CLASSIFIER", label="Shadow classifier")
score("quantile", _IN + "QUANTILE", label="Quantile regression")

source("digits", "dd_jax.data.digits:read", label="digits (scikit-learn)", place="")
source("tfds", "dd_jax.data.tfds_source:read", label="TFDS", place="NAME")
source("idx", "dd_jax.data.idx:read", label="IDX files", place="DIR")
source("npz", "dd_jax.data.npz:read", label="NumPy file", place="FILE")
source("folder", "dd_jax.data.folder:read", label="Folder of images", place="DIR")

model("convnet", "dd_jax.models.convnet:ConvNet", label="ConvNet")
model("mlp", "dd_jax.models.mlp:MLP", label="MLP")
model("lenet", "dd_jax.models.lenet:LeNet", label="LeNet")
model("alexnet", "dd_jax.models.alexnet:AlexNet", label="AlexNet")
model("vgg11", "dd_jax.models.vgg:VGG11", label="VGG-11")
model("resnet18", "dd_jax.models.resnet:ResNet18", label="ResNet-18")
model(
    "resnet18_ap", "dd_jax.models.resnet:ResNet18AP", label="ResNet-18, average pooling"
)

_IN = "dd_jax.audits."
audit("accuracy", _IN + "clean_accuracy:AUDIT", label="Accuracy")
audit(
    "fairness",
    _IN + "fairness_audit:AUDIT",
    label="Fairness",
    options=audit_options.FAIRNESS,
)
audit(
    "calibration",
    _IN + "calibration:AUDIT",
    label="Calibration",
    options=audit_options.CALIBRATION,
)
audit(
    "quantization",
    _IN + "quantization:AUDIT",
    label="8-bit export",
    options=audit_options.QUANTIZATION,
)
audit(
    "transfer",
    _IN + "transfer_audit:AUDIT",
    label="Transfer",
    options=audit_options.TRANSFER,
)
audit(
    "robustness",
    _IN + "robustness.robustness_audit:AUDIT",
    label="Robustness",
    options=audit_options.ROBUSTNESS,
)
audit(
    "corruptions",
    _IN + "corruptions.corruptions_audit:AUDIT",
    label="Common corruptions",
    options=audit_options.CORRUPTIONS,
)
audit(
    "memorisation",
    _IN + "memorisation_audit:AUDIT",
    label="Memorisation",
    options=audit_options.MEMORISATION,
)
audit(
    "privacy",
    _IN + "privacy.membership_audit:AUDIT",
    label="Membership inference",
    options=audit_options.PRIVACY,
)
audit(
    "distribution",
    _IN + "privacy.distribution_audit:AUDIT",
    label="Distribution inference",
    options=audit_options.DISTRIBUTION,
)
audit(
    "attributes",
    _IN + "privacy.attribute_audit:AUDIT",
    label="Attribute inference",
    options=audit_options.ATTRIBUTES,
)
audit("backdoor", _IN + "backdoor_audit:AUDIT", label="Backdoor of the run itself")
audit(
    "poison",
    _IN + "poison_audit:AUDIT",
    label="Search for backdoors",
    options=audit_options.POISON,
)
audit(
    "learning_curve",
    _IN + "learning_curve_audit:AUDIT",
    label="Learning curve",
    options=audit_options.LEARNING_CURVE,
)
audit(
    "controls",
    _IN + "controls.controls_audit:AUDIT",
    label="Controls",
    options=audit_options.CONTROLS,
)
audit("data", _IN + "data_audit:AUDIT", label="Data", options=audit_options.DATA)
