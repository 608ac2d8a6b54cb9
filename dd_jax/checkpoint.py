"""Save and restore of any pytree of arrays at a step; whole or not at all."""

from pathlib import Path

import jax
import numpy as np
import orbax.checkpoint as ocp

from dd_jax.types import Params


class Checkpoints:
    """The states of one loop, kept in a folder; the newest replaces the older ones."""

    def __init__(self, folder: str | Path):
        """Opens the folder, which is made if need be."""
        options = ocp.CheckpointManagerOptions(
            max_to_keep=1, enable_async_checkpointing=False
        )
        self._manager = ocp.CheckpointManager(Path(folder).absolute(), options=options)

    def latest(self, template: Params) -> tuple[int, float, Params]:
        """The newest step, seconds and state; 0, 0 and the template if none is saved.

        Args:
          template: a state of the same structure, shapes and dtypes.
        """
        step = self._manager.latest_step()
        if step is None:
            return 0, 0.0, template
        shapes = jax.tree.map(ocp.utils.to_shape_dtype_struct, (0.0, template))
        items = ocp.args.StandardRestore(shapes)
        seconds, state = self._manager.restore(step, args=items)
        return step, float(seconds), state

    def save(self, step: int, seconds: float, state: Params) -> None:
        """Writes the state under its step, then drops the one before."""
        arrays = jax.tree.map(np.asarray, (seconds, state))
        self._manager.save(step, args=ocp.args.StandardSave(arrays))
        self._manager.wait_until_finished()
