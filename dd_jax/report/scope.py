"""What was measured, on which images and how often, in plain sentences."""

from dd_jax.report import headline
from dd_jax.report.formats import (
    THREAT_NAMES,
    count,
    decimal,
    percent,
    plain,
    share,
    spoken,
)
from dd_jax.report.records import estimate, lookup
from dd_jax.report.schema import PIPES
from dd_jax.types import Record

SPLITS = {
    "test": "the test split, which nothing was trained or distilled on",
    "validation": "the validation split, held out of training; the test split was not "
    "touched",
}
THREATS = {
    "t0": "an attacker asks which real images the distillation started from",
    "t1": "an attacker has the released synthetic set",
    "t2": "an attacker has one trained model, which answers any image with its logits",
}


def judged(record: Record) -> str:
    """Which split the accuracies come from."""
    split = record["run"].get("split")
    if split is None:
        return "The run does not say which split it was judged on."
    return f"Judged on {SPLITS.get(split, f'the {split} split')}."


def size(record: Record) -> str:
    """How many synthetic images stand for how many real ones."""
    run = record["run"]
    images = round(run["ipc"] * run["num_classes"])
    text = f"{count(images, 'synthetic image')}, {plain(run['ipc'])} a class"
    if not run.get("ratio"):
        return text
    return f"{text}, for {images / run['ratio']:,.0f} real ones ({_rate(run['ratio'])})"


def accuracy(record: Record, config: dict) -> list[str]:
    """Which networks each accuracy is the mean of, and what its interval covers."""
    run, notes = record["run"], [judged(record)]
    nets = {
        pipe: known["n"]
        for pipe in PIPES
        if (known := estimate(headline.accuracy(record, pipe))) and known["n"]
    }
    sets, single = run.get("sets"), " A single net has no interval."
    same = "from the same experts " if run["method"] == "mtt" else ""
    if "distilled" in nets and sets and sets > 1:
        notes.append(
            f"Distilled: {sets} synthetic sets, {count(run.get('nets', 1), 'net')} "
            f"each; the interval covers distilling {same}and training anew."
        )
    elif "distilled" in nets:
        notes.append(
            f"Distilled: {count(nets['distilled'], 'net')} on one synthetic set"
            + (
                "; the interval covers training anew, not distilling anew."
                if nets["distilled"] > 1
                else f".{single}"
            )
        )
    if "random_subset" in nets:
        n = nets["random_subset"]
        notes.append(
            f"Random subset: {count(n, 'net')}, each on real images of its own draw, "
            "as many of each class as the synthetic set has"
            + ("; the interval covers the draw too." if n > 1 else f".{single}")
        )
    if "full_data" in nets:
        notes.append(
            f"Full data: {count(nets['full_data'], 'net')}"
            f"{_epochs(config)}.{single if nets['full_data'] == 1 else ''}"
        )
    return notes


def membership(record: Record, config: dict) -> list[str]:
    """Who attacks what, with how many shadows, and who counts as a member."""
    attacks = headline.attacks(record)
    threats = {attack.threat: attack.auc for attack in attacks}
    notes = [
        f"Threat {name.upper()}: {THREATS[name]}."
        if name in THREATS
        else f"Threat {THREAT_NAMES.get(name, name)}."
        for name in threats
    ]
    attacked = int(
        (estimate(threats.get("t2") or threats.get("t1")) or {}).get("n") or 0
    )
    audit = lookup(config, "audits", "privacy") or {}
    if attacked:
        epochs = audit.get("epochs")
        shadows = attacked + (audit.get("shadows", 0) if audit.get("joint") else 0)
        notes += [
            f"{count(shadows, 'shadow distillation')}, each of its own half of the "
            "training rows and with one net trained on the result"
            f"{f' for {epochs} epochs' if epochs else ''}. {_targets(audit)}; the nets "
            "judged for accuracy are not the ones attacked.",
            f"Members are all rows of the half that was distilled.{_unused(record)}",
        ]
    if "t1" in threats and (repeats := audit.get("repeats") or 1) > 1:
        notes.append(f"T1 averages {repeats} nets trained on each released set.")
    attack = headline.membership(record)
    path = ("privacy", "distilled", *(attack[:2] if attack else ()))
    keys = "shared_seed", "known_randomness"  # the second in earlier Records
    bounds = [lookup(record, *path, key, "auc") for key in keys]
    if bound := bounds[0] or bounds[1]:
        notes.append(
            "Attacked with shadows most of which share their random numbers: "
            f"{spoken(path[3])} on {path[2].upper()} has AUC {decimal(bound)}."
        )
    if "t0" in threats:
        notes.append(
            "T0 has shadow distillations of its own, of all training rows: members are "
            "the real images that each started from, non-members the other half of a "
            "fixed list. It is the positive control of real initial images."
        )
    resolved: dict[str, list[str]] = {}
    for threat in threats:
        if rate := headline.resolution(record, threat):
            resolved.setdefault(_rate(rate), []).append(threat.upper())
    for rate, which in resolved.items():
        whose = f" ({' and '.join(sorted(which))})" if len(threats) > 1 else ""
        notes.append(
            f"The non-members of all targets together resolve rates down to {rate}, "
            f"where {headline.FALSE_POSITIVES} of them are accused{whose}."
        )
    return notes


def likeness(record: Record) -> list[str]:
    """What released images were compared with, and how to read the figures."""
    part = record.get("memorisation") or {}
    if not part.get("rows"):
        return []
    return [
        f"Compared with {part['rows']:,} training images "
        f"({_part(part.get('share_of_train'))} of them, at random) and as many unseen "
        "ones of the same source. An image that copies a training image left out of "
        "the comparison goes unnoticed; the copies below show how much that hides.",
        "Closer to train: 50 % is no preference. Distance ratio: nearest over second "
        "nearest, 0 is a copy. Residual risk: how much more often images single out a "
        "training image than an unseen one; 0 is none.",
        "Likeness is no measure of privacy: images unlike all training images can give "
        "membership away. Read it beside membership inference.",
    ]


def robustness(record: Record, config: dict) -> list[str]:
    """Which networks were attacked, on which images, by which attacks."""
    part = {pipe: of for pipe, of in (record.get("robustness") or {}).items() if of}
    nets = {(estimate(row.get("clean")) or {}).get("n") for row in part.values()}
    images = lookup(config, "audits", "robustness", "images")
    split = record["run"].get("split")
    notes = []
    if nets == {1}:
        notes.append(
            "One net of each kind was attacked: intervals are binomial, over the draw "
            "of the images, and its accuracy at radius 0 differs from the mean over "
            "nets above."
        )
    if images and split:
        notes.append(f"At most {images} images of the {split} split were attacked.")
    flat = [estimate(row.get("zero_gradients")) for row in part.values()]
    if most := max((found["mean"] for found in flat if found), default=0.0):
        notes.append(
            f"Up to {percent(most).text} of the images have no gradient to follow."
        )
    settings = {
        name: rows[-1]
        for row in part.values()
        for name, rows in (row.get("attacks") or {}).items()
        if rows
    }
    return notes + [
        f"{spoken(name)}: {_steps(row)}."
        for name, row in settings.items()
        if row.get("steps") and row.get("eps")
    ]


def _targets(audit: dict) -> str:
    """Which of the shadows are attacked."""
    if not audit.get("joint"):
        return (
            "Each of these nets is attacked in turn, with the help of the others (its "
            "complement left out)"
        )
    return (
        f"{plain(audit.get('shadows'))} of them share networks and real batches; the "
        f"other {plain(audit.get('targets'))} share nothing and are attacked in turn, "
        "with the help of all others (their complement left out). Of the baselines all "
        "nets are attacked"
    )


def _steps(row: dict) -> str:
    if row["steps"] == 1:
        return "one step"
    length = row.get("step_size")
    size = f" of {length / row['eps']:.3g} x radius" if length else ""
    start = ", from a random start" if row.get("random_start") else ""
    restarts = count(row.get("restarts") or 1, "restart")
    return f"{count(row['steps'], 'step')}{size}{start}, {restarts}"


def _epochs(config: dict) -> str:
    full = lookup(config, "train", "full_epochs")
    small = lookup(config, "train", "epochs")
    if not full or not small:
        return ""
    return f", {full} epochs (the others: {small})"


def _unused(record: Record) -> str:
    """How few members the random subset has seen, where the sizes are known."""
    ratio = record["run"].get("ratio")
    if not ratio or ratio >= 0.5:
        return ""
    return (
        " For the random subset they are all rows of the half it was drawn from, "
        f"although its net has seen only about {share(2 * ratio)} of them."
    )


def _part(value: float | None) -> str:
    return "an unrecorded share" if value is None else share(value)


def _rate(value: float) -> str:
    return f"{100 * value:.2g} %"
