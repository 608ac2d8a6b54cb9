"""Steps of several models by one compiled program, in a form that can be joined."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from dd_jax.runtime.stacked import join_trees
from dd_jax.types import Array, Params


class Advance(NamedTuple):
    """Calls `program((*fixed, first, last), keys, state, *each) -> (state, losses)`.

    It is what `run_loop` takes as `advance`.

    Attributes:
      program: of `runtime.parallel.map_models`; models do not depend on each other.
      fixed: what all models share.
      keys: `key[s]`, one for each model.
      each: further arguments with a leading axis of models.
    """

    program: Callable
    fixed: tuple
    keys: Array
    each: tuple

    def losses(self, state: Params, first: int, last: int) -> tuple[Params, Array]:
        """The state after steps first..last-1, and the loss of each model, `f32[s]`."""
        shared = *self.fixed, first, last
        return self.program(shared, self.keys, state, *self.each)

    def __call__(self, state: Params, first: int, last: int) -> tuple[Params, dict]:
        """The same, with the mean loss as `loss`."""
        state, losses = self.losses(state, first, last)
        return state, {"loss": losses.mean()}


def joined(parts: Sequence[Advance]) -> Advance:
    """The models of several side by side, with the program and `fixed` of the first."""
    models: Any = join_trees([(part.keys, part.each) for part in parts])
    return Advance(parts[0].program, parts[0].fixed, *models)
