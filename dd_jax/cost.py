"""What a run costs: seconds by stage, compile time and peak memory."""

import resource

import jax

_compile_seconds = 0.0


def _listen(event: str, duration: float, **_) -> None:
    global _compile_seconds
    if event.endswith("backend_compile_duration"):
        _compile_seconds += duration


jax.monitoring.register_event_duration_secs_listener(_listen)


class Cost:
    """Adds up seconds by stage from its making on."""

    def __init__(self):
        """Starts with nothing spent."""
        self.seconds: dict[str, float] = {}
        self._compiled_before = _compile_seconds

    def add(self, stage: str, seconds: float) -> None:
        """Adds the seconds of a part of a stage."""
        self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds

    def record(self, distill_steps: int) -> dict:
        """The `cost` part of a Record; bytes are the process's or device's peak."""
        distil = self.seconds.get("distill", 0.0)
        memory = jax.local_devices()[0].memory_stats() or {}
        resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return {f"{stage}_seconds": value for stage, value in self.seconds.items()} | {
            "steps_per_second": distill_steps / distil if distil else None,
            "compile_seconds": _compile_seconds - self._compiled_before,
            "peak_bytes": memory.get("peak_bytes_in_use", resident),
        }
