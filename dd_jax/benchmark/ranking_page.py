"""The page that ranks published sets by data set and images a class."""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import groupby

from dd_jax.benchmark.published_set import stated
from dd_jax.benchmark.ranking import (
    NO_VALUE,
    Ranked,
    accuracy,
    compared,
    group,
    results_version,
)
from dd_jax.config import RESULTS_VERSION, current_form
from dd_jax.report import headline
from dd_jax.report.blocks import Block, Caption, Grid, Notes, Table, Text
from dd_jax.report.control_names import HARD_LABELS, NAMES
from dd_jax.report.display_names import dataset_name, run_value, set_size_text
from dd_jax.report.formats import (
    NOT_MEASURED,
    NOT_RECORDED,
    Cell,
    decimal,
    kilobytes,
    percent,
)
from dd_jax.report.path_texts import without_paths
from dd_jax.report.records import estimate, lookup
from dd_jax.train.recipe import batches

HOW = (
    "Each set as published, in 8 bits, evaluated again by the training recipe that it "
    "states; ranked by accuracy, with 95 % intervals over networks. Sets of one table "
    "share data and evaluation rows, not width, training rows, steps of a network, "
    "learning rate, batches and CutMix. Record: the accuracy of the run that made the "
    "set, in 8 bits where that was measured, and whether the accuracy found again lies "
    "in its interval, as it does for the same networks, and nine times in ten for as "
    "many others. Random subsets have hard labels and take as many epochs as the set, "
    "which are fewer steps where a stored image holds several. Full data, the best "
    "control of other images on these rows, minutes of distillation with its experts, "
    "teacher and releases, membership (AUC of the strongest attack) and accuracy under "
    "PGD are those of the run that made the set; a dash where it did not measure them, "
    "or where the set was made elsewhere or names the Record of another method, data "
    "or size. Full data are of that run's width and epochs, and minutes of a machine "
    "and load that were not the same for all: they may differ several times. An "
    "earlier form of a method is one whose numbers have changed since. Images take 8 "
    "bits a value, hard labels a byte each, soft ones four a class, and as much for "
    "each view that has labels of its own."
)


def _title(row: Ranked) -> str:
    of, recipe = row.found["run"], row.published.recipe
    words = [dataset_name(row.found), f"{of['num_classes']} classes"]
    words += [set_size_text(row.found), f"{of['split']} rows"]
    if side := recipe.get("data.image_size"):
        words.append(f"{side}x{side}")
    if share := recipe.get("data.validation"):
        words.append(f"share {share:g}")
    if (version := results_version(row)) != RESULTS_VERSION:
        words.append(f"results version {version or 'unknown'}")
    return ", ".join(words)


def _method(row: Ranked) -> str:
    name, made = run_value(row.made or row.found, "method"), row.made.get("run")
    earlier = made and made.get("method_form") != current_form(made["method"])
    return f"{name}, earlier form" if earlier else name


def _steps(row: Ranked) -> str:
    recipe = row.published.recipe
    epochs, batch = recipe.get("train.epochs"), recipe.get("train.batch")
    if epochs is None or batch is None:
        return NO_VALUE
    return f"{epochs * batches(row.published.images, batch)[1]:,}"


def _control(row: Ranked) -> str | Cell:
    """The best control of other images, of the run that made the set."""
    known = {*NAMES} - {HARD_LABELS}
    rows = lookup(row.made, "controls", "controls") or []
    rows = [control for control in rows if control["name"] in known]
    best = max(rows, key=lambda c: headline.mean(c.get("accuracy")) or 0.0, default={})
    if not estimate(best.get("accuracy")):
        return NO_VALUE
    return f"{NAMES[best['name']].short} {percent(best['accuracy']).text}"


def _minutes(row: Ranked) -> str:
    seconds = headline.making_seconds(row.made)
    return NO_VALUE if seconds is None else f"{seconds / 60:.1f}"


def _membership(row: Ranked) -> str:
    attack = headline.membership(row.made)
    return f"{decimal(attack.auc)} {attack.threat.upper()}" if attack else NO_VALUE


def _robust(row: Ranked) -> str:
    attack = headline.robustness(row.made)
    known = attack and f"{percent(attack.accuracy)} at Linf {attack.eps:.3g}"
    return known or NO_VALUE


def _size(row: Ranked, part: str) -> str:
    count = lookup(row.found, "run", "bytes", part)
    return NO_VALUE if count is None else kilobytes(count)


COLUMNS: tuple[tuple[str, Callable[[Ranked], str | Cell]], ...] = (
    ("set", lambda row: row.published.name),
    ("method", _method),
    ("architecture", lambda row: run_value(row.found, "arch")),
    ("width", lambda row: run_value(row.found, "width")),
    ("training rows", lambda row: str(row.published.recipe.get("data.rows") or "all")),
    ("steps", _steps),
    ("accuracy", lambda row: percent(headline.accuracy(row.found))),
    ("Record", lambda row: percent(stated(row.made))),
    ("found again", compared),
    (
        "random subset",
        lambda row: percent(headline.accuracy(row.found, "random_subset")),
    ),
    ("best control", _control),
    ("full data", lambda row: percent(headline.accuracy(row.made, "full_data"))),
    ("minutes", _minutes),
    ("membership", _membership),
    ("accuracy under PGD", _robust),
    ("images", partial(_size, part="images")),
    ("labels", partial(_size, part="labels")),
)


def page(rows: Sequence[Ranked], reasons: Mapping[str, str]) -> list[Block]:
    """The blocks of the page.

    Args:
      rows: as `ranked` gives them.
      reasons: why the other sets were not evaluated, by name.
    """
    blocks: list[Block] = [Text(HOW)]
    groups = [[*members] for _, members in groupby(rows, group)]
    titles = [_title(members[0]) for members in groups]
    for title, of_group in zip(titles, groups):
        if titles.count(title) > 1:
            title += f" {of_group[0].rows}"
        head = ("rank", *(heading for heading, _ in COLUMNS))
        better = sorted(-accuracy(row) for row in of_group)
        cells = [
            (
                str(bisect_left(better, -accuracy(row)) + 1),
                *(_known(cell(row)) for _, cell in COLUMNS),
            )
            for row in of_group
        ]
        blocks += [Caption(title), Grid(title, Table(head, cells))]
    if reasons:
        lines = [f"{name}: {_public(reasons[name])}" for name in sorted(reasons)]
        blocks += [Caption("Not evaluated"), Notes(lines)]
    return blocks


def _known(cell: str | Cell) -> str | Cell:
    return NO_VALUE if str(cell) in (NOT_MEASURED, NOT_RECORDED) else cell


def _public(reason: str) -> str:
    """A reason without the paths of who ran the benchmark."""
    return reason if without_paths(reason) == reason else "refused on this machine"
