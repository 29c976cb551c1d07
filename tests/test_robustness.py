"""A lab that is used hard: cut off, on a full disk, by two at once, read-only, in odd places."""

import functools
import os
import pickle
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import joblib
import keras
import numpy as np
import pandas as pd
import psutil
import pytest
from conftest import QUICK, ROOT, assert_one_line, call, run, start
from matplotlib.image import imread

import load_NN
import supplement
from voltage_lab import card, checkpoint

LONG = ("--search", "1", "--search-epochs", "1", "--max-neurons", "8", "--epochs", "12")


@pytest.fixture(scope="module", autouse=True)
def read_data_once():
    """Read a feature file once: to compare its features with matminer's takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(supplement, "load_data", functools.cache(supplement.load_data))
        yield


@pytest.fixture
def whole(few_run):
    """Return the folder of a run on `few` that nothing has stopped."""
    return few_run[0]


def end(process):
    """Kill a process and, as they would only idle, those that it has started."""
    children = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    for child in children:
        child.kill()
    process.communicate()


def assert_whole(folder):
    """Read every file with a final name to its end."""
    readers = {
        ".h5": keras.models.load_model,
        ".png": imread,
        ".csv": pd.read_csv,
        ".pkl": lambda path: pickle.loads(path.read_bytes()),
        ".npz": lambda path: [*np.load(path).values()],
        ".txt": lambda path: card.read_card(path.parent),
        ".log": lambda path: path.read_text() == "" or pd.read_csv(path)["epoch"].tolist(),
    }
    for path in folder.glob("*.*"):
        if ".part" not in path.name and not path.name.startswith(".run."):
            readers[path.suffix](path)


def assert_equal_runs(one, other):
    """Assert that two runs have the same losses and the same trained network, to the last bit."""
    assert (one / "training.log").read_text() == (other / "training.log").read_text()
    networks = [keras.models.load_model(out / "nn_trained.h5") for out in (one, other)]
    for weights in zip(*(network.get_weights() for network in networks), strict=True):
        np.testing.assert_array_equal(*weights)


# ------------------------------------------------------------------------------- cut at any moment
WRITES = 18  # of a run of four epochs: 17 files, the states among them; the log when it resumes


@pytest.mark.parametrize(
    "moment",
    [
        "before",
        pytest.param("after", marks=pytest.mark.slow),
    ],
)
def test_a_run_in_which_every_write_fails_once_ends_like_one_in_which_none_did(
    few, whole, tmp_path, monkeypatch, moment
):
    failed, replace = [], Path.replace

    def fail_once(part, path):
        key = path.name, checkpoint.saved_epochs(tmp_path) * (path.name == "training.npz")
        if moment == "after":
            replace(part, path)
        if key not in failed:
            failed.append(key)
            raise OSError(28, "No space left on device")
        if moment == "before":
            replace(part, path)

    options = [*QUICK, "--data", few]
    monkeypatch.setattr(Path, "replace", fail_once)
    while True:
        resume = ["--resume"] if (tmp_path / "parameters.txt").exists() else []
        done = call(load_NN.main, *options, *resume, folder=tmp_path, TREES=3)
        if done.returncode == 0:
            break
        assert_one_line(done, "No space left on device; ")
        saved = (tmp_path / "parameters.txt").exists()
        remedy = (
            "resume with: python" if saved else "nothing is saved yet; start again with: python"
        )
        assert remedy in done.stderr
        assert done.stderr.endswith(" --resume\n") == saved
        assert not list(tmp_path.glob("*.part*"))
        assert_whole(tmp_path)
    assert len(failed) == WRITES, failed
    assert [name for name, _ in failed].count("training.npz") == 4
    assert_equal_runs(whole, tmp_path)


def test_a_killed_run_resumes_as_if_it_had_not_been(few, tmp_path):
    options = [*LONG, "--data", few]
    assert call(load_NN.main, *options, "--out", "whole", folder=tmp_path).returncode == 0
    process = start(tmp_path, *options, "--out", "cut")
    while not (tmp_path / "cut" / "training.npz").exists():
        assert process.poll() is None
        time.sleep(0.02)
    end(process)
    assert_whole(tmp_path / "cut")
    assert not (tmp_path / "cut" / "errors.csv").exists()
    done = call(load_NN.main, *options, "--out", "cut", "--resume", folder=tmp_path)
    assert re.search(r"^[1-9][0-9]? of 12 epochs completed$", done.stdout, re.MULTILINE)
    assert_equal_runs(tmp_path / "whole", tmp_path / "cut")


@pytest.mark.slow
def test_a_run_killed_at_ten_random_moments_ends_like_one_that_was_not(tmp_path):
    began = time.monotonic()
    process = start(tmp_path, *LONG, "--out", "whole")
    process.communicate(timeout=300)
    latest = 0.8 * (time.monotonic() - began)  # resumed runs end earlier than that
    moments = random.Random(20)
    killed, resumed = 0, 0
    while killed < 10:
        resume = ["--resume"] if (tmp_path / "cut" / "parameters.txt").exists() else []
        process = start(tmp_path, *LONG, "--out", "cut", *resume)
        try:
            printed, said = process.communicate(timeout=moments.uniform(0, latest))
            assert (process.returncode, said) == (0, "")  # it was ready before
            assert_equal_runs(tmp_path / "whole", tmp_path / "cut")
            resumed += "epochs completed" in printed
            shutil.rmtree(tmp_path / "cut")
        except subprocess.TimeoutExpired:
            end(process)
            killed += 1
            if (tmp_path / "cut").exists():
                assert_whole(tmp_path / "cut")
    resume = ["--resume"] if (tmp_path / "cut" / "parameters.txt").exists() else []
    process = start(tmp_path, *LONG, "--out", "cut", *resume)
    printed, said = process.communicate(timeout=300)
    assert (process.returncode, said) == (0, "")
    assert_equal_runs(tmp_path / "whole", tmp_path / "cut")
    assert resumed + ("epochs completed" in printed)


def test_ctrl_c_in_the_training_says_what_is_saved_and_how_to_resume(few, tmp_path):
    options = ["--data", few, *LONG[:-1], 9999, "--out", "my run"]
    process = start(tmp_path, *options)
    while not (tmp_path / "my run" / "training.npz").exists():
        assert process.poll() is None
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert said.count("\n") == 1, said
    assert said.startswith("load_NN.py: stopped; ")
    assert said.endswith(" --out 'my run' --resume\n")
    assert_whole(tmp_path / "my run")
    logged = len(pd.read_csv(tmp_path / "my run" / "training.log"))
    saved = int(re.search(r"nn_raw.h5 and (\d+) epochs are saved", said)[1])
    assert saved in (logged, logged - 1)


def test_worker_processes_do_not_hear_ctrl_c(tmp_path):
    code = """import signal
import joblib
from voltage_lab.cluster import run_fits
with run_fits(2):
    blocked = joblib.delayed(signal.pthread_sigmask)(signal.SIG_BLOCK, [])
    print(*(signal.SIGINT in each for each in joblib.Parallel(2)([blocked] * 4)))
print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))"""
    done = run(tmp_path, "-c", code, PYTHONPATH=str(ROOT), LOKY_MAX_CPU_COUNT="2")
    assert (done.stdout, done.stderr) == ("True True True True\nFalse\n", "")


def test_ctrl_c_waits_until_the_workers_have_started_whichever_thread_gets_it():
    code = """import signal, threading, time
from voltage_lab.cluster import hold_ctrl_c
threading.Thread(target=time.sleep, args=[2], daemon=True).start()
with hold_ctrl_c():
    signal.pthread_kill(threading.enumerate()[1].ident, signal.SIGINT)
    time.sleep(0.5)
    print("started", flush=True)
print("never")"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (-signal.SIGINT, "started\n")
    assert done.stderr.endswith("KeyboardInterrupt\n")


def test_workers_start_from_any_thread():
    code = """import threading
from voltage_lab.cluster import start_workers
thread = threading.Thread(target=start_workers, args=[2, int])
thread.start(); thread.join()"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("caught", ["()", "KeyboardInterrupt"])
def test_ctrl_c_inside_exec_ends_with_status_1(caught):
    code = f"""from voltage_lab import messages
messages.report_errors()
try:
    exec("raise KeyboardInterrupt")
except {caught}:
    raise messages.RunStopped("stopped")"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "-c: stopped\n")


@pytest.mark.slow
@pytest.mark.parametrize("delay", [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 6])
def test_ctrl_c_while_workers_start_leaves_one_line(tmp_path, delay):
    process = start(tmp_path, "--search", 50, cores=2)
    while "test set" not in process.stdout.readline():
        assert process.poll() is None
    time.sleep(delay)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert said.count("\n") == 1, said
    assert "load_NN.py: stopped; nothing is saved yet; start again with" in said


# --------------------------------------------------------------------------------- resumed or not
def test_a_new_run_does_not_overwrite_the_oversized_network(few, whole, tmp_path, monkeypatch):
    oversized = shutil.copytree(whole, tmp_path / "2048e")
    monkeypatch.setattr(supplement, "OVERSIZED", oversized)
    before = {path.name: path.read_bytes() for path in oversized.iterdir()}
    options = [*QUICK, "--data", few, "--out", "2048e"]
    done = call(load_NN.main, *options, folder=tmp_path, TREES=3)
    assert_one_line(done, "--out 2048e has the network that others are compared with; give another")
    assert {path.name: path.read_bytes() for path in oversized.iterdir()} == before
    longer = ["--epochs", 6, *options[2:], "--resume"]
    done = call(load_NN.main, *longer, folder=tmp_path, TREES=3)
    assert (done.returncode, done.stderr) == (0, "")
    (oversized / "training.npz").unlink()  # as it is given away
    log = (oversized / "training.log").read_bytes()
    done = call(load_NN.main, *longer, folder=tmp_path, TREES=3)
    assert_one_line(done, "--out 2048e has the network that others are compared with; give another")
    assert (oversized / "training.log").read_bytes() == log


def test_a_new_run_that_is_stopped_in_its_search_leaves_the_one_before(
    few, whole, tmp_path, monkeypatch
):
    out = shutil.copytree(whole, tmp_path / "out")
    before = {path.name: path.read_bytes() for path in out.iterdir() if path.suffix != ".owner"}

    def stop(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(supplement, "searchNN", stop)
    options = [*QUICK, "--data", few, "--out", out]
    done = call(load_NN.main, *options, folder=tmp_path, TREES=3)
    assert_one_line(done, "stopped; nothing is saved yet; start again with: python ")
    assert {name: (out / name).read_bytes() for name in before} == before
    done = call(load_NN.main, *options, "--resume", folder=tmp_path, TREES=3)
    assert (done.returncode, done.stderr) == (0, "")
    assert "4 of 4 epochs completed" in done.stdout


def test_a_deleted_figure_of_the_search_is_drawn_again(few, whole, tmp_path):
    out = shutil.copytree(whole, tmp_path / "out")
    (out / "search.png").unlink()
    options = [*QUICK, "--data", few, "--out", out, "--resume"]
    assert call(load_NN.main, *options, folder=tmp_path, TREES=3).returncode == 0
    assert (out / "search.png").exists()
    (out / "search.csv").unlink()
    assert call(load_NN.main, *options, folder=tmp_path, TREES=3).returncode == 0


def test_a_finished_run_resumes_to_more_epochs_as_one_of_as_many(few, whole, tmp_path):
    longer = ["--epochs", 6, *QUICK[2:], "--data", few]
    one_go = tmp_path / "one go"
    assert call(load_NN.main, *longer, "--out", one_go, folder=tmp_path, TREES=3).returncode == 0
    out = shutil.copytree(whole, tmp_path / "out")
    log = (out / "training.log").read_text("utf-8")
    (out / "training.log").write_text(log.replace("\n", "\n\n"), "utf-8")  # as an editor may
    done = call(load_NN.main, *longer, "--out", out, "--resume", folder=tmp_path, TREES=3)
    assert done.returncode == 0, done.stderr
    assert_equal_runs(one_go, out)
    done = call(load_NN.main, *QUICK, "--data", few, "--resume", folder=out, TREES=3)
    assert_one_line(done, "6 epochs are completed; give as many EPOCHS or more")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe: no"])
@pytest.mark.parametrize("name", ["nn_raw.h5", "training.npz", "training.log", "parameters.txt"])
def test_a_run_with_a_broken_file_is_not_resumed(few, whole, tmp_path, name, content):
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    (tmp_path / name).write_bytes(content)
    done = call(load_NN.main, *QUICK, "--data", few, "--resume", folder=tmp_path, TREES=3)
    assert_one_line(done, name)
    assert (tmp_path / name).read_bytes() == content


@pytest.mark.parametrize("damage", ["half", "flipped"])
@pytest.mark.parametrize("name", ["nn_raw.h5", "training.npz"])
def test_a_run_with_a_damaged_file_is_not_resumed(few, whole, tmp_path, name, damage):
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    content = bytearray((tmp_path / name).read_bytes())
    if damage == "flipped" and name == "nn_raw.h5":
        content[:8] = b"\x00" * 8  # HDF5 checks its signature, not every byte
    elif damage == "flipped":
        content[len(content) // 2] ^= 0xFF
    content = content[: len(content) // 2] if damage == "half" else content
    (tmp_path / name).write_bytes(content)
    done = call(load_NN.main, *QUICK, "--data", few, "--resume", folder=tmp_path, TREES=3)
    assert_one_line(done, f"{name} cannot be read: ")


@pytest.mark.parametrize("name", ["nn_raw.h5", "training.log", "parameters.txt"])
def test_a_run_without_a_file_is_not_resumed(few, whole, tmp_path, name):
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    (tmp_path / name).unlink()
    done = call(load_NN.main, *QUICK, "--data", few, "--resume", folder=tmp_path, TREES=3)
    assert_one_line(done, name)


def test_where_no_run_is_nothing_is_resumed(few, tmp_path):
    done = call(
        load_NN.main, *QUICK, "--data", few, "--resume", "--out", "mistyped", folder=tmp_path
    )
    assert_one_line(done, f"no run in {tmp_path / 'mistyped'} to resume: parameters.txt: No such")
    assert not list(tmp_path.glob("mistyped/*.h5"))


def test_the_network_of_another_run_is_not_resumed(few, whole, tmp_path):
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    X, _ = supplement.load_data(few, check=0)
    checkpoint.save_network(supplement.build_network(X, (2, 3, 4)), tmp_path / "nn_raw.h5")
    done = call(load_NN.main, *QUICK, "--data", few, "--resume", folder=tmp_path, TREES=3)
    assert_one_line(done, "training.npz is of another network than nn_raw.h5")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (["--seed", 7], "RSEED is 42 there, 7 here"),
        (["--dropout", ".3"], "DROPOUT is 0.2 there, 0.3 here"),
        (["--search", 2], "SEARCH is 1 there, 2 here"),
    ],
)
def test_a_run_of_other_settings_is_not_resumed(few, whole, tmp_path, change, said):
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    before = (tmp_path / "training.npz").read_bytes()
    options = [*QUICK, "--data", few, *change, "--resume"]
    assert_one_line(call(load_NN.main, *options, folder=tmp_path, TREES=3), said)
    assert (tmp_path / "training.npz").read_bytes() == before


def test_the_card_has_every_setting_and_version(whole, few):
    written = card.read_card(whole)
    expected = {name for name in vars(supplement) if name.isupper()} - {"DATA", "OVERSIZED"}
    expected |= {"EPOCHS", "data", "sha256", "python", "tensorflow", *card.PACKAGES}
    assert set(written) == expected
    assert (written["TREES"], written["COVERAGE"], written["EPOCHS"]) == ("3", "0.9", "4")
    assert written["tensorflow"].count(".") == 2
    assert written["data"] == few.name


# ------------------------------------------------------------------------------------- a full disk
def confined(folder, script, *arguments):
    """Run a shell command line in a space of its own, where it may mount file systems."""
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-rm", "true"]).returncode:
        pytest.skip("this system lets nobody mount a file system")
    command = ["unshare", "-rm", "sh", "-c", script, sys.executable, *map(str, arguments)]
    alone = os.environ | {"LOKY_MAX_CPU_COUNT": "1"}
    return subprocess.run(
        command, cwd=folder, env=alone, capture_output=True, text=True, timeout=300
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kilobytes", "saved"),
    [(40, "nothing is saved yet"), (350, "epochs are saved"), (1_500, "4 epochs are saved")],
)
def test_a_full_disk_ends_a_run_with_a_line_and_loses_nothing(few, tmp_path, kilobytes, saved):
    (tmp_path / "full").mkdir()
    script = 'mount -t tmpfs -o size=$1k none full && shift && "$0" "$@" --out full; '
    script += "code=$?; cp -r full saved; exit $code"
    options = [ROOT / "load_NN.py", *QUICK, "--data", few]
    done = confined(tmp_path, script, kilobytes, *options)
    assert_one_line(done, "No space left on device")
    assert saved in done.stderr
    assert not list((tmp_path / "saved").glob("*.part*"))
    assert_whole(tmp_path / "saved")
    if "epochs" in saved:
        done = run(tmp_path, *options, "--out", "saved", "--resume")
        assert done.returncode == 0, done.stderr
        assert run(tmp_path, *options, "--out", "whole").returncode == 0
        assert_equal_runs(tmp_path / "whole", tmp_path / "saved")


def test_no_leftover_and_no_loss_where_a_file_cannot_be_written(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("before")

    def write(part):
        part.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(checkpoint.RunStopped, match=r"table.csv: No space left on device"):
        checkpoint.save(write, path)
    assert [each.read_text() for each in tmp_path.iterdir()] == ["before"]


# ---------------------------------------------------------------------------------- many at a time
def test_a_second_run_in_one_folder_is_refused_with_who_writes(few, whole, tmp_path):
    options = [*QUICK, "--data", few, "--out", tmp_path]
    with checkpoint.lock_folder(tmp_path):
        code = "import sys, load_NN; from voltage_lab import messages; messages.report_errors(); "
        done = run(ROOT, "-c", f"{code}sys.argv[0] = 'load_NN.py'; load_NN.main()", *options)
    assert_one_line(done, f"load_NN.py: process {os.getpid()} on ")
    assert f"is writing to {tmp_path}; wait, or give --out" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == [".run.lock", ".run.owner"]
    assert call(load_NN.main, *options, TREES=3).returncode == 0  # the lock went with its owner
    assert_equal_runs(whole, tmp_path)


@pytest.mark.slow
def test_runs_in_separate_folders_do_not_disturb_each_other(few, whole, tmp_path):
    options = [*QUICK, "--data", few]
    together = {name: start(tmp_path, *options, "--out", name) for name in ("one", "two", "three")}
    for name, process in together.items():
        _, said = process.communicate(timeout=300)
        assert (process.returncode, said) == (0, "")
        assert_equal_runs(whole, tmp_path / name)


def test_only_the_cores_that_are_granted_are_used():
    cores = os.sched_getaffinity(0)
    assert joblib.cpu_count() <= len(cores)
    done = subprocess.run(
        [sys.executable, "-c", "import supplement; print(supplement.WORKERS)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {min(cores)}),
    )
    assert done.stdout == "1\n", done.stderr


# --------------------------------------------------------------------------------------- odd places
@pytest.mark.slow
def test_a_read_only_checkout_writes_only_to_out(tmp_path, tmp_path_factory):
    lab = tmp_path / "lab"
    lab.mkdir()
    for name in ("supplement.py", "load_NN.py", "predict_RF.py", "Batteries_feat.json"):
        shutil.copy(ROOT / name, lab)
    shutil.copytree(ROOT / "voltage_lab", lab / "voltage_lab")
    before = sorted(lab.rglob("*"))
    out = tmp_path_factory.mktemp("out")
    mount = 'mount --bind . . && mount -o remount,ro,bind . && cd "$PWD" && ! touch new 2>/dev/null'
    done = confined(lab, f'{mount} && "$0" load_NN.py "$@"', *QUICK, "--out", out)
    assert (done.returncode, done.stderr) == (0, "")
    assert "2048e is left out: parameters.txt: No such file or directory" in done.stdout
    done = confined(lab, f'{mount} && cd "$1" && "$0" {lab}/predict_RF.py', out)
    assert (done.returncode, done.stderr) == (0, "")
    assert (out / "predictions.csv").exists()
    assert sorted(lab.rglob("*")) == before


@pytest.mark.slow
def test_odd_paths_and_the_poorest_terminal_work_without_chatter(tmp_path):
    folder = tmp_path / "São Carlos, aula 1"
    folder.mkdir()
    poor = {"LC_ALL": "C", "COLUMNS": "60", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    for script, options in [("load_NN.py", QUICK), ("predict_RF.py", ())]:
        done = subprocess.run(
            [sys.executable, ROOT / script, *options],
            cwd=folder,
            env=kept | poor,
            timeout=300,
            stdin=subprocess.DEVNULL,
            capture_output=True,
        )
        assert (done.returncode, done.stderr) == (0, b"")
        assert done.stdout.isascii()
        assert b"\x1b" not in done.stdout
        tables = [line for line in done.stdout.splitlines() if line.startswith(b"|")]
        assert tables
        assert max(map(len, tables)) <= 60
