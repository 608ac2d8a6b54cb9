"""Which method and which architecture made a set: what a small classifier can tell.

  python experiments/benchmarks/set_origin.py           # rows
  python experiments/benchmarks/set_origin.py --table   # the table, in Markdown

Sets of the digits, 5 images a class, by five methods on two architectures, each from
24 halves of the training rows. Logistic regression on statistics of their images, as
PNG files hold them (clipped, in 8 bits, without labels), guesses the method, the
architecture, and both; halves that it is evaluated on, and their complements, are not
among those that it learns from. The question is one of IRA (arXiv:2603.01053, 2026).
"""

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import jax
import numpy as np
import rows_command
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from dd_jax import data, models
from dd_jax.data import membership_masks
from dd_jax.distill import build
from dd_jax.distill.distil_many import distil_many
from dd_jax.report.intervals import clopper_pearson
from dd_jax.runtime.keys import stack
from dd_jax.train.many import Schedule

FILE = Path(__file__).parents[1] / "results" / "set_origin.rows"
IPC, PAIRS = 5, 12
METHODS = {  # name -> steps, options
    "dc": (60, {"lr": 0.05, "net_epochs": 10}),
    "dsa": (60, {"lr": 0.05, "net_epochs": 10, "augment": "color_crop_scale_rotate"}),
    "dm": (150, {"augment": "color_crop_scale_rotate"}),
    "idc_i": (60, {"outer_steps": 5}),
    "frepo": (100, {}),
}
ARCHITECTURES = {"convnet": {"width": 16}, "mlp": {}}
INITS = ("noise", "real")
QUESTIONS = ("method", "architecture", "both")


def statistics(images: np.ndarray) -> np.ndarray:
    """Numbers that tell sets apart, `f64[d]` of `f32[n h w c]`, sorted by class."""
    shown = np.round(np.clip(images, 0, 1) * 255) / 255
    levels = shown.reshape(len(shown), -1)
    ends = [(shown == end).mean() for end in (0.0, 1.0)]
    edges = [np.abs(np.diff(shown, axis=axis)).mean() for axis in (1, 2)]
    of_class = levels.reshape(-1, IPC, levels.shape[1])
    apart = [of_class.std(1).mean(), of_class.mean(1).std(0).mean()]
    moments = [levels.mean(), levels.std(), levels.mean(1).std(), levels.std(1).std()]
    return np.array([*moments, *ends, *edges, *apart, *_spectrum(shown)])


def _spectrum(shown: np.ndarray) -> np.ndarray:
    """Log power in bands of spatial frequency, averaged over images."""
    power = np.abs(np.fft.fft2(shown, axes=(1, 2))) ** 2
    height, width = (np.fft.fftfreq(n) for n in shown.shape[1:3])
    radius = np.hypot(height[:, None], width)
    bands = np.digitize(radius, [0.05, 0.2, 0.3, 0.45])
    power = power.mean((0, 3))
    return np.log([power[bands == b].mean() + 1e-9 for b in range(5)])


def sets_of(init: str) -> Iterator[tuple[str, str, np.ndarray]]:
    """Method, architecture and the statistics of its sets, `f64[24 d]`."""
    rows = data.load("digits").train
    member = membership_masks(0, rows.labels, PAIRS)
    for name, architecture in product(METHODS, ARCHITECTURES):
        steps, options = METHODS[name]
        model = models.build(
            architecture,
            10,
            rows.images.shape[1:],
            mean=(0.5,),
            std=(0.25,),
            **ARCHITECTURES[architecture],
        )
        method = build(name, model, ipc=IPC, init=init, **options)
        keys = stack(jax.random.key(0), len(member))
        sets, _ = distil_many(method, keys, rows, member, Schedule(steps, steps))
        images = np.asarray(sets.images)
        yield name, architecture, np.stack([statistics(each) for each in images])


def measured() -> Iterator[dict]:
    """A row for each initialisation and question."""
    for init in INITS:
        found = list(sets_of(init))
        features = np.concatenate([values for *_, values in found])
        pair = np.tile(np.repeat(np.arange(PAIRS), 2), len(found))
        for question in QUESTIONS:
            names = [
                {"method": m, "architecture": a, "both": f"{m} {a}"}[question]
                for m, a, _ in found
            ]
            answers = np.repeat(names, 2 * PAIRS)
            yield {"init": init, "question": question} | _guessed(
                features, answers, pair
            )


def _guessed(features: np.ndarray, answers: np.ndarray, pair: np.ndarray) -> dict:
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=5000))
    guesses = cross_val_predict(
        classifier, features, answers, groups=pair, cv=GroupKFold(PAIRS)
    )
    right, sets = int((guesses == answers).sum()), len(answers)
    low, high = clopper_pearson(right, sets)
    chance = 1 / len(set(answers))
    numbers = {"right": right, "sets": sets, "low": low, "high": high}
    return {"accuracy": right / sets, "chance": chance} | numbers


def table(rows: list[dict]) -> str:
    """Right guesses in percent."""
    head = "| initial images | question | right guesses | by chance | sets |"
    lines = [head, "| --- | --- | --- | --- | --- |"]
    for row in rows:
        right = "{:.1f} % ({:.1f} to {:.1f})".format(
            *(100 * row[key] for key in ("accuracy", "low", "high"))
        )
        chance = f"{100 * row['chance']:.0f} %"
        cells = row["init"], row["question"], right, chance, str(row["sets"])
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    rows_command.run(__doc__, FILE, measured, table)
