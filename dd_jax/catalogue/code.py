"""A name for the code of what is registered, from which the id of a run follows."""

import ast
import hashlib
import importlib.util
import inspect
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

_HERE = Path(__file__).parents[1]
_CONFIG = ("get_config", "sweep")
_PLAIN = (bool, int, float, complex, str, bytes, type(None))


def digest(origin: str, factory: Any) -> str:
    """A name for the code of a file and of a factory, comments and configs left out.

    The code is that of the file that registers it, of the file that defines the
    factory, and, where there is no file, as in a notebook, of the functions themselves
    with those of the notebook that they use. This package's own code does not count:
    it has a results version.

    Args:
      origin: the file that registers it, or the name of a module without one.
      factory: what is registered, or `module:attribute` of it.

    Returns:
      12 hexadecimal digits; empty where there is no code to be found.
    """
    files, parts = {Path(origin)}, []
    if isinstance(factory, str):
        files |= _file_of(factory.partition(":")[0])
    for thing in _definitions(factory):
        files |= {path} if (path := _source(thing)) else set()
        if path is None:
            parts.append(_text(thing, set()))
    kept = sorted({path.resolve() for path in files if not _is_ours(path)})
    parts += [text for path in kept if (text := _code_of_file(path))]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12] if parts else ""


def _is_ours(path: Path | None) -> bool:
    return path is not None and _HERE in path.resolve().parents


def _code_of_file(path: Path) -> str:
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return ""
    kept = [node for node in tree.body if getattr(node, "name", None) not in _CONFIG]
    return "\n".join(map(ast.dump, kept))


def _file_of(module: str) -> set[Path]:
    try:
        found = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return set()
    return {Path(found.origin)} if found and found.has_location else set()


def _definitions(thing: Any) -> Iterator[Any]:
    """The functions and classes that something consists of."""
    if isinstance(thing, partial):
        yield from _definitions(thing.func)
    elif isinstance(thing, tuple | list):
        for part in thing:
            yield from _definitions(part)
    elif inspect.isclass(thing):
        yield thing
    elif callable(thing):
        inner = inspect.unwrap(thing)
        inner = getattr(inner, "__func__", inner)
        if not isinstance(inner, FunctionType):
            yield type(inner)
            return
        yield inner
        if _is_ours(_source(inner)):  # such as `matching`, which holds a loss
            for cell in inner.__closure__ or ():
                yield from _definitions(_content(cell))


def _source(thing: Any) -> Path | None:
    """The file of a function or class; None where it has none to read."""
    module = sys.modules.get(thing.__module__ or "")
    name = getattr(module, "__file__", None) or ""
    if isinstance(thing, FunctionType):
        name = thing.__code__.co_filename
    else:  # a notebook's class is in the module __main__, whatever that is
        inner = filter(callable, vars(thing).values())
        methods = [m for f in inner if isinstance(m := inspect.unwrap(f), FunctionType)]
        own = [m for m in methods if m.__module__ == thing.__module__]
        files = {m.__code__.co_filename for m in own} - {"<string>"}
        name = min(files) if files else name
    path = Path(name)
    return path if name and path.is_file() else None


def _text(thing: Any, seen: set[int]) -> str:
    """The code of a function or class without a file, and of what it uses of such."""
    if isinstance(thing, _PLAIN):
        return repr(thing)
    if id(thing) in seen or isinstance(thing, ModuleType):
        return ""
    if isinstance(thing, type | FunctionType):
        seen.add(id(thing))
    inner = lambda part: _text(part, seen)
    if isinstance(thing, frozenset | set):
        return "{" + ",".join(sorted(map(inner, thing))) + "}"
    if isinstance(thing, dict):
        return "{" + ",".join(f"{inner(k)}:{inner(v)}" for k, v in thing.items()) + "}"
    if isinstance(thing, tuple | list):
        return "(" + ",".join(map(inner, thing)) + ")"
    if isinstance(thing, CodeType):
        return f"{thing.co_code.hex()}{inner(thing.co_names)}{inner(thing.co_consts)}"
    if isinstance(thing, partial):
        return inner((thing.func, thing.args, thing.keywords))
    if inspect.isclass(thing):
        return _text_of_class(thing, seen)
    if callable(thing):
        function = inspect.unwrap(thing)
        if isinstance(function, FunctionType):
            return _text_of_function(function, seen)
    return type(thing).__name__


def _text_of_function(function: FunctionType, seen: set[int]) -> str:
    if _source(function):
        return function.__qualname__
    code = function.__code__
    used = {n: function.__globals__.get(n) for n in sorted(_names(code))}
    cells = [_content(cell) for cell in function.__closure__ or ()]
    whole = code, function.__defaults__, function.__kwdefaults__, cells, used
    return _text(whole, seen)


def _text_of_class(thing: type, seen: set[int]) -> str:
    if _source(thing):
        return thing.__qualname__
    kept = {
        name: value
        for name, value in vars(thing).items()
        if isinstance(value, (*_PLAIN, tuple, FunctionType))
        and name not in ("__module__", "__doc__", "__firstlineno__")
    }
    return thing.__qualname__ + _text(kept, seen)


def _names(code: CodeType) -> set[str]:
    """The names that a function and those inside it look up."""
    inner = [c for c in code.co_consts if isinstance(c, CodeType)]
    return set(code.co_names).union(*map(_names, inner))


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not yet filled
        return None
