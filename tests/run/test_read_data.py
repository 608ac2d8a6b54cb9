"""Data are read once, and again when a file of theirs changes."""

import os

import numpy as np
import pytest
from PIL import Image
from tiny import BARE, MLP, make

from dd_jax.run import read_data


def image(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((8, 8), value, np.uint8)).save(path)


@pytest.fixture
def data(tmp_path):
    """A folder of two classes, one of them a link, and the pixels that are read."""
    for name in ("data/cat", "elsewhere"):
        for i in range(3):
            image(tmp_path / name / f"{i}.png", 10 * i)
    (tmp_path / "data" / "dog").symlink_to(tmp_path / "elsewhere")
    given = make(
        BARE | MLP,
        data__source=f"folder:{tmp_path / 'data'}",
        data__num_classes=0,
        distill__ipc=1,
    )

    def pixels():
        train, test = read_data.dataset(given)[:2]
        return sorted(np.concatenate([train.images, test.images])[:, 0, 0, 0].tolist())

    return pixels


@pytest.mark.parametrize("folder", ["data/cat", "elsewhere"])
def test_a_changed_file_is_read_again(data, tmp_path, folder):
    assert data() == [0, 0, 10, 10, 20, 20]
    file = tmp_path / folder / "0.png"
    before = file.stat()
    image(file, 99)
    os.truncate(file, before.st_size)  # one colour more or less: the same size
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert data() == [0, 10, 10, 20, 20, 99]
    os.replace(tmp_path / folder / "1.png", file)
    assert data() == [0, 10, 10, 20, 20]


def test_links_do_not_end_the_reading(data, tmp_path):
    (tmp_path / "data" / "loop").symlink_to("loop")
    (tmp_path / "data" / "gone").symlink_to("nowhere")
    for name in ("a", "b", "c"):
        (tmp_path / "data" / "cat" / name).symlink_to("..")
    assert data() == [0, 0, 10, 10, 20, 20]
    assert len(read_data._stamp(f"folder:{tmp_path / 'data'}")) == 64
