"""The config keys of each method and initialisation of this package."""

from dd_jax.catalogue.lookup import Option
from dd_jax.catalogue.rules import (
    FLAG,
    NOT_NEGATIVE,
    POSITIVE,
    Rule,
    at_least,
    one_of,
)

PUBLIC = (
    Option(
        "classes",
        "free",
        "which images of the public source a class starts from: free = any of them; "
        "nearest = those of the class with the nearest mean image, for which the "
        "training rows are looked at",
        one_of(("free", "nearest")),
    ),
)

TRAJECTORY_MATCHING = (
    Option("experts", 10, "networks trained as experts", at_least(1)),
    Option(
        "kept_epochs",
        0,
        "store at least the first n epochs of each expert, so that runs with other "
        "windows share them; experts train for n epochs at least; 0 = only those used",
        at_least(0),
        changes_results=False,
    ),
    Option("expert_lr", 0.01, "learning rate of the experts", POSITIVE),
    Option(
        "student_steps",
        20,
        "training steps of a student on the synthetic set",
        at_least(1),
    ),
    Option(
        "expert_epochs",
        2,
        "expert epochs after which its parameters are the student's target",
        at_least(1),
    ),
    Option("min_start", 0, "first expert epoch that students start from", at_least(0)),
    Option(
        "max_start",
        10,
        "end of the range of start epochs, itself excluded",
        at_least(1),
    ),
    Option(
        "first_max_start",
        0,
        "max_start at the first outer step, from which it grows; 0 = max_start",
        at_least(0),
    ),
    Option(
        "growth",
        0,
        "outer steps over which first_max_start grows to max_start",
        at_least(0),
    ),
    Option(
        "batch_student",
        0,
        "synthetic images in a batch of the student; 0 = all",
        at_least(0),
    ),
    Option(
        "tesla",
        False,
        "TESLA gradient, without the terms between student steps: constant memory",
        FLAG,
    ),
    Option(
        "label_epoch",
        0,
        "learned labels (distill.lr_labels) start from what the experts that are right "
        "about an image say of it after this epoch, as in DATM (there the last); 0 = "
        "from one-hot labels",
        at_least(0),
    ),
    Option(
        "student_lr",
        0.0,
        "initial value of the learned learning rate of students; 0 = train.lr",
        NOT_NEGATIVE,
    ),
    Option(
        "lr_lr",
        0.001,
        "learning rate of the logarithm of the students' learning rate",
        NOT_NEGATIVE,
    ),
)

RDED = (
    Option(
        "tiles",
        1,
        "crops along each side of an image",
        Rule(lambda v: 1 <= v <= 4, "from 1 to 4"),
    ),
    Option("crops", 5, "crops of each image that the best is taken of", at_least(1)),
    Option("candidates", 300, "images of each class that are cropped", at_least(1)),
    Option("expert_epochs", 20, "epochs of the network that chooses", at_least(1)),
    Option("expert_lr", 0.01, "learning rate of the network that chooses", POSITIVE),
)
_EXPERTS = (
    Option("experts", 5, "networks trained as experts", at_least(1)),
    Option("expert_epochs", 20, "epochs that they train for", at_least(1)),
    Option("expert_lr", 0.01, "learning rate of the experts", POSITIVE),
    Option(
        "expert_weight",
        1.0,
        "weight of the loss that trained experts have on the set; 0 leaves it out",
        NOT_NEGATIVE,
    ),
)
DANCE = _EXPERTS
NCFM = (
    *_EXPERTS,
    Option(
        "frequencies",
        1024,
        "frequencies of the characteristic functions, drawn in each step",
        at_least(1),
    ),
    Option("scale", 300.0, "factor of the loss between them", POSITIVE),
)

TRUNCATED_BACKPROPAGATION = (
    Option(
        "window",
        20,
        "last training steps of a network, which are differentiated",
        at_least(1),
    ),
    Option(
        "unroll",
        60,
        "most training steps of a network; at least distill.rat_bptt.window",
        at_least(1),
    ),
    Option("inner_lr", 0.001, "learning rate of the network (Adam)", POSITIVE),
)
