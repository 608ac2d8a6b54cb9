import pytest

from dd_jax.config.grid import each_possible, possible, refuse
from dd_jax.types import InputError


def even(value):
    if value % 2:
        raise InputError(f"{value} is odd" if value < 9 else "too large")
    return value // 2


def test_all_results_in_order():
    assert each_possible(even, [4, 0, 2], ["a", "b", "c"]) == [2, 0, 1]


def test_impossible_cells_are_listed_once_for_each_reason():
    with pytest.raises(InputError) as caught:
        each_possible(even, [11, 2, 3, 9], ["w", "x", "y", "z"])
    words = "3 of 4 cells cannot run: w, z: too large; y: 3 is odd"
    assert str(caught.value) == words


def test_all_impossible_cells_are_named():
    labels = [f"seed={i}" for i in range(44)]
    with pytest.raises(InputError) as caught:
        refuse({i: f"why {i % 2}" for i in reversed(range(1, 43))}, labels)
    words = str(caught.value)
    assert words.startswith("42 of 44 cells cannot run: seed=1, seed=3, seed=5,")
    assert words.endswith("seed=40, seed=42: why 0") and words.count("why") == 2


def test_a_single_cell_has_its_reason_alone():
    with pytest.raises(InputError, match="^1 is odd$"):
        each_possible(even, [1], ["quickstart"])


def test_files_that_cannot_be_read_count_and_other_errors_do_not():
    def read(error):
        raise error

    missing = PermissionError(13, "Permission denied", "x.npz")
    assert possible(read, [(3, missing)]) == ({}, {3: "x.npz: permission denied"})
    with pytest.raises(ZeroDivisionError):
        possible(read, [(0, ZeroDivisionError())])
