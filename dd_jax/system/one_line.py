"""One line of what may have several, or of what a file put into it."""

_LONGEST = 200


def one_line(text: object) -> str:
    r"""Its words in one line.

    >>> one_line("two\n  lines")
    'two lines'
    """
    return " ".join(str(text).split())


def error_line(error: BaseException) -> str:
    """The type of an error and what it says.

    >>> error_line(KeyError("model"))
    "KeyError: 'model'"
    """
    return one_line(f"{type(error).__name__}: {error}")


def plain_line(text: object) -> str:
    r"""A short line without control characters, whatever a file put into the text.

    >>> plain_line("a\x1b[2J\nb")
    'a?[2J b'
    """
    line = "".join(c if c.isprintable() else "?" for c in one_line(text))
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 3]}..."
