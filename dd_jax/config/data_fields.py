"""The config keys of the data."""

from dd_jax.catalogue.lookup import Option
from dd_jax.catalogue.naming import SOURCE
from dd_jax.catalogue.rules import (
    BACKGROUND,
    CLASSES,
    COLOURED,
    CORRELATION,
    FLAG,
    GROUPS,
    IMBALANCES,
    RATIO,
    SHARE,
    SIDE,
    at_least,
    one_of,
)

DATA = (
    Option("data.source", "digits", "data set to distil", SOURCE),
    Option("data.num_classes", 0, "keep the first n classes; 0 = all", CLASSES),
    Option(
        "data.validation",
        0.0,
        "share of train held out for tuning; numbers are then of it, not of test",
        SHARE,
    ),
    Option("data.zca", False, "networks see ZCA-whitened images", FLAG),
    Option("data.image_size", 0, "resize images to n x n pixels; 0 = keep", SIDE),
    Option(
        "data.background",
        "refuse",
        "background of image files with transparent pixels, such as white; refuse = "
        "stop at such a file",
        BACKGROUND,
    ),
    Option(
        "data.rows",
        0,
        "keep n rows of train, stratified by class; 0 = all",
        at_least(0),
    ),
    Option(
        "data.imbalance",
        "none",
        "thin train by class: long_tail, from class to class by the same factor, or "
        "step, the second half of the classes; test and validation stay as they are",
        one_of(IMBALANCES),
    ),
    Option(
        "data.imbalance_ratio",
        10.0,
        "rows of the largest class over those of the smallest, such as 10 or 100",
        RATIO,
    ),
    Option(
        "data.colour",
        "none",
        "colour the foreground or background of grey images, made black and white at "
        "half, by class in train and at random in test; the colours are the groups",
        one_of(COLOURED),
    ),
    Option(
        "data.correlation",
        0.9,
        "share of the training rows of a class that have the colour of the class",
        CORRELATION,
    ),
    Option(
        "data.groups",
        "given",
        "groups that fairness is measured between: given, by the source or by "
        "data.colour, or clusters:K, k-means clusters of training images less the mean "
        "of their class",
        GROUPS,
    ),
)
