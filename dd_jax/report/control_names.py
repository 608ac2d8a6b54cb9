"""What controls are called, in headings and in sentences."""

from typing import NamedTuple


class ControlName(NamedTuple):
    """Names of one control: of a column, and of a row."""

    short: str
    long: str


HARD_LABELS = "hard_labels"  # of the images of the set
SAME_LABELS, SAME_STEPS = "same_labels", "same_steps"  # random images, as on the set
LEARNED_LABELS = "learned_labels"  # of random images, as the method learns them
OF_RANDOM_IMAGES = SAME_STEPS, SAME_LABELS, LEARNED_LABELS
NAMES = {
    "teacher_labels": ControlName(
        "teacher's labels", "Random images, labels of a teacher of chosen epochs"
    ),
    SAME_LABELS: ControlName(
        "random, the set's teacher", "Random images with labels of the set's teacher"
    ),
    LEARNED_LABELS: ControlName(
        "random, learned labels", "Random images with labels that the method learns"
    ),
    SAME_STEPS: ControlName(
        "random, as many steps", "Random images, as many steps as on the set"
    ),
    HARD_LABELS: ControlName("hard labels", "The set's images with hard labels"),
    "el2n": ControlName("EL2N", "Real images by EL2N"),
    "grand": ControlName("GraNd", "Real images by gradient norm (GraNd)"),
    "forgetting": ControlName("forgetting", "Real images by forgetting"),
    "herding": ControlName("herding", "Real images by herding of learned features"),
}
