"""The option of a release reaches its compiler, where JAX has not started."""

import os
import subprocess
import sys
from importlib import metadata

import pytest
from tiny import ROOT

from dd_jax.runtime.xla_flags import with_options

FLAG = "--xla_cpu_use_fusion_emitters"
SAYS = "import os, dd_jax.runtime.loop; print(os.environ.get('XLA_FLAGS', ''))"


@pytest.mark.parametrize("given", ["", f"{FLAG}=true", "--xla_dump_to=/tmp"])
@pytest.mark.parametrize("jaxlib", ["0.10.1", "0.10.2", "0.11.0", "0.12.0.1", "0.100"])
def test_one_release_gets_it_and_what_is_given_stays(given, jaxlib):
    found = with_options(given, jaxlib)
    assert found.startswith(given)
    assert found.count(FLAG) == (given.startswith(FLAG) or jaxlib.startswith("0.10."))


def test_importing_the_package_sets_it():
    environment = {k: v for k, v in os.environ.items() if k != "XLA_FLAGS"}
    found = subprocess.run(
        [sys.executable, "-c", SAYS],
        env=environment | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (FLAG in found.stdout) == metadata.version("jaxlib").startswith("0.10.")
