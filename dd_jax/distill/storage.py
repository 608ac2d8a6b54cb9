"""`synthetic.npz`: a synthetic set that describes itself."""

import io
import json
import os
import zipfile
from pathlib import Path

import numpy as np

from dd_jax.types import InputError, SyntheticSet

_ARRAYS = ("images", "labels", "lr")


def save(path: str | Path, synthetic: SyntheticSet) -> None:
    """Writes `images f32[m h w c]`, `labels f32[m k]`, `lr f32[]` and JSON `metadata`.

    The file appears whole or not at all, and the same set gives the same bytes.
    """
    buffer = io.BytesIO()
    arrays = {name: np.float32(getattr(synthetic, name)) for name in _ARRAYS}
    metadata = json.dumps(synthetic.metadata or {}, sort_keys=True)
    np.savez(buffer, **arrays, metadata=np.array(metadata))
    temporary = Path(path).with_suffix(".tmp")
    temporary.write_bytes(buffer.getvalue())
    os.replace(temporary, path)


def load(path: str | Path) -> SyntheticSet:
    """Reads a synthetic set written by `save`, here or elsewhere.

    Raises:
      InputError: no such file, or not a well-formed synthetic set.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            missing = [name for name in (*_ARRAYS, "metadata") if name not in file]
            if missing:
                raise InputError(f"{path} lacks {', '.join(missing)}")
            images, labels, lr = (np.float32(file[name]) for name in _ARRAYS)
            metadata = json.loads(str(file["metadata"]))
    except FileNotFoundError:
        raise InputError(f"no synthetic set at {path}") from None
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is not a synthetic set (.npz): {error}") from None
    if images.ndim != 4 or labels.ndim != 2 or len(images) != len(labels):
        raise InputError(
            f"{path}: images {images.shape} and labels {labels.shape} should be "
            "[m h w c] and [m k]"
        )
    if not all(np.isfinite(a).all() for a in (images, labels, lr)):
        raise InputError(f"{path}: images, labels or lr hold NaN or infinity")
    if (labels < 0).any() or not np.allclose(labels.sum(1), 1, atol=1e-3):
        raise InputError(f"{path}: each row of labels should be probabilities")
    return SyntheticSet(images, labels, lr, metadata)
