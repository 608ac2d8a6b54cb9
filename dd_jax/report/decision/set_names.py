"""What settings, classes and attacks are called in the language of the page."""

from collections.abc import Sequence

from dd_jax.report.decision.candidates import Candidate
from dd_jax.report.decision.check_parts import LOADED
from dd_jax.report.decision.language import Language
from dd_jax.report.decision.mitigations import defences
from dd_jax.report.display_names import display_name, run_value, short_name
from dd_jax.types import Record

ALWAYS = ("ipc", "init", "method")
OF_DEFENCES = (
    "adversarial.",
    "distill.allocation",
    "dp.",
    "mitigate.",
    "train.adversarial.",
)


def set_name(language: Language, candidate: Candidate, keys: Sequence[str]) -> str:
    """A setting by some keys of the run, and its defences."""
    record = candidate.records[0]
    pieces = [_piece(language, candidate, key) for key in keys]
    pieces += [
        language.say(name, n=f"{strength:.3g}")
        for name, strength in defences(record).items()
    ]
    return language.say("comma").join(filter(None, pieces))


def whole_name(language: Language, candidate: Candidate) -> str:
    """A setting by its size, initialisation and method, and what else differs."""
    others = [key for key in candidate.setting if key not in ALWAYS]
    return set_name(language, candidate, (*ALWAYS, *others))


def short_names(language: Language, found: Sequence[Candidate]) -> list[str]:
    """Settings by their size and by what differs between them."""
    others = [key for key in found[0].setting if key != "ipc"]
    others = [] if others == ["method"] and len(found) == 1 else others
    return [set_name(language, own, ("ipc", *others)) for own in found]


def size_name(language: Language, candidate: Candidate) -> str:
    """The images per class of a setting."""
    return set_name(language, candidate._replace(records=[_plain(candidate)]), ("ipc",))


def attack_name(language: Language, record: Record, threat: str, score: str) -> str:
    """A membership attack and its threat."""
    known = language.knows(threat)
    name = _translated(language, f"score_{score}", display_name(score, record, "score"))
    where = language.say(threat) if known else threat
    return language.say("attack", name=name, threat=where)


def class_names(language: Language, name: str | int) -> str:
    """A class by its name; by its number where it has none, or a number for a name."""
    numbered = isinstance(name, int) or name.isdecimal()
    return language.say("class_number", n=name) if numbered else name


def _plain(candidate: Candidate) -> Record:
    run = candidate.records[0]["run"]
    without = {"adversarial": {}, "differential_privacy": {}, "fair": {}}
    return candidate.records[0] | {"run": run | without}


def _piece(language: Language, candidate: Candidate, key: str) -> str:
    record = candidate.records[0]
    if key.startswith(OF_DEFENCES):
        return ""
    if key == "ipc":
        ipc = run_value(record, "ipc")
        return language.say("key_ipc_1" if ipc == "1" else "key_ipc", n=ipc)
    if key == "init":
        return _init(language, record)
    if key in ("method", "arch"):
        name = short_name(run_value(record, key), key)
        name = _translated(language, f"{key}_{record['run'][key]}", name)
        if key == "method" and candidate.loaded and record["run"][key] != LOADED:
            return language.say("key_loaded", name=name)
        return language.say(f"key_{key}", name=name)
    if key == "width":
        return language.say("key_width", n=run_value(record, key))
    return language.say("key_other", name=key, value=candidate.setting[key])


def _init(language: Language, record: Record) -> str:
    init = record["run"].get("init")
    if init is None:  # images that are selected have none
        return ""
    known = f"init_{str(init).partition(':')[0]}"
    name = _translated(language, known, run_value(record, "init"))
    return language.say("key_init", name=name)


def _translated(language: Language, message: str, name: str) -> str:
    """A name in the language of the page, where it has one of its own."""
    return language.say(message) if language.knows(message) else name
