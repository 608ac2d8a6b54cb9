"""Files appear whole or not at all, also where the disk is full or writers die."""

import errno
import json
import os
import re
import subprocess
import sys
import time

import numpy as np
import pytest

from dd_jax.system import disk, workdir
from dd_jax.system.disk import WriteError

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def fails(error):
    def call(*arguments, **kw):
        raise error

    return call


@pytest.fixture
def small(tmp_path):
    """A disk of 256 kB; needs the right to mount."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", place]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("may not mount a disk")
    yield place
    subprocess.run(["umount", place], check=True)


@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_refusal_is_one_line_and_leaves_nothing(tmp_path, monkeypatch, call, number):
    path = tmp_path / "a.json"
    disk.replace(path, b"old")
    error = OSError(number, os.strerror(number))
    with monkeypatch.context() as patch:
        if call == "write":  # what a full disk does to the first write
            patch.setattr(disk.Path, "open", fails(error))
        else:
            patch.setattr(os, call, fails(error))
        with pytest.raises(WriteError) as caught:
            disk.replace(path, b"x" * 1500)
    line = str(caught.value)
    assert line.startswith(f"{path}: cannot be written ({os.strerror(number)}, 1.5 kB")
    assert line.endswith("and run the same command again") and "\n" not in line
    assert ("make room" in line) == (number != errno.EIO)
    assert caught.value.errno == number
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["a.json"]


def test_a_full_disk_keeps_what_is_on_it(small):
    path, rows = small / "results.jsonl", small / "rows.jsonl"
    disk.replace(path, b"old\n")
    with pytest.raises(WriteError, match=r"1.0 MB needed, \d+\.\d kB free.*make room"):
        disk.replace(path, b"x" * 10**6)
    with pytest.raises(WriteError, match="make room"):
        disk.replace(small / "new", (b"x" * 1000 for _ in range(1000)))
    disk.append(rows, b"whole\n")
    with pytest.raises(WriteError, match="1.0 MB needed"):
        disk.append(rows, b"x" * 10**6 + b"\n", flush=True)
    assert path.read_bytes() == b"old\n" and rows.read_bytes() == b"whole\n"
    assert sorted(os.listdir(small)) == ["results.jsonl", "rows.jsonl"]
    disk.append(rows, b"next\n")
    assert rows.read_bytes() == b"whole\nnext\n"


def test_files_beyond_the_limit_on_their_size(tmp_path):
    code = (
        "import resource\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "from dd_jax.system import disk\n"
        "for write in (disk.replace, disk.append, lambda p, b: "
        "disk.check_room(p, len(b))):\n"
        "    try:\n"
        "        write('file', bytes(5000))\n"
        "    except disk.WriteError as error:\n"
        "        print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert len(lines) == 3 and len(set(lines)) == 1
    assert lines[0] == (
        "file: cannot be written (File too large, 5.0 kB needed); raise the limit on "
        "file sizes (ulimit -f) and run the same command again"
    )
    assert os.listdir(tmp_path) == ["file"]  # which `append` made
    assert (tmp_path / "file").read_bytes() == b""


def test_room_is_looked_for_before_a_library_writes(small):
    disk.check_room(small / "state", 100_000)
    with pytest.raises(WriteError, match="state: cannot be written .* 1.0 MB needed"):
        disk.check_room(small / "state", 10**6)


@pytest.mark.parametrize(
    "text",
    [
        "RESOURCE_EXHAUSTED: file 13: No space left on device [os_error_code='28']",
        "Failed: [OS error 28: ENOSPC]",
        "wrapped: [Errno 28] No space left on device",
    ],
)
def test_what_a_library_makes_of_a_full_disk_is_known(tmp_path, text):
    with pytest.raises(WriteError, match="No space left") as caught:
        with disk.writing(tmp_path / "state", 7):
            raise ValueError(text)
    assert caught.value.errno == errno.ENOSPC
    assert "7 bytes needed" in str(caught.value)


def test_other_errors_stay_what_they_are(tmp_path):
    with pytest.raises(ValueError, match="^wrong shape$"):
        with disk.writing(tmp_path / "state"):
            raise ValueError("wrong shape")


def test_pieces_make_one_file(tmp_path):
    disk.replace(tmp_path / "new" / "file", (bytes([65 + i]) for i in range(3)))
    assert (tmp_path / "new" / "file").read_bytes() == b"ABC"


def test_processes_that_write_one_file_leave_one_of_their_texts(tmp_path):
    code = (
        "import sys\n"
        "from dd_jax.system import disk\n"
        "for _ in range(50):\n"
        "    disk.replace('page', sys.argv[1].encode() * 10000)\n"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", code, letter], cwd=tmp_path)
        for letter in "AB"
    ]
    assert [writer.wait() for writer in writers] == [0, 0]
    assert os.listdir(tmp_path) == ["page"]
    assert set((tmp_path / "page").read_text()) in ({"A"}, {"B"})


def test_rows_are_added_whole(tmp_path, monkeypatch):
    path = tmp_path / "rows.jsonl"
    disk.append(path, b"1\n")
    write, calls = os.write, []

    def half(file, data):  # the disk is full after a part of the row
        calls.append(1)
        if len(calls) == 2:
            raise FULL
        return write(file, data[:2])

    with monkeypatch.context() as patch, pytest.raises(WriteError):
        patch.setattr(os, "write", half)
        disk.append(path, b"2345\n")
    assert path.read_bytes() == b"1\n"
    monkeypatch.setattr(os, "write", lambda file, data: write(file, data[:1]))
    disk.append(path, b"678\n")
    assert path.read_bytes() == b"1\n678\n"


@pytest.mark.parametrize("long", [1, 2**16 - 1, 2**16, 2**16 + 1, 200_000])
def test_a_torn_last_line_is_cut_off(tmp_path, long):
    path = tmp_path / "rows"
    for whole in (b"", b"a\n", b"x" * long + b"\n", b"a\n" * 3 + b"y" * long + b"\n"):
        for torn in (b"", b"t", b"t" * long):
            path.write_bytes(whole + torn)
            disk.cut_torn_line(path)
            assert path.read_bytes() == whole


def old_process():
    """The number of a process that is no more."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def killed_while_writing(folder):
    """What a process leaves that is killed in the middle of a write."""
    code = (
        "import os, signal\n"
        "from dd_jax.system import disk\n"
        "os.fsync = lambda file: os.kill(os.getpid(), signal.SIGKILL)\n"
        "disk.replace('record.json', b'half')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=folder)
    assert done.returncode == -9
    (left,) = os.listdir(folder)
    assert re.fullmatch(r"\.record\.json\.\d+-[0-9a-f]{8}@.+\.tmp", left)
    return left


def test_what_killed_writers_left_is_swept(tmp_path):
    killed_while_writing(tmp_path)
    earlier = f".results.jsonl.{old_process()}"  # as earlier versions named them
    (tmp_path / earlier).write_text("half")
    keep = [".lock", ".hidden", "file.tmp", f".a.{os.getppid()}", ".x.json.1-ab@h.tmp"]
    for name in keep:
        (tmp_path / name).write_text("")
    disk.sweep(tmp_path, ours=False)
    assert sorted(os.listdir(tmp_path)) == sorted(keep)


def test_what_another_machine_writes_is_left_alone_for_a_day(tmp_path):
    path = tmp_path / f".page.{old_process()}-0123abcd@elsewhere.tmp"
    path.write_text("half")
    disk.sweep(tmp_path, ours=False)
    assert path.exists()
    os.utime(path, (time.time() - 90000,) * 2)
    disk.sweep(tmp_path, ours=False)
    assert not path.exists()


def test_a_file_that_is_being_written_is_never_swept(tmp_path):
    def pieces():
        for _ in range(2):
            disk.sweep(tmp_path, ours=False)
            yield b"x"

    disk.replace(tmp_path / "file", pieces())
    assert (tmp_path / "file").read_bytes() == b"xx"


def test_all_that_is_unfinished_below_a_folder_of_ours_goes(tmp_path):
    inner = tmp_path / "checkpoints" / "distil"
    half = inner / "5.orbax-checkpoint-tmp" / "default"
    half.mkdir(parents=True)
    (half / "data").write_text("half")
    (inner / ".5.json.1-0123abcd@elsewhere.tmp").write_text("half")
    (inner / "5.json").write_text("whole")
    (tmp_path / ".lock").write_text("")
    disk.sweep(tmp_path, ours=True)
    left = {path.name for path in tmp_path.rglob("*")}
    assert left == {"checkpoints", "distil", "5.json", ".lock"}


def test_digests_tell_contents_and_names(tmp_path):
    for place, name, content in (("a", "x", b"1"), ("b", "x", b"1"), ("c", "y", b"1")):
        (tmp_path / place / "deep").mkdir(parents=True)
        (tmp_path / place / "deep" / name).write_bytes(content)
    of = lambda name: disk.file_digest(tmp_path / name)
    assert of("a") == of("b") != of("c")
    (tmp_path / "b" / "deep" / "x").write_bytes(b"2")
    assert of("a") != of("b")
    assert disk.file_digest(tmp_path / "a" / "deep" / "x").startswith(
        "6b86b273ff34fce1"
    )


def test_every_flipped_bit_of_a_tree_is_noticed_or_harmless(tmp_path):
    path = tmp_path / "tree.npz"
    rng = np.random.default_rng(0)
    tree = {"a": rng.normal(size=9), "b": [np.arange(5), "text", 0.1], "c": {}}
    workdir.write_tree(path, tree)
    listed = lambda array: [str(array.dtype), array.tolist()]
    plain = lambda found: json.dumps(found, default=listed)
    whole, expected, noticed = path.read_bytes(), plain(tree), 0
    for bit in range(0, 8 * len(whole), 29):
        content = bytearray(whole)
        content[bit // 8] ^= 1 << bit % 8
        path.write_bytes(content)
        try:
            assert plain(workdir.read_tree(path)) == expected, bit
        except workdir.InputError as error:
            assert str(error).startswith(f"{path}: damaged (")
            noticed += 1
    assert noticed > 100


def test_a_folder_in_the_place_of_a_file_is_said_to_be_removed(tmp_path):
    (tmp_path / "a.json").mkdir()
    with pytest.raises(disk.WriteError, match="Is a directory.*; remove that folder"):
        disk.replace(tmp_path / "a.json", b"x")


def test_a_file_in_the_place_of_a_folder_is_said_to_be_removed(tmp_path):
    (tmp_path / "model").touch()
    with pytest.raises(disk.WriteError, match="; remove the file in its place"):
        disk.replace(tmp_path / "model" / "a.json", b"x")
