"""Cost of a step of joint shadow distillation, in steps of a single distillation.

  python experiments/benchmarks/shadow_cost.py --source=digits >> FILE
  python experiments/benchmarks/shadow_cost.py --source=idx:DIR --rows=10000 >> FILE

A single step is one of the method itself; the shadows hold complementary halves.
Prints one Record: for each number of shadows the processor seconds of a step (of all
threads, which other work on the machine hardly changes), their ratio to a plain step,
the ratio of the operations in convolutions and products, and the real images a class
that each shadow is effectively given; and the ratio of a whole run, which trains a
network on every set after `run_steps` steps, to one distillation with one network.
Calls take turns and the least of each counts; compilation is left out. A minute on
digits, four on Fashion-MNIST, on two CPU cores.

The Records are in experiments/results/shadow_cost.jsonl. 64 shadows on digits, width
32: a step of distribution matching at 10 images a class costs 8.6 plain steps (8.6 by
operations) and a whole run 12.6 single runs, of gradient matching on networks of one
step 11.0 (10.2) and 12.0, at 1 image a class 3.7 (3.2) and 4.0; distribution matching
on Fashion-MNIST at width 16 7.2 (6.5) and 10.3. One by one all would be 64. On digits,
whose classes have about 144 rows, a plain step sees all of them and each shadow half;
on Fashion-MNIST both see 256.
"""

import argparse
import json
import time
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from flops import flops

from dd_jax import data, models
from dd_jax.catalogue import entries
from dd_jax.distill import METHODS, batched_form, real_data
from dd_jax.distill.distil_many import distil_many
from dd_jax.runtime.keys import stack
from dd_jax.runtime.loop import LoopResult
from dd_jax.runtime.platform import made_for
from dd_jax.runtime.stacked import repeated
from dd_jax.system import workdir
from dd_jax.train import trainer
from dd_jax.train.many import Schedule, train_on_sets


def timed(seconds: list[float], advance, state, *, total, **_) -> LoopResult:
    """Runs one step to compile, then `total - 1`; notes processor seconds of each."""
    state, _ = advance(state, 0, 1)
    jax.block_until_ready(state)
    began = time.process_time()
    state, _ = advance(state, 1, total)
    jax.block_until_ready(state)
    seconds.append((time.process_time() - began) / (total - 1))
    return LoopResult(state, seconds[-1])


def effective_batch(joint, real, member) -> float:
    """Mean number of real images a class that a shadow is given in a step."""
    batches = [joint.sample(jax.random.key(i), real, member) for i in range(5)]
    return float(np.mean([batch.weights.sum(-1).mean() for batch in batches]))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--method",
        default="dm",
        choices=[e.name for e in entries("method") if "batched" in e.traits],
    )
    parser.add_argument("--source", default="digits")
    parser.add_argument("--rows", type=int, default=0, help="of train; 0 = all")
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--ipc", type=int, default=10)
    parser.add_argument("--batch_real", type=int, default=256)
    parser.add_argument(
        "--outer_steps", type=int, default=0, help="of dc's and dsa's networks"
    )
    parser.add_argument("--augment", default="color_crop_cutout_scale_rotate")
    parser.add_argument("--shadows", type=int, nargs="+", default=[1, 8, 64])
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--run_steps", type=int, default=100, help="of a whole run")
    parser.add_argument("--epochs", type=int, default=40, help="of its networks")
    return parser


def main() -> None:
    """Measures and prints the Record."""
    options = _parser().parse_args()

    found = data.load(options.source, rows=options.rows or None)
    rows, classes = found.train, len(found.class_names)
    model = models.build(
        "convnet",
        classes,
        rows.images.shape[1:],
        mean=found.mean,
        std=found.std,
        width=options.width,
    )
    augment = data.dsa(options.augment, found.mean, found.std)
    settings = {"ipc": options.ipc}
    if options.method != "dc":
        settings["augment"] = augment.siamese
    if options.method != "dm":
        settings["outer_steps"] = options.outer_steps
    if options.method == "dsa":
        settings["augment_net"] = augment.independent
    make = METHODS[options.method]
    method = make(model, batch_real=options.batch_real, **settings)
    subset = METHODS["random"](model, ipc=options.ipc)
    recipe = trainer(model, augment=augment.independent)
    whole = np.ones((1, len(rows.labels)), bool)
    most = max(options.shadows)
    halves = data.membership_masks(0, rows.labels, -(-most // 2), at_least=options.ipc)

    def run(seconds, member, steps, joint=None):
        keys = stack(jax.random.key(0), len(member))
        loop = partial(timed, seconds)
        schedule = Schedule(steps, steps)
        distil_many(method, keys, rows, member, schedule, loop, batched=joint)

    def train(seconds, member):
        keys = stack(jax.random.key(1), len(member))
        sets, _ = distil_many(subset, keys, rows, member, Schedule(0, 1))
        loop = partial(timed, seconds)
        train_on_sets(recipe, keys, sets, Schedule(options.steps, options.steps), loop)

    plain: list[float] = []
    one_net: list[float] = []
    nets: dict[int, list[float]] = {count: [] for count in options.shadows}
    joined: dict[int, list[float]] = {count: [] for count in options.shadows}
    batches = {count: options.batch_real * (2 if count > 1 else 1) for count in joined}
    forms = {
        count: batched_form(options.method)(model, batch_real=batch, **settings)
        for count, batch in batches.items()
    }
    for _ in range(options.turns):
        run(plain, whole, 4 * options.steps)
        train(one_net, whole)
        for count, seconds in joined.items():
            run(seconds, halves[:count], options.steps, forms[count])
            train(nets[count], halves[:count])

    key = jax.random.key(0)
    real = real_data(rows.images, rows.labels)
    start = method.init(key, real)
    with made_for("gpu"):  # CPU takes some convolutions apart
        plain_flops = flops(
            lambda state: method.update(key, state, method.sample(key, real)), start
        )

    def joint_flops(count: int) -> int:
        joint, member = forms[count], jnp.asarray(halves[:count])
        step = lambda states: joint.update(key, states, joint.sample(key, real, member))
        with made_for("gpu"):
            return flops(step, repeated(start, count))

    def whole_run(step: float, epoch: float) -> float:
        return options.run_steps * step + options.epochs * epoch

    def row(count: int) -> dict:
        member = halves[:count]
        real = real_data(rows.images, rows.labels, member.any(0))
        return {
            "step_seconds": min(joined[count]),
            "plain_steps": min(joined[count]) / min(plain),
            "plain_steps_by_flops": joint_flops(count) / plain_flops,
            "epoch_seconds": min(nets[count]),
            "plain_runs": whole_run(min(joined[count]), min(nets[count]))
            / whole_run(min(plain), min(one_net)),
            "batch_real": batches[count],
            "effective_batch_real": effective_batch(forms[count], real, member),
        }

    record = {
        "run": {
            "id": f"shadow_cost_{options.method}_{options.ipc}_{found.checksum}",
            "method": options.method,
            "dataset": found.name,
            "rows": len(rows.labels),
            "arch": "convnet",
            "width": options.width,
            "ipc": options.ipc,
            "outer_steps": options.outer_steps,
            "init": "real",
            "num_classes": classes,
            "device": jax.devices()[0].device_kind,
            **workdir.provenance(),
        },
        "cost": {
            "plain_step_seconds": min(plain),
            "plain_batch_real": options.batch_real,
            "plain_epoch_seconds": min(one_net),
            "run_steps": options.run_steps,
            "epochs": options.epochs,
            "shadows": {str(count): row(count) for count in joined},
        },
    }
    print(json.dumps(record))


if __name__ == "__main__":
    main()
