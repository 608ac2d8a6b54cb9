"""Paths as they are found on real machines: one line, status 2, nothing written."""

import importlib.util
import json
import os
import signal
import socket
import tempfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny import BARE, MLP, ROOT, flags, launch, npz

from dd_jax import distill
from dd_jax.report.__main__ import main as report
from dd_jax.system import paths
from dd_jax.types import InputError, SyntheticSet

LONG = "x" * 256
NAMES = {"method": "dm", "dataset": "digits", "arch": "mlp", "init": "real"}
TWO = "\n".join(
    json.dumps(
        {
            "run": {"id": f"{ipc}", "ipc": ipc, "num_classes": 3} | NAMES,
            "accuracy": {"distilled": 0.5},
        }
    )
    for ipc in (1, 10)
)
FORMS = {
    "missing": (lambda path: None, "no such"),
    "dead": (lambda path: path.symlink_to("nowhere"), "is a link to nothing"),
    "looping": (lambda path: path.symlink_to(path.name), "is a loop of links"),
    "fifo": (os.mkfifo, "is a pipe, a socket or a device"),
    "socket": (lambda path: _socket(path), "is a pipe, a socket or a device"),
    "device": (lambda path: path.symlink_to("/dev/zero"), "is a pipe, a socket or a"),
    "folder": (os.mkdir, "is a folder"),
}
KINDS = {
    "config": ("here.py", "--config={}"),
    "npz": ("here.npz", "--config.data.source=npz:{}"),
    "load": ("here.npz", "--config.distill.load={}"),
    "sets": (
        "here.npz",
        "--config.audits.transfer.enabled=1 --config.audits.transfer.sets={}",
    ),
}


@pytest.fixture(autouse=True)
def here(monkeypatch):
    """An empty folder that other users may enter; what waits for a pipe is ended."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        monkeypatch.chdir(folder)
        signal.alarm(60)
        yield
        signal.alarm(0)
        monkeypatch.undo()


@pytest.fixture
def nobody():
    """`run(program, *arguments)` as a user without rights.

    All modules that this needs are loaded before.
    """
    script = importlib.util.spec_from_file_location("launch", ROOT / "launch.py")
    module = importlib.util.module_from_spec(script)
    script.loader.exec_module(module)
    start = lambda *arguments: module.main(["launch.py", *arguments])
    assert start("--dry_run", *flags(BARE | MLP, data__source=npz("warm.npz"))) == 0
    os.remove("warm.npz")

    def run(*arguments, program=start):
        if os.geteuid():
            return program(*arguments)
        os.setresuid(65534, 65534, 0)
        try:
            return program(*arguments)
        finally:
            os.setresuid(0, 0, 0)

    return run


def listing():
    return sorted(
        os.path.join(f, n) for f, *inner in os.walk(".") for n in sum(inner, [])
    )


def refused(capsys, *arguments, program=launch):
    before = listing()
    capsys.readouterr()
    assert program(*arguments) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("error: ") and err.count("\n") == 1
    assert listing() == before
    return err.removeprefix("error: ")[:-1]


def _socket(path):
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


def image(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((8, 8), 99, np.uint8)).save(path)


def folder(*names):
    """A data set of two images a class, and its flag."""
    for name in names or ("cat", "dog"):
        image(Path("data", name, "0.png"))
        image(Path("data", name, "1.png"))
    return flags(BARE | MLP, data__num_classes=0, distill__ipc=1) + [
        "--config.data.source=folder:data"
    ]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_where_a_file_is_expected(capsys, kind, form):
    (name, flag), (make, words) = KINDS[kind], FORMS[form]
    make(Path(name))
    if form == "folder" and kind in ("load", "sets"):
        words = "no such file"  # labels.csv of an exported folder
    message = refused(capsys, *flag.format(name).split())
    assert name in message and words in message


@pytest.mark.parametrize("form", [*FORMS, "file"])
@pytest.mark.parametrize("kind", ["idx", "folder"])
def test_where_a_folder_of_data_is_expected(capsys, kind, form):
    make, words = FORMS.get(form, (Path.touch, "is a file"))
    make(Path("here"))
    if form in ("fifo", "socket", "device"):
        words = "is a file"
    message = refused(capsys, f"--config.data.source={kind}:here")
    if form == "folder":
        assert "here has n" in message  # neither files nor class folders
    else:
        assert message.startswith(f"{kind}: here: ") and words in message


@pytest.mark.parametrize("form", ["dead", "looping", "fifo", "device"])
def test_a_workdir_that_is_none(capsys, form):
    make, words = FORMS[form]
    make(Path("w"))
    message = refused(capsys, *flags(BARE), "--workdir=w")
    words = "is a file" if form in ("fifo", "device") else words
    assert message == f"--workdir=w: {words}; give a folder"


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: Path("w/runs").touch(), "w/runs is a file; give another folder"),
        (
            lambda: Path("w/cache").symlink_to("no"),
            "w/cache is a link to nothing;",
        ),
        (lambda: os.mkdir("w/results.jsonl"), "w/results.jsonl is a folder; remove"),
        (lambda: os.mkfifo("w/report.html"), "w/report.html is a pipe, a socket or a"),
    ],
)
def test_what_a_workdir_has_to_hold(capsys, make, words):
    os.mkdir("w")
    make()
    message = refused(capsys, *flags(BARE | MLP), "--workdir=w")
    assert message.startswith(f"--workdir=w: {words}")


@pytest.mark.parametrize(
    "flag",
    [
        "--workdir={}",
        "--workdir=a/b/{}/c",
        "--config={}.py",
        "--config.data.source=npz:{}",
        "--config.data.source=folder:a/{}/b",
        "--config.data.source=idx:{}",
        "--config.distill.load=a/{}",
    ],
)
def test_names_that_are_too_long(capsys, flag):
    for name in (LONG, "é" * 128):
        message = refused(capsys, *flags(BARE | MLP), flag.format(name))
        assert "has a name of more than 255 bytes" in message or "too long" in message


def test_paths_that_are_too_long(capsys):
    path = "/".join(["x" * 99] * 50)
    for flag in ("--config.data.source=npz:", "--config.distill.load="):
        message = refused(capsys, *flags(BARE | MLP), flag + path)
        assert "file name too long" in message
    for length in (37, 50):  # too long for what is in it, or in itself
        message = refused(capsys, "--workdir=" + path[: 100 * length])
        assert message.endswith("give a path of at most 3600 bytes")


@pytest.mark.parametrize("name", [b"\xff", b"caf\xe9", b"a\nb", b"\x1b[31m", b"a\x7f"])
@pytest.mark.parametrize(
    "flag", ["--workdir=", "--config=", "--config.data.source=npz:"]
)
def test_names_that_no_text_can_show(capsys, flag, name):
    argument = flag + os.fsdecode(name)
    message = refused(capsys, argument)
    why = (
        "holds control characters or line breaks, which results could not show"
        if name.isascii()
        else "is not UTF-8 text, which results could not name"
    )
    assert message == f"{argument!r} {why}; rename it"


def test_a_current_folder_that_no_text_can_show(capsys):
    os.mkdir(b"\xff")
    os.chdir(b"\xff")
    assert "/\\udcff/w' is not UTF-8 text" in refused(capsys, "--workdir=w")


@pytest.mark.parametrize("name", [b"\xff\xfe", b"a\nb", b"tab\t", "a\u2028b".encode()])
def test_class_folders_that_no_text_can_show(capsys, name):
    given = folder("cat", os.fsdecode(name))
    message = refused(capsys, *given)
    assert message.startswith(f"class folder in data: {os.fsdecode(name)!r} ")
    assert message.endswith("; rename it")


@pytest.mark.parametrize("name", ["naïve", "猫", "a b", "-x", "🐈\u200d⬛"])
def test_names_that_are_text(name):
    assert launch(*folder("cat", name), f"--workdir=w {name}", "--dry_run") == 0


def test_values_of_a_config_file_are_text(capsys):
    Path("a.py").write_text(
        "from dd_jax import config\n"
        "def get_config():\n"
        "  c = config.default()\n"
        "  c.data.source = 'npz:\\udcff'\n"
        "  return c\n"
    )
    message = refused(capsys, "--config=a.py")
    assert message == (
        "config: data.source: 'npz:\\udcff' is not UTF-8 text, which results could not "
        "name; rename it"
    )


def test_a_name_that_the_locale_misreads(monkeypatch):
    monkeypatch.setattr(os, "fsencode", lambda name: name.encode("latin-1"))
    for name in ("Ã©", "é\u20ac"):
        with pytest.raises(InputError, match="set PYTHONUTF8=1"):
            paths.check_text(name)


def test_links_that_no_image_needs():
    given = folder()
    Path("data/latest").symlink_to("gone")
    Path("data/cat/self").symlink_to(".")
    Path("data/cat/notes").symlink_to("gone.txt")
    Path("data/loop").symlink_to("loop")
    os.mkfifo("data/queue")
    os.mkfifo("data/dog/queue")
    assert launch(*given, "--dry_run") == 0


def test_a_class_that_is_a_link():
    given = folder()
    os.rename("data/cat", "elsewhere")
    Path("data/cat").symlink_to("../elsewhere")
    assert launch(*given, "--dry_run") == 0


@pytest.mark.parametrize("form", ["dead", "looping", "fifo"])
def test_images_that_are_none(capsys, form):
    given = folder()
    make, words = FORMS[form]
    make(Path("data/cat/2.png"))
    message = refused(capsys, *given)
    assert message == (
        f"data/cat/2.png is not a readable image ({words}); replace or remove it"
    )


@pytest.mark.parametrize("form", ["dead", "fifo"])
def test_idx_files_that_are_none(capsys, form):
    make, words = FORMS[form]
    os.mkdir("mnist")
    make(Path("mnist/train-images-idx3-ubyte.gz"))
    message = refused(capsys, "--config.data.source=idx:mnist")
    assert message.startswith(f"mnist/train-images-idx3-ubyte.gz: {words}; it should")


@pytest.mark.parametrize(
    "make, arguments",
    [
        (lambda: npz("p/d.npz"), ["--config.data.source=npz:p/d.npz"]),
        (lambda: os.mkdir("p/d"), ["--config.data.source=folder:p/d"]),
        (lambda: os.mkdir("p/d"), ["--config.data.source=idx:p/d"]),
        (lambda: Path("p/a.py").touch(), ["--config=p/a.py"]),
        (lambda: npz("p/s.npz"), ["--config.distill.load=p/s.npz"]),
        (lambda: None, ["--workdir=p/w"]),
        (lambda: None, ["--workdir=p"]),
    ],
)
def test_a_parent_without_permission(capsys, nobody, make, arguments):
    os.mkdir("p")
    make()
    os.chmod("p", 0)
    message = refused(capsys, *arguments, program=nobody)
    assert "permission" in message and "p" in message


def test_a_class_and_an_image_without_permission(capsys, nobody):
    given = folder()
    os.chmod("data/cat", 0)
    message = refused(capsys, *given, program=nobody)
    assert message == "class folder data/cat: no permission to read it"
    os.chmod("data/cat", 0o755)
    os.chmod("data/cat/1.png", 0)
    message = refused(capsys, *given, program=nobody)
    assert message.startswith("data/cat/1.png is not a readable image (no permission")


def test_a_read_only_workdir_and_report(capsys, nobody):
    os.makedirs("w/runs/1")
    os.chmod("w", 0o555)
    given = flags(BARE | MLP, data__source=npz("data.npz"))
    message = refused(capsys, *given, "--workdir=w", program=nobody)
    assert message == "--workdir=w: w is read-only; give another folder"
    read = lambda *arguments: nobody(arguments, program=report)
    assert refused(capsys, "w", program=read) == (
        "w: is read-only, and the report is written there; copy it to a folder that is "
        "not"
    )


@pytest.mark.parametrize(
    "make, arguments, words",
    [
        (None, ["nowhere"], "nowhere: no such folder; give a work directory or a res"),
        (None, ["no.jsonl", "--claims"], "no.jsonl: no such file; give a work dir"),
        (lambda: Path("r").touch(), ["--claims"], "r: has no Record in it"),
        (lambda: Path("r").write_bytes(b"\xff\x00"), ["--markdown"], "r:1: not JSON"),
        (lambda: Path("r").write_bytes(b"\0\0"), ["--markdown"], "r:1: not JSON"),
        (lambda: Path("r").symlink_to("r"), ["--privacy"], "r: is a loop of links"),
        (lambda: os.mkfifo("r"), ["--markdown"], "is a pipe, a socket or a device"),
        (lambda: Path("r").touch(), [], "r: no runs here"),
        (lambda: Path("r").write_text(TWO), ["--trends", "r/x"], "r/x"),
        (lambda: os.mkdir("r"), [LONG], "file name too long"),
    ],
)
def test_reports(capsys, make, arguments, words):
    if make:
        make()
    if not arguments or arguments[0].startswith("--"):
        arguments = ["r", *arguments]
    message = refused(capsys, *arguments, program=lambda *given: report(given))
    assert words in message


def test_home_is_expanded_everywhere(capsys, monkeypatch):
    monkeypatch.setenv("HOME", os.getcwd())
    labels = np.resize(np.eye(3), (6, 3))
    made = SyntheticSet(np.zeros((6, 8, 8, 1)), labels, np.float32(0.01), {})
    distill.save("set.npz", made)
    npz("data.npz")
    Path("a.py").write_text("from dd_jax.config import default as get_config\n")
    os.makedirs("w/runs/1")
    given = flags(BARE | MLP) + ["--config=~/a.py", "--dry_run"]
    assert launch(*given, "--config.data.source=npz:~/data.npz", "--workdir=~/w") == 0
    assert f"results in {os.getcwd()}/w" in capsys.readouterr().out
    expanded = "--config.distill.load=~/set.npz"
    assert launch(*given, expanded) == 0
    shown = capsys.readouterr().out
    assert launch(*given, "--config.distill.load=set.npz") == 0
    assert capsys.readouterr().out == shown  # the same run by its contents
    transfer = "--config.audits.transfer.sets=~/set.npz,set.npz"
    assert launch(*given, transfer, "--config.audits.transfer.enabled=1") == 0
    assert report(["~/w"]) == 2
    assert f"{os.getcwd()}/w: no runs here" in capsys.readouterr().err


def test_no_home_to_expand(capsys, monkeypatch):
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", lambda uid: {}[uid])
    for flag, name in [
        ("--config.data.source=npz:~/d.npz", "npz: ~/d.npz: no such file"),
        ("--config.distill.load=~/d.npz", "distill.load='~/d.npz'"),
        ("--config=~/a.py", "--config=~/a.py: no such file"),
        ("--workdir=~/w", "--workdir=~/w: there is no such home directory; write"),
    ]:
        assert name in refused(capsys, *flags(BARE | MLP), flag)


@pytest.mark.parametrize("name", ["~", "~w", "~root"])
def test_a_name_that_only_looks_like_a_home(capsys, name):
    os.mkdir(name)
    assert launch(*flags(BARE | MLP), f"--workdir=./{name}", "--dry_run") == 0
    assert f"results in {os.getcwd()}/{name}\n" in capsys.readouterr().out
    assert paths.expanded(paths.expanded(f"./{name}")) == Path.cwd() / name


def test_the_words_of_the_system():
    assert paths.describe_error(OSError("odd")) == "odd"
    assert paths.describe_error(OSError(28, "No space left on device", "a")) == (
        "a: no space left on device"
    )


def test_what_the_system_refuses_on_the_way_is_one_line(capsys, monkeypatch):
    def stat(path, *args, **kw):
        raise OSError(5, "Input/output error", str(path))

    npz("data.npz")
    monkeypatch.setattr(Path, "read_bytes", stat)
    Path("a.py").touch()
    message = refused(capsys, "--config=a.py")
    assert "a.py" in message and "nput/output error" in message
