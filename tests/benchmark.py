"""Speed and memory of the lab, as ratios within one run: python tests/benchmark.py

Each ratio is the median of the repeats, in which the two ways take turns. Where memory is asked
for, all processes of a run are added up.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
import supplement
from lab.formulas import featurizers, read_table

ROWS = 1800  # of the search, formulas among them shared by two rows
PLAIN_SHARE = 5  # one of so many plain fits is timed and stands for the others
IMPORTS = "import pandas, sklearn.ensemble, matminer.featurizers.composition"


def seconds(function, *arguments):
    """Return how long a call takes."""
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def report(name, pairs, aim):
    """Print the median ratio of (slow, fast) pairs with its range."""
    ratios = [slow / fast for slow, fast in pairs]
    slow, fast = (statistics.median(times) for times in zip(*pairs))
    print(
        f"{name}: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}; "
        f"medians {slow:.1f} s and {fast:.1f} s); {aim}",
        flush=True,
    )


def rows_of_search():
    """Draw rows for the search, two to a formula."""
    random = np.random.default_rng(supplement.RSEED)
    X = pd.DataFrame(random.normal(size=(ROWS, 158)), [f"formula {n // 2}" for n in range(ROWS)])
    return X, X.iloc[:, :5].sum(axis=1)


def plain_search(X, y):
    """Fit some of the search's candidates as a first script would: Keras's defaults, in turn."""
    from scipy.stats import randint
    from sklearn.model_selection import GroupKFold, ParameterSampler

    layers = dict.fromkeys(
        ["layer_1", "layer_2", "layer_3"], randint(1, supplement.MAX_NEURONS + 1)
    )
    folds = GroupKFold(supplement.FOLDS, shuffle=True, random_state=supplement.RSEED)
    candidates = list(ParameterSampler(layers, supplement.SEARCH, random_state=supplement.RSEED))
    for number, neurons in enumerate(candidates):
        for fold, (train, test) in enumerate(folds.split(X, y, X.index)):
            if (number + fold) % PLAIN_SHARE:
                continue
            network = supplement.build_network(
                X.iloc[train], neurons.values(), supplement.DROPOUT
            )
            network.compile(network.optimizer, "mean_absolute_error")
            network.fit(
                X.iloc[train].to_numpy(), y.iloc[train].to_numpy(), epochs=supplement.SEARCH_EPOCHS
            )
            network.predict(X.iloc[test].to_numpy())


def search(repeats):
    """Compare `searchNN` with the same fits one after the other by Keras's defaults."""
    plain = [sys.executable, __file__, "--only", "plain"]
    defaults = os.environ | dict.fromkeys(supplement.THREADS, "0")  # all cores for every fit
    pairs = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(repeats):
            bars = subprocess.run(plain, env=defaults, capture_output=True, check=True, text=True)
            fast = seconds(supplement.searchNN, *rows_of_search(), folder)
            pairs.append((PLAIN_SHARE * float(bars.stdout.split()[-1]), fast))
    report("search, plain Keras / searchNN", pairs, "at least 3")


def prediction(data, repeats):
    """Compare `predict_RF.py` with the import of the libraries that it needs."""
    with tempfile.TemporaryDirectory() as folder:
        X_train, _, y_train, _ = supplement.split_data(*supplement.load_data(data))
        supplement.train_forest(X_train, y_train, folder)
        script = [sys.executable, ROOT / "predict_RF.py", "--data", data]
        ways = [script, [sys.executable, "-c", IMPORTS]]
        run = lambda way: subprocess.run(way, cwd=folder, check=True, stdout=subprocess.DEVNULL)  # noqa: E731
        pairs = [[seconds(run, way) for way in ways] for _ in range(3 * repeats + 1)]
    report("predict_RF.py / import of its libraries", pairs[1:], "at most 1.5")


def plain_features(formulas):
    """Featurize every row with matminer's own loop in one process."""
    from pymatgen.core import Composition

    table = pd.DataFrame({"composition": [Composition(formula) for formula in formulas]})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for featurizer, column in featurizers():
            featurizer.set_n_jobs(1)
            featurizer.featurize_dataframe(
                table, column, ignore_errors=True, pbar=False, inplace=True
            )
    return table.rename(columns=lambda name: name.removeprefix("MagpieData "))


def features(data, repeats):
    """Compare `featurize` with a loop over all rows, and the values of both."""
    hosts = read_table(data)[supplement.FORMULA]
    formulas = (list(hosts) * 2000)[:2000]
    X, table, pairs = None, None, []
    for _ in range(repeats):
        start = time.perf_counter()
        table = plain_features(formulas)
        middle = time.perf_counter()
        X = supplement.featurize(formulas)
        pairs.append((middle - start, time.perf_counter() - middle))
    same = np.allclose(X, table[X.columns].fillna(0).astype(float), rtol=1e-9, atol=1e-9)
    name = f"2000 rows of {hosts.iloc[:2000].nunique()} formulas, matminer's loop / featurize"
    report(name, pairs, f"at least 3; the values are {'the same' if same else 'NOT the same'}")


def memory(data):
    """Print the peak memory and the time of a whole default run of `load_NN.py`."""
    peak, start = 0, time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, ROOT / "load_NN.py", "--data", data, "--out", folder]
        with psutil.Popen(command, stdout=subprocess.DEVNULL) as run:
            while run.poll() is None:
                total = 0
                for process in [run, *run.children(recursive=True)]:
                    try:
                        total += process.memory_full_info().uss
                    except psutil.Error:  # it has just ended
                        continue
                peak = max(peak, total)
                time.sleep(0.5)
    minutes = (time.perf_counter() - start) / 60
    print(f"load_NN.py: {peak / 1e9:.2f} GB at its peak, {minutes:.1f} minutes; under 4 GB and 6")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=supplement.DATA, help="features file")
    parser.add_argument("--repeats", type=int, default=3, help="of each pair")
    parts = ["prediction", "features", "memory", "search", "plain"]
    parser.add_argument("--only", choices=parts, help="one part; plain is half of search")
    options = parser.parse_args()
    data, repeats = options.data.resolve(), options.repeats
    if options.only == "plain":
        return print(seconds(plain_search, *rows_of_search()))
    print(f"{psutil.cpu_count()} cores", flush=True)
    for name, part in {
        "prediction": lambda: prediction(data, repeats),
        "features": lambda: features(data, repeats),
        "memory": lambda: memory(data),
        "search": lambda: search(repeats),
    }.items():
        if options.only in (None, name):
            part()


if __name__ == "__main__":
    main()
