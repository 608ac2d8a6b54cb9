"""What a run costs: seconds by stage, compile time and peak memory."""

import resource
from collections.abc import Hashable

import jax

from dd_jax.runtime.devices import devices_in_use

_compile_seconds = 0.0


def _listen(event: str, duration: float, **_) -> None:
    global _compile_seconds
    if event.endswith("backend_compile_duration"):
        _compile_seconds += duration


jax.monitoring.register_event_duration_secs_listener(_listen)


class Cost:
    """Adds up seconds by stage, from its creation on."""

    def __init__(self):
        """Starts at zero seconds."""
        self._spent: dict[str, dict[Hashable, float]] = {}
        self._compiled_before = _compile_seconds

    def count(self, stage: str, part: Hashable, seconds: float) -> None:
        """Sets the seconds that a part of a stage has taken so far, in total.

        >>> cost = Cost()
        >>> for part, seconds in (("a", 1.0), ("b", 2.0), ("a", 3.0)):
        ...     cost.count("train", part, seconds)
        >>> cost.seconds
        {'train': 5.0}
        """
        self._spent.setdefault(stage, {})[part] = seconds

    @property
    def seconds(self) -> dict[str, float]:
        """Seconds by stage."""
        return {stage: sum(parts.values()) for stage, parts in self._spent.items()}

    def record(self, distill_steps: int) -> dict:
        """The `cost` part of a Record; bytes are the process's or device's peak."""
        seconds = self.seconds
        distil = seconds.get("distill", 0.0)
        rated = distil and distill_steps  # a selection takes no steps
        memory = devices_in_use()[0].memory_stats() or {}
        resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return {f"{stage}_seconds": value for stage, value in seconds.items()} | {
            "steps_per_second": distill_steps / distil if rated else None,
            "compile_seconds": _compile_seconds - self._compiled_before,
            "peak_bytes": memory.get("peak_bytes_in_use", resident),
        }
