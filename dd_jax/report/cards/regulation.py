"""Which points of Regulation (EU) 2024/1689 the fields of a card bear on, by number.

Source: Regulation (EU) 2024/1689 of 13 June 2024, Article 10 and Annex IV.
"""

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import getitem
from typing import Any

LABEL = (
    "A map from fields of this card to numbers of the text, for those who write "
    "documentation. It is no legal advice: it does not say whether the Regulation "
    "applies, nor that a field is enough for a point."
)
ANNEX = [f"Annex IV, {point}({letter})" for point in (1, 2) for letter in "abcdefgh"]
ANNEX += [f"Annex IV, {point}" for point in range(3, 10)]
ARTICLE = ["Article 10(1)", *(f"Article 10(2)({letter})" for letter in "abcdefgh")]
ARTICLE += [f"Article 10({paragraph})" for paragraph in range(3, 7)]


def with_map(
    card: Mapping[str, Any],
    fields: Mapping[str, Sequence[str]],
    every: Sequence[str],
) -> dict[str, Any]:
    """A card with its map, and the points on which it has nothing.

    Args:
      card: whose fields are mapped.
      fields: dotted field of the card -> points of the text.
      every: all points that a card of its kind could bear on, in the text's order.

    Returns:
      The card and `regulation {regulation, label, fields, nothing_on}`; a field that is
      null, or empty, is nothing.

    >>> mapped = {"cost": ["Annex IV, 2(c)"], "data": ["Annex IV, 2(d)"]}
    >>> every = ["Annex IV, 2(c)", "Annex IV, 2(d)", "Annex IV, 9"]
    >>> with_map({"cost": 1, "data": None}, mapped, every)["regulation"]["nothing_on"]
    ['Annex IV, 2(d)', 'Annex IV, 9']
    """
    known = [points for field, points in fields.items() if _has(card, field)]
    covered = {point for points in known for point in points}
    found = {
        "regulation": "Regulation (EU) 2024/1689",
        "label": LABEL,
        "fields": {field: list(points) for field, points in fields.items()},
        "nothing_on": [point for point in every if point not in covered],
    }
    return {**card, "regulation": found}


def _has(card: Mapping[str, Any], field: str) -> bool:
    value = reduce(getitem, field.split("."), card)
    values = value.values() if isinstance(value, Mapping) else [value]
    return any(inner not in (None, [], {}) for inner in values)
