"""What a device can do at most, from its data sheet; no jax."""

import re

# TFLOP/s without sparsity, from the makers' data sheets; words of `device_kind` in
# lower case, the first that fit. Chips without bf16 or tf32 lack the key.
KNOWN = {
    "h100 pcie": {"float32": 51, "tf32": 378, "bfloat16": 756},
    "h100": {"float32": 67, "tf32": 495, "bfloat16": 989},
    "h200": {"float32": 67, "tf32": 495, "bfloat16": 989},
    "a100": {"float32": 19.5, "tf32": 156, "bfloat16": 312},
    "v100": {"float32": 15.7},
    "tesla t4": {"float32": 8.1},
    "nvidia l4": {"float32": 30.3, "tf32": 60, "bfloat16": 121},
    "tpu v6": {"bfloat16": 918},
    "tpu v5 lite": {"bfloat16": 197},
    "tpu v5e": {"bfloat16": 197},
    "tpu v5p": {"bfloat16": 459},
    "tpu v5": {"bfloat16": 459},
}


def known_peak(device: str, precision: str) -> float | None:
    """TFLOP/s of a device in its data sheet; None where it is not in the table.

    >>> known_peak("NVIDIA H100 80GB HBM3", "tf32"), known_peak("cpu", "tf32")
    (495, None)
    >>> known_peak("TPU v5 lite", "bfloat16"), known_peak("TPU v5p", "bfloat16")
    (197, 459)
    >>> known_peak("NVIDIA L40S", "tf32")
    """
    for name, peaks in KNOWN.items():
        if re.search(rf"\b{name}\b", device.lower()):
            return peaks.get(precision)
    return None
