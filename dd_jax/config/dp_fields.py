"""The config keys of differential privacy."""

from dd_jax.catalogue.lookup import Option
from dd_jax.catalogue.rules import NOT_NEGATIVE, OPEN_SHARE, POSITIVE, at_least

DP = (
    Option(
        "dp.epsilon",
        0.0,
        "differential privacy: the epsilon of all that the synthetic set learns from "
        "training rows; 0 = none; needs dd_jax[privacy]",
        NOT_NEGATIVE,
    ),
    Option("dp.delta", 1e-5, "its delta, below 1 / n of n training rows", OPEN_SHARE),
    Option(
        "dp.releases",
        0,
        "dm: random networks in which noisy class means are released, once each; 0 = "
        "50; dc makes a release in each of distill.steps",
        at_least(0),
    ),
    Option(
        "dp.batch",
        0,
        "training rows expected in a release, each drawn on its own (Poisson), at most "
        "all; 0 = all rows every time (dm), 256 (dc)",
        at_least(0),
    ),
    Option(
        "dp.clip",
        1.0,
        "largest L2 norm of what a row adds to a release: its features (dm), its "
        "gradient (dc)",
        POSITIVE,
    ),
    Option(
        "dp.sgd.epochs",
        0,
        "epochs of DP-SGD on the full data at the same epsilon and delta, a baseline "
        "beside the private set; 0 = no such baseline",
        at_least(0),
    ),
    Option("dp.sgd.lr", 1.0, "learning rate of DP-SGD", POSITIVE),
    Option(
        "dp.sgd.batch",
        512,
        "rows of a batch of DP-SGD, on average; at most all",
        at_least(1),
    ),
    Option("dp.sgd.clip", 1.0, "largest L2 norm of the gradient of a row", POSITIVE),
    Option(
        "dp.sgd.views",
        0,
        "augmentation multiplicity: random views of a row by train.augment, whose mean "
        "gradient is clipped; 0 = the row as it is",
        at_least(0),
    ),
)
