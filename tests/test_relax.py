"""The run that fills the raw table: rows, lock, stop and resume; rows that are recomputed."""

import csv
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import hosts
import pandas as pd
import psutil
import pytest
import raw_table
import recompute
import relax
import rules
from conftest import ROOT, assert_one_line, call, run

DATA = ROOT / "data"
STATUS = Path("/proc/self/status")
PROTOTYPE = "brannerite"  # ten pairs, quickly made
DRIVER = """
import signal, sys, time
import raw_table, relax
from pathlib import Path

def make_row(pair):
    time.sleep(0.05)
    return raw_table.round_row(pair[0] | {"energy_host": 1 / 3})

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's "&" ignores Ctrl-C
    raw_table.PATH, relax.PACKAGES, relax.make_row = Path("raw.csv"), (), make_row
    relax.messages.report_errors()
    relax.main(sys.argv[1:])
"""


def test_the_model_gives_the_voltage_of_the_table_again():
    pytest.importorskip("chgnet", reason="only who recomputes the table installs it")
    quick = rules.load_valid_rows().nsmallest(1, "steps_lithiated")
    table = recompute.recompute(quick, 1)
    assert table["difference"].abs().item() <= 0.02


# ------------------------------------------------------------------------------------ the run
@pytest.fixture
def table(tmp_path, monkeypatch):
    """Return the path of a raw table that does not exist; CHGNet is not asked for."""
    monkeypatch.setattr(raw_table, "PATH", tmp_path / "raw.csv")
    monkeypatch.setattr(relax, "PACKAGES", ())
    return tmp_path / "raw.csv"


@pytest.fixture
def instant(monkeypatch):
    """Make rows by `row_of`, in this process."""
    monkeypatch.setattr(relax, "compute_rows", lambda pairs, jobs: map(row_of, pairs))


def row_of(pair):
    """Return a row of a pair without a relaxation."""
    return raw_table.round_row(pair[0] | {"energy_host": 1 / 3})


def read_ids(path):
    """Return the ids in a raw table, in the order of its lines."""
    with open(path, encoding="utf-8") as file:
        return [row["id"] for row in csv.DictReader(file)]


def all_ids():
    """Return the ids of all pairs of `PROTOTYPE`, sorted."""
    table = {PROTOTYPE: hosts.load_prototypes()[PROTOTYPE]}
    return sorted(row["id"] for row, _, _ in hosts.make_pairs(table))


@pytest.mark.usefixtures("instant")
def test_a_run_leaves_a_sorted_table_of_all_pairs(table):
    done = call(relax.main, "--prototypes", PROTOTYPE)
    assert (done.returncode, done.stderr) == (0, "")
    assert read_ids(table) == all_ids()
    assert table.read_text(encoding="utf-8").count(",0.333333,") == len(all_ids())
    assert list(table.parent.iterdir()) == [table]


def test_a_run_with_a_limit_is_resumed_where_it_ended(table, monkeypatch):
    computed = []

    def compute_rows(pairs, jobs):
        computed.append([pair[0]["id"] for pair in pairs])
        return map(row_of, pairs)

    monkeypatch.setattr(relax, "compute_rows", compute_rows)
    assert call(relax.main, "--prototypes", PROTOTYPE, "--limit", 3).returncode == 0
    assert read_ids(table) == sorted(computed[0])
    table.write_text(table.read_text() + "brannerite-LiV")  # a line that a kill cut off
    assert call(relax.main, "--prototypes", PROTOTYPE).returncode == 0
    assert len(computed[0]) == 3
    assert sorted(computed[0] + computed[1]) == read_ids(table) == all_ids()


def test_each_row_is_written_as_soon_as_it_is_done_and_ctrl_c_loses_none(table, monkeypatch):
    lines = []

    def compute_rows(pairs, jobs):
        for pair in pairs[:3]:
            yield row_of(pair)
            lines.append(table.read_text(encoding="utf-8").count("\n"))
        raise KeyboardInterrupt

    monkeypatch.setattr(relax, "compute_rows", compute_rows)
    done = call(relax.main, "--prototypes", PROTOTYPE)
    assert_one_line(done, "relax.py: stopped; the same command resumes the run")
    assert lines == [2, 3, 4]  # the first line has the names of the columns
    assert len(read_ids(table)) == 3


def test_progress_is_shown_every_25_rows_with_the_time_that_is_left(monkeypatch, capsys):
    clock = iter([0, 1500, 1800])  # s; a minute per row
    monkeypatch.setattr(relax.time, "monotonic", lambda: next(clock))
    assert list(relax.show_progress(iter(range(30)), 30)) == list(range(30))
    lines = "25 of 30 pairs, 5 min left\n30 of 30 pairs, 0 min left\n"
    assert capsys.readouterr() == (lines, "")


def test_a_full_disk_ends_a_run_in_one_line(table, monkeypatch):
    def compute_rows(pairs, jobs):
        yield row_of(pairs[0])
        monkeypatch.setattr(csv.DictWriter, "writerow", writerow)
        yield row_of(pairs[1])

    def writerow(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(relax, "compute_rows", compute_rows)
    done = call(relax.main, "--prototypes", PROTOTYPE)
    assert_one_line(done, "raw.csv: No space left on device; the same command resumes the run")
    assert len(read_ids(table)) == 1


def test_a_lost_process_ends_a_run_in_one_line(table, monkeypatch):
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(name, "1")  # a run sets them too
    monkeypatch.setattr(relax, "SECONDS_WITHOUT_A_ROW", 0.1)  # less than a process needs to start
    done = call(relax.main, "--prototypes", PROTOTYPE, "--limit", 1, "--jobs", 1)
    assert_one_line(done, "no row in 0.1 s, so that a process is lost; the same command resumes")


def test_a_second_run_in_the_folder_ends_in_one_line(table, monkeypatch):
    second = []

    def compute_rows(pairs, jobs):
        second.append(call(relax.main, "--prototypes", PROTOTYPE))
        yield from map(row_of, pairs)

    monkeypatch.setattr(relax, "compute_rows", compute_rows)
    assert call(relax.main, "--prototypes", PROTOTYPE).returncode == 0
    [done] = second
    assert_one_line(done, f"relax.py: another run is writing in {table.parent}")
    assert read_ids(table) == all_ids()
    assert call(relax.main, "--prototypes", PROTOTYPE).returncode == 0  # the lock is released


@pytest.mark.usefixtures("instant")
def test_ctrl_c_and_kill_of_real_processes_and_a_resumed_run(table, monkeypatch):
    (table.parent / "driver.py").write_text(DRIVER)
    monkeypatch.setenv("PYTHONPATH", f"{DATA}:{ROOT}")
    stopped = "driver.py: stopped; the same command resumes the run\n"
    assert stop_driver(table, 0, signal.SIGINT) == (1, stopped)  # while the pool starts
    assert stop_driver(table, 2, signal.SIGKILL) == (-9, "")
    assert stop_driver(table, 2, signal.SIGINT) == (1, stopped)
    assert 4 <= len(read_ids(table)) < len(all_ids())
    assert call(relax.main, "--prototypes", PROTOTYPE).returncode == 0
    assert read_ids(table) == all_ids()


def stop_driver(table, rows, end):
    """Start `DRIVER`, send a signal after a number of new rows; return its status and errors."""
    before = len(read_ids(table)) if table.exists() else 0
    process = psutil.Popen(
        [sys.executable, "driver.py", "--prototypes", PROTOTYPE, "--jobs", "1"],
        cwd=table.parent,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    with process:
        while process.poll() is None and (
            not (pool := [child for child in process.children() if "spawn" in str(child.cmdline())])
            or not table.exists()
            or len(read_ids(table)) < before + rows
        ):
            time.sleep(0.005)
        if STATUS.exists():  # on Linux: no process of the pool has a moment with a traceback
            assert all(map(ignores_ctrl_c, pool))
        time.sleep(0.1)  # while the pool's processes are created, Ctrl-C is ignored
        os.killpg(process.pid, end)  # as a terminal does: to the processes of the pool too
        return process.wait(20), process.stderr.read()


def ignores_ctrl_c(process):
    """Return whether a process ignores the signal, from the bits that the kernel shows."""
    bits = re.search(r"SigIgn:\s*(\w+)", Path(f"/proc/{process.pid}/status").read_text())[1]
    return bool(int(bits, 16) >> (signal.SIGINT - 1) & 1)


def test_the_order_of_the_pairs_is_random_but_always_the_same():
    first, second = (
        [row["id"] for row, _, _ in relax.remaining_pairs([PROTOTYPE], [])] for _ in range(2)
    )
    table = {PROTOTYPE: hosts.load_prototypes()[PROTOTYPE]}
    assert first == second
    assert first != [row["id"] for row, _, _ in hosts.make_pairs(table)]
    assert sorted(first) == all_ids()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--jobs", "0"], "--jobs must be 1 or more, not 0"),
        (["--limit", "-3"], "--limit must be 1 or more, not -3"),
        (["--prototypes", "garnet"], "no prototype garnet; known: layered, "),
    ],
)
def test_a_wrong_option_gets_one_line_and_leaves_no_file(table, options, said):
    assert_one_line(call(relax.main, *options), f"relax.py: {said}")
    assert not list(table.parent.iterdir())


def test_without_the_model_nothing_is_started(table, monkeypatch):
    monkeypatch.setattr(relax, "PACKAGES", ("numpy", "not_installed"))
    said = "needs not_installed: pip install -r data/requirements.txt"
    assert_one_line(call(relax.main), said)
    assert not list(table.parent.iterdir())


def test_on_windows_a_process_ends_in_one_line(tmp_path):
    # Windows lacks `fcntl` among the modules that are used; no real Windows is asked.
    code = f"""import runpy, sys; sys.modules["fcntl"] = None; sys.argv = ["{DATA / "relax.py"}"]
sys.path.insert(0, "{DATA}")
runpy.run_path(sys.argv[0], run_name="__main__")"""
    (tmp_path / "windows.py").write_text(code)
    done = run(tmp_path, "windows.py")
    assert_one_line(done, "relax.py: this script needs Linux or macOS; on Windows, run it in WSL\n")
    assert "torch" not in done.stderr


@pytest.mark.parametrize(
    ("script", "options", "said"),
    [
        ("relax.py", ["--jobs", "0"], "relax.py: --jobs must be 1 or more, not 0"),
        ("recompute.py", ["0"], "recompute.py: 0 rows: give 1 to 3142"),
    ],
)
def test_a_wrong_option_gets_one_line_of_a_process_too(tmp_path, script, options, said):
    assert_one_line(run(tmp_path, DATA / script, *options), said)


# ------------------------------------------------------------------------------- the run again
@pytest.mark.parametrize(("shift", "code"), [(0.0, 0), (0.018, 0), (-0.022, 1), (float("nan"), 1)])
def test_recomputed_rows_are_compared_with_the_table(monkeypatch, shift, code):
    raw = pd.read_csv(raw_table.PATH, index_col="id")

    def compute_rows(pairs, jobs):
        for row, _, _ in pairs:
            energies = raw.loc[row["id"]]
            yield (
                row
                | energies.to_dict()
                | {"energy_host": energies["energy_host"] + shift * row["x"]}
            )

    monkeypatch.setattr(relax, "PACKAGES", ())
    monkeypatch.setattr(relax, "compute_rows", compute_rows)
    prototypes = hosts.load_prototypes()
    monkeypatch.setattr(hosts, "load_prototypes", lambda: {PROTOTYPE: prototypes[PROTOTYPE]})
    rows = rules.load_valid_rows()
    rows = rows[rows["prototype"] == PROTOTYPE]
    monkeypatch.setattr(rules, "load_valid_rows", lambda: rows)
    done = call(recompute.main, 3)
    assert done.returncode == code
    assert done.stderr == ("recompute.py: the limit is not kept\n" if code else "")
    assert f"recomputed: 3, largest difference {abs(shift):.4f} V, limit 0.02 V\n" in done.stdout
    lines = [line for line in done.stdout.splitlines() if line.startswith(PROTOTYPE)]
    assert len(lines) == 3
