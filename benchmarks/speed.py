"""Measure speed and memory of the lab.

python benchmarks/speed.py                   all parts
python benchmarks/speed.py --only features   one of them

Each ratio is the median of several repeats within one run, in which the two ways take turns.
``benchmarks/README.md`` says what each part compares.
"""

import argparse
import functools
import importlib
import itertools
import os
import statistics
import sys
import tempfile
import time
import warnings
from pathlib import Path

import joblib
import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from processes import run_command, watch_command

import supplement
from voltage_lab import features, messages, settings
from voltage_lab.files import read_file

ROOT = Path(__file__).resolve().parents[1]
SEARCH_SAMPLES = 1800  # of the training set of the search, two per formula
PLAIN_SHARE = 5  # one of so many plain fits is timed and stands for the others
FORMULAS = 2000  # to be featurized
IMPORTS = "import pandas, sklearn.ensemble, matminer.featurizers.composition"
# TensorFlow's own defaults: all cores for every fit, with oneDNN. They override `supplement`'s.
DEFAULTS = {
    "TF_NUM_INTRAOP_THREADS": "0",
    "TF_NUM_INTEROP_THREADS": "0",
    "TF_ENABLE_ONEDNN_OPTS": "1",
}


def seconds(function, *arguments, **options):
    """Return how long a call takes."""
    start = time.perf_counter()
    function(*arguments, **options)
    return time.perf_counter() - start


def report_ratio(name, pairs, aim):
    """Print the median ratio of (slow, fast) pairs of seconds, with its range."""
    ratios = [slow / fast for slow, fast in pairs]
    slow, fast = (statistics.median(times) for times in zip(*pairs, strict=True))
    print(
        f"{name}: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}; "
        f"medians {slow:.1f} s and {fast:.1f} s); aim: {aim}",
        flush=True,
    )


# ---------------------------------------------------------------------------------- the search
def sample_training_set():
    """Sample X (n_samples, 158) and y (n_samples,) for the search, two samples per formula."""
    names = [f"formula {number // 2}" for number in range(SEARCH_SAMPLES)]
    random = np.random.default_rng(supplement.RSEED)
    X = pd.DataFrame(random.normal(size=(SEARCH_SAMPLES, 158)), names)
    return X, X.iloc[:, :5].sum(axis=1)


def list_fits(X):
    """Return the fits of the search: neurons per layer, positions of training and test samples."""
    from scipy.stats import randint
    from sklearn.model_selection import GroupKFold, ParameterSampler

    names = ["layer_1", "layer_2", "layer_3"]
    layers = dict.fromkeys(names, randint(1, supplement.MAX_NEURONS + 1))
    candidates = ParameterSampler(layers, supplement.SEARCH, random_state=supplement.RSEED)
    splitter = GroupKFold(supplement.FOLDS, shuffle=True, random_state=supplement.RSEED)
    folds = list(splitter.split(X, groups=X.index))
    return [
        (tuple(neurons[name] for name in names), *fold) for neurons in candidates for fold in folds
    ]


def fit_plain(X, y, fits):
    """Fit networks one after the other as a first script would, with Keras's defaults."""
    for neurons, train, test in fits:
        network = supplement.build_network(X.iloc[train], neurons, supplement.DROPOUT)
        network.compile(network.optimizer, "mean_absolute_error")
        inputs, voltages = X.iloc[train].to_numpy(), y.iloc[train].to_numpy()
        network.fit(inputs, voltages, epochs=supplement.SEARCH_EPOCHS)
        network.predict(X.iloc[test].to_numpy())


def time_plain():
    """Return the seconds that a search with plain Keras takes, most of its fits extrapolated."""
    X, y = sample_training_set()
    start = time.perf_counter()
    importlib.import_module("keras")  # once, however many fits follow
    fits = list_fits(X)
    imported = time.perf_counter() - start
    chosen = fits[::PLAIN_SHARE]  # all folds have their turn
    return imported + seconds(fit_plain, X, y, chosen) * len(fits) / len(chosen)


def time_search():
    """Return the seconds that `searchNN` takes."""
    X, y = sample_training_set()
    with tempfile.TemporaryDirectory() as folder:
        return seconds(supplement.searchNN, X, y, folder)


TIMED = {"plain": time_plain, "searchNN": time_search}


def compare_search(repeats):
    """Compare `searchNN` with the same fits by plain Keras, each in a process of its own."""
    command = [sys.executable, __file__, "--time"]
    pairs = []
    for _ in range(repeats):
        plain = run_command([*command, "plain"], env=os.environ | DEFAULTS)
        search = run_command([*command, "searchNN"])
        pairs.append([float(printed.split()[-1]) for printed in (plain, search)])
    report_ratio("search, plain Keras / searchNN", pairs, "4 or more")


# ------------------------------------------------------------------------------ the prediction
def compare_prediction(data, repeats):
    """Compare `predict_RF.py` with the import of the libraries that it needs."""
    script = [sys.executable, ROOT / "predict_RF.py", "--data", data]
    imports = [sys.executable, "-c", IMPORTS]
    with tempfile.TemporaryDirectory() as folder:
        X_train, _, y_train, _ = supplement.split_data(*supplement.load_data(data))
        supplement.train_forest(X_train, y_train, folder)
        ways = [functools.partial(run_command, way, cwd=folder) for way in (script, imports)]
        for way in ways:
            way()  # the first run of each reads from the disk
        pairs = [[seconds(way) for way in ways] for _ in range(3 * repeats)]
    report_ratio("predict_RF.py / import of its libraries", pairs, "1.4 or less")


# -------------------------------------------------------------------------------- the features
def featurize_plain(formulas):
    """Featurize every formula with matminer's own loop in one process."""
    from matminer.featurizers.composition import ElementProperty
    from pymatgen.core import Composition

    table = pd.DataFrame({"composition": [Composition(formula) for formula in formulas]})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for featurizer, column in features.featurizers():
            if isinstance(featurizer, features.ElementStatistics):  # the lab's own
                featurizer = ElementProperty.from_preset("magpie", impute_nan=True)
            featurizer.set_n_jobs(1)
            featurizer.featurize_dataframe(
                table, column, ignore_errors=True, pbar=False, inplace=True
            )
    return table.rename(columns=lambda name: name.removeprefix("MagpieData "))


def compare_features(data, repeats):
    """Compare `featurize` with matminer's loop: the times and the values."""
    hosts = read_file(data)[supplement.FORMULA]
    formulas = list(itertools.islice(itertools.cycle(hosts), FORMULAS))
    pairs = []
    for _ in range(repeats):
        start = time.perf_counter()
        table = featurize_plain(formulas)
        middle = time.perf_counter()
        X = supplement.featurize(formulas)
        pairs.append((middle - start, time.perf_counter() - middle))
    expected = table[X.columns].fillna(0).astype(float)  # features of ions that there are not
    same = "the same" if np.allclose(X, expected, rtol=1e-9, atol=1e-9) else "NOT the same"
    name = f"{FORMULAS} formulas, {len(set(formulas))} distinct, matminer's loop / featurize"
    aim = "5 or more, 20 where hosts have many ions, as in data of the Materials Project"
    report_ratio(name, pairs, f"{aim}; the values are {same}")


# ---------------------------------------------------------------------------------- the memory
def report_memory(data, *options):
    """Print peak memory and time of a run of `load_NN.py`, by default of one with its defaults."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, ROOT / "load_NN.py", "--data", data, "--out", folder, *options]
        start = time.perf_counter()
        _, peak = watch_command(command, interval=0.5)
    minutes = (time.perf_counter() - start) / 60
    print(f"load_NN.py: {peak:.2f} GB at its peak, {minutes:.1f} minutes; aim: under 4 GB and 6")


def main(arguments=None):
    """Measure all parts, or the one that the command line names."""
    parser = settings.Parser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=supplement.DATA, help="table")
    parser.add_argument("--repeats", type=int, default=3, help="of each pair; 1 or more")
    parts = ["prediction", "features", "memory", "search"]
    parser.add_argument("--only", choices=parts, help="measure this part alone")
    parser.add_argument("--time", choices=TIMED, help=argparse.SUPPRESS)  # half of "search"
    _, options = settings.read_arguments(parser, supplement.current_settings(), arguments)
    if options.repeats < 1:
        parser.error(f"--repeats {options.repeats} is not 1 or more")
    if options.time:
        print(TIMED[options.time]())
        return
    data, repeats = options.data.resolve(), options.repeats
    print(f"{joblib.cpu_count()} cores", flush=True)
    for name, part in {
        "prediction": lambda: compare_prediction(data, repeats),
        "features": lambda: compare_features(data, repeats),
        "memory": lambda: report_memory(data),
        "search": lambda: compare_search(repeats),
    }.items():
        if options.only in (None, name):
            part()


if __name__ == "__main__":
    messages.report_errors()
    main()
