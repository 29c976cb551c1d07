"""A copy of the lab for the tests, as a student would have it, and a way to run its scripts."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
pytest.register_assert_rewrite("oracles")
QUICK = ("--epochs", "4", "--search", "1", "--search-epochs", "1", "--max-neurons", "8")
SMALLER = {"TREES = 300": "TREES = 30", "FOLDS = 3": "FOLDS = 2"}  # saves half of a short run


def run(folder, script, *arguments, **environment):
    """Run a script of `folder` there, without a display; return what it did.

    It searches in its own process: others would first have to load TensorFlow.
    """
    screen = {name: value for name, value in os.environ.items() if name != "DISPLAY"}
    screen["LOKY_MAX_CPU_COUNT"] = "1"
    return subprocess.run(
        [sys.executable, script, *map(str, arguments)],
        cwd=folder, env=screen | environment, capture_output=True, text=True, timeout=300,
    )


def pytest_collection_modifyitems(items):
    """Begin with the longest test, so that nobody waits for it at the end."""
    items.sort(key=lambda item: item.name != "test_what_is_quoted_is_what_is_printed")


def copy_lab(folder, smaller=SMALLER):
    """Copy what a student gets, without what earlier runs left, some settings made smaller."""
    for name in ("supplement.py", "load_NN.py", "predict_RF.py", "Batteries_feat.json"):
        shutil.copy(ROOT / name, folder)
    shared = folder / "supplement.py"
    text = shared.read_text("utf-8")
    for setting, other in smaller.items():
        assert f"\n{setting} " in text
        text = text.replace(f"\n{setting} ", f"\n{other} ")
    shared.write_text(text, "utf-8")
    (folder / "2048e").symlink_to(ROOT / "2048e")
    for name in ("data", "lab"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("*.png", "*.csv"))
    return folder


@pytest.fixture
def lab(tmp_path):
    """Return a folder with the lab in it, nothing run yet."""
    return copy_lab(tmp_path)


@pytest.fixture(scope="session")
def class_run(tmp_path_factory):
    """Return a folder in which `load_NN.py` has run, small, and what it printed."""
    folder = copy_lab(tmp_path_factory.mktemp("class"))
    done = run(folder, "load_NN.py", *QUICK, LOKY_MAX_CPU_COUNT="2")  # the one with workers
    assert done.returncode == 0, done.stderr
    return folder, done


@pytest.fixture
def trained(class_run, tmp_path):
    """Return a copy of the lab after a small run, to be changed freely."""
    return shutil.copytree(class_run[0], tmp_path / "trained", symlinks=True)


@pytest.fixture(scope="session")
def rows():
    """Return X and y of the data file."""
    import supplement

    return supplement.load_data(supplement.DATA)
