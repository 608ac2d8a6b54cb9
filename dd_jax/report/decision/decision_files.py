"""A decision for other programs: `decision.json`, `junit.xml` and two cards."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from dd_jax.catalogue.decision_thresholds import THRESHOLDS
from dd_jax.report import records
from dd_jax.report.cards import card_files
from dd_jax.report.decision.candidates import Candidate, Check
from dd_jax.report.decision.check_parts import Part
from dd_jax.report.decision.check_sentences import sentence
from dd_jax.report.decision.colours import RED, UNKNOWN, fails
from dd_jax.report.decision.decided import Decision, Settings, decide, problem
from dd_jax.report.decision.language import Language
from dd_jax.report.display_names import dataset_name
from dd_jax.report.records import estimate
from dd_jax.report.run_folder import json_file
from dd_jax.report.safe_text import presentable
from dd_jax.system import disk
from dd_jax.types import InputError, Record

JSON, JUNIT = "decision.json", "junit.xml"
SUITE = "dd_jax.decision"
NEEDED = ("run", "accuracy", "fairness", "privacy", "robustness", "cost")  # of a Record
ENGLISH = Language("en")


def write(workdir: str | Path, settings: Settings) -> Decision | str:
    """Decide on the Records of a work directory, and write what other programs read.

    Beside `decision.json` and `junit.xml` are the model card and the data card of the
    recommended setting, of its first seed, unless a part of its Record is damaged.

    Args:
      workdir: the folder that holds `runs/RUN_ID/`.
      settings: what the decision is made by.

    Returns:
      The decision, or why there is none; both first files are written in both cases.
    """
    workdir = Path(workdir)
    found = [presentable(_needed(record)) for record in records.stream(workdir)]
    decided = problem(found) or decide(found, settings)
    content = json.dumps(as_json(decided, settings), indent=2, allow_nan=False)
    disk.replace(workdir / JSON, content.encode())
    disk.replace(workdir / JUNIT, as_junit(decided, settings))
    if isinstance(decided, Decision):
        with suppress(InputError):  # which the report says
            card_files.write(workdir / "runs" / _runs(decided.chosen)[0], workdir)
    return decided


def again(workdir: str | Path) -> tuple[Settings, Decision | str] | None:
    """Decide again by the settings of an earlier decision; None where there is none.

    Raises:
      InputError: the file of the earlier one is damaged.
    """
    path = Path(workdir) / JSON
    if not path.exists():
        return None
    settings = _settings(json_file(path), path)
    return settings, write(workdir, settings)


def as_json(decided: Decision | str, settings: Settings) -> dict[str, Any]:
    """A decision as JSON values: settings, the recommended one, all candidates."""
    bounds = settings.bounds.items()
    found: dict[str, Any] = {
        "settings": {
            "lang": settings.lang,
            "fail_on": settings.fail_on,
            "thresholds": {name: {"amber": a, "red": r} for name, (a, r) in bounds},
        },
        "problem": decided if isinstance(decided, str) else None,
    }
    if isinstance(decided, str):
        return found
    record = decided.chosen.records[0]
    spent = decided.spent
    return found | {
        "data": {
            "name": dataset_name(record),
            "classes": record["run"]["num_classes"],
            "split": record["run"].get("split"),
        },
        "overall": decided.overall,
        "not_known": decided.not_known,
        "not_measurable": decided.not_measurable,
        "recommended": _candidate(decided.chosen),
        "savings": {
            "set_seconds": spent.distill,
            "train_seconds": spent.train,
            "full_data_train_seconds": spent.full,
            "ratio": spent.ratio,
            "faster": spent.faster,
            "break_even_trainings": spent.break_even,
        },
        "candidates": [_candidate(own) for own in decided.candidates],
        "defences": [
            {
                "defences": row.defences,
                "runs": _runs(row.candidate),
                "reference_runs": _runs(row.reference) if row.reference else None,
                "accuracy_change": row.accuracy,
                "worst_class_change": row.worst_class,
                "membership_auc_change": row.auc,
                "robust_accuracy_change": row.robust,
                "times_as_long": row.slower,
            }
            for row in decided.tried
        ],
    }


def as_junit(decided: Decision | str, settings: Settings) -> bytes:
    """A decision as JUnit XML: a test case for each check of the recommended setting.

    A check fails by `colours.fails` at the colour of `--fail_on`, without one at red;
    one that is not known and does not fail is skipped. Where there is no decision, one
    case has an error.
    """
    suite = ElementTree.Element("testsuite", name=SUITE)
    if isinstance(decided, str):
        _tell(_case(suite, "decision"), "error", decided)
    else:
        for check in decided.chosen.checks:
            case = _case(suite, check.name)
            text = line(check)
            if fails(check.colour, settings.fail_on or RED):
                _tell(case, "failure", text)
            elif check.colour == UNKNOWN:
                _tell(case, "skipped", text)
            details = ElementTree.SubElement(case, "system-out")
            details.text = "\n".join(
                f"{part.colour}: {sentence(ENGLISH, decided.chosen, part)}"
                for part in check.parts
            )
    counts = {"failures": "failure", "errors": "error", "skipped": "skipped"}
    suite.set("tests", str(len(suite)))
    for name, tag in counts.items():
        suite.set(name, str(len(suite.findall(f"testcase/{tag}"))))
    suite.set("time", "0")
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)


def line(check: Check) -> str:
    """A check and the numbers that give it its colour, in one line.

    >>> line(Check("membership", "unknown", []))
    'membership is not known'
    """
    same = [part for part in check.parts if part.colour == check.colour]
    colour = "not known" if check.colour == UNKNOWN else check.colour
    reasons = f" ({'; '.join(map(_number, same))})" if same else ""
    return f"{check.name} is {colour}{reasons}"


def _number(part: Part) -> str:
    known = estimate(part.value)
    if part.why or not known or not known["ci"]:
        return f"{part.name}: {part.why.replace('_', ' ')}"
    low, high = known["ci"]
    return (
        f"{part.name} {known['mean']:.3g}, 95 % interval {low:.3g} to {high:.3g}, "
        f"amber above {part.amber:g}, red above {part.red:g}"
    )


def _needed(record: Record) -> Record:
    return {part: record[part] for part in NEEDED if part in record}


def _case(suite: ElementTree.Element, name: str) -> ElementTree.Element:
    where = {"classname": SUITE, "name": name, "time": "0"}
    return ElementTree.SubElement(suite, "testcase", where)


def _tell(case: ElementTree.Element, tag: str, text: str) -> None:
    kind = {} if tag == "skipped" else {"type": tag}
    ElementTree.SubElement(case, tag, {"message": text} | kind)


def _candidate(own: Candidate) -> dict[str, Any]:
    run = own.records[0]["run"]
    keys = ("method", "init", "arch", "ipc", "ratio")
    return {
        "runs": _runs(own),
        **{key: run.get(key) for key in keys},
        "setting": own.setting,
        "accuracy": own.accuracy,
        "checks": [
            {
                "name": check.name,
                "colour": check.colour,
                "parts": [
                    part._asdict() | {"found": _found(part.found)}
                    for part in check.parts
                ],
            }
            for check in own.checks
        ],
    }


def _found(found: dict[str, Any]) -> dict[str, Any]:
    lost = found.get("lost")
    return found | ({"lost": [list(loss) for loss in lost]} if lost else {})


def _runs(own: Candidate) -> list[str]:
    return [record["run"]["id"] for record in own.records]


def _settings(content: Any, path: Path) -> Settings:
    try:
        given = content["settings"]
        bounds = {
            t.name: (float(own["amber"]), float(own["red"]))
            for t in THRESHOLDS
            for own in (given["thresholds"][t.name],)
        }
        settings = Settings(bounds, given["lang"], given["fail_on"])
        Language(settings.lang).say("title")
    except (KeyError, TypeError, ValueError, OSError):
        raise InputError(
            f"{path}: is not what a decision wrote; delete it and run the command again"
        ) from None
    return settings
