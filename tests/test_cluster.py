"""The search on a Dask cluster: a scheduler and two workers, in processes of their own."""

import re
import subprocess
import sys
import threading
import time

import numpy as np
import pandas as pd
import psutil
import pytest
from conftest import QUICK, run

import supplement
from lab import runs

pytest.importorskip("distributed", reason="the cluster is an optional part: distributed")


def start_worker(folder, scheduler, threads=1):
    """Start a worker that does not stand in the lab's folder."""
    command = ["-m", "distributed.cli.dask_worker", scheduler, "--no-dashboard", "--no-nanny"]
    command += ["--nthreads", str(threads), "--local-directory", str(folder)]
    return subprocess.Popen([sys.executable, *command], cwd=folder, stderr=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
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
def drawn():
    """Return drawn rows: 120 of 60 formulas."""
    random = np.random.default_rng(3)
    X = pd.DataFrame(random.normal(size=(120, 6)), [f"formula {n // 2}" for n in range(120)])
    return X, pd.Series(X.to_numpy() @ np.arange(6), X.index)


def wait_for(address, number):
    """Wait until a cluster has so many workers."""
    from distributed import Client

    with Client(address, set_as_default=False) as client:
        client.wait_for_workers(number, timeout=60)


def searched(X, y, out, address, capsys):
    """Search on a cluster, or here; return what is printed and the network's bytes."""
    with runs.cluster(address):
        model = supplement.searchNN(X, y, out)
    return capsys.readouterr().out, np.concatenate([w.ravel() for w in model.get_weights()])


def test_a_cluster_finds_the_network_that_one_machine_finds(cluster, lab, class_run):
    _, address, _ = cluster
    wait_for(address, 2)
    done = run(lab, "load_NN.py", *QUICK, "--scheduler", address)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    assert done.stdout.splitlines()[:-1] == class_run[1].stdout.splitlines()[:-1]


def test_two_searches_in_a_session_and_a_worker_that_dies(
    cluster, drawn, monkeypatch, tmp_path, capsys
):
    for name, value in {"SEARCH": 3, "SEARCH_EPOCHS": 9, "MAX_NEURONS": 9, "FOLDS": 2}.items():
        monkeypatch.setattr(supplement, name, value)
    folder, address, workers = cluster
    wait_for(address, 2)
    here = searched(*drawn, tmp_path, None, capsys)
    # In a terminal, a search here draws a bar, which only its own machine could tell what is done.
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    began = time.monotonic()
    there = searched(*drawn, tmp_path, address, capsys)
    victim = workers.pop()
    moment = threading.Timer((time.monotonic() - began) / 3, victim.kill)
    moment.start()
    again = searched(*drawn, tmp_path, address, capsys)
    moment.join()
    assert victim.wait(10) < 0 and not psutil.pid_exists(victim.pid)
    workers.append(start_worker(folder, address))
    for printed, weights in (there, again):
        assert re.sub("\x1b\\[[0-9]+m", "", printed) == here[0]  # bold words, but no bar
        np.testing.assert_array_equal(weights, here[1])


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nowhere"])
def test_an_address_where_nobody_answers_gets_one_line(lab, address):
    done = run(lab, "load_NN.py", *QUICK, "--scheduler", address)
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    assert f"no Dask scheduler answers at {address}" in done.stderr


def test_a_worker_with_several_threads_is_refused(cluster):
    folder, address, workers = cluster
    wait_for(address, len(workers))
    odd = start_worker(folder, address, threads=2)
    wait_for(address, len(workers) + 1)
    with pytest.raises(ValueError, match="has 2 threads; start dask worker with --nthreads 1"):
        with runs.cluster(address):
            pass
    odd.kill()
    odd.wait()
