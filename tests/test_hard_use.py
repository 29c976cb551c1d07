"""The lab where it is used hard: cut off, on a full disk, by many at once, read-only, unseen."""

import os
import pickle
import random
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from importlib.metadata import files, metadata
from subprocess import PIPE

import joblib
import numpy as np
import pandas as pd
import psutil
import pytest
from conftest import QUICK, ROOT, run
from matplotlib.image import imread

import supplement
from lab import runs

keras = supplement.import_keras()
LONG = (*QUICK[2:], "--epochs", "30")


def start(folder, *arguments, cores=1):
    """Start `load_NN.py` as a terminal would: with a group of its own that hears Ctrl-C."""
    return subprocess.Popen(
        [sys.executable, "load_NN.py", *map(str, arguments)], cwd=folder, stdout=PIPE, stderr=PIPE,
        text=True, start_new_session=True, env=os.environ | {"LOKY_MAX_CPU_COUNT": str(cores)},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


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
        ".h5": keras.models.load_model, ".png": imread, ".csv": pd.read_csv,
        ".pkl": lambda path: pickle.loads(path.read_bytes()),
        ".npz": lambda path: [*np.load(path).values()],
        ".txt": lambda path: runs.read_parameters(path.parent),
        ".log": lambda path: path.read_text() == "" or pd.read_csv(path)["epoch"].tolist(),
    }
    for path in folder.glob("*"):
        if ".part" not in path.name:
            readers[path.suffix](path)


def confined(folder, script, *arguments):
    """Run a shell command line in a space of its own, where it may mount file systems."""
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-rm", "true"]).returncode:
        pytest.skip("this system lets nobody mount a file system")
    command = ["unshare", "-rm", "sh", "-c", script, sys.executable, *map(str, arguments)]
    alone = os.environ | {"LOKY_MAX_CPU_COUNT": "1"}
    return subprocess.run(
        command, cwd=folder, env=alone, capture_output=True, text=True, timeout=300
    )


def equal_runs(one, other):
    """Assert that two runs have the same losses and the same trained network, to the last bit."""
    assert (one / "training.log").read_text() == (other / "training.log").read_text()
    networks = [keras.models.load_model(out / "nn_trained.h5") for out in (one, other)]
    for weights in zip(*(network.get_weights() for network in networks), strict=True):
        np.testing.assert_array_equal(*weights)


# ------------------------------------------------------------------------------- cut at any moment
def test_a_run_killed_at_ten_random_moments_ends_like_one_that_was_not(lab):
    began = time.monotonic()
    assert run(lab, "load_NN.py", *LONG, "--out", "whole").returncode == 0
    latest = 0.8 * (time.monotonic() - began)  # runs that go on end earlier than that
    moments = random.Random(20)
    killed, went_on = 0, 0
    while killed < 10:
        process = start(lab, *LONG, "--out", "cut", "--resume")
        try:
            printed, _ = process.communicate(timeout=moments.uniform(0, latest))
            assert process.returncode == 0  # it was ready before: the next begins anew
            equal_runs(lab / "whole", lab / "cut")
            went_on += "epochs are done" in printed
            shutil.rmtree(lab / "cut")
        except subprocess.TimeoutExpired:
            end(process)
            killed += 1
            assert_whole(lab / "cut")
    done = run(lab, "load_NN.py", *LONG, "--out", "cut", "--resume")
    assert done.returncode == 0 and done.stderr == ""
    equal_runs(lab / "whole", lab / "cut")
    assert went_on + ("epochs are done" in done.stdout)


@pytest.mark.parametrize("stage", ["search", "training"])
def test_ctrl_c_says_in_a_line_what_is_saved_and_how_to_go_on(lab, stage):
    options = ["--search", 50] if stage == "search" else [*QUICK[2:], "--epochs", 9999]
    process = start(lab, *options, "--out", "my run", cores=2 if stage == "search" else 1)
    if stage == "search":
        assert "training rows" in process.stdout.readline()
        time.sleep(5)
    else:
        while not (lab / "my run" / "training.npz").exists():
            assert process.poll() is None
            time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1 and said.count("\n") == 1, said
    assert said.startswith("load_NN.py: stopped; ") and said.endswith(" --resume\n")
    assert "--out 'my run'" in said
    assert_whole(lab / "my run")
    if stage == "search":
        assert "nothing is saved yet" in said
    else:
        logged = len(pd.read_csv(lab / "my run" / "training.log"))
        saved = int(re.search(r"nn_raw.h5 and (\d+) epochs are saved", said)[1])
        assert saved in (logged, logged - 1)


def test_a_finished_run_goes_on_to_more_epochs_as_if_it_had_never_stopped(class_run, lab):
    longer = ["--epochs", 6, *QUICK[2:]]
    assert run(lab, "load_NN.py", *longer).returncode == 0
    out = shutil.copytree(class_run[0], lab / "out", symlinks=True)
    log = (out / "training.log").read_text("utf-8")
    (out / "training.log").write_text(log.replace("\n", "\n\n"), "utf-8")  # as Windows would
    assert run(lab, "load_NN.py", *longer, "--out", "out", "--resume").returncode == 0
    equal_runs(lab, out)
    fewer = run(lab, "load_NN.py", *QUICK, "--out", "out", "--resume")
    assert fewer.returncode == 1 and "--epochs 4 is less than the 6 that are done" in fewer.stderr


@pytest.mark.parametrize("name", ["nn_raw.h5", "training.npz", "training.log", "parameters.txt"])
def test_a_run_with_a_broken_file_is_not_taken_up(trained, name):
    (trained / name).write_bytes(b"")
    done = run(trained, "load_NN.py", *QUICK, "--resume")
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    assert "cannot go on: " in done.stderr and done.stderr.endswith("; leave out --resume\n")


def test_a_run_of_other_settings_is_not_taken_up(trained):
    before = (trained / "training.npz").read_bytes()
    done = run(trained, "load_NN.py", *QUICK, "--seed", 7, "--resume")
    assert done.returncode == 1 and "its seed is 42, here it is 7" in done.stderr
    assert done.stderr.count("\n") == 1
    assert (trained / "training.npz").read_bytes() == before


@pytest.mark.parametrize(
    ("kilobytes", "saved"),
    [(40, "nothing is saved yet"), (180, "epochs are saved"), (1_500, "4 epochs are saved")],
)
def test_a_full_disk_ends_a_run_with_a_line_and_loses_nothing(lab, class_run, kilobytes, saved):
    (lab / "full").mkdir()
    script = 'mount -t tmpfs -o size=$1k none full && shift && "$0" load_NN.py "$@" --out full; '
    script += "code=$?; cp -r full saved; exit $code"
    done = confined(lab, script, kilobytes, *QUICK)
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    assert "No space left on device" in done.stderr and saved in done.stderr
    assert not list((lab / "saved").glob("*.part*"))
    assert_whole(lab / "saved")
    if "epochs" in saved:
        assert run(lab, "load_NN.py", *QUICK, "--out", "saved", "--resume").returncode == 0
        equal_runs(class_run[0], lab / "saved")


def test_a_loss_that_is_no_number_stops_the_training_and_keeps_the_last_network(rows, tmp_path):
    X, y = rows[0].iloc[:100], rows[1].iloc[:100]
    network = supplement.build_network(X, (4, 4, 4))
    supplement.trainNN(network, X, y, 2, out=tmp_path)
    before = {name: (tmp_path / name).read_bytes() for name in ("nn_trained.h5", "training.npz")}
    network = supplement.build_network(X, (4, 4, 4))
    with pytest.raises(ValueError, match="epoch 1: the loss is (nan|inf); try another seed"):
        supplement.trainNN(network, X, y.where(y.index != y.index[0], np.inf), 2, out=tmp_path)
    assert before == {name: (tmp_path / name).read_bytes() for name in before}
    with pytest.raises(ValueError, match="epoch 1: the loss is (nan|inf); try another seed"):
        supplement.NetworkRegressor().fit(X, y * np.nan)


# ------------------------------------------------------------------------------- a class of thirty
def test_runs_in_separate_folders_do_not_disturb_each_other(lab, class_run):
    together = [start(lab, *QUICK, "--out", name) for name in ("one", "two", "three")]
    for process, name in zip(together, ("one", "two", "three"), strict=True):
        printed, said = process.communicate(timeout=300)
        assert process.returncode == 0 and said == ""
        assert printed.splitlines()[:-1] == class_run[1].stdout.splitlines()[:-1]
        equal_runs(class_run[0], lab / name)


def test_only_the_cores_that_are_granted_are_used(lab):
    cores = os.sched_getaffinity(0)
    assert joblib.cpu_count() <= len(cores)
    check = "import supplement; print(supplement.WORKERS)"
    done = subprocess.run(
        [sys.executable, "-c", check], cwd=lab, capture_output=True, text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {min(cores)}),
    )
    assert done.stdout == "1\n"


def test_a_read_only_checkout_writes_only_to_out(lab, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    mount = 'mount --bind . . && mount -o remount,ro,bind . && cd "$PWD" && ! touch new 2>/dev/null'
    done = confined(lab, f'{mount} && "$0" load_NN.py "$@"', *QUICK, "--out", out)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    done = confined(lab, f'{mount} && cd "$1" && "$0" {lab}/predict_RF.py', out)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    assert (out / "predictions.csv").exists() and not (lab / "nn_raw.h5").exists()


def test_odd_paths_and_the_poorest_terminal_work_without_chatter(lab):
    folder = shutil.copytree(lab, lab.parent / "São Carlos, aula 1", symlinks=True)
    poor = {"LC_ALL": "C", "COLUMNS": "60", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    for script, options in [("load_NN.py", QUICK), ("predict_RF.py", ())]:
        done = subprocess.run(
            [sys.executable, script, *options], cwd=folder, env=kept | poor, timeout=300,
            stdin=subprocess.DEVNULL, capture_output=True,
        )
        assert done.returncode == 0 and done.stderr == b"", done.stderr
        assert done.stdout.isascii() and b"\x1b" not in done.stdout
        tables = [line for line in done.stdout.splitlines() if line.startswith(b"|")]
        assert tables and max(map(len, tables)) <= 60


# ------------------------------------------------------------------------------- the supply chain
def test_the_installed_packages_fit_each_other():
    done = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_every_direct_dependency_has_a_licence_that_lets_the_lab_be_given_away():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = [re.match(r"[A-Za-z0-9_-]+", line)[0] for line in project["dependencies"]]
    free = "MIT|BSD|Apache|Python Software Foundation|Redistribution and use in source and binary"
    for name in names:
        about = metadata(name)
        classifiers = [line for line in about.get_all("Classifier", []) if "License" in line]
        said = [about.get("License-Expression", ""), about.get("License", "")[:300], *classifiers]
        if not any(said):  # then the licence's own text speaks, as matminer's BSD
            texts = [file for file in files(name) if re.search("dist-info.*LICENSE", str(file))]
            said = [texts[0].read_text()]
        assert re.search(free, " ".join(said)), f"{name}: {said}"
        assert not re.search("GPL", " ".join(said)), f"{name}: {said}"
