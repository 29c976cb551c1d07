"""The instructor's tools: is a machine ready, and the students' results brought together."""

import platform
import subprocess
import sys

import collect
import numpy as np
import pandas as pd
import pytest
import ready
from conftest import ROOT, assert_one_line, call, run
from matplotlib.image import imread
from oracles import assert_message

from voltage_lab import card
from voltage_lab.messages import LabError


def make_run(folder, seed, forest, network, **settings):
    """Write what a student's run leaves, as far as it is collected."""
    folder.mkdir()
    values = {"sha256": "07b752c6a2", "RSEED": seed, "EPOCHS": 128, "ION": "Li", **settings}
    card.write_card(values, folder)
    names = ["training mean", "forest", "network", "2048e", "floor"]
    errors = {"model": names, "MAE test": [1.2, forest, network, 0.25, 0.09]}
    pd.DataFrame(errors).to_csv(folder / "errors.csv", index=False)
    return folder


@pytest.fixture
def folders(tmp_path):
    """Return the folders of three students."""
    return [
        make_run(tmp_path / "ana", 1, 0.28, 0.26),
        make_run(tmp_path / "bia", 2, 0.30, 0.25, EPOCHS=256),
        make_run(tmp_path / "caio", 3, 0.29, 0.30),
    ]


def test_runs_are_collected_with_their_seeds_settings_and_errors(folders, tmp_path):
    done = call(collect.main, *folders, folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    table = pd.read_csv(tmp_path / "collected.csv", keep_default_na=False)
    assert list(table["folder"]) == [str(folder) for folder in folders]
    assert list(table["seed"]) == [1, 2, 3]
    assert list(table["settings"]) == ["", "EPOCHS = 256 (default 128)", ""]
    assert list(table["network"]) == [0.26, 0.25, 0.30]
    mean, deviation = np.mean([0.28, 0.30, 0.29]), np.std([0.28, 0.30, 0.29], ddof=1)
    assert f" forest   {mean:.3f}  {deviation:.3f}  0.280   0.300" in done.stdout
    picture = imread(tmp_path / "collected.png")[..., :3]
    edges = picture[0], picture[-1], picture[:, 0], picture[:, -1]
    assert all((edge == 1).all() for edge in edges)


def test_the_figure_has_the_errors_of_each_run_their_mean_and_sd(folders, tmp_path):
    runs = collect.read_runs(folders)
    (ax,) = collect.plot_runs(runs, tmp_path / "figure.png").axes
    lines = [list(line.get_ydata()) for line in ax.lines[: len(runs)]]
    assert lines == runs[["forest", "network"]].to_numpy().tolist()
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == [
        f"{name}: {runs[name].mean():.3f} ± {runs[name].std():.3f} V" for name in collect.MODELS
    ]


def test_runs_of_other_data_are_shown_and_not_averaged(folders, tmp_path):
    other = make_run(tmp_path / "davi", 4, 0.5, 0.6, sha256="ffff")
    done = call(collect.main, *folders, folder=tmp_path)
    assert "07b752c6" not in done.stdout
    (tmp_path / "collected.png").unlink()
    done = call(collect.main, *folders, other, folder=tmp_path)
    assert_one_line(done, "these runs are of different data")
    assert "07b752c6" in done.stdout
    assert "ffff" in done.stdout
    assert " mean " not in done.stdout
    assert not (tmp_path / "collected.png").exists()


def test_a_folder_counts_once(folders, tmp_path):
    call(collect.main, *folders, tmp_path / "." / "ana", "ana", folder=tmp_path)
    assert len(pd.read_csv(tmp_path / "collected.csv")) == 3


def test_folders_of_one_name_are_shown_with_their_paths(folders, tmp_path):
    done = call(collect.main, *folders, folder=tmp_path)
    assert " ana " in done.stdout
    other = tmp_path / "b" / "ana"
    other.parent.mkdir()
    make_run(other, 4, 0.3, 0.2)
    done = call(collect.main, "ana", "b/ana", folder=tmp_path)
    assert " b/ana " in done.stdout


@pytest.mark.parametrize(
    "broken", ["absent", "empty", "no card", "no network", "garbage", "Excel", "text", "no number"]
)
def test_a_folder_that_cannot_be_read_is_left_out_with_a_line(folders, broken, tmp_path):
    bad = tmp_path / "eva"
    if broken != "absent":
        make_run(bad, 5, 0.3, 0.3)
    if broken == "empty":
        (bad / "errors.csv").write_text("")
    elif broken == "no card":
        (bad / "parameters.txt").unlink()
    elif broken == "no network":
        (bad / "errors.csv").write_text("model,MAE test\nforest,0.3\n")
    elif broken == "Excel":  # in Portuguese
        (bad / "errors.csv").write_text("model;MAE test\nforest;0,3\nnetwork;0,3\n")
    elif broken in ("text", "no number"):
        cell = "a" if broken == "text" else ""
        (bad / "errors.csv").write_text(f"model,MAE test\nforest,0.3\nnetwork,{cell}\n")
    elif broken == "garbage":
        (bad / "errors.csv").write_bytes(b"\x00\xff\n,,,\n")
    done = call(collect.main, *folders, bad, folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{bad} is left out: ")
    assert len(pd.read_csv(tmp_path / "collected.csv")) == 3
    assert_one_line(call(collect.main, bad, folder=tmp_path), "no folder has the errors.csv")


def test_a_real_run_is_collected(lab_run, tmp_path):
    done = run(tmp_path, ROOT / "classroom" / "collect.py", lab_run[0])
    assert (done.returncode, done.stderr) == (0, "")
    errors = pd.read_csv(lab_run[0] / "errors.csv", index_col="model")
    table = pd.read_csv(tmp_path / "collected.csv")
    assert "MAE of the test set (V), 1 run" in done.stdout
    assert "nan" not in done.stdout
    assert table["network"].item() == pytest.approx(errors["MAE test"]["network"])


# ------------------------------------------------------------------------------------- readiness
def test_this_machine_is_ready(tmp_path, monkeypatch):
    ran = []
    monkeypatch.setattr(ready, "run_script", lambda *words, folder: ran.append(words))
    done = call(ready.main, folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == f"Python {platform.python_version()}"
    assert lines[1].endswith(" libraries as in requirements.txt")
    assert lines[-2].endswith(": expect 1 minute for the default run")
    assert lines[-1] == "ready"
    assert ran == [("load_NN.py", *ready.SMALL), ("predict_RF.py", "FePO4")]


def test_a_script_that_fails_is_reported_with_its_last_line(tmp_path):
    ready.run_script("predict_RF.py", "--help", folder=tmp_path)
    with pytest.raises(LabError, match="predict_RF.py ended with status 1: .* no model") as error:
        ready.run_script("predict_RF.py", "FePO4", folder=tmp_path)
    assert_message(error.value)


def test_what_is_missing_is_said_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(ready, "VERSIONS", ((2, 7), (3, 2)))
    assert_one_line(call(ready.main), "; install one from 2.7 to 3.2")
    monkeypatch.undo()
    monkeypatch.setattr(ready.metadata, "version", lambda name: "0.0.1")
    done = call(ready.main)
    assert_one_line(done, "absl-py 0.0.1, ")
    assert "-m pip install -r " in done.stderr
    monkeypatch.undo()
    monkeypatch.setattr(ready, "FILES", ["supplement.py", "no such file"])
    assert_one_line(call(ready.main), "no such file not in ")
    monkeypatch.undo()
    monkeypatch.setattr(ready, "MIN_DISK", 1e9)
    assert_one_line(call(ready.main, folder=tmp_path), "GB are free here; the lab needs")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_library_is_named(monkeypatch):
    def find(name):
        if name == "keras":
            raise ready.metadata.PackageNotFoundError
        return version(name)

    version = ready.metadata.version
    monkeypatch.setattr(ready.metadata, "version", find)
    with pytest.raises(LabError, match="libraries: keras is missing; "):
        ready.check_libraries()


def test_the_check_needs_no_library(tmp_path):
    code = "import sys; sys.path.insert(0, sys.argv[1]); import ready; ready.main([])"
    bare = subprocess.run(
        [sys.executable, "-S", "-c", code, ROOT / "classroom"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert "no library is installed; " in bare.stderr
