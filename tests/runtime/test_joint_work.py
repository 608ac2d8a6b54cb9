"""The end of a process among several."""

import shutil
import sys

import pytest

from dd_jax.runtime import hosts, joint_work


class Ended(Exception):
    pass


@pytest.mark.parametrize("first", [True, False])
def test_nothing_is_done_between_the_word_of_the_end_and_the_end(monkeypatch, first):
    """JAX aborts a process that is still there once the first is not."""
    done = []

    def note(name):
        return lambda *given, **kw: done.append(name)

    def ended(status):
        done.append(status)
        raise Ended

    monkeypatch.setattr(joint_work, "_exiting", joint_work.threading.Lock())
    monkeypatch.setattr(hosts, "first", lambda: first)
    monkeypatch.setattr(hosts, "number", lambda: 0 if first else 1)
    monkeypatch.setattr(hosts, "count", lambda: 2)
    monkeypatch.setattr(hosts, "folder", lambda: None if first else "folder")
    monkeypatch.setattr(hosts, "awaited", note("awaited"))
    monkeypatch.setattr(hosts, "put", note("put"))
    monkeypatch.setattr(shutil, "rmtree", note("removed"))
    monkeypatch.setattr(sys.stdout, "flush", note("flushed"))
    monkeypatch.setattr(joint_work.time, "sleep", note("waited"))
    monkeypatch.setattr(joint_work.os, "_exit", ended)
    with pytest.raises(Ended):
        joint_work._exit({"status": 0, "why": ""})
    last = ["awaited", "waited", 0] if first else ["put", 0]
    assert done[-len(last) :] == last
    assert "flushed" in done and ("removed" in done) == (not first)
