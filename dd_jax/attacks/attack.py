"""What every attack is: a function, and the settings that fix its strength."""

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

import chex

from dd_jax.attacks.chain import LogitsFn
from dd_jax.attacks.constraints import Constraint
from dd_jax.attacks.inputs import assert_batch
from dd_jax.attacks.settings import Settings
from dd_jax.types import Array, Key

Kind = Literal["ascent", "distance", "search", "sampling", "ensemble"]


class Attack(NamedTuple):
    """An attack to call, with the settings that a reader of its numbers needs.

    `attack(key, logits_fn, images f32[n h w c], labels i32[n]) -> images f32[n h w c]`,
    all in [0, 1]. `logits_fn` gives logits. Shapes and dtypes are checked at each call;
    values are not known within jit, so that the audits, not the attack, refuse
    probabilities and pixels outside [0, 1] (AutoAttack, which runs on the host, does).

    Attributes:
      run: the function itself.
      ball: norm and radius.
      settings: what else fixes its strength; of an ensemble, those of its first part.
      kind: how it searches, which tells the masking checks what to expect of it:
        `ascent` raises a loss inside the ball along gradients; `distance` minimises the
        distance to the clean image along gradients; `search` queries the model without
        gradients; `sampling` draws independent points; `ensemble` runs several attacks.
      minimise: `(key, logits_fn, images, labels) -> (images, distance f32[n])` of a
        distance-minimising attack: the closest adversarial example whatever eps, and
        its distance (0 where the clean image is misclassified, infinity where none was
        found). None for an attack that only searches the ball.
      on_host: whether it has to be called outside jit, with a concrete eps.
      run_components: `(key, logits_fn, images, labels) -> (images, {component:
        bool[n]})` of an ensemble: which images are still right after each component.
        None for others.
      parts: the settings of each component of an ensemble, in the order of their runs.
    """

    run: Callable[[Key, LogitsFn, Array, Array], Array]
    ball: Constraint
    settings: Settings
    kind: Kind = "ascent"
    minimise: Callable[[Key, LogitsFn, Array, Array], tuple[Array, Array]] | None = None
    on_host: bool = False
    run_components: Callable[..., tuple[Array, dict[str, Array]]] | None = None
    parts: Mapping[str, Settings] | None = None

    def __call__(
        self, key: Key, logits_fn: LogitsFn, images: Array, labels: Array
    ) -> Array:
        """Perturbed images, in the ball around the clean ones and in [0, 1].

        Raises:
          InputError: other shapes or dtypes than `f32[n h w c]` and `i32[n]`.
        """
        assert_batch(images, labels)
        attacked = self.run(key, logits_fn, images, labels)
        chex.assert_equal_shape([attacked, images])
        return attacked
