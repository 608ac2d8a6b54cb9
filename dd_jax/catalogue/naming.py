"""How a config names entries: `dm`, `square:l2`, `npz:FILE`, and the rules of that."""

from collections.abc import Callable
from typing import Any

from dd_jax.catalogue.lookup import Entry, entries, entry, names
from dd_jax.catalogue.rules import Rule, some_of
from dd_jax.types import InputError

OLD_AUDITS = {"export": "quantization", "learning": "learning_curve"}  # -> new name


def attack_of(spec: str) -> tuple[str, dict[str, str]]:
    """The attack and its norm and version that a config names, such as `square:l2`.

    Args:
      spec: `NAME`, or `NAME:WORD` with a norm or version that the attack has, or both.

    Returns:
      The name, and a value for each of the words that the attack takes, by default the
      first.

    Raises:
      InputError: no such attack, or a word that is none of its options.

    >>> attack_of("autoattack:plus"), attack_of("fgsm")
    (('autoattack', {'norm': 'linf', 'version': 'plus'}), ('fgsm', {}))
    """
    name, *words = spec.split(":")
    options = _words(entry("attack", name))
    settings: dict[str, str] = {}
    for word in words:
        found = [option for option, known in options.items() if word in known]
        if not found or found[0] in settings:
            right = [known for values in options.values() for known in values]
            raise InputError(
                f"attack {spec!r}: {word!r} is none of its options "
                f"({', '.join(right) or 'it has none'}), or given twice"
            )
        settings[found[0]] = word
    return name, {option: known[0] for option, known in options.items()} | settings


def source_of(spec: str) -> tuple[str, str]:
    """The source that a config names, and the place that it is read from.

    Raises:
      InputError: no such source, a place that is missing, or one that it does not take.

    >>> source_of("npz:a.npz"), source_of("digits")
    (('npz', 'a.npz'), ('digits', ''))
    """
    name, colon, place = spec.partition(":")
    found = next((e for e in entries("source") if e.name == name), None)
    takes = found.traits.get("place") if found else ""
    right = bool(place) == bool(colon if takes is None else takes)
    if not found or not right or bool(place) != bool(colon):
        raise InputError(f"data source {spec!r} is unknown; use {describe_sources()}")
    return name, place


def describe_sources() -> str:
    """The sources as a config names them.

    >>> describe_sources()
    'digits, tfds:NAME, idx:DIR, npz:FILE or folder:DIR'
    """

    def form(found: Entry) -> str:
        place = found.traits.get("place")
        return found.name + (f":{place}" if place else "[:PLACE]" * (place is None))

    *others, last = map(form, entries("source"))
    return f"{', '.join(others)} or {last}"


def init_of(spec: str) -> tuple[str, str]:
    """The initialisation that a config names, and the source of its images if it has.

    Raises:
      InputError: no such initialisation, or source; one that is missing or not taken.

    >>> init_of("real"), init_of("public:npz:a.npz")
    (('real', ''), ('public', 'npz:a.npz'))
    """
    name, colon, place = spec.partition(":")
    takes = bool(entry("init", name).traits.get("place"))
    if not takes == bool(colon) == bool(place):
        raise InputError(f"initialisation {spec!r} is unknown; use {_inits_in_words()}")
    if place:
        source_of(place)
    return name, place


def _inits_in_words() -> str:
    places = ((e.name, e.traits.get("place", "")) for e in entries("init"))
    forms = (f"{name}:{place}" if place else name for name, place in places)
    return "one of " + ", ".join(forms)


def _words(found: Entry) -> dict[str, tuple[str, ...]]:
    return dict(found.traits.get("words", {}))


def _are_attacks(values: Any) -> bool:
    try:
        known = [attack_of(spec) for spec in values]
    except (InputError, AttributeError):
        return False
    return bool(known) and all(known.count(attack) == 1 for attack in known)


def one_named(kind: str) -> Rule:
    """One name of a kind."""
    return Rule(lambda v: v in names(kind), lambda: "one of " + ", ".join(names(kind)))


def some_named(kind: str, least: int = 1) -> Rule:
    """A tuple of names of a kind, none twice."""
    return Rule(
        lambda v: some_of(names(kind), least).holds(v),
        lambda: some_of(names(kind), least).words,
    )


def _attacks_in_words() -> str:
    found = list(entries("attack"))
    worded = [
        f"{e.name} takes {' or '.join(sum(_words(e).values(), ()))}"
        for e in found
        if _words(e)
    ]
    of = ", ".join(e.name for e in found)
    return f"a tuple of one or more, each once, of {of}; behind a colon " + ", ".join(
        worded
    )


def _is(parse: Callable[[str], tuple]) -> Callable[[str], bool]:
    def holds(value: str) -> bool:
        try:
            return bool(parse(value))
        except InputError:
            return False

    return holds


ATTACKS = Rule(_are_attacks, _attacks_in_words)
SOURCE = Rule(_is(source_of), describe_sources)
INIT = Rule(_is(init_of), _inits_in_words)


def present_names(record: dict[str, Any]) -> dict[str, Any]:
    """A Record whose parts that older versions named otherwise have their new names.

    >>> present_names({"run": {}, "export": {"bits": 8}})
    {'run': {}, 'quantization': {'bits': 8}}
    """
    new = {part: OLD_AUDITS.get(part, part) for part in record}
    return {new[part]: value for part, value in record.items()}
