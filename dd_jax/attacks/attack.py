"""What every attack is: a function, and the settings that fix its strength."""

from collections.abc import Callable
from typing import NamedTuple

from dd_jax.attacks.chain import LogitsFn
from dd_jax.attacks.constraints import Constraint
from dd_jax.types import Array, Key


class Attack(NamedTuple):
    """An attack to call, with the settings that a reader of its numbers needs.

    `attack(key, logits_fn, images f32[n h w c], labels i32[n]) -> images f32[n h w c]`,
    all in [0, 1]. `logits_fn` gives logits: within jit nothing can be looked at, so the
    audits refuse probabilities and pixels outside [0, 1], not the attack (but for
    AutoAttack, which runs on the host).

    Attributes:
      run: the function itself.
      ball: norm and radius.
      step_size: absolute, in the units of eps (at first, where it adapts); None where
        there is none.
      steps: number of gradient steps, or of queries.
      restarts: number of starts, of which the best counts.
      random_start: whether it starts off the clean image.
      momentum: decay of the gradient average; 0 for none.
      minimise: `(key, logits_fn, images, labels) -> (images, distance f32[n])` of a
        distance-minimising attack: the closest adversarial example whatever eps, and
        how far it is (0 where the clean image is misclassified, infinity where none was
        found). None for an attack that only searches the ball.
      on_host: whether it has to be called outside jit, with a concrete eps.
      traced: `(key, logits_fn, images, labels) -> (images, {component: bool[n]})` of an
        attack of several components: which images stand after each. None for others.
    """

    run: Callable[[Key, LogitsFn, Array, Array], Array]
    ball: Constraint
    step_size: Array | None
    steps: int
    restarts: int = 1
    random_start: bool = False
    momentum: float = 0.0
    minimise: Callable[[Key, LogitsFn, Array, Array], tuple[Array, Array]] | None = None
    on_host: bool = False
    traced: Callable[..., tuple[Array, dict[str, Array]]] | None = None

    def __call__(
        self, key: Key, logits_fn: LogitsFn, images: Array, labels: Array
    ) -> Array:
        """Perturbed images, in the ball around the clean ones and in [0, 1]."""
        return self.run(key, logits_fn, images, labels)
