"""What a script says: one line for a mistake, tables on the terminal."""

import contextlib
import os
import re
import sys
import traceback
from pathlib import Path

MAX_LENGTH = 300  # of the reasons in a line
MAX_PLACES = 10  # of rows without their reasons


class LabError(ValueError):
    """A mistake in what was given; its message is the one line that a user reads."""


class RunStopped(LabError):
    """A run that the machine ended, as a full disk does; it can be resumed."""


def quote(value):
    """Return a value, or its beginning, in quotes, as a line of any terminal can hold it."""
    try:
        text = str(value)
    except (ValueError, RecursionError):  # too many digits, or lists in lists
        text = type(value).__name__
    return repr(text if len(text) < 40 else text[:36] + " ...")


def first_line(error):
    """Return the first line of an error's message, or its type where it has none."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def report_places(reasons, total, source="", bad_rows=None):
    """Raise LabError for the rows that cannot be read, or print the line if they are skipped.

    Parameters
    ----------
    reasons : dict
        Place of each row that cannot be read, such as "line 7", to the reason.
    total : int
        Number of all rows.
    source : str or Path, optional
        File of the rows.
    bad_rows : str, optional
        "skip": these rows are left out, unless none is left; "refuse": they could be.
    """
    if not reasons:
        return
    prefix = f"{source}, " if source else ""
    lines = [f"{place}: {reason}" for place, reason in reasons.items()]
    shown = 1
    while shown < len(lines) and len("; ".join(lines[: shown + 1])) < MAX_LENGTH:
        shown += 1
    text = prefix + "; ".join(lines[:shown])
    if others := list(reasons)[shown:]:
        more = f" and {len(others) - MAX_PLACES} more" if len(others) > MAX_PLACES else ""
        text += f"; also {', '.join(others[:MAX_PLACES])}{more}"
    if bad_rows == "skip" and len(reasons) < total:
        print(f"{len(reasons)} of {total} rows are left out: {text}")
        return
    if len(reasons) > 1:
        text += f" ({len(reasons)} of {total} rows cannot be read)"
    remedy = "; or leave them out: --bad-rows skip" if bad_rows == "refuse" else ""
    raise LabError(text + remedy)


@contextlib.contextmanager
def explain_os_error(path, kind=LabError):
    """Turn the system's refusal to read or write a file into one line that names the file.

    Parameters
    ----------
    path : str or Path
        The file or folder that is being read or written.
    kind : type, optional
        The exception to raise: `LabError`, or `RunStopped` where a run can be resumed.
    """
    try:
        yield
    except OSError as error:
        refused = isinstance(error, PermissionError)  # as Excel on Windows lets nobody write
        hint = "; is it open in another program, or protected?" if refused else ""
        raise kind(f"{path}: {error.strerror or first_line(error)}{hint}") from error


def report_errors():
    """Let the script end with one line for a mistake and for Ctrl-C.

    A mistake is a `LabError`, or anything that the script's own line ``model = ...`` raises. Every
    other exception is a bug and keeps its traceback. The exit status is not 0 in any case.
    """
    if hasattr(sys.stdout, "reconfigure"):  # an editor's console may lack it
        sys.stdout.reconfigure(errors="replace")  # a terminal without ± shows a question mark
    sys.excepthook = report_error


def report_error(kind, error, trace):
    """Print the one line of a mistake, or the traceback of a bug; used as `sys.excepthook`."""
    if isinstance(error, BrokenPipeError):  # as head leaves it; Python would complain at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return
    line = describe_error(error)
    if line is None:
        sys.__excepthook__(kind, error, trace)
    else:
        print(f"{Path(sys.argv[0]).name}: {line}", file=sys.stderr)
        # CPython ends by the signal if a Ctrl-C ever left an exec(), as of a library that is being
        # imported, even when it was caught. The next exec() makes it forget that.
        exec("")


def describe_error(error):
    """Return the line that an exception of a script ends with; None for a bug."""
    if isinstance(error, KeyboardInterrupt):
        return "stopped"
    if isinstance(error, LabError):
        return first_line(error)
    # TensorFlow has an exception of its own, which is not imported for the forest.
    if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
        return "not enough memory; give fewer neurons or a smaller table"
    if isinstance(error, (NameError, SyntaxError)):
        return None
    # Unpickling may raise any exception; the line of the script tells where it came from.
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.line or "" for frame in frames if frame.name == "<module>"]
    if any(re.match(r"model\s*=[^=]", line) for line in lines):
        reason = first_line(error)
        if isinstance(error, FileNotFoundError):
            reason = "its file is not in the current directory"
        elif type(error).__name__ == "InconsistentVersionWarning":
            reason = "it was made with another version of scikit-learn"
        return f"no model ({reason}); correct its name, or run python load_NN.py here first"
    return None


def show(table, title, digits=3):
    """Print a table, floats with `digits` decimals; plain text where no terminal reads it.

    Parameters
    ----------
    table : pandas.DataFrame
        Its index is not shown.
    title : str
        One line above the table.
    digits : int, optional
        Decimals of floats.
    """
    from rich import box, console
    from rich.table import Table

    grid = Table(
        *table.columns,
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    for column in grid.columns:
        column.overflow = "fold"  # a long word is broken, not cut
    grid.columns[0].no_wrap = True  # a narrow terminal folds the others
    for row in table.itertuples(index=False):
        texts = (f"{x:.{digits}f}" if isinstance(x, float) else str(x) for x in row)
        grid.add_row(*("" if text == "nan" else text for text in texts))
    console.Console(markup=False, emoji=False, highlight=False).print(grid)
