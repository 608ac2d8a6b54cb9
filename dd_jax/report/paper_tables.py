"""The tables of a paper: which numbers of Records each shows, and how."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from dd_jax.report.formats import Cell, decimal, level, percent, points


class Quantity(NamedTuple):
    """A number of a Record: its name, heading and form, and the level in its name.

    The unit is part of what `show` returns; tables have it in the heading alone.
    """

    name: str
    heading: str
    show: Callable[[Any], Cell] = percent
    unit: str = "%"
    level: float | None = None

    def cell(self, value: Any) -> Cell:
        """An estimate in a table; without one `-`."""
        shown = self.show(value) if value else Cell("-")
        return shown._replace(text=shown.text.removesuffix(f" {self.unit}"))


class PaperTable(NamedTuple):
    """A table of one part of Records.

    Attributes:
      part: of the Record.
      title: of the table.
      quantities: that it shows.
      across: what columns differ in: `quantity`, `network` or `eps`.
    """

    part: str
    title: str
    quantities: Sequence[Quantity]
    across: str = "quantity"


def _tpr(fpr: float) -> Quantity:
    two_digits = lambda value: percent(value, 2)
    return Quantity(
        "tpr_at_fpr", f"TPR at {level(str(fpr))} FPR", two_digits, level=fpr
    )


def _time(value: Any) -> Cell:
    """Seconds; of a single run their spread is not known."""
    low, high = value["ci"] or (None, None)
    return Cell(
        f"{value['mean']:.1f}", f"{low:.1f} to {high:.1f}" if value["ci"] else ""
    )


TABLES = (
    PaperTable("accuracy", "Accuracy", [Quantity("accuracy", "")], "network"),
    PaperTable(
        "fairness",
        "Fairness over classes",
        [
            Quantity("worst_class", "Worst class"),
            Quantity("cvar", "CVaR, worst 30 %"),
            Quantity("class_gap", "Gap", points, "points"),
            Quantity("class_std", "Std. dev.", points, "points"),
            Quantity("induced_drop.max", "Largest drop", points, "points"),
            Quantity("deo_max", "Eq. odds, max", points, "points"),
            Quantity("deo_mean", "Eq. odds, mean", points, "points"),
        ],
    ),
    PaperTable(
        "privacy",
        "Membership inference",
        [
            Quantity("auc", "AUC", decimal, ""),
            Quantity("balanced_accuracy", "Balanced accuracy"),
            _tpr(0.01),
            _tpr(0.001),
        ],
    ),
    PaperTable(
        "memorisation",
        "Resemblance to training images",
        [
            Quantity("pixels.closer_to_train", "Nearer to training images"),
            Quantity("pixels.residual_risk", "Residual risk", decimal, ""),
        ],
    ),
    PaperTable(
        "robustness", "Accuracy under attack", [Quantity("accuracy", "")], "eps"
    ),
    PaperTable(
        "corruptions",
        "Mean corruption error",
        [Quantity("mce", "", decimal, "")],
        "network",
    ),
    PaperTable(
        "calibration",
        "Calibration",
        [
            Quantity("ece", "ECE"),
            Quantity("nll", "NLL", decimal, ""),
            Quantity("brier", "Brier score", decimal, ""),
        ],
    ),
    PaperTable("quantization", "In 8 bits", [Quantity("accuracy", "Accuracy")]),
    PaperTable(
        "cost",
        "Time",
        [
            Quantity("experts_seconds", "Experts", _time, "s"),
            Quantity("teacher_seconds", "Teacher", _time, "s"),
            Quantity("releases_seconds", "Private releases", _time, "s"),
            Quantity("distill_seconds", "Distillation", _time, "s"),
            Quantity("train_seconds", "Training on sets", _time, "s"),
            Quantity("full_data_seconds", "Training on full data", _time, "s"),
            Quantity("shadow_distill_seconds", "Shadow distillation", _time, "s"),
            Quantity("shadows_seconds", "Shadow training", _time, "s"),
            Quantity("robustness_seconds", "Attacks", _time, "s"),
        ],
    ),
)
