"""Check that a machine is ready for the lab session: python classroom/ready.py, a minute at most.

A line for each check; the last one is "ready", or says what is missing (exit status 1).
"""

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from voltage_lab import messages, settings
from voltage_lab.messages import LabError

ROOT = Path(__file__).resolve().parents[1]
VERSIONS = (3, 11), (3, 13)  # of Python, the lowest and the highest that are tested
MIN_DISK = 0.1  # GB, for the files of some runs
FILES = ["Batteries_feat.json", "2048e/nn_trained.h5", "supplement.py", "predict_RF.py"]
SMALL = ["--search", "2", "--search-epochs", "2", "--epochs", "4"]  # a run of seconds
MINUTES_PER_SECOND = 0.07  # of the default run, per second of the small one: 2.0 minutes, 29 s


def check_python():
    """Return the version of Python; LabError if it is not one that is tested."""
    lowest, highest = VERSIONS
    if not lowest <= sys.version_info[:2] <= highest:
        known = " to ".join(".".join(map(str, version)) for version in VERSIONS)
        raise LabError(f"Python {platform.python_version()}; install one from {known}")
    return f"Python {platform.python_version()}"


def check_libraries():
    """Return how many libraries are as in ``requirements.txt``; LabError if one is not."""
    try:
        from packaging.requirements import Requirement
    except ModuleNotFoundError:
        raise LabError(f"no library is installed; {describe_remedy()}") from None
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    needed = [Requirement(line) for line in lines if line and not line.startswith("#")]
    needed = [each for each in needed if not each.marker or each.marker.evaluate()]
    wrong = []
    for each in needed:
        try:
            version = metadata.version(each.name)
        except metadata.PackageNotFoundError:
            version = None
        if version is None or version not in each.specifier:
            wrong.append(f"{each.name} {version or 'is missing'}")
    if wrong:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise LabError(f"libraries: {', '.join(wrong[:3])}{more}; {describe_remedy()}")
    return f"{len(needed)} libraries as in requirements.txt"


def describe_remedy():
    """Return the command that installs the libraries."""
    return f"{sys.executable} -m pip install -r {ROOT / 'requirements.txt'}"


def check_files():
    """Return the free space of the current directory; LabError if a file or space is missing."""
    if missing := [name for name in FILES if not (ROOT / name).exists()]:
        raise LabError(f"{', '.join(missing)} not in {ROOT}; clone the repository again")
    with messages.explain_os_error("the current directory"):
        tempfile.TemporaryFile(dir=".").close()
    free = shutil.disk_usage(".").free / 1e9
    if free < MIN_DISK:
        raise LabError(f"{free:.2f} GB are free here; the lab needs {MIN_DISK} GB")
    return f"{len(FILES)} files of the lab present, {free:.0f} GB free"


def check_run():
    """Return the time of a small run and a prediction, and what to expect of the default run."""
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        run_script("load_NN.py", *SMALL, folder=folder)
        seconds = time.perf_counter() - begin
        run_script("predict_RF.py", "FePO4", folder=folder)
    minutes = max(1, round(MINUTES_PER_SECOND * seconds))
    expected = f"expect {minutes} minute{'s' * (minutes > 1)} for the default run"
    return f"{os.cpu_count()} cores; a small run took {seconds:.0f} s: {expected}"


def run_script(name, *arguments, folder):
    """Run a script of the lab in a folder; LabError with its last line if it fails."""
    command = [sys.executable, str(ROOT / name), *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace")
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
        raise LabError(f"{name} ended with status {done.returncode}: {lines[-1]}")


def main(arguments=None):
    """Print a line per check, then "ready"; the first check that fails raises LabError."""
    parser = settings.Parser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.parse_args(arguments)
    for check in (check_python, check_libraries, check_files, check_run):
        print(check(), flush=True)
    print("ready")


if __name__ == "__main__":
    messages.report_errors()
    main()
