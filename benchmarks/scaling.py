"""Measure how time and memory scale with the number of samples.

python benchmarks/scaling.py                           1,000, 10,000 and 100,000 samples
python benchmarks/scaling.py --sizes 100 200 400       others

Each part runs in a process of its own. Its time includes the import of TensorFlow, if it needs it.
Its memory includes the libraries, the samples and the process's children.

"forest predicts" and "network predicts" load a model and call `predict_hosts`, as `predict_RF.py`
does. The features of the formulas are given: their time is that of "featurizing".

What is measured is kept in a folder, and the same command resumes a stopped run. To measure a
part again, remove its line from ``scaling.csv`` there.
"""

import argparse
import contextlib
import itertools
import os
import pickle
import sys
import tempfile
import time
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
from pymatgen.core import Composition

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from processes import watch_command

import supplement
from voltage_lab import checkpoint, messages, settings
from voltage_lab.formulas import parse_formula
from voltage_lab.messages import LabError

SIZES = [1_000, 10_000, 100_000]  # samples
CHUNK = 1_000  # formulas between two files of features; a stopped run loses no more
METALS = "Mg Al Si P Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Sr Y Zr Nb Mo Ru Rh Pd Ag In Sn Sb Ba La"
METALS, ANIONS = [*METALS.split(), "Ta", "W", "Bi"], ["N", "O", "F", "S", "Cl", "Se", "Te"]
EPOCHS = 4  # of the training; the question is how the time scales, not how long a run takes
SMALLER = {"SEARCH": 2, "SEARCH_EPOCHS": 2, "FOLDS": 3, "MAX_NEURONS": 64, "TREES": 4}


# ---------------------------------------------------------------------------------- the samples
def sample_formulas(number):
    """Sample distinct hosts of two to four elements; small amounts are likelier, as in nature."""
    random, formulas = np.random.default_rng(supplement.RSEED), {}
    weights = 1 / np.arange(1, 9)
    while len(formulas) < number:
        metals = random.choice(METALS, random.integers(1, 4), replace=False)
        amounts = random.choice(8, len(metals) + 1, p=weights / weights.sum()) + 1
        atoms = zip([*metals, random.choice(ANIONS)], amounts, strict=True)
        formulas[parse_formula("".join(f"{element}{amount}" for element, amount in atoms))] = None
    return list(random.permutation(list(formulas)))  # the last ones sampled have more elements


def prepare_formulas(number, folder):
    """Sample the formulas of all sizes, unless the folder has as many."""
    file = folder / "formulas.txt"
    if not file.exists():
        text = "\n".join(sample_formulas(number))
        checkpoint.save(lambda path: path.write_text(text, encoding="utf-8"), file)
    saved = len(file.read_text(encoding="utf-8").split())
    if saved < number:
        raise LabError(f"{folder} has {saved} formulas, not {number}; give another --folder")


def read_samples(size, folder):
    """Return X (size, 158) and made-up voltages y; compute the features that are not there."""
    formulas = (folder / "formulas.txt").read_text(encoding="utf-8").split()
    files = {start: folder / f"features_{start}.pkl" for start in range(0, size, CHUNK)}
    for start, file in files.items():
        if not file.exists():
            X = supplement.featurize(formulas[start : start + CHUNK])
            checkpoint.save(X.to_pickle, file)
    X = pd.concat(map(pd.read_pickle, files.values()))[:size]
    noise = np.random.default_rng(supplement.RSEED).normal(size=size)
    y = X["mean Electronegativity"] * X["mean NdValence"] / 4 + 0.3 * noise
    return X, y.rename(supplement.TARGET)


def prepare_files(size, folder):
    """Write what the parts read: a feature file, and models trained on the lab's own data."""
    file = folder / f"samples_{size}.json"
    if not file.exists():
        X, y = read_samples(size, folder)
        atoms = {"composition": [Composition(name).as_dict() for name in X.index]}
        table = pd.concat([pd.DataFrame(atoms, X.index), y, X], axis=1).reset_index()
        checkpoint.save(lambda path: table.to_json(path, orient="split"), file)
    if not (folder / "nn_raw.h5").exists():
        X, _, y, _ = supplement.split_data(*supplement.load_data(supplement.DATA))
        supplement.train_forest(X, y, folder)
        network = supplement.build_network(X, [100, 100, 100])  # untrained, it takes as long
        checkpoint.save_network(network, folder / "nn_raw.h5")


# ------------------------------------------------------------------------------------ the parts
def train(X, y):
    """Train a network and monitor a test set, as `load_NN.py` does."""
    X, X_test, y, y_test = supplement.split_data(X, y)
    model = supplement.build_network(X, [64, 64, 64], supplement.DROPOUT)
    supplement.trainNN(model, X, y, EPOCHS, (X_test, y_test), "out")


def load_forest():
    """Load the forest of `prepare_files`."""
    return pickle.loads(Path("rf_model.pkl").read_bytes())


def load_network():
    """Load the network of `prepare_files`."""
    from keras.models import load_model

    return load_model("nn_raw.h5")


def predict(load, X):
    """Load a model and predict the formulas of X, whose features are not computed again."""
    rows = [(f"host {number}", formula) for number, formula in enumerate(X.index)]
    model = load()
    with mock.patch.object(supplement, "featurize", return_value=X):
        supplement.predict_hosts(model, rows)


PARTS = {
    "reading": lambda X, y: supplement.load_data(f"samples_{len(X)}.json"),
    "featurizing": lambda X, y: supplement.featurize(list(X.index)),
    "search": lambda X, y: supplement.searchNN(X, y, "out"),
    "training": train,
    "forest": lambda X, y: supplement.train_forest(X, y, "out"),
    "forest predicts": lambda X, y: predict(load_forest, X),
    "network predicts": lambda X, y: predict(load_network, X),
}


def measure_part(part, size, folder):
    """Run a part in this process and return its seconds."""
    X, y = read_samples(size, folder)
    for name, value in SMALLER.items():
        setattr(supplement, name, value)
    (folder / "out").mkdir(exist_ok=True)
    with (
        contextlib.chdir(folder),
        open(os.devnull, "w", encoding="utf-8") as nowhere,
        contextlib.redirect_stdout(nowhere),
    ):
        start = time.perf_counter()
        PARTS[part](X, y)
        return time.perf_counter() - start


def measure_process(part, size, folder):
    """Run a part in a process of its own; return its seconds and its peak memory, GB."""
    command = [sys.executable, __file__, "--folder", folder, "--part", part, "--sizes", str(size)]
    printed, peak = watch_command(command)
    return float(printed), peak


# ------------------------------------------------------------------------------------ the table
def measure_missing(sizes, folder):
    """Measure what is not in ``scaling.csv`` yet; return all that is in it."""
    file = folder / "scaling.csv"
    results = pd.DataFrame(columns=["part", "samples", "s", "GB"])
    if file.exists():
        results = pd.read_csv(file)
    for size, part in itertools.product(sizes, PARTS):
        if ((results["part"] == part) & (results["samples"] == size)).any():
            continue
        prepare_files(size, folder)
        results.loc[len(results)] = [part, size, *measure_process(part, size, folder)]
        checkpoint.save(lambda path: results.to_csv(path, index=False), file)
        print(f"{part}, {size:,} samples", flush=True)
    return results


def tabulate(results, sizes):
    """Return the table of the card from the lines of ``scaling.csv``.

    Parameters
    ----------
    results : pandas.DataFrame
        Columns part, samples, s, GB.
    sizes : list of int
        Three numbers of samples, increasing.

    Returns
    -------
    pandas.DataFrame
        Per part: the time at the first size, s; the times at the others, relative to it; the memory
        at the last size, GB; and how many times more memory the second step adds than the first.
    """
    small, medium, large = sizes
    table = results.set_index(["part", "samples"]).astype(float)
    times, memory = (table[unit].unstack().loc[list(PARTS)] for unit in ["s", "GB"])
    return pd.DataFrame(
        {
            "part": list(PARTS),
            f"s, {small:,}": times[small].to_numpy(),
            f"times, {medium:,}": (times[medium] / times[small]).to_numpy(),
            f"times, {large:,}": (times[large] / times[small]).to_numpy(),
            f"GB, {large:,}": memory[large].to_numpy(),
            # The libraries take the same at each size: differences are what samples take.
            "GB ratio": (
                (memory[large] - memory[medium]) / (memory[medium] - memory[small])
            ).to_numpy(),
        }
    )


def read_options(arguments):
    """Read the command line."""
    parser = settings.Parser(description=__doc__.splitlines()[0])
    folder = Path(tempfile.gettempdir()) / "scaling"
    parser.add_argument("--folder", type=Path, default=folder, help="keeps samples and results")
    words = "three numbers of samples, increasing, from 6 on"
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help=words)
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)  # in this process, alone
    _, options = settings.read_arguments(parser, supplement.current_settings(), arguments)
    increasing = options.sizes == sorted(set(options.sizes))
    if not options.part and not (len(options.sizes) == 3 and increasing and options.sizes[0] >= 6):
        parser.error(f"--sizes {' '.join(map(str, options.sizes))} are not {words}")
    return options


def main(arguments=None):
    """Measure all parts at all sizes and print a table."""
    options = read_options(arguments)
    folder = options.folder.resolve()
    if options.part:
        print(measure_part(options.part, options.sizes[0], folder))
        return
    checkpoint.make_folder(folder)
    prepare_formulas(options.sizes[-1], folder)
    table = tabulate(measure_missing(options.sizes, folder), options.sizes)
    smaller = ", ".join(f"{name} = {value}" for name, value in SMALLER.items())
    messages.show(table, f"Time and memory; EPOCHS = {EPOCHS}, {smaller}", 2)
    print(f"Samples and results are in {folder}")


if __name__ == "__main__":
    messages.report_errors()
    main()
