"""Evaluates published synthetic sets again and ranks them.

  python -m dd_jax.benchmark [--data=NAME=SOURCE ...] [--keep] [SETS]
  python -m dd_jax.benchmark --add=SET --name=NAME [--config.KEY=VALUE ...] [--keep]

SETS is a folder of published sets, experiments/results/sets by default. Each is
evaluated by an ordinary run that loads it, with the recipe, seed and data that it
states. Runs are kept in --workdir, so that the same command again goes on where it was
stopped. A page in Markdown, WORKDIR/benchmark.md, ranks the sets and says whether each
accuracy lies in the interval of its Record. Sets whose data are not here are listed
with the reason; --data=cifar10=npz:FILE gives the data. --keep writes the page as
SETS/README.md, and the evaluations that it shows as SETS/evaluations.json; those of
sets that could not run here stay in both.

--add publishes a set, evaluates it, and ranks it among those evaluated before: in
--workdir, or as SETS/evaluations.json has them. SET is the folder of a finished run,
whose Record comes along, a synthetic.npz, or an exported folder. Of a set made
elsewhere, --config.data.source=SOURCE gives the data, and further keys of data, model
and train and the seed the recipe; the file keeps the name of the data and a digest of
the rows that it is evaluated on, not their place. For .pt files see
python -m dd_jax.distill.convert --help.

Exit status: 0 done, 1 a set cannot be evaluated though its data are here, or the disk
is full, 2 bad input or usage, 130 Ctrl-C, 143 SIGTERM.
"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path

from dd_jax.benchmark import ranking, ranking_page
from dd_jax.benchmark.adding import add
from dd_jax.benchmark.evaluation import evaluate, prepared, source_here
from dd_jax.benchmark.kept import FILE, Kept, keep, kept
from dd_jax.benchmark.published_set import (
    PublishedSet,
    data_name,
    place_of,
    read,
    records_of,
)
from dd_jax.config.grid import possible
from dd_jax.config.overrides import overrides
from dd_jax.report import markdown
from dd_jax.system import destination, disk, interruption
from dd_jax.system.disk import WriteError
from dd_jax.system.locks import locked
from dd_jax.system.one_line import one_line
from dd_jax.system.paths import (
    NO_FILE,
    check_text,
    describe_error,
    expanded,
    no_file,
    no_folder,
    not_writable,
)
from dd_jax.system.progress import say
from dd_jax.types import InputError

DONE, FAILED, BAD_INPUT = 0, 1, 2
SETS = Path(__file__).parents[2] / "experiments" / "results" / "sets"


def main(argv: Sequence[str]) -> int:
    """Runs one command line and returns the exit status."""
    try:
        for argument in argv:
            check_text(argument)
        changes, others = overrides(argv)
        given = parser().parse_args(others)
        if bool(given.add) != bool(given.name):
            raise InputError("--add=SET and --name=NAME need each other")
        if changes and not given.add:
            raise InputError(f"--config.{[*changes][0]}: goes with --add alone")
        root, sources = destination.results_folder(given.workdir), _sources(given.data)
        pages = [_page(root / "benchmark.md")]
        pages += [_page(given.sets / "README.md")] if given.keep else []
        source = ""
        if given.add:
            own = changes.get("data.source", "")
            place = lambda stated: own or source_here(stated, sources)
            check = lambda published, stated: prepared(published, place(stated))[1]
            destination.make(root, [])
            before, _ = possible(read, enumerate(_files(given.sets)))
            _require_undamaged(given.sets, [*before.values()])
            added = add(expanded(given.add), given.name, given.sets, changes, check)
            source = place(added.source)
            for line in [str(added.path), *added.notes]:
                say(line)
        return _rank(given.sets, sources, pages, root, given.name, source)
    except InputError as error:
        return _refused(BAD_INPUT, one_line(error))
    except WriteError as error:
        return _refused(FAILED, str(error))
    except OSError as error:
        return _refused(BAD_INPUT, describe_error(error))
    except KeyboardInterrupt as stop:
        interruption.ignore()
        with suppress(OSError):  # a terminal that was closed
            print("\ninterrupted; the same command resumes", file=sys.stderr)
        return interruption.status(stop)


def parser() -> argparse.ArgumentParser:
    """What reads the arguments but for `--config.KEY`."""
    made = argparse.ArgumentParser(
        prog="python -m dd_jax.benchmark",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("sets", metavar="SETS", type=expanded, nargs="?", default=SETS)
    made.add_argument("--add", metavar="SET", default="")
    made.add_argument("--name", default="", help="of the set that is added")
    made.add_argument("--workdir", default="runs_out/benchmark", help="of the runs")
    made.add_argument(
        "--keep",
        action="store_true",
        help="write the page and its evaluations beside the sets",
    )
    made.add_argument(
        "--data",
        metavar="NAME=SOURCE",
        action="append",
        default=[],
        help="where data of this name are, as --config.data.source; may be repeated",
    )
    return made


def _sources(given: Sequence[str]) -> dict[str, str]:
    found = {}
    for text in given:
        name, equals, source = text.partition("=")
        if not (data_name(name) and equals and source):
            raise InputError(f"--data={text}: need NAME=SOURCE")
        if (place := place_of(source)) and not place.exists():
            raise InputError(f"--data={text}: no such file or folder")
        found[data_name(name)] = source
    return found


def _page(path: Path) -> Path:
    """The path of the page, if a file can be put there."""
    if (why := no_file(path)) and why != NO_FILE:
        raise InputError(f"{path}: {why}")
    folder = next(place for place in path.absolute().parents if place.exists())
    if why := not_writable(folder):
        raise InputError(f"{path}: {folder} {why}")
    return path


def _rank(
    folder: Path,
    sources: dict[str, str],
    pages: list[Path],
    root: Path,
    only: str,
    source: str,
) -> int:
    sets, unreadable = _read(folder)
    _require_undamaged(folder, sets)
    result = evaluate(sets, sources, root, only, source)
    keeps = len(pages) > 1
    with locked(folder / FILE) if keeps else nullcontext():
        if keeps:  # others may have added some meanwhile
            sets, unreadable = _read(folder)
        before = kept(folder, sets) if only or keeps else {}
        found = before | {n: Kept(r, result.rows[n]) for n, r in result.records.items()}
        why = dict.fromkeys((each.name for each in sets), "not run yet")
        why |= result.reasons | unreadable
        missing = {name: why[name] for name in why if name not in result.records}
        reasons = {name: missing[name] for name in missing if name not in found}
        rows = ranking.ranked(sets, found, records_of(folder, _ids(sets)))
        text = markdown.of_blocks(ranking_page.page(rows, reasons))
        for page in pages:
            disk.replace(page, f"# Benchmark\n\n{text}".encode())
        if keeps:
            keep(folder, sets, found)
    for name, reason in sorted((reasons if only else missing).items()):
        stays = "; its kept evaluation stays" if name in found else ""
        say(f"{name}: {reason}{stays}")
    say(f"{ranking.summary(rows, reasons)}; page: {pages[-1]}")
    failed = result.failed or only in reasons or (unreadable and not only)
    return FAILED if failed else DONE


def _read(folder: Path) -> tuple[list[PublishedSet], dict[str, str]]:
    """The sets of a folder, and why others cannot be read, by name."""
    if why := no_folder(folder):
        raise InputError(f"{folder}: {why}; give a folder of published sets")
    paths = _files(folder)
    if not paths:
        raise InputError(f"{folder}: has no set in it; --add=SET puts one there")
    found, reasons = possible(read, enumerate(paths))
    return [*found.values()], {
        paths[i].stem: why.replace(str(paths[i]), paths[i].name)
        for i, why in reasons.items()
    }


def _require_undamaged(folder: Path, sets: Sequence[PublishedSet]) -> None:
    """Refuses files of Records and evaluations that cannot be read, before compute."""
    records_of(folder, _ids(sets))
    kept(folder, sets)


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.npz"))


def _ids(sets: Iterable[PublishedSet]) -> set[str]:
    """Ids of the Records that sets name."""
    return {each.record for each in sets} - {""}


def _refused(status: int, why: str) -> int:
    print("error:", why, file=sys.stderr)
    return status


if __name__ == "__main__":
    interruption.install()
    sys.exit(main(sys.argv[1:]))
