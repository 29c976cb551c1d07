"""Other programs, as a benchmark runs them: until they end, with their peak memory."""

import contextlib
import subprocess
import time

import psutil

from voltage_lab.messages import RunStopped


def run_command(command, **options):
    """Run a command and return what it printed.

    Parameters
    ----------
    command : list
        Program and arguments.
    **options : object
        Of `subprocess.run`, such as ``cwd`` and ``env``.

    Raises
    ------
    RunStopped
        If the command fails; what it said about that is on the screen.
    """
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, **options)
    check_status(command, done.returncode)
    return done.stdout


def watch_command(command, interval=0.1):
    """Run a command and return what it printed, and the peak memory of all its processes.

    Parameters
    ----------
    command : list
        Program and arguments.
    interval : float, optional
        Between two looks at the memory, s; what is shorter may be missed.

    Returns
    -------
    printed : str
    peak : float
        Largest sum, GB, over the process and its children, without what they share.
    """
    peak = 0
    with psutil.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        while process.poll() is None:
            peak = max(peak, total_memory(process))
            time.sleep(interval)
        printed = process.stdout.read()
    check_status(command, process.returncode)
    return printed, peak / 1e9


def total_memory(process):
    """Return the memory, bytes, of a process and its children."""
    total = 0
    with contextlib.suppress(psutil.Error):  # it has just ended
        for each in [process, *process.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                total += each.memory_full_info().uss
    return total


def check_status(command, status):
    """Raise `RunStopped` unless a command ended well."""
    if status:
        raise RunStopped(f"this failed: {' '.join(map(str, command))}")
