"""What controls are called, in headings and in sentences."""

from typing import NamedTuple


class ControlName(NamedTuple):
    """Names of one control: of a column, and of a row."""

    short: str
    long: str


NAMES = {
    "teacher_labels": ControlName(
        "teacher's labels", "Random images, labels of an early-stopped teacher"
    ),
    "same_labels": ControlName(
        "random, the set's teacher", "Random images with labels of the set's teacher"
    ),
    "same_steps": ControlName(
        "random, as many steps", "Random images, as many steps as on the set"
    ),
    "hard_labels": ControlName("hard labels", "The set's images with hard labels"),
    "el2n": ControlName("EL2N", "Real images by EL2N"),
    "grand": ControlName("GraNd", "Real images by gradient norm (GraNd)"),
    "forgetting": ControlName("forgetting", "Real images by forgetting"),
    "herding": ControlName("herding", "Real images by herding of learned features"),
}
