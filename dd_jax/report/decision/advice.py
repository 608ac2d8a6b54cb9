"""What follows from a decision: savings, limits, next steps, what to say."""

from dd_jax.catalogue.decision_thresholds import CHECKS
from dd_jax.report.decision.check_sentences import UNITS
from dd_jax.report.decision.colours import AMBER, RED, UNKNOWN
from dd_jax.report.decision.decided import Decision
from dd_jax.report.decision.decision_tables import share
from dd_jax.report.decision.language import Language
from dd_jax.report.decision.set_names import class_names, size_name
from dd_jax.report.records import estimate

FEW_SEEDS = 3


def saved(language: Language, decision: Decision) -> list[str]:
    """What the recommended set saves, and when it has paid for itself."""
    spent, say = decision.spent, language.say
    lines = []
    if spent.ratio:
        lines.append(say("saved_storage", ratio=share(language, spent.ratio)))
    if spent.train is None:
        return [*lines, say("no_costs")]
    if spent.full is None or spent.faster is None:
        alone = say("only_train", train=language.duration(spent.train))
        return [*lines, alone, say("measured_once")]
    times = {
        "train": language.duration(spent.train),
        "full": language.duration(spent.full),
    }
    faster = spent.faster
    if faster > 1:
        n = say("times", n=f"{faster:.3g}")
        lines.append(say("saved_time", faster=n, **times))
    else:
        lines.append(say("lost_time", **times))
    if spent.distill is not None:
        distill, paid = language.duration(spent.distill), spent.break_even
        if paid is None:
            lines.append(say("not_paid", distill=distill))
        elif paid <= 1:
            lines.append(say("paid_1", distill=distill))
        else:
            lines.append(say("paid", distill=distill, n=f"{-(-paid // 1):.0f}"))
    return [*lines, say("measured_once")]


def limits(language: Language, decision: Decision) -> list[str]:
    """What the numbers do not show."""
    topics = ["data", "membership", "robustness", "people", "law"]
    if len(decision.candidates) > 1:
        topics.insert(1, "best")
    if decision.chosen.records[0]["run"].get("split") == "validation":
        topics.insert(0, "validation")
    return [language.say(f"limit_{topic}") for topic in topics]


def next_steps(language: Language, decision: Decision) -> dict[str, list[str]]:
    """What to do before a pilot, before a release, and in operation, by stage."""
    colours = {check.name: check.colour for check in decision.chosen.checks}
    loaded, pilot = decision.chosen.loaded, []
    if decision.not_measurable:
        pilot.append(language.say("step_loaded"))
    if decision.not_known:
        checks = named(language, decision.not_known)
        pilot.append(language.say("step_measure", checks=checks))
    pilot += [
        of_set(language, f"step_{check}", loaded)
        for check in CHECKS
        if colours[check] in (AMBER, RED)
    ]
    if decision.chosen.gains_nothing:
        pilot.append(of_set(language, "step_gain", loaded))
    if len(decision.chosen.records) < FEW_SEEDS:
        pilot.append(language.say("step_seeds"))
    stages = {
        "before_release": (
            *(() if loaded else ("worst_case",)),
            "autoattack",
            "transfer",
            "rights",
        ),
        "operation": ("drift", "delete", "again"),
    }
    return {"before_pilot": [*pilot, language.say("step_agree")]} | {
        stage: [language.say(f"step_{step}") for step in steps]
        for stage, steps in stages.items()
    }


def meeting(language: Language, decision: Decision) -> list[str]:
    """Sentences with the numbers of the run in them."""
    parts, say = decision.chosen.parts, language.say
    lines = [_gain(language, decision)]
    subset = parts["accuracy_loss"].found.get("random_subset")
    if estimate(subset):
        gain = language.number(decision.chosen.gain, "points")
        subset = language.number(subset, "percent")
        lines.append(say("say_subset", subset=subset, gain=gain))
    if decision.chosen.gains_nothing:
        lines.append(say("no_gain"))
    if lost := parts["class_gap"].found.get("lost"):
        name, loss = lost[0]
        words = {"name": class_names(language, name)}
        lines.append(say("say_class", loss=language.number(loss, "points"), **words))
    auc = parts["membership_auc"]
    if estimate(auc.value):
        full = auc.found["beside"].get("full_data")
        beside = say("say_membership_full", full=_of(language, auc.name, full))
        lines.append(
            say(
                "say_membership",
                n=auc.found["attacks"],
                value=_of(language, auc.name, auc.value),
                beside=beside if full else "",
            )
        )
    robust = parts["robust_accuracy_loss"]
    if estimate(robust.value):
        ours, full = (
            language.number(robust.found[pipe], "percent")
            for pipe in ("distilled", "full_data")
        )
        lines.append(say("say_robust", ours=ours, full=full))
    return [line for line in (*lines, proposal(language, decision)) if line]


def _gain(language: Language, decision: Decision) -> str:
    found, spent = decision.chosen.parts["accuracy_loss"].found, decision.spent
    ours, theirs = found.get("distilled"), found.get("full_data")
    if not estimate(ours) or not estimate(theirs):
        return ""
    timed = spent.faster is not None and spent.faster > 1
    return language.say(
        "say_gain" if timed else "say_accuracy",
        size=size_name(language, decision.chosen),
        ratio=share(language, spent.ratio),
        train=language.duration(spent.train),
        full=language.duration(spent.full),
        ours=language.number(ours, "percent"),
        theirs=language.number(theirs, "percent"),
    )


def _of(language: Language, name: str, value: dict | None) -> str:
    return language.number(value, UNITS[name])


def proposal(language: Language, decision: Decision) -> str:
    """What to propose: nothing yet where something is not known and nothing is red."""
    colour = decision.overall
    missing = {"say_measure": decision.not_known, "say_loaded": decision.not_measurable}
    if colour == RED or not any(missing.values()):
        checks = named(language, decision.of_colour(colour))
        return language.say(f"say_{colour}", checks=checks)
    return _and_lists(language, language.say(f"say_{UNKNOWN}"), missing)


def meaning(language: Language, decision: Decision) -> str:
    """What the overall colour means, and what is not known."""
    words = language.say(f"means_{decision.overall}")
    missing = {
        "means_also": decision.not_known,
        "means_loaded": decision.not_measurable,
    }
    return _and_lists(language, words, missing)


def _and_lists(language: Language, words: str, lists: dict[str, list[str]]) -> str:
    """A sentence, and one by its key for each list that is not empty."""
    more = [
        language.say(key, checks=named(language, names))
        for key, names in lists.items()
        if names
    ]
    return language.paragraph([words, *more])


def of_set(language: Language, key: str, loaded: bool) -> str:
    """A message, or that for loaded sets where there is one."""
    other = f"{key}_loaded"
    return language.say(other if loaded and language.knows(other) else key)


def named(language: Language, checks: list[str]) -> str:
    """Checks as a list in a sentence."""
    return language.listed([language.say(check) for check in checks])
