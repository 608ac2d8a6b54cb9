"""`--compare A B`: options and files that do not fit are refused in one line."""

import os

import fabricate
import pytest

from dd_jax.report import __main__ as command
from dd_jax.report import run_folder


@pytest.fixture
def run(tmp_path):
    fabricate.write_run(tmp_path, fabricate.record("a" * 12), artefacts=False)
    return str(tmp_path / "runs" / ("a" * 12))


def refused(capsys, *arguments):
    assert command.main(list(arguments)) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("error: ") and err.count("\n") == 1
    return err


@pytest.mark.parametrize(
    "option",
    [
        *("--markdown", "--privacy", "--transfer", "--claims"),
        *("--trends=plots", "--form=long", "--fill", "--cards=folder"),
    ],
)
def test_an_option_that_would_be_left_undone_is_refused(run, option, capsys):
    why = refused(capsys, "--compare", run, run, option)
    assert f"without {option.partition('=')[0]}\n" in why


def test_a_file_too_large_for_a_record_is_not_read(run, tmp_path, capsys):
    large = tmp_path / "large.json"
    large.touch()
    os.truncate(large, run_folder.LARGEST_FILE + 1)
    assert "too large for a Record" in refused(capsys, "--compare", str(large), run)
