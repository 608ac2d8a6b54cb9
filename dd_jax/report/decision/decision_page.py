"""The page of a decision, at the top of the report."""

from typing import Any

from dd_jax.report import figures, pictures
from dd_jax.report.blocks import Block, Grid, Notes, Picture, Pictures, Text
from dd_jax.report.decision import advice, decision_tables, pareto
from dd_jax.report.decision.candidates import Check
from dd_jax.report.decision.check_sentences import sentence
from dd_jax.report.decision.decided import Decision
from dd_jax.report.decision.language import Language
from dd_jax.report.decision.set_names import whole_name
from dd_jax.report.display_names import dataset_name
from dd_jax.report.records import estimate


def page(decision: Decision) -> dict[str, Any]:
    """All that the template shows, in the language of the decision."""
    language = Language(decision.settings.lang)
    say, run = language.say, decision.chosen.records[0]["run"]
    ratio = decision_tables.share(language, decision.spent.ratio)
    chosen = "recommended" if decision.recommends else "best"
    return {
        "lang": language.code,
        "title": say("title"),
        "lead": say(
            "lead",
            data=dataset_name(decision.chosen.records[0]),
            classes=run["num_classes"],
        ),
        "recommended": language.paragraph(
            [
                say(
                    chosen if len(decision.candidates) > 1 else "only",
                    set=whole_name(language, decision.chosen),
                    ratio=ratio,
                ),
                say("no_gain") if decision.chosen.gains_nothing else "",
            ]
        ),
        "overall": say("overall"),
        "badge": decision_tables.badge(
            language, decision.overall, decision.chosen.parts.values()
        ),
        "meaning": advice.meaning(language, decision),
        "order": say("order"),
        "checks": [
            _check(language, decision, check) for check in decision.chosen.checks
        ],
        "sections": [
            (say(f"{name}_title"), blocks)
            for name, blocks in _sections(language, decision).items()
        ],
        "below": say("below"),
        "steps_title": say("next_title"),
        "steps": [
            (say(stage), lines)
            for stage, lines in advice.next_steps(language, decision).items()
        ],
    }


def problem_page(lang: str) -> dict[str, Any]:
    """What the template shows where no decision can be made."""
    language = Language(lang)
    words = {"title": language.say("title"), "problem": language.say("problem")}
    return words | {"lang": lang}


def _check(language: Language, decision: Decision, check: Check) -> dict[str, Any]:
    return {
        "name": language.say(check.name),
        "question": language.say(f"ask_{check.name}"),
        "badge": decision_tables.badge(language, check.colour, check.parts),
        "lines": [
            (
                decision_tables.badge(language, part.colour, [part]),
                sentence(language, decision.chosen, part),
            )
            for part in check.parts
        ],
    }


def _sections(language: Language, decision: Decision) -> dict[str, list[Block]]:
    say = language.say
    table = decision_tables.settings_table(language, decision)
    tried = decision_tables.defences_table(language, decision)
    bounds = decision_tables.thresholds_table(language, decision)
    several = len(decision.candidates) > 1
    compared: list[Block] = [
        *([Text(say("rule"), small=True)] if several else []),
        Grid(say("all_title"), table),
        *([Text(say("some_inverted"), small=True)] if _inverted(decision) else []),
        *_plot(language, decision),
    ]
    defended: list[Block] = [
        Text(advice.of_set(language, "none_tried", decision.chosen.loaded))
    ]
    if tried:
        defended = [
            Grid(say("tried_title"), tried),
            Text(say("tried_words"), small=True),
        ]
    return {
        "meeting": [Notes(advice.meeting(language, decision))],
        "savings": [Notes(advice.saved(language, decision))],
        "all": compared,
        "tried": defended,
        "limits": [Notes(advice.limits(language, decision))],
        "thresholds": [
            Grid(say("thresholds_title"), bounds),
            Notes(decision_tables.sources(language, decision)),
            Text(say("keys"), small=True),
        ],
    }


def _inverted(decision: Decision) -> bool:
    """Whether an AUC of the table is one with the answers inverted."""
    aucs = [own.parts["membership_auc"] for own in decision.candidates]
    return any(part.found.get("inverted") for part in aucs)


def _plot(language: Language, decision: Decision) -> list[Block]:
    """Accuracy against cost; none where fewer than two settings have both."""
    found, axis = decision.candidates, pareto.cost_axis(decision.candidates)
    known = [
        own
        for own in found
        if estimate(own.accuracy) and estimate(pareto.cost(own, axis))
    ]
    if len(known) < 2:
        return []
    chosen = next(i for i, own in enumerate(found) if own is decision.chosen)
    labels = tuple(language.say(f"axis_{name}") for name in (axis, "accuracy", "front"))
    data = figures.svg(
        lambda axes: pareto.draw(axes, found, chosen, labels), as_text=True
    )
    alt = language.say("pareto" if axis == pareto.AUC else "pareto_seconds")
    picture: Picture = pictures.svg_picture(data, alt)
    return [Pictures([picture], captioned=True, words=language.say("pareto_words"))]
