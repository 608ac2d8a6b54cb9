"""The shape of an audit: a name, a check before compute, and a measurement."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from dd_jax.data.trigger import Trigger
from dd_jax.runtime.keys import integer
from dd_jax.types import Array, Dataset, Key, Model, Params, Split, SyntheticSet

PIPES = ("distilled", "random_subset", "full_data", "dp_sgd")
ON_ROWS = ("full_data", "dp_sgd")  # networks trained on real rows, without a set


def not_yet(*args: Any, **kw: Any) -> Any:
    """A placeholder for functions of a context that need results of the run."""
    raise RuntimeError("an audit's check may use no results: nothing is computed yet")


class Shadows(NamedTuple):
    """How the models of a membership audit are made, as the run makes its own.

    Attributes:
      random_starts: pipelines whose initial images are random rows of train, which T0
        asks for, and how many rows of each class they are made from.
      flips: whether training flips images, so that queries should too.
      make: `(pipe, keys key[m], data, member bool[m n], initial bool[m n], joint=False)
        -> (SyntheticSet[m] or None, params[m])`, a model for each row of `member`;
        `initial`, which may be left out, are the rows that first images are made from;
        with `joint` all share networks and real batches.
      early: `() -> params[s]`, networks on all of train after a tenth of their epochs.
      retrain: `(pipe, keys key[m], SyntheticSet[m]) -> params[m]`, further networks on
        sets that are there.
    """

    random_starts: Mapping[str, int]
    flips: bool
    make: Callable[..., tuple[SyntheticSet | None, Params]]
    early: Callable[[], Params]
    retrain: Callable[[str, Array, SyntheticSet], Params]


class Context(NamedTuple):
    """What an audit is given.

    At `check` nothing has been computed: `sets` is None, `networks` and `sets_at` are
    empty, and only options, data, model, keys and `shadows` may be used.

    Attributes:
      options: the settings of this audit, `audits.NAME.KEY`, as attributes.
      dataset: the data.
      evaluation: the rows that numbers come from: validation where held out, else test.
      model: the architecture of all networks.
      key: `name -> key`; the same name gives the same key in every audit.
      of: `name -> Context` of another audit, for one that builds on it.
      ipc: images a class that the set is stored as, rounded up.
      shadows: makes the models of a membership audit; None for a set made elsewhere.
      delta: of the differential privacy of training rows; 0 without.
      sets: the run's synthetic sets, with a leading axis.
      networks: PIPE -> parameters with a leading axis of networks.
      sets_at: step -> (sets after that step, seconds of distillation), for the
        steps of the option `eval_steps` and the last; empty where nothing is learned.
      logits: `PIPE -> f32[s n k]` of its networks on the evaluation images, computed
        once.
      estimate: `(PIPE, f64[s]) -> {mean, ci, n}`, over sets where there are several,
        else over networks.
      cached: `(name, make, pipe="distilled") -> tree`: what `make() -> dict` gives, or
        what this or an earlier attempt left of it in a file; of a baseline or of the
        `data`, what any run with the same baseline, or data, and options left.
      train: `(sets, stage) -> params`: networks on other sets, from the keys and
        by the recipe of the networks on the run's sets; seconds count as `stage`.
      variants: `() -> {name: (Model, params)}`: networks of other architectures,
        methods and sets that the options of `transfer` name.
      undefended: `() -> params` of networks on the full data, trained without attacks.
      learn: `(rows, s, watch) -> params[s]`: networks on real rows, by the recipe of
        those on the full data; `watch(params, epoch, epochs)` sees them at the start
        and after each epoch.
      fit: `(rows with labels f32[n k], i64[s m], name) -> params[s]`: networks on some
        of the rows each, by the recipe of those on a set; with `in_set`, images of a
        set, they take as many steps as on it, else as many epochs.
      random_images: `() -> {CONTROL: params}`, networks on random images that take as
        many steps as those on the run's sets, with labels of the sets' teacher if they
        have one; none where those on random subsets are such. And, where the method
        learns labels, on random images with labels that it learns for these.
      unaugmented: `() -> {PIPE or CONTROL: params}`: networks of each pipeline, and on
        random images with as many steps as on the sets, trained without augmentation;
        empty where all are.
      save: `(file name, bytes)`: leaves a file beside the Record.
      save_curves: `(name, JSON value)`: leaves curves in `curves.json`.
      trigger: of the backdoor in the run's own sets; None where there is none.
      folder: of the run, for files that are written in other ways.
    """

    options: Any
    dataset: Dataset
    evaluation: Split
    model: Model
    key: Callable[[str], Key]
    of: Callable[[str], "Context"] = not_yet
    ipc: int = 0
    shadows: Shadows | None = None
    delta: float = 0.0
    sets: SyntheticSet | None = None
    networks: Mapping[str, Params] = {}
    sets_at: Mapping[int, tuple[SyntheticSet, float]] = {}
    logits: Callable[[str], np.ndarray] = not_yet
    estimate: Callable[[str, np.ndarray], dict] = not_yet
    cached: Callable[..., dict] = not_yet
    train: Callable[..., Params] = not_yet
    variants: Callable[[], Mapping[str, tuple[Model, Params]]] = not_yet
    undefended: Callable[[], Params] = not_yet
    learn: Callable[..., Params] = not_yet
    fit: Callable[..., Params] = not_yet
    random_images: Callable[[], Mapping[str, Params]] = not_yet
    unaugmented: Callable[[], Mapping[str, Params]] = not_yet
    save: Callable[[str, bytes], None] = not_yet
    save_curves: Callable[[str, Any], None] = not_yet
    trigger: Trigger | None = None
    folder: Path | None = None

    @property
    def num_classes(self) -> int:
        """Number of classes, k."""
        return len(self.dataset.class_names)

    def predictions(self, pipe: str) -> np.ndarray:
        """Predicted classes of a pipeline's networks on the evaluation images.

        Returns:
          `i64[s n]`.
        """
        return self.logits(pipe).argmax(-1)

    def sample(self, name: str, most: int) -> tuple[np.ndarray, np.ndarray]:
        """A fixed random sample of the evaluation rows, in their order.

        Args:
          name: the same name gives the same rows.
          most: number of rows, or all where there are fewer.

        Returns:
          `(images f32[m h w c] in [0, 1], labels i32[m])`.
        """
        images, labels, _ = self.evaluation
        rows = self.sampled_rows(name, most)
        return images[rows] / np.float32(255), labels[rows]

    def sampled_rows(self, name: str, most: int) -> np.ndarray:
        """The numbers of the rows of `sample`, `i64[m]`."""
        rng = np.random.default_rng(integer(self.key(name)))
        total = len(self.evaluation.labels)
        return np.sort(rng.choice(total, min(most, total), replace=False))

    def units(self, pipe: str, values: np.ndarray) -> np.ndarray:
        """Numbers of a pipeline by what is independent: sets if several, or networks.

        Args:
          pipe: the pipeline.
          values: `f64[networks ...]`; those of `distilled` on one set side by side.

        Returns:
          `f64[sets ...]`, means over networks of a set, or `values`.
        """
        sets = 1 if self.sets is None else len(self.sets.images)
        if pipe != "distilled" or sets == 1:
            return values
        return values.reshape(sets, -1, *values.shape[1:]).mean(1)

    def first_networks(self, pipe: str, most: int) -> Params:
        """The first networks of a pipeline; of the distilled one, of each set.

        Args:
          pipe: the pipeline.
          most: number of networks per set, or all where there are fewer.

        Returns:
          Parameters with a leading axis, those of one set side by side.
        """
        sets = len(self.sets.images) if pipe == "distilled" else 1
        first = lambda leaf: leaf.reshape(sets, -1, *leaf.shape[1:])[:, :most]
        return jax.tree.map(
            lambda leaf: first(leaf).reshape(-1, *leaf.shape[1:]), self.networks[pipe]
        )


def no_check(context: Context) -> None:
    """Refuses nothing."""


def no_advice(context: Context) -> Sequence[str]:
    """Nothing to say."""
    return ()


def no_training(context: Context, pipe: str) -> None:
    """Trains nothing."""


class Audit(NamedTuple):
    """An audit of a run's networks and sets.

    Attributes:
      name: of its options `audits.NAME`, of its part of the Record and of its section
        of the report.
      check: `context -> None`; raises InputError before any compute for what this
        audit cannot do with the data, the model and its options.
      measure: `context -> JSON value`, its part of the Record; an empty one is left
        out. Arrays and NumPy numbers are converted.
      train: `(context, PIPE) -> None`, before `measure` and with no results: makes the
        models of a pipeline that it then finds on disk, so that several runs can do it
        together; by default none.
      advise: `context -> lines` that are printed before anything is trained, for what
        the data alone show; of what a context has afterwards `cached` and `save` may be
        used.

    >>> count = lambda context: {"networks": len(context.networks)}
    >>> audit = Audit("count", no_check, count)
    """

    name: str
    check: Callable[[Context], None]
    measure: Callable[[Context], Any]
    train: Callable[[Context, str], None] = no_training
    advise: Callable[[Context], Sequence[str]] = no_advice
