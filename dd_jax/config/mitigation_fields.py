"""The config keys of robust and fair distillation, and of a backdoor."""

from dd_jax.catalogue.lookup import Option
from dd_jax.catalogue.rules import (
    FAIR_FORMS,
    NOT_NEGATIVE,
    POSITIVE,
    SHARE,
    at_least,
    one_of,
)

MITIGATE = (
    Option(
        "mitigate.robust.eps",
        0.0,
        "distil from images attacked within this Linf radius; 0 = off",
        SHARE,
    ),
    Option("mitigate.robust.steps", 5, "PGD steps of that attack", at_least(1)),
    Option(
        "mitigate.curvature.weight",
        0.0,
        "distil from networks whose loss has this times its curvature in the images "
        "added (GUARD): the experts of mtt, dance and ncfm, the real side of dc, dsa, "
        "idc; 0 = off",
        NOT_NEGATIVE,
    ),
    Option(
        "mitigate.curvature.distance",
        0.5,
        "L2 distance, pixels in [0, 1], over which that curvature is measured",
        POSITIVE,
    ),
    Option(
        "mitigate.fair.form",
        "none",
        "how the groups of a class count in distillation: balanced (equal numbers in "
        "real batches), barycentre (the mean of the groups' means is matched), fairdd "
        "(each group's mean is matched) or dro (the same, worse groups more)",
        one_of(("none", *FAIR_FORMS)),
    ),
    Option(
        "mitigate.fair.over",
        "groups",
        "what form dro weighs by how badly it is matched: groups of a class, or "
        "classes, which needs no groups",
        one_of(("groups", "classes")),
    ),
    Option(
        "mitigate.fair.eta",
        0.01,
        "rate at which the weights of form dro follow the loss",
        POSITIVE,
    ),
    Option(
        "backdoor.rate",
        0.0,
        "put a backdoor into the set, to measure it: share of the real rows of each "
        "step that get a trigger and the label of the target class; 0 = off",
        SHARE,
    ),
    Option("backdoor.target", 0, "class that the trigger stands for", at_least(0)),
    Option("backdoor.size", 3, "side of the trigger in pixels", at_least(1)),
)
