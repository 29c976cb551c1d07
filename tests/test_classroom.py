"""The instructor's tools: the students' results brought together."""

import collect
import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, assert_one_line, call, run
from matplotlib.image import imread

from voltage_lab import card


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


def test_other_data_is_shown(folders, tmp_path):
    other = make_run(tmp_path / "davi", 4, 0.5, 0.6, sha256="ffff")
    done = call(collect.main, *folders, folder=tmp_path)
    assert "07b752c6" not in done.stdout
    done = call(collect.main, *folders, other, folder=tmp_path)
    assert "07b752c6" in done.stdout
    assert "ffff" in done.stdout


@pytest.mark.parametrize("broken", ["absent", "empty", "no card", "no network", "garbage"])
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
    assert table["network"].item() == pytest.approx(errors["MAE test"]["network"])
