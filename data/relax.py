"""Relax every host with and without its lithium by CHGNet and write the results.

    python data/relax.py --jobs 2

A row for each pair of cells is added to Batteries_raw.csv as soon as it is done. The run can be
stopped at any time; the same command resumes it. It needs Linux or macOS.
"""

import contextlib
import csv
import functools
import importlib.util
import multiprocessing
import os
import random
import signal
import sys
import time
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import cells
import hosts
import raw_table

from voltage_lab import messages, settings

PACKAGES = ("ase", "chgnet", "torch")  # of data/requirements.txt; the lab does without them
SEED = 7  # of the order of the pairs, so that the rows of a stopped run are a fair sample
SECONDS_WITHOUT_A_ROW = 3600  # after which a process counts as lost
ROWS_PER_REPORT = 25  # between two lines of progress, where the output is not a terminal


def make_row(pair):
    """Return the raw table's row of a pair from `hosts.make_pairs`."""
    warnings.simplefilter("ignore")
    row, lithiated, extracted = pair
    try:
        row |= cells.relax_pair(lithiated, extracted)
        row["reason"] = "" if row["converged"] else f"more than {cells.MAX_STEPS} steps"
    except Exception as error:  # a failing cell, whatever the model raises, must not end the run
        row |= {"converged": False, "reason": " ".join(f"{type(error).__name__}: {error}".split())}
    return raw_table.round_row(row)


def remaining_pairs(names, rows):
    """Return the pairs of prototypes that have no row yet, in an order given by `SEED`.

    Parameters
    ----------
    names : list of str
        Prototypes; all, if empty.
    rows : list of dict
        From `raw_table.read_rows`.

    Raises
    ------
    LabError
        For a name that is not in the table of prototypes.
    """
    table = hosts.load_prototypes()
    if unknown := set(names) - set(table):
        known = ", ".join(table)
        raise messages.LabError(f"no prototype {', '.join(sorted(unknown))}; known: {known}")
    done = {row["id"] for row in rows}
    wanted = {name: table[name] for name in names or table}
    pairs = [pair for pair in hosts.make_pairs(wanted) if pair[0]["id"] not in done]
    random.Random(SEED).shuffle(pairs)
    return pairs


def show_progress(rows, total):
    """Pass rows on and show how many are done and how long the others will take."""
    if sys.stderr.isatty():
        from tqdm import tqdm

        yield from tqdm(rows, total=total, unit="pair", smoothing=0)
        return
    start = time.monotonic()
    for count, row in enumerate(rows, 1):
        yield row
        if count % ROWS_PER_REPORT == 0 or count == total:
            minutes = (time.monotonic() - start) / count * (total - count) / 60
            print(f"{count} of {total} pairs, {minutes:.0f} min left", flush=True)


def compute_rows(pairs, jobs):
    """Relax pairs in as many processes as `jobs` says; yield each row as soon as it is done.

    Raises
    ------
    RunStopped
        If there is no row in `SECONDS_WITHOUT_A_ROW`.
    """
    os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}  # read by the new processes
    # Ctrl-C is for this process alone, which then ends the others. They inherit that it is
    # ignored and so have no moment with a traceback; the initializer is for later replacements.
    ignore = (signal.SIGINT, signal.SIG_IGN)
    handler = signal.signal(*ignore)
    try:
        spawn = multiprocessing.get_context("spawn")
        pool = spawn.Pool(jobs, initializer=signal.signal, initargs=ignore)
    finally:
        signal.signal(signal.SIGINT, handler)
    with pool:
        rows = pool.imap_unordered(make_row, pairs)
        try:
            next_row = functools.partial(rows.next, SECONDS_WITHOUT_A_ROW)
            yield from show_progress(iter(next_row, None), len(pairs))
        except multiprocessing.TimeoutError:
            lost = f"no row in {SECONDS_WITHOUT_A_ROW} s, so that a process is lost"
            raise messages.RunStopped(lost) from None


def append_rows(pairs, jobs, path):
    """Relax pairs and append each row to a raw table as soon as it is done."""
    with open(path, "a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, raw_table.COLUMNS, lineterminator="\n")
        for row in compute_rows(pairs, jobs):
            with messages.explain_os_error(path, messages.RunStopped):
                writer.writerow(row)
                file.flush()


@contextlib.contextmanager
def lock_folder(path):
    """Keep other runs from writing in a folder; raise LabError if one writes there already."""
    import fcntl  # not on Windows: `check_system`

    with messages.explain_os_error(path):
        lock = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise messages.LabError(f"another run is writing in {path}") from None
    try:
        yield
    finally:
        os.close(lock)


def check_system():
    """Raise LabError on Windows, before anybody installs gigabytes there."""
    if not importlib.util.find_spec("fcntl"):  # locks the folder
        raise messages.LabError("this script needs Linux or macOS; on Windows, run it in WSL")


def check_options(jobs, limit=None):
    """Raise LabError for numbers below 1, and where CHGNet or what it needs is not installed."""
    for name, value in {"jobs": jobs, "limit": limit}.items():
        if value is not None and value < 1:
            raise messages.LabError(f"--{name} must be 1 or more, not {value}")
    for package in PACKAGES:
        if not importlib.util.find_spec(package):
            raise messages.LabError(f"needs {package}: pip install -r data/requirements.txt")


def main(arguments=None):
    """Relax the pairs that have no row, and leave a sorted table."""
    parser = settings.Parser(description=__doc__.split("\n")[0])
    cores = os.cpu_count()
    parser.add_argument("--jobs", type=int, default=cores, help="processes (default: all cores)")
    parser.add_argument("--prototypes", default="", help="only these, such as olivine,spinel")
    parser.add_argument("--limit", type=int, help="number of pairs after which to stop")
    options = parser.parse_args(arguments)
    check_system()
    check_options(options.jobs, options.limit)
    try:
        with lock_folder(raw_table.PATH.parent):
            rows = raw_table.read_rows(raw_table.PATH)
            names = [name for name in options.prototypes.split(",") if name]
            pairs = remaining_pairs(names, rows)
            raw_table.write_rows(rows, raw_table.PATH)
            append_rows(pairs[: options.limit], options.jobs, raw_table.PATH)
            raw_table.write_rows(raw_table.read_rows(raw_table.PATH), raw_table.PATH)
    except (KeyboardInterrupt, messages.RunStopped) as stop:
        reason = "stopped" if isinstance(stop, KeyboardInterrupt) else stop
        raise messages.RunStopped(f"{reason}; the same command resumes the run") from None


if __name__ == "__main__":
    messages.report_errors()
    main()
