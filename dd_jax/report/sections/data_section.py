"""The data themselves: how many rows of what, what is there twice, what to mend."""

from dd_jax.report.artefacts import Artefacts
from dd_jax.report.blocks import Block, Notes, Table, Text, fold, grid
from dd_jax.report.data_advice import advice
from dd_jax.report.formats import Cell, rate
from dd_jax.report.path_texts import without_paths
from dd_jax.report.schema import COUNT, SHARE
from dd_jax.report.shapes import Check, fields, listed, number, text
from dd_jax.types import Record

PLACE = 5
SPLITS = {"train": "Train", "validation": "Validation", "test": "Test"}
KINDS = {"exact": "Copies", "near": "Look the same"}
FACTS = {
    "constant": "Of one colour everywhere",
    "grey": "Grey, stored in colour",
    "resized": "Resized",
    "enlarged": "Enlarged",
    "stretched": "Stretched",
}
MANY = 20  # classes, from which the table of them scrolls
LIMITS = (
    "Copies have the same pixels as another image of train. Those that look the same "
    "differ from it, but correlate with it by {correlation} or more at {side}x{side} "
    "pixels; some may show different things, and copies that are shifted, mirrored, "
    "cropped or turned are not found. Sizes are as stored, of all images of the "
    "source; a file that cannot be read stops a run before it begins."
)


def _by_split(check: Check, **others: Check) -> Check:
    known = others | {"train": check, "test": check}
    return fields(known, {"validation": check})


_TWICE = _by_split(fields({"rows": COUNT, "other_label": COUNT}))
_SIDES = dict.fromkeys(("height", "width"), number(1, whole=True))
_FACTS = dict.fromkeys(("channels", "sizes", *FACTS), COUNT)
SHAPE = fields(
    {
        "classes": listed(_by_split(COUNT, name=text)),
        "imbalance": fields(dict.fromkeys(("ratio", "effective_classes"), number(1))),
        "images": fields(_SIDES | _FACTS | {"largest_enlargement": number(1)}),
        "duplicates": fields({"exact": _TWICE, "near": _TWICE}),
        "compared": fields({"side": COUNT, "correlation": SHARE}),
    },
    {"groups": listed(_by_split(listed(COUNT), group=COUNT)), "ipc": COUNT},
)


def blocks(record: Record, files: Artefacts) -> list[Block]:
    """Advice, what is there twice, what images are like, rows of classes and groups."""
    part = record["data"]
    return [
        Notes([*advice(part), *_loading(record)]),
        *grid("Images that train holds too", duplicates(part)),
        *grid("Images", images(part)),
        Text(LIMITS.format(**part["compared"]), small=True),
        *grid("Images of each class", classes(part), tall=len(part["classes"]) > MANY),
        *fold("Images of each group and class", groups(part)),
    ]


def duplicates(part: dict) -> Table:
    """Images of each split that another image of train equals or resembles."""
    splits = _splits(part)
    rows = [
        (
            name,
            *(_with_share(found[s]["rows"], _total(part, s)) for s in splits),
            str(sum(found[s]["other_label"] for s in splits)),
        )
        for kind, name in KINDS.items()
        for found in [part["duplicates"][kind]]
    ]
    columns = (*(SPLITS[split] for split in splits), "With another label")
    return Table(("Images that train holds too", *columns), rows)


def images(part: dict) -> Table:
    """How large images are, and how many are of one colour, grey or resized."""
    of = part["images"]
    used = f"{of['height']}x{of['width']}, {of['channels']} channels"
    rows = [("Size", used.replace("1 channels", "1 channel"))]
    rows += [("Sizes as stored", str(of["sizes"]))]
    rows += [(name, f"{of[key]:,}") for key, name in FACTS.items()]
    return Table(("Images", ""), rows)


def classes(part: dict) -> Table:
    """Rows of each class by split; below them all, and how uneven they are."""
    splits = _splits(part)
    uneven = part["imbalance"]
    rows = [
        (row["name"], *(f"{row[split]:,}" for split in splits))
        for row in part["classes"]
    ]
    rows.append(("All", *(f"{_total(part, split):,}" for split in splits)))
    rest = ("",) * (len(splits) - 1)
    rows.append(("Largest over smallest", f"{uneven['ratio']:.2f}", *rest))
    effective = f"{uneven['effective_classes']:.1f} of {len(part['classes'])}"
    rows.append(("Effective number of classes", effective, *rest))
    return Table(("Class", *(SPLITS[split] for split in splits)), rows)


def groups(part: dict) -> Table | None:
    """Rows of each group and class by split; None without groups."""
    splits = _splits(part)
    rows = [
        (f"{row['group']}, {of_class['name']}", *(f"{row[s][label]:,}" for s in splits))
        for row in part.get("groups") or ()
        for label, of_class in enumerate(part["classes"])
    ]
    columns = ("Group, class", *(SPLITS[split] for split in splits))
    return Table(columns, rows) if rows else None


def _loading(record: Record) -> list[str]:
    """What loading did, as sentences."""
    notes = record["run"].get("data_notes") or ()
    return [f"Loading: {' '.join(without_paths(note.split(' ')))}." for note in notes]


def _splits(part: dict) -> list[str]:
    return [split for split in SPLITS if split in part["classes"][0]]


def _total(part: dict, split: str) -> int:
    return sum(row[split] for row in part["classes"])


def _with_share(rows: int, total: int) -> Cell:
    return Cell(f"{rows:,}", rate(rows / total) if rows else "")
