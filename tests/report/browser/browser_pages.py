"""One page of each kind, built from fabricated Records."""

import itertools

from fabricate import record, write_failed, write_run

from dd_jax import report
from dd_jax.catalogue.decision_thresholds import THRESHOLDS
from dd_jax.report import __main__ as command
from dd_jax.report.decision import decision_files
from dd_jax.report.decision.decided import Settings

BOUNDS = {t.name: (t.amber, t.red) for t in THRESHOLDS}
PAGES = ("sweep", "japanese", "single", "loaded", "unread", "compared")


def build(name, folder):
    """The path of a page."""
    return globals()[f"_{name}"](folder)


def _sweep(folder, lang="en"):
    """Settings compared, with a decision; a run that failed."""
    grid = itertools.product((1, 10, 50), ("noise", "real"))
    for i, (ipc, init) in enumerate(grid):
        row = record(f"{i:012x}", 0.02 * i - 0.05, ipc=float(ipc), init=init)
        write_run(folder, row, artefacts=i == 5)
    write_failed(folder, "f" * 12, error="out of memory")
    decision_files.write(folder, Settings(BOUNDS, lang=lang))
    return report.build(folder)


def _japanese(folder):
    return _sweep(folder, "ja")


def _single(folder):
    """One run with every part."""
    write_run(folder, record())
    decision_files.write(folder, Settings(BOUNDS))
    return report.build(folder)


def _loaded(folder):
    """A set made elsewhere, in Japanese."""
    row = record(method="loaded", init=None, loaded=True)
    del row["privacy"]
    write_run(folder, row)
    decision_files.write(folder, Settings(BOUNDS, lang="ja"))
    return report.build(folder)


def _unread(folder):
    """A run that measured little, beside one that cannot be read."""
    row = record()
    for part in ("privacy", "memorisation", "robustness", "cost"):
        del row[part]
    write_run(folder, row, artefacts=False)
    damaged = folder / "runs" / "damaged"
    damaged.mkdir()
    (damaged / "record.json").write_text("{")
    return report.build(folder)


def _compared(folder):
    """Two runs side by side."""
    for letter, shift in (("a", 0.0), ("b", -0.1)):
        write_run(folder, record(letter * 12, shift), artefacts=False)
    runs = [str(folder / "runs" / (letter * 12)) for letter in "ab"]
    page = folder / "compared.html"
    assert command.main(["--compare", *runs, f"--export={page}"]) == 0
    return page
