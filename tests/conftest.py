"""Ways to run the lab's scripts, and folders in which one has run."""

import contextlib
import io
import json
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import load_NN
import supplement
from voltage_lab import figures, messages

pytest.register_assert_rewrite("oracles")
ROOT = Path(__file__).resolve().parents[1]
figures.DPI = 40  # whole pictures in a tenth of the time
# A search in the test's own process: others would first have to load TensorFlow.
SMALL = {"TREES": 30, "FOLDS": 2, "WORKERS": 1}
QUICK = ("--epochs", "4", "--search", "1", "--search-epochs", "1", "--max-neurons", "8")


@contextlib.contextmanager
def settings(**values):
    """Set values in `supplement`; afterwards, all of its settings are as they were."""
    before = {name: value for name, value in vars(supplement).items() if name.isupper()}
    try:
        vars(supplement).update(values)
        yield
    finally:
        vars(supplement).update(before)


def call(main, *arguments, folder=".", **values):
    """Call a script's `main` in this process, in `folder`; return what a process would.

    Parameters
    ----------
    main : function
        Takes a list of arguments.
    *arguments : object
        Each becomes a text.
    folder : str or Path
        The current directory meanwhile.
    **values : object
        Settings of `supplement` that are not those of `SMALL`.

    Returns
    -------
    types.SimpleNamespace
        returncode, stdout and stderr. A mistake gives 1 and its line; a bug is raised.
    """
    out, err, code = io.StringIO(), io.StringIO(), 0
    name = Path(sys.modules[main.__module__].__file__).name if main.__module__ else "script"
    streams = contextlib.redirect_stdout(out), contextlib.redirect_stderr(err)
    with contextlib.chdir(folder), settings(**SMALL | values), streams[0], streams[1]:
        try:
            main(list(map(str, arguments)))
        except Exception as error:
            if (line := messages.describe_error(error)) is None:
                raise
            code = 1
            print(f"{name}: {line}", file=sys.stderr)
        except SystemExit as stop:
            code = 1 if isinstance(stop.code, str) else stop.code or 0
            print(stop.code if isinstance(stop.code, str) else "", file=sys.stderr)
    return SimpleNamespace(returncode=code, stdout=out.getvalue(), stderr=err.getvalue())


def predict(folder, *arguments, script="predict_RF.py", **values):
    """Run `predict_RF.py` of a folder in this process; return what a process would."""
    path = Path(folder, script).resolve()

    def main(texts):
        before, sys.argv = sys.argv, [str(path), *texts]
        hook = sys.excepthook
        try:
            runpy.run_path(str(path), run_name="__main__")
        finally:
            sys.argv, sys.excepthook = before, hook

    main.__module__ = None
    done = call(main, *arguments, folder=folder, **values)
    done.stderr = done.stderr.replace("script: ", "predict_RF.py: ", 1)
    return done


def run(folder, script, *arguments, **environment):
    """Run a script of `folder` there, as a process without a display; return what it did."""
    screen = {name: value for name, value in os.environ.items() if name != "DISPLAY"}
    screen["LOKY_MAX_CPU_COUNT"] = "1"
    return subprocess.run(
        [sys.executable, script, *map(str, arguments)],
        cwd=folder,
        env=screen | environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


def start(folder, *arguments, cores=1, **popen):
    """Start `load_NN.py` in a process of its own with the settings of `SMALL`."""
    code = f"""import sys; sys.argv[0] = "load_NN.py"
import supplement; vars(supplement).update({SMALL | {"WORKERS": cores}})
from voltage_lab import figures, messages; figures.DPI = 40
import load_NN; messages.report_errors(); load_NN.main()"""
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "LOKY_MAX_CPU_COUNT": str(cores)},
        start_new_session=True,
        **streams | popen,
    )


def assert_one_line(done, said):
    """Assert that a script ended with one clear line and status 1."""
    assert done.returncode == 1, done
    assert said in done.stderr, done.stderr
    assert done.stderr.count("\n") == 1, done.stderr


@pytest.fixture(scope="session")
def rows():
    """Return X and y of the data file."""
    return supplement.load_data(supplement.DATA)


@pytest.fixture(scope="session")
def lab_run(tmp_path_factory):
    """Return a folder in which `load_NN.py` has run, small, and what it printed."""
    folder = tmp_path_factory.mktemp("lab")
    done = call(load_NN.main, *QUICK, folder=folder)
    assert done.returncode == 0, done.stderr
    shutil.copy(ROOT / "predict_RF.py", folder)
    return folder, done


@pytest.fixture(scope="session")
def few(tmp_path_factory):
    """Return a feature file of few hosts, on which a run takes seconds."""
    split = json.loads(supplement.DATA.read_text("utf-8"))
    column = split["columns"].index(supplement.FORMULA)
    hosts = sorted({row[column] for row in split["data"]})[::30]
    split["data"] = [row for row in split["data"] if row[column] in hosts]
    split["index"] = list(range(len(split["data"])))
    path = tmp_path_factory.mktemp("few") / "few.json"
    path.write_text(json.dumps(split))
    return path


@pytest.fixture(scope="session")
def few_run(few, tmp_path_factory):
    """Return the folder of a run on `few`, and what it printed."""
    folder = tmp_path_factory.mktemp("few_run")
    done = call(load_NN.main, *QUICK, "--data", few, folder=folder, TREES=3)
    assert done.returncode == 0, done.stderr
    return folder, done


@pytest.fixture
def trained(lab_run, tmp_path):
    """Return a copy of the folder after a small run, to be changed freely."""
    return shutil.copytree(lab_run[0], tmp_path / "trained")
