"""What was found in each check, as sentences."""

from collections.abc import Callable
from typing import Any

from dd_jax.report import headline
from dd_jax.report.decision.candidates import Candidate
from dd_jax.report.decision.check_parts import LOADED, Part
from dd_jax.report.decision.colours import NOT_MEASURED
from dd_jax.report.decision.language import Language
from dd_jax.report.decision.set_names import attack_name, class_names
from dd_jax.report.records import estimate, lookup
from dd_jax.types import Record

UNITS = {
    "accuracy_loss": "points",
    "class_gap": "points",
    "membership_auc": "decimal",
    "membership_tpr": "percent",
    "robust_accuracy_loss": "points",
}


def sentence(language: Language, candidate: Candidate, part: Part) -> str:
    """What a number is, and why it does not suffice where it does not."""
    found = ""
    if estimate(part.value):
        found = SENTENCES[part.name](language, candidate.records[0], part)
    return language.paragraph([found, reason(language, part)])


def reason(language: Language, part: Part) -> str:
    """Why the colour of a number is not known; empty where it is."""
    if not part.why:
        return ""
    smallest = language.number(part.found.get("resolves"), "percent")
    why = language.say(f"why_{part.why}", fpr=smallest)
    if part.why not in (NOT_MEASURED, LOADED):
        return why
    return language.say("in_words", name=language.say(part.name), value=why)


def _accuracy(language: Language, record: Record, part: Part) -> str:
    gain = language.full(part.found["gain"], UNITS[part.name])
    three = _three(language, part, "percent")
    return language.say("found_accuracy_loss", gain=gain, **three)


def _classes(language: Language, record: Record, part: Part) -> str:
    found = language.say("found_class_gap", **_three(language, part, "percent"))
    lost = part.found["lost"]
    if not lost:
        return found
    words = [
        language.say(
            "in_words",
            name=class_names(language, name),
            value=language.number(loss, "points"),
        )
        for name, loss in lost
    ]
    classes = language.say("comma").join(words)
    return language.paragraph([found, language.say("lost_classes", classes=classes)])


def _membership(language: Language, record: Record, part: Part) -> str:
    unit = UNITS[part.name]
    threat, score = part.found["threat"], part.found["score"]
    found = language.say(
        f"found_{part.name}",
        n=part.found["attacks"],
        attack=attack_name(language, record, threat, score),
        value=language.full(part.value, unit),
    )
    values = [
        language.say(
            "in_words", name=language.say(pipe), value=language.number(value, unit)
        )
        for pipe, value in part.found["beside"].items()
    ]
    listed = language.say("comma").join(values)
    return language.paragraph(
        [
            found,
            _inverted(language, part),
            _highest(language, record, part),
            language.say("beside", values=listed) if values else "",
        ]
    )


def _inverted(language: Language, part: Part) -> str:
    if not part.found["inverted"]:
        return ""
    own = language.number(1 - headline.mean(part.value), UNITS[part.name])
    return language.say("inverted", own=own)


def _highest(language: Language, record: Record, part: Part) -> str:
    """The attack with the highest mean, where another one counts."""
    highest = part.found["highest"]
    if not highest:
        return ""
    attack = attack_name(language, record, highest["threat"], highest["score"])
    value = language.full(highest["value"], UNITS[part.name])
    return language.say("highest", attack=attack, value=value)


def _robustness(language: Language, record: Record, part: Part) -> str:
    return language.say(
        "found_robust_accuracy_loss",
        eps=f"{part.found['eps']:.3g}",
        clean=language.number(part.found["clean"], "percent"),
        **_three(language, part, "percent"),
    )


def _three(language: Language, part: Part, unit: str) -> dict[str, Any]:
    """Distilled, full data, random subset, and the loss with its interval."""
    pipes = {"ours": "distilled", "full": "full_data", "subset": "random_subset"}
    return {
        name: language.number(lookup(part.found, pipe), unit)
        for name, pipe in pipes.items()
    } | {"loss": language.full(part.value, UNITS[part.name])}


SENTENCES: dict[str, Callable[[Language, Record, Part], str]] = {
    "accuracy_loss": _accuracy,
    "class_gap": _classes,
    "membership_auc": _membership,
    "membership_tpr": _membership,
    "robust_accuracy_loss": _robustness,
}
