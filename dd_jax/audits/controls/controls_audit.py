"""The controls of a run: its accuracy beside that of simpler sets of the same size."""

from functools import partial
from typing import Any

import jax
import numpy as np

from dd_jax.audits.audit import Audit, Context
from dd_jax.audits.controls.benchmark_scores import benchmark_scores
from dd_jax.audits.controls.control_forms import TEACHER, Form, control_forms
from dd_jax.audits.controls.teachers import Learned, learned
from dd_jax.report.control_names import (
    HARD_LABELS,
    LEARNED_LABELS,
    SAME_LABELS,
    SAME_STEPS,
)
from dd_jax.runtime.keys import integer
from dd_jax.train import predictions
from dd_jax.types import InputError, Split

PLAIN = "unaugmented"
_OF_EACH_SET = HARD_LABELS, LEARNED_LABELS  # whose networks are as many as the run's


def check(context: Context) -> None:
    """Refuses classes with too few rows, and data with none left to choose on."""
    if context.options.enabled and set(context.options.names) - {PLAIN}:
        _parts(context)


def measure(context: Context) -> dict:
    """Trains networks on each control, as many as on random subsets.

    They take as many steps as networks on the run's sets; where those on random subsets
    do not, networks on random images that do are a control, and scores compare with it.

    A share of each class of train is held out from all controls of chosen rows; of the
    forms of a control, see `control_forms`, that is taken which its networks do best
    with on these rows; the others stand beside it. Where labels of the set are soft,
    its images are also taken with hard ones, and random images with labels of the same
    kind: of the same teacher, or learned by the method in as many steps. Sets and
    networks of hard and of learned labels are as many as the run has.

    Controls of real rows are shared by runs whose random subsets, networks on the full
    data and options are the same, and whose sets have as many images.

    Returns:
      Empty unless enabled. `controls`, rows `{name, form, accuracy {mean, ci, n},
      others [{form, accuracy}]}`;
      `unaugmented {PIPE or CONTROL: accuracy}` of networks trained without
      augmentation, also on random images, null where that is not wanted; `soft`,
      whether the set's labels are not one-hot; `scores {hlr, ior, lrs, ars}`, see
      `benchmark_scores`, null where a control that they need is missing, as that of ARS
      is for learned labels of a loaded set or of private rows; `held_out` rows.
    """
    options = context.options
    if not options.enabled:
        return {}
    wanted, controls, held_out = set(options.names), {}, 0
    if wanted - {PLAIN}:
        controls, held_out = _on_rows(context)
    controls |= _with_hard_labels(context) | _of_random_images(context)
    rows = [_row(context, name, of) for name, of in controls.items()]
    plain = {}
    if PLAIN in wanted:
        predicted = context.cached(PLAIN, partial(_unaugmented, context))
        plain = {pipe: _rate(context, pipe, of) for pipe, of in predicted.items()}
    soft = HARD_LABELS in controls
    return {
        "controls": rows,
        "unaugmented": plain or None,
        "soft": soft,
        "scores": _scores(context, rows, plain, soft),
        "held_out": held_out,
    }


def _row(context: Context, control: str, of: dict[str, Any]) -> dict:
    """Accuracy on a control, and on its other forms."""
    others = [
        {"form": form, "accuracy": _rate(context, control, predicted)}
        for form, predicted in of.get("others", {}).items()
    ]
    accuracy = _rate(context, control, of["predicted"])
    row = {"name": control, "form": of["form"], "accuracy": accuracy}
    return row | ({"others": others} if others else {})


def _rate(context: Context, name: str, predicted: np.ndarray) -> dict:
    """Accuracy of networks of a pipeline, or on a control."""
    right = predicted == context.evaluation.labels
    pipe = "distilled" if name in _OF_EACH_SET else name
    return context.estimate(pipe, right.mean(1))


def _parts(context: Context) -> tuple[np.ndarray, np.ndarray]:
    """Rows of train that controls may have, and those held out, both in order."""
    labels, share = context.dataset.train.labels, context.options.holdout
    ipc = context.ipc
    rng = np.random.default_rng(integer(context.key("controls")))
    held = []
    for c in range(context.num_classes):
        own = np.flatnonzero(labels == c)
        if len(own) < ipc:
            raise InputError(
                f"audits.controls: class {c} has {len(own)} training images and the "
                f"set {ipc}; lower distill.ipc or leave controls out"
            )
        count = min(round(share * len(own)), len(own) - ipc)
        held.append(rng.permutation(own)[: max(count, 0)])
    held_out = np.sort(np.concatenate(held))
    if not len(held_out):
        raise InputError(
            f"audits.controls.holdout={share:g}: with {ipc} images a class no training "
            "row is left to choose on; lower distill.ipc or raise the holdout"
        )
    return np.setdiff1d(np.arange(len(labels)), held_out), held_out


def _unaugmented(context: Context) -> dict[str, np.ndarray]:
    """Classes of the evaluation rows, of each pipeline without augmentation."""
    images = context.evaluation.images
    return {
        pipe: predictions(context.model, params, images)
        for pipe, params in context.unaugmented().items()
    }


def _on_rows(context: Context) -> tuple[dict[str, Any], int]:
    """Each control that is made of real rows, and how many rows are held out."""
    kept, held_out = (
        Split(*(part[rows] for part in context.dataset.train[:2]), None)
        for rows in _parts(context)
    )
    count = len(held_out.labels)
    see = partial(_seen, context, kept)
    seen = context.cached(f"scores with {count} held out", see, "full_data")
    name = f"networks of all forms, as on {context.sets.images.shape[1]} images"
    make = partial(_predicted, context, kept, held_out, Learned(**seen))
    return context.cached(name, make, "random_subset"), count


def _seen(context: Context, kept: Split) -> dict[str, Any]:
    """What networks on the rows that controls may have say of these, `Learned`."""
    options = context.options
    learn = partial(context.learn, kept, options.nets)
    return learned(learn, context.model, kept, "grand" in options.names)._asdict()


def _predicted(
    context: Context, kept: Split, held_out: Split, seen: Learned
) -> dict[str, Any]:
    """What networks on the forms of each control predict."""
    forms = control_forms(
        context.options.names,
        seen,
        kept.labels,
        context.num_classes,
        context.ipc,
        len(jax.tree.leaves(context.networks["random_subset"])[0]),
        np.random.default_rng(integer(context.key("controls rows"))),
    )
    best = partial(_best, context, kept.images, held_out)
    return {name: best(name, of) for name, of in forms.items()}


def _best(
    context: Context, images: np.ndarray, held: Split, name: str, forms: list[Form]
) -> dict[str, Any]:
    """The form that does best on held-out rows; what networks on each predict."""
    in_set = context.sets.images.shape[1]
    predicted, held_out = {}, {}
    for form in forms:
        rows = Split(images, form.labels, None)
        params = context.fit(rows, form.rows, f"{name} {form.form}", in_set)
        found = predictions(context.model, params, held.images)
        held_out[form.form] = float((found == held.labels).mean())
        found = predictions(context.model, params, context.evaluation.images)
        predicted[form.form] = found
    best = max(held_out, key=held_out.__getitem__)
    chosen = {"form": best, "predicted": predicted.pop(best)}
    return chosen | ({"others": predicted} if predicted else {})


def _with_hard_labels(context: Context) -> dict[str, Any]:
    """The control of the class of each image alone; empty where labels are hard."""
    if not context.sets.soft:
        return {}
    params = context.train(context.sets.with_hard_labels, "controls")
    predicted = predictions(context.model, params, context.evaluation.images)
    return {HARD_LABELS: {"form": "", "predicted": predicted}}


def _of_random_images(context: Context) -> dict[str, Any]:
    """Controls of random images, with the steps and the kind of labels of the set."""
    images = context.evaluation.images
    return {
        name: {"form": "", "predicted": predictions(context.model, params, images)}
        for name, params in context.random_images().items()
    }


def _scores(
    context: Context, rows: list[dict], plain: dict[str, dict], soft: bool
) -> dict[str, float | None] | None:
    """The benchmark scores; None without what they compare with."""
    found = {row["name"]: row["accuracy"]["mean"] for row in rows}
    of = lambda pipe: _rate(context, pipe, context.predictions(pipe))["mean"]
    own = of("distilled")
    if soft:
        kinds = SAME_LABELS, LEARNED_LABELS, TEACHER
        control = next((name for name in kinds if name in found), TEACHER)
        random = found.get(control)
    else:
        control = SAME_STEPS if SAME_STEPS in found else "random_subset"
        random = found.get(SAME_STEPS, of("random_subset"))
    if random is None:
        return None
    without = None
    if control in plain:
        without = plain["distilled"]["mean"], plain[control]["mean"]
    hard = found[HARD_LABELS] if soft else own
    return benchmark_scores(of("full_data"), hard, own, random, without)._asdict()


AUDIT = Audit("controls", check, measure)
