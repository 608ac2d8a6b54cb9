"""The libraries of the extra `privacy`, imported where they are needed."""

import importlib
from types import ModuleType

from dd_jax.types import InputError


def library(module: str, package: str) -> ModuleType:
    """A module of a package.

    Raises:
      InputError: the package is missing.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        raise InputError(
            f"dp.epsilon needs {package}; pip install 'dd_jax[privacy]'"
        ) from None
