"""Which keys of the `run` part tell the runs of a sweep apart, and their values."""

from dd_jax.report.display_names import key_name, run_value, short_name
from dd_jax.types import Record

NUMERIC = ("ipc", "num_classes", "width")
NAMED = ("init", "method", "arch", "dataset")
KEYS = ("method", *(key for key in NAMED if key != "method"), *NUMERIC)


def value_name(record: Record, key: str) -> str:
    """The value of a run key as legends and ticks have it, methods abbreviated.

    >>> run = {"run": {"method": "dm", "ipc": 10}}
    >>> value_name(run, "method"), value_name(run, "ipc")
    ('DM', 'images per class 10')
    """
    value = run_value(record, key)
    if key in NUMERIC:
        return f"{key_name(key)} {value}"
    return f"init {value}" if key == "init" else short_name(value, key)
