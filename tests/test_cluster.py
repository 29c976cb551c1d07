"""The search on a Dask cluster: a scheduler and two workers, in processes of their own."""

import re
import subprocess
import sys
import threading
import time
from concurrent.futures.process import BrokenProcessPool

import numpy as np
import pandas as pd
import psutil
import pytest
from conftest import QUICK, ROOT, assert_one_line, call

import load_NN
import supplement
from voltage_lab import cluster
from voltage_lab.messages import LabError, RunStopped

pytest.importorskip("distributed", reason="the cluster is an optional part: distributed")


def start_worker(folder, scheduler, threads=1):
    """Start a worker that does not stand in the lab's folder."""
    command = ["-m", "distributed.cli.dask_worker", scheduler, "--no-dashboard", "--no-nanny"]
    command += ["--nthreads", str(threads), "--local-directory", str(folder)]
    return subprocess.Popen([sys.executable, *command], cwd=folder, stderr=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def machines(tmp_path_factory):
    """Return the folder, the address and the two workers of a cluster on the loopback."""
    folder = tmp_path_factory.mktemp("cluster")
    command = ["-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"]
    command += ["--no-dashboard", "--no-show"]
    scheduler = subprocess.Popen(
        [sys.executable, *command], cwd=folder, stderr=subprocess.PIPE, text=True
    )
    line = next(line for line in scheduler.stderr if "Scheduler at" in line)
    threading.Thread(target=scheduler.stderr.read, daemon=True).start()
    address = line.split()[-1]
    workers = [start_worker(folder, address) for _ in range(2)]
    yield folder, address, workers
    for process in [*workers, scheduler]:
        process.kill()
        process.wait()


@pytest.fixture
def samples():
    """Return 120 samples of 60 formulas."""
    random = np.random.default_rng(3)
    X = pd.DataFrame(random.normal(size=(120, 6)), [f"formula {n // 2}" for n in range(120)])
    return X, pd.Series(X.to_numpy() @ np.arange(6), X.index)


def wait_for(address, number):
    """Wait until a cluster has so many workers."""
    from distributed import Client

    with Client(address, set_as_default=False) as client:
        client.wait_for_workers(number, timeout=60)


@pytest.mark.slow
def test_two_searches_in_a_session_and_a_worker_that_dies(
    machines, samples, monkeypatch, tmp_path, capsys
):
    values = {"SEARCH": 3, "SEARCH_EPOCHS": 9, "MAX_NEURONS": 9, "FOLDS": 2, "WORKERS": 1}
    for name, value in values.items():
        monkeypatch.setattr(supplement, name, value)
    folder, address, workers = machines
    wait_for(address, 2)

    def search(scheduler):
        model = supplement.searchNN(*samples, tmp_path, scheduler)
        found = (tmp_path / "search.csv").read_text()
        return capsys.readouterr().out, found, [w.tolist() for w in model.get_weights()]

    expected = search(None)
    # On a terminal, a search here draws a bar, but a cluster's fits cannot be counted.
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    began = time.monotonic()
    first = search(address)
    victim = workers.pop()
    moment = threading.Timer((time.monotonic() - began) / 3, victim.kill)
    moment.start()
    second = search(address)
    moment.join()
    assert victim.wait(10) < 0
    assert not psutil.pid_exists(victim.pid)
    workers.append(start_worker(folder, address))
    for printed, table, weights in (first, second):
        assert re.sub("\x1b\\[[0-9]+m", "", printed) == expected[0]  # bold words, but no bar
        assert (table, weights) == expected[1:]


def test_a_run_on_a_cluster_finds_what_one_on_this_machine_does(machines, few, few_run, tmp_path):
    _, address, _ = machines
    wait_for(address, 2)
    done = call(
        load_NN.main, *QUICK, "--data", few, "--scheduler", address, folder=tmp_path, TREES=3
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[:-1] == few_run[1].stdout.splitlines()[:-1]


def test_workers_import_the_lab_that_was_sent_to_them(machines):
    folder, address, workers = machines
    wait_for(address, len(workers))
    files = [ROOT / "supplement.py", ROOT / "voltage_lab"]

    def where():
        import supplement
        from voltage_lab import features, tables

        return [module.__file__ for module in (supplement, features, tables)]

    from distributed import Client

    with cluster.run_fits(1, int, address, files), Client(address, set_as_default=False) as client:
        places = client.run(where)
    assert len(places) == len(workers)
    for place in places.values():
        assert all("/lab-" in file for file in place), place
        assert not any(file.startswith(str(ROOT)) for file in place)


@pytest.mark.parametrize(
    "address", [pytest.param("tcp://127.0.0.1:9", marks=pytest.mark.slow), "nowhere"]
)
def test_an_address_where_nobody_answers_gets_one_line(few, tmp_path, address):
    done = call(
        load_NN.main, *QUICK, "--data", few, "--scheduler", address, folder=tmp_path, TREES=3
    )
    assert_one_line(done, f"no Dask scheduler answers at {address}")


def test_a_worker_with_several_threads_is_refused(machines):
    folder, address, workers = machines
    wait_for(address, len(workers))
    odd = start_worker(folder, address, threads=2)
    wait_for(address, len(workers) + 1)
    said = "has 2 threads; start dask worker with --nthreads 1"
    with pytest.raises(LabError, match=said), cluster.run_fits(1, int, address):
        pass
    odd.kill()
    odd.wait()


class Workers:
    """A client whose two workers have these versions; real ones of two kinds are costly."""

    def __init__(self, **others):
        self.others = others

    def nthreads(self):
        return {"tcp://a:1": 1, "tcp://b:2": 1}

    def run(self, function, names):
        here = function(names)
        return {"tcp://a:1": here, "tcp://b:2": here | self.others}


def test_a_worker_with_another_version_is_refused():
    cluster.check_workers(Workers(), [])
    with pytest.raises(LabError, match=r"tcp://b:2 has numpy 1.0, here it is 2\."):
        cluster.check_workers(Workers(numpy="1.0"), [])
    with pytest.raises(LabError, match=r"tcp://b:2 has pymatgen 2020.1.1, here it is"):
        cluster.check_workers(Workers(pymatgen="2020.1.1"), [])
    with pytest.raises(LabError, match="a Dask worker lacks no_such_module"):
        cluster.check_workers(Workers(), ["no_such_module"])


def test_what_fails_in_a_fit_is_no_failure_of_the_cluster():
    with pytest.raises(ZeroDivisionError), cluster.run_fits(1):
        raise ZeroDivisionError
    with pytest.raises(RunStopped, match="worker died"), cluster.run_fits(1):
        raise BrokenProcessPool("worker died\nand more")
