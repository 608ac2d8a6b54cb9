"""Save and restore of any pytree of arrays at a step; whole, unchanged, or not at all.

A state is written by Orbax into a folder named after its step. Beside it, `STEP.json`
holds a digest of its files; a state whose files are others is never read. Of several
hosts the first writes and reads, and sends the others what it read.
"""

import hashlib
import json
import logging
import math
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from dd_jax.runtime import hosts
from dd_jax.runtime.sent import arrays_of_first
from dd_jax.system import disk, interruption
from dd_jax.system.notice import notice
from dd_jax.system.one_line import one_line
from dd_jax.system.paths import no_file
from dd_jax.types import Params

_ALL = ocp.options.MultiprocessingOptions()
_KEPT = 2  # states: one to go back to where the newest is damaged
_OVERHEAD = 2**18  # bytes that Orbax adds, at most


class Checkpoints:
    """Saved states of one loop in a folder, of which the newest two are kept."""

    def __init__(self, folder: str | Path, label: str = "loop"):
        """Opens the folder, which is made if need be; `label` names it in messages."""
        self._folder, self._label = Path(folder).absolute(), label
        with disk.writing(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
        self._about: dict[str, Any] = {}

    def latest(
        self,
        template: Params,
        written: Callable[[int], str] = lambda step: "",
        limit: float = math.inf,
    ) -> tuple[int, float, Params]:
        """The newest good step, seconds and state; 0, 0 and the template if none is.

        States that are damaged or were not finished are removed and named in a line.
        All hosts are given what the first finds.

        Args:
          template: a state of the same structure, shapes and dtypes.
          written: `step -> text` about what is on disk beside the state; it has to be
            what it was when the state was saved.
          limit: states of later steps are left where they are.
        """
        step, state = 0, template
        if hosts.first():
            step, state = self._newest(template, written, limit)
        found = hosts.of_first(lambda: {"step": step, "about": self._about})
        self._about = found["about"]
        if not self._about:
            return 0, 0.0, template
        return found["step"], float(self._about["seconds"]), arrays_of_first(state)

    def _newest(
        self, template: Params, written: Callable[[int], str], limit: float
    ) -> tuple[int, Params]:
        """The newest good step and state; 0 and the template if none is."""
        bad = []
        for step in self._steps(limit):
            try:
                self._about = about = self._intact(step)
                if about["written"] != written(step):
                    raise ValueError("the file that it belongs to was changed")
                state = self._restore(step, template)
            except (MemoryError, PermissionError):
                raise
            except Exception as error:  # damaged files can raise anything
                bad.append((step, error))
                self._remove(step)
                continue
            self._say(bad, f"goes back to step {step}")
            return step, state
        self._say(bad, "starts again from the beginning")
        self._about = {}
        return 0, template

    @property
    def rows(self) -> list[dict]:
        """The metric rows saved with the state that `latest` returned."""
        return list(self._about.get("rows", ()))

    def save(
        self,
        step: int,
        seconds: float,
        state: Params,
        rows: Sequence[dict] = (),
        written: str = "",
    ) -> None:
        """Writes the state under its step, then drops all but the newest two.

        Of several hosts only the first writes.

        Args:
          step: of the state.
          seconds: that it took to get there.
          state: arrays.
          rows: JSON values to keep with it.
          written: see `latest`.

        Raises:
          WriteError: the disk refuses it; earlier states stay.
        """
        if not hosts.first():
            return
        arrays = jax.tree.map(np.asarray, (seconds, state))
        size = sum(leaf.nbytes for leaf in jax.tree.leaves(arrays)) + _OVERHEAD
        self._remove(step)
        disk.check_room(self._folder / str(step), size)
        with interruption.held():
            try:
                with disk.writing(self._folder / str(step), size):
                    with _quiet(), self._manager() as manager:
                        items = ocp.args.StandardSave(arrays)
                        manager.save(step, args=items, force=True)
                    about = {"seconds": seconds, "written": written, "rows": [*rows]}
                    about["digest"] = disk.file_digest(self._folder / str(step))
                text = json.dumps(about)
                disk.replace(
                    self._seal(step), f"{_text_digest(text)}\n{text}\n".encode()
                )
            except BaseException:
                self._remove(step)
                disk.sweep(self._folder, ours=True)
                raise
        for old in self._steps()[_KEPT:]:
            self._remove(old)

    def _manager(self) -> ocp.CheckpointManager:
        alone = ocp.options.MultiprocessingOptions(
            primary_host=hosts.number(),
            active_processes={hosts.number()},
            barrier_sync_key_prefix="dd_jax",
        )
        options = ocp.CheckpointManagerOptions(
            create=False,
            enable_async_checkpointing=False,
            multiprocessing_options=alone if hosts.count() > 1 else _ALL,
        )
        return ocp.CheckpointManager(self._folder, options=options)

    def _restore(self, step: int, template: Params) -> Params:
        shapes = jax.tree.map(ocp.utils.to_shape_dtype_struct, (0.0, template))
        with _quiet(), self._manager() as manager:
            return manager.restore(step, args=ocp.args.StandardRestore(shapes))[1]

    def _intact(self, step: int) -> dict[str, Any]:
        """What was written with a state whose files are as they were then."""
        if why := no_file(self._seal(step)):
            raise ValueError(f"{self._seal(step).name}: {why}")
        digest, text = self._seal(step).read_text().splitlines()
        if digest != _text_digest(text):
            raise ValueError(f"{self._seal(step).name} was changed")
        about = json.loads(text)
        if about["digest"] != disk.file_digest(self._folder / str(step)):
            raise ValueError("its files were changed")
        return about

    def _steps(self, limit: float = math.inf) -> list[int]:
        """Steps up to a limit with something on disk, the newest first."""
        names = {path.name.removesuffix(".json") for path in self._folder.iterdir()}
        steps = (int(name) for name in names if name.isdecimal())
        return sorted((step for step in steps if step <= limit), reverse=True)

    def _seal(self, step: int) -> Path:
        return self._folder / f"{step}.json"

    def _remove(self, step: int) -> None:
        for place in (self._seal(step), self._folder / str(step)):
            if place.is_dir() and not place.is_symlink():
                shutil.rmtree(place)
            else:
                place.unlink(missing_ok=True)

    def _say(self, bad: Sequence[tuple[int, Exception]], then: str) -> None:
        if bad:
            steps = ", ".join(str(step) for step, _ in bad)
            why = one_line(bad[0][1])
            notice(
                f"{self._label}: the state of step {steps} in {self._folder} cannot be "
                f"used ({why}); {then}"
            )


def newest_step(folder: Path, limit: int) -> int:
    """The last step up to a limit of which a folder has a state; 0 if there is none."""
    names = [path.stem for path in folder.glob("*.json")]
    return max((int(n) for n in names if n.isdecimal() and int(n) <= limit), default=0)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what Orbax logs of an error before it raises it."""
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def _text_digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
