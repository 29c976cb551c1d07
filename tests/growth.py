"""How time and memory grow with the rows: python tests/growth.py

Each part runs in a process of its own, whose children's memory is added. What is done is kept in
a folder, and a stopped run goes on; without its line in growth.csv, a part is measured anew.
"""

import argparse
import contextlib
import itertools
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
from pymatgen.core import Composition

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
import predict_RF
import supplement
from lab import figures, runs
from lab.formulas import parse_formula

ROWS = [1_000, 10_000, 100_000]
CHUNK = 5_000  # formulas between two files of features; a stopped run loses no more
METALS = "Mg Al Si P Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Sr Y Zr Nb Mo Ru Rh Pd Ag In Sn Sb Ba La"
METALS, ANIONS = [*METALS.split(), "Ta", "W", "Bi"], "N O F S Cl Se Te".split()
EPOCHS = 4  # of the training; what is asked for is growth, not the time of a whole run
SMALLER = {"SEARCH": 2, "SEARCH_EPOCHS": 2, "FOLDS": 3, "MAX_NEURONS": 64, "TREES": 4}


def draw_formulas():
    """Draw distinct hosts of two to four elements; small amounts are likelier, as in nature."""
    random, found = np.random.default_rng(supplement.RSEED), {}
    shares = 1 / np.arange(1, 9)
    while len(found) < max(ROWS):
        metals = random.choice(METALS, random.integers(1, 4), replace=False)
        amounts = random.choice(8, len(metals) + 1, p=shares / shares.sum()) + 1
        atoms = zip([*metals, random.choice(ANIONS)], amounts)
        found[parse_formula("".join(f"{element}{amount}" for element, amount in atoms))] = None
    return list(random.permutation(list(found)))  # the last ones drawn have more elements


def read_rows(rows, folder):
    """Return features and made-up voltages of the first formulas; compute what is not there."""
    names = folder / "formulas.txt"
    if not names.exists():
        supplement.save(lambda path: path.write_text("\n".join(draw_formulas())), names)
    formulas = names.read_text().split("\n")
    files = {start: folder / f"features_{start}.pkl" for start in range(0, rows, CHUNK)}
    for start, file in files.items():
        if not file.exists():
            supplement.save(supplement.featurize(formulas[start:start + CHUNK]).to_pickle, file)
    X = pd.concat(map(pd.read_pickle, files.values()))[:rows]
    noise = np.random.default_rng(supplement.RSEED).normal(size=rows)
    y = X["mean Electronegativity"] * X["mean NdValence"] / 4 + 0.3 * noise
    return X, y.rename(supplement.TARGET)


def prepare(rows, folder):
    """Write what the parts read: a features file, and models trained on the lab's own data."""
    file = folder / f"rows_{rows}.json"
    if not file.exists():
        X, y = read_rows(rows, folder)
        atoms = {"composition": [Composition(name).as_dict() for name in X.index]}
        table = pd.concat([pd.DataFrame(atoms, X.index), y, X], axis=1).reset_index()
        supplement.save(lambda path: table.to_json(path, orient="split"), file)
    if not (folder / "nn_raw.h5").exists():
        X, _, y, _ = supplement.split_data(*supplement.load_data(supplement.DATA))
        supplement.train_forest(X, y, folder)
        network = supplement.build_network(X, [100, 100, 100])  # untrained, it takes as long
        runs.save_network(network, folder / "nn_raw.h5")


def train(X, y):
    """Train a network with held-out rows, as `load_NN.py` does."""
    X, X_test, y, y_test = supplement.split_data(X, y)
    model = supplement.build_network(X, [64, 64, 64], supplement.DROPOUT)
    supplement.trainNN(model, X, y, EPOCHS, (X_test, y_test), "out")


def predict(X, network=False):
    """Run `predict_RF.py` for the formulas of X; their features are there, they count apart."""
    if network:
        keras = supplement.import_keras()
        predict_RF.load = lambda: keras.models.load_model("nn_raw.h5")
    featurize, sys.argv = supplement.featurize, ["predict_RF.py"]
    supplement.featurize = lambda names: X if len(names) == len(X) else featurize(names)
    predict_RF.ROWS = [(f"host {row}", name) for row, name in enumerate(X.index)]
    predict_RF.main()


PARTS = {
    "reading": lambda X, y: supplement.load_data(f"rows_{len(X)}.json"),
    "featurizing": lambda X, y: supplement.featurize(list(X.index)),
    "search": lambda X, y: supplement.searchNN(X, y, "out"),
    "training": train,
    "forest": lambda X, y: supplement.train_forest(X, y, "out"),
    "forest predicts": lambda X, y: predict(X),
    "network predicts": lambda X, y: predict(X, network=True),
}


def measure(part, rows, folder):
    """Run a part and print its seconds, in a process of its own."""
    X, y = read_rows(rows, folder)
    for name, value in SMALLER.items():
        setattr(supplement, name, value)
    os.chdir(folder)
    Path("out").mkdir(exist_ok=True)
    start = time.perf_counter()
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        PARTS[part](X, y)
    print(time.perf_counter() - start)


def watch(part, rows, folder):
    """Return the seconds of a part and the peak memory, GB, of its process and their children."""
    command = [sys.executable, __file__, "--folder", folder, "--inside", part, "--rows", str(rows)]
    peak = 0
    with psutil.Popen(command, stdout=subprocess.PIPE, text=True) as run:
        while run.poll() is None:
            total = 0
            for process in [run, *run.children(recursive=True)]:
                with contextlib.suppress(psutil.Error):  # it has just ended
                    total += process.memory_full_info().uss
            peak = max(peak, total)
            time.sleep(0.1)
        if run.returncode:
            sys.exit(f"{part} of {rows} rows failed")
        return float(run.stdout.read()), peak / 1e9


def tabulate(found, sizes):
    """Return a table: seconds and GB of each part, and how many times more at the last step."""
    table = {"part": list(PARTS)}
    for unit in ["s", "GB"]:
        values = found.pivot(index="part", columns="rows", values=unit).loc[table["part"], sizes]
        table |= {f"{rows / 1000:g}k {unit}": values[rows].to_numpy() for rows in sizes}
        if unit == "GB":  # what the libraries take does not grow, and so from step to step
            values = values.diff(axis=1)
        table[f"{unit} ratio"] = (values[sizes[-1]] / values[sizes[-2]]).to_numpy()
    return pd.DataFrame(table)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    folder = Path(tempfile.gettempdir()) / "growth"
    parser.add_argument("--folder", type=Path, default=folder, help="keeps rows and results")
    parser.add_argument("--rows", type=int, nargs="+", default=ROWS, help="three sizes, growing")
    parser.add_argument("--inside", choices=PARTS, help="run a part of --rows in this process")
    options = parser.parse_args()
    folder = options.folder.resolve()
    if options.inside:
        return measure(options.inside, options.rows[0], folder)
    folder.mkdir(parents=True, exist_ok=True)
    results = folder / "growth.csv"
    if not results.exists():
        results.write_text("part,rows,s,GB\n")
    for rows, part in itertools.product(options.rows, PARTS):
        if f"\n{part},{rows}," not in results.read_text():
            prepare(rows, folder)
            values = watch(part, rows, folder)
            with results.open("a") as file:
                print(part, rows, *values, sep=",", file=file)
    title = f"{EPOCHS} epochs of training; {SMALLER}; GB ratio: of what the steps add"
    figures.show(tabulate(pd.read_csv(results), options.rows), title, 2)


if __name__ == "__main__":
    main()
