"""How thorough the runs of a plan are: networks, training, shadows, attacks."""

from typing import NamedTuple

from dd_jax.config.sweep import Point

_NETS = 5  # on each set
_SEVERAL = 3  # on the full data, and attacked of each set, so that there is an interval
_EPOCHS = 3, 60  # on the full data, unless that is too few updates


class Level(NamedTuple):
    """A level; the first is the quickest.

    Attributes:
      width: of the network.
      steps: of distillation.
      updates: of a network that trains on a set, its shadows included. With fewer than
        300 networks on small sets are far from trained, and all that is measured on
        them is of too short a training.
      full: passes of training on the full data, in thousands.
      shadows: of the membership audit.
      attacked: images.
    """

    width: int
    steps: int
    updates: int
    full: int
    shadows: int
    attacked: int

    def values(self, rows: int, images: int, batch: int) -> Point:
        """Config keys of a run at this level.

        Args:
          rows: of train.
          images: of the set.
          batch: images of an update.
        """
        epochs_of = lambda count: -(-self.updates // -(-count // batch))
        epochs = epochs_of(images)
        full = min(max(round(1000 * self.full / rows), _EPOCHS[0]), _EPOCHS[1])
        full = max(full, epochs_of(rows))  # no less trained than networks on sets
        return {
            "model.width": self.width,
            "train.nets": _NETS,
            "distill.steps": self.steps,
            "train.epochs": epochs,
            "train.full_nets": _SEVERAL,
            "train.full_epochs": full,
            "audits.privacy.shadows": self.shadows,
            "audits.privacy.epochs": epochs,
            "audits.robustness.images": self.attacked,
            "audits.robustness.nets": _SEVERAL,
            "audits.robustness.steps": 10,
        }


LEVELS = (
    Level(16, 100, 300, 80, 8, 100),
    Level(32, 150, 400, 150, 16, 200),
    Level(64, 300, 500, 300, 16, 300),
    Level(128, 1000, 1000, 1000, 32, 500),
)
