"""How far the errors of a network vary from one training to the next."""

import re

import numpy as np
import pytest
import training_noise
from conftest import ROOT, assert_one_line, call

import supplement


def test_mean_and_sd_by_hand():
    rows = [
        {"network": "b", "seed": 1, "MAE train": 0.1, "MAE test": 0.2},
        {"network": "a", "seed": 1, "MAE train": 0.3, "MAE test": 0.5},
        {"network": "b", "seed": 2, "MAE train": 0.2, "MAE test": 0.4},
        {"network": "a", "seed": 2, "MAE train": 0.3, "MAE test": 0.5},
    ]
    table = training_noise.summarize(rows)
    assert list(table["network"]) == ["b", "a"]
    np.testing.assert_allclose(table["MAE train"], [0.15, 0.3])
    np.testing.assert_allclose(table["SD train"], [0.005**0.5, 0], atol=1e-12)
    np.testing.assert_allclose(table["MAE test"], [0.3, 0.5])
    np.testing.assert_allclose(table["SD test"], [0.02**0.5, 0], atol=1e-12)


def test_a_seed_samples_the_training_noise_and_nothing_else(rows):
    X, _, y, _ = supplement.split_data(*rows)
    networks = [training_noise.train_network(X, y, (3, 2, 2), 0.2, 1, seed) for seed in (1, 1, 2)]
    one, again, other = (supplement.predict(network, X) for network in networks)
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).max() > 1e-3


def test_the_networks_are_those_of_the_card():
    card = (ROOT / "2048e" / "README.md").read_text("utf-8")
    rows = re.findall(r"^\| `python load_NN.py[^|]*\| (\S+) \| 128 \| (\S+) \|", card, re.MULTILINE)
    listed = {(tuple(map(int, neurons.split("-"))), float(dropout)) for neurons, dropout in rows}
    assert listed == set(training_noise.NETWORKS.values())


def test_a_smallest_run(monkeypatch, tmp_path):
    monkeypatch.setattr(training_noise, "NETWORKS", {"tiny": ((2, 2, 2), 0.0)})
    done = call(training_noise.main, "--runs", 2, "--epochs", 1, folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    row = re.search(r"^ tiny +(\S+) +(\S+) +(\S+) +(\S+)", done.stdout, re.MULTILINE).groups()
    assert all(float(number) > 0 for number in row)
    assert done.stdout.startswith("seed 1 of 2\nseed 2 of 2\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("options", [("--runs", 0), ("--epochs", 0)])
def test_no_run_is_refused(options):
    assert_one_line(call(training_noise.main, *options), "give 1 or more")


def test_the_card_has_the_table():
    """What the pages say of training noise is in the table of the benchmarks."""
    card = (ROOT / "benchmarks" / "README.md").read_text("utf-8")
    table = re.findall(r"^ (default|more neurons|no dropout) +0", card, re.MULTILINE)
    assert table == list(training_noise.NETWORKS)
    pages = ["classroom/instructor.md", "2048e/README.md"]
    deviation = re.search(r"^ default +\S+ +\S+ +\S+ +(\S+)", card, re.MULTILINE)[1]
    assert all(
        re.search(rf"SD (of )?{deviation} V", (ROOT / page).read_text("utf-8")) for page in pages
    )
