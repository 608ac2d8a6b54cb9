"""Writing a data set that TensorFlow Datasets reads, without TensorFlow."""

import io
import shutil
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from dd_jax.types import InputError

NAME, _VERSION = "synthetic_set", "1.0.0"


def write(
    directory: str | Path,
    images: np.ndarray,
    pixels: np.ndarray,
    labels: np.ndarray,
    classes: np.ndarray,
    class_names: tuple[str, ...],
    about: dict,
) -> Path:
    """Writes the split `train` in the format `array_record`, rows in order.

    Features: `image u8[h w c]`, `pixels f32[h w c]` (exact, not clipped), `label` (the
    class of the image) and `soft_label f32[k]`. `about` becomes the metadata,
    `tfds.builder_from_directory(...).info.metadata`.

    Args:
      directory: where the folder `synthetic_set/1.0.0` is made.
      images: `u8[n h w c]`, one or three channels.
      pixels: `f32[n h w c]`, the same before they became bytes.
      labels: `f32[n k]`, probabilities.
      classes: `i32[n]`.
      class_names: k names.
      about: plain JSON values; `use` describes how to train on the set.

    Returns:
      The folder that `tfds.builder_from_directory` takes; `tfds.data_source(NAME,
      data_dir=directory)` reads it too.

    Raises:
      InputError: what TFDS needs for this is not installed, or it refuses the names.
    """
    try:
        import array_record  # noqa: F401
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise InputError(
            f"writing a TFDS data set needs {error.name}; pip install 'dd_jax[tfds]'"
        ) from error

    class Builder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        name = NAME
        VERSION = tfds.core.Version(_VERSION)

        def _info(self):
            numbers = lambda shape: tfds.features.Tensor(shape=shape, dtype=np.float32)
            features = {
                "image": tfds.features.Image(shape=images.shape[1:]),
                "pixels": numbers(images.shape[1:]),
                "label": tfds.features.ClassLabel(names=list(class_names)),
                "soft_label": numbers(labels.shape[1:]),
            }
            return tfds.core.DatasetInfo(
                builder=self,
                description="A distilled data set. " + about["use"],
                features=tfds.features.FeaturesDict(features),
                metadata=tfds.core.MetadataDict(about),
                disable_shuffling=True,
            )

        def _split_generators(self, dl_manager):
            return {"train": self._generate_examples()}

        def _generate_examples(self):
            for i, row in enumerate(zip(images, pixels, labels, classes)):
                features = {
                    "image": _png(row[0]),
                    "pixels": np.float32(row[1]),
                    "label": int(row[3]),
                    "soft_label": np.float32(row[2]),
                }
                yield i, features

    try:
        builder = Builder(data_dir=directory, file_format="array_record")
        with tempfile.TemporaryDirectory() as unused:
            builder.download_and_prepare(download_dir=unused)
    except BaseException as error:
        shutil.rmtree(Path(directory) / NAME, ignore_errors=True)
        if isinstance(error, ValueError):
            raise InputError(f"{directory}: TFDS refuses the set ({error})") from None
        raise
    return Path(builder.data_dir)


def _png(image: np.ndarray) -> io.BytesIO:
    """An open file, which TFDS stores as it is; an array it encodes by TensorFlow."""
    file = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(file, "PNG")
    file.seek(0)
    return file
