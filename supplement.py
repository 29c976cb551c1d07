"""What the lab session shares, in the order of its use: data, network, forest, evaluation.

From the formula of an electrode host alone to its average voltage vs. lithium.
"""

import functools
import logging
import math
import os
import pickle
import random
import warnings
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from sklearn.exceptions import InconsistentVersionWarning

from voltage_lab import (
    card,
    checkpoint,
    cluster,
    features,
    intervals,
    ions,
    notes,
    predictions,
    predictors,
    search,
    settings,
    tables,
    training,
)
from voltage_lab.messages import LabError

# --------------------------------------------------------- settings, read when a function runs
RSEED = 42  # 0 or more; another seed samples another test set, other candidates and weights
SPLIT = "formula"  # "formula": no formula in both sets; "random": formulas may be in both
TEST_FRACTION = 0.2  # 0..1, share of the formulas (or samples) in the test set
SEARCH = 20  # 1 or more, networks that the search tries; time grows with it
SEARCH_EPOCHS = 32  # 1 or more, epochs that each of them trains; time grows with it
FOLDS = 3  # 2 or more, folds of the cross-validation; time grows with it
MAX_NEURONS = 200  # 1 or more, largest layer that is tried; time grows with it
DROPOUT = 0.2  # 0..1, share of the neurons that a training step leaves out; 0: none
WORKERS = min(4, joblib.cpu_count())  # processes of the search, each about 0.8 GB
BATCH = 64  # 1 or more, samples per step of Adam; more is faster and needs more epochs
TREES = 300  # 1 or more, trees of the forest; more is slower and hardly better
COVERAGE = 0.9  # above 0, below 1, share of new voltages that the printed interval contains
TARGET = "Average Voltage"  # the column that is learned, V vs. the metal of the working ion
FORMULA = "Reduced Formula"  # the column with the formula of the delithiated host
ION = "any"  # working ion whose rows are read, such as "Na"; "any": the only one of the table
BAD_ROWS = "refuse"  # "refuse": stop at rows that cannot be read; "skip": leave them out
# ----------------------------------------------------------------------------------------------
DATA = Path(__file__).resolve().parent / "Batteries_feat.json"
OVERSIZED = DATA.parent / "2048e"  # the network with too many neurons, to be compared

# TensorFlow reads these when it is imported. With one thread per process, sums are added in the
# same order in each run, and networks this small gain nothing from more. Without oneDNN it
# starts without a message.
for name, value in {
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "TF_CPP_MIN_LOG_LEVEL": "3",  # fatal errors only
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",  # several processes can share a GPU
    "KERAS_BACKEND": "tensorflow",
}.items():
    os.environ.setdefault(name, value)
for library in ("absl", "tensorflow"):  # .h5 is a legacy format; many fits trace many times
    logging.getLogger(library).setLevel(logging.ERROR)
warnings.filterwarnings("ignore", "A worker stopped")  # TensorFlow leaks; joblib replaces it
warnings.filterwarnings("error", category=InconsistentVersionWarning)  # of an old rf_model.pkl


def current_settings():
    """Return all settings above but the paths: a dict, name to value."""
    return {
        key: value
        for key, value in globals().items()
        if key.isupper() and not isinstance(value, Path)
    }


# --------------------------------------------------------------------------- data and features
def featurize(formulas):
    """Turn formulas into what every model takes.

    Parameters
    ----------
    formulas : list of str
        Delithiated hosts, such as ``["Nb1 Se2", "CoO2", "Fe2(SO4)3"]``.

    Returns
    -------
    pandas.DataFrame, shape (n_formulas, 158), float
        The numeric features in file order, indexed by the reduced formula.

    Raises
    ------
    LabError
        For an empty list, one text instead of a list, and rows that are not a formula.
    """
    if isinstance(formulas, str):
        raise LabError(f"{formulas!r} is one text; give a list, such as [{formulas!r}]")
    if len(formulas) == 0:
        raise LabError("no formula is given; give a list of them, such as ['Nb1 Se2']")
    hosts = tables.read_list(formulas, ION)
    return features.numeric_features(features.feature_table(hosts)).rename_axis(FORMULA)


def load_data(path, check=50):
    """Read a table of hosts and voltages; compute the features that it lacks.

    Parameters
    ----------
    path : str or Path
        A CSV file, such as an export of the Materials Project, or a feature file: JSON, made by
        ``data/features.py``, which has the features too.
    check : int, optional
        How many rows of a feature file, sampled with the seed, are compared with what matminer
        computes here. If they differ, all are computed.

    Returns
    -------
    X : pandas.DataFrame, shape (n_samples, 158), float
        Features, indexed by the host's reduced formula.
    y : pandas.Series, shape (n_samples,)
        Average voltage, V vs. the metal of the working ion, whose symbol is its name.

    Raises
    ------
    LabError
        If the file is no table, lacks columns, mixes working ions, or has bad rows.
    """
    cells, y = tables.read_samples(path, TARGET, FORMULA, ION, BAD_ROWS)
    return features.read_features(cells, y.index, path, check, RSEED), y


def split_data(X, y):
    """Split into training and test set: by formula, or by sample if `SPLIT` is "random".

    Returns
    -------
    X_train, X_test, y_train, y_test
        Polymorphs share a formula; split by formula, none of the test set's is trained on.

    Raises
    ------
    LabError
        If there are too few formulas, or if any setting is not allowed.
    """
    from sklearn.model_selection import GroupShuffleSplit, ShuffleSplit

    for key, value in current_settings().items():
        settings.check(key, value)
    by_formula = SPLIT == "formula"
    splitter = GroupShuffleSplit if by_formula else ShuffleSplit
    splitter = splitter(1, test_size=TEST_FRACTION, random_state=RSEED)
    number = X.index.nunique() if by_formula else len(X)
    in_test = math.ceil(TEST_FRACTION * number)  # as scikit-learn rounds
    if in_test < 2 or number - in_test < FOLDS:
        what = "formulas" if by_formula else "samples"
        raise LabError(
            f"{number} {what} are too few: {in_test} for the test set, which needs 2 or more, "
            f"{number - in_test} for the training set, which needs {FOLDS} or more"
        )
    train, test = next(splitter.split(X, y, X.index if by_formula else None))
    return X.iloc[train], X.iloc[test], y.iloc[train], y.iloc[test]


# --------------------------------------------------------------------------------- the network
def quartile_bins(X):
    """Return the quartile bins of each column of X: their middles and margins, half of a width.

    Both have the shape (4, n_features). Where quartiles coincide, the margin is infinite.
    """
    edges = np.quantile(X.to_numpy(), np.linspace(0, 1, 5), axis=0)
    margin = np.diff(edges, axis=0) / 2
    wide = margin > 1e-4 * (edges[-1] - edges[0])  # narrower ones are lost in 32-bit floats
    return (edges[1:] + edges[:-1]) / 2, np.where(wide, margin, np.inf)


def build_network(X, neurons, dropout=0.0, seed=0):
    """Build a compiled network, (n_samples, n_features) -> (n_samples, 1) V, scaled to X.

    Its inputs are a piecewise-linear encoding of the features in quartile bins: four numbers for
    each feature, low below the bin, high above it, straight between (Gorishniy et al.,
    arXiv:2203.05556, 2022). So a network can bend where a forest would split, and no extreme
    feature leads to thousands of volts. The comments say by how much each part lowers the MAE
    (``benchmarks/README.md``): on this data, and on that of the Materials Project of 2020.
    """
    import keras

    next_seed = functools.partial(random.Random(seed).randint, 1, 10**9)
    middle, margin = quartile_bins(X)
    start_small = keras.initializers.Constant(0.05)
    network = keras.Sequential(
        [
            keras.Input((X.shape[1],)),
            keras.layers.RepeatVector(len(middle)),  # four numbers, not one: 0.021, 0.006 V
            keras.layers.Flatten(),
            keras.layers.Normalization(mean=middle.ravel(), variance=margin.ravel() ** 2),
            keras.layers.Activation("hard_tanh", name="clip"),
            # A weight for each of these inputs, learned, not fixed: 0.014, -0.002 V.
            keras.layers.EinsumDense("ij,j->ij", (middle.size,), kernel_initializer=start_small),
        ]
    )
    for width in neurons:
        start = keras.initializers.GlorotUniform(next_seed())
        network.add(keras.layers.Dense(int(width), kernel_initializer=start))
        network.add(keras.layers.LeakyReLU(negative_slope=0.01))
        if dropout:
            network.add(keras.layers.Dropout(dropout, seed=next_seed()))  # -0.004, 0.002 V
    start = keras.initializers.GlorotUniform(next_seed())
    network.add(keras.layers.Dense(1, kernel_initializer=start))  # linear: V may be negative
    compile_network(network)
    return network


def compile_network(network):
    """Give a network its loss and a new Adam, in place: no memory of steps before."""
    import keras

    # Trained weights are exponential moving averages (EMA) over about 100 steps: 0.017, 0.011 V.
    adam = keras.optimizers.Adam(use_ema=True, ema_momentum=0.99)
    # Instead of the squared error: 0.001, 0.018 V. By its full name, it can be loaded from .h5.
    network.compile(adam, "mean_absolute_error", steps_per_execution=64)  # in one call


def searchNN(X, y, out=".", scheduler=None):
    """Find how many neurons each layer should have, by random search and cross-validation.

    Parameters
    ----------
    X, y : pandas.DataFrame, shape (n_samples, n_features); pandas.Series, V
        Training set; the samples of one formula stay in one fold.
    out : str or Path, optional
        Folder for ``nn_raw.h5`` and ``search.csv``, the table of all candidates.
    scheduler : str, optional
        Address of a Dask scheduler whose workers fit; by default, processes here do.

    Returns
    -------
    keras.Model
        The best of `SEARCH` networks, compiled, not yet trained, as saved in ``nn_raw.h5``.
    """
    from scipy.stats import randint
    from sklearn.model_selection import RandomizedSearchCV

    files = [Path(__file__).resolve(), Path(search.__file__).resolve().parent]
    first = functools.partial(search.fit_smallest, build_network)
    with (
        cluster.run_fits(WORKERS, first, scheduler, files),
        cluster.progress_bar(SEARCH * FOLDS, shown=scheduler is None) as folder,
    ):
        candidates = RandomizedSearchCV(
            search.NetworkRegressor(build_network, 1, 1, 1, DROPOUT, SEARCH_EPOCHS, BATCH, RSEED),
            dict.fromkeys(search.LAYERS, randint(1, MAX_NEURONS + 1)),
            n_iter=SEARCH,
            cv=search.make_folds(X.index, FOLDS, RSEED),
            scoring=functools.partial(search.score_fit, folder=folder),
            random_state=RSEED,
            refit=False,
            error_score="raise",
            n_jobs=WORKERS,
        )
        candidates.fit(X, y, groups=X.index)
    table = search.report_candidates(candidates.cv_results_, FOLDS, Path(out))
    model = build_network(X, table.iloc[0][search.LAYERS], DROPOUT, RSEED)
    checkpoint.save_network(model, Path(out) / "nn_raw.h5")
    return model


def trainNN(model, X, y, steps, held_out=None, out=".", resume=False):
    """Train a network; the losses of every epoch go to ``training.log``, a CSV file.

    Parameters
    ----------
    model : keras.Model
        From `searchNN`, or loaded from ``nn_raw.h5``.
    X, y : pandas.DataFrame, shape (n_samples, n_features); pandas.Series, V
        Training set.
    steps : int
        Epochs.
    held_out : tuple (X, y), optional
        A set that is monitored only: its loss, that of the network as it would be saved, is
        logged as ``val_loss``. ``loss`` is the mean over the epoch's steps, with dropout.
    out : str or Path, optional
        Folder for ``training.log``, ``nn_trained.h5`` and ``training.npz``, the state after the
        last epoch.
    resume : bool, optional
        Go on from that state instead of the first epoch.

    Returns
    -------
    keras.Model
        The same network, trained, as saved in ``nn_trained.h5``.

    Raises
    ------
    LabError
        If the loss is no longer a number. What was saved before stays.
    """
    import keras

    out, completed = Path(out), 0
    compile_network(model)
    model.optimizer.build(model.trainable_variables)
    if resume:
        completed = checkpoint.restore_state(model, out)
        print(f"{completed} of {steps} epochs completed", flush=True)
    average = keras.models.clone_model(model)

    def end_epoch(epoch, logs):
        if held_out:
            model.optimizer.finalize_variable_values(average.trainable_variables)  # their EMA
            logs["val_loss"] = float(np.abs(predict(average, held_out[0]) - held_out[1]).mean())
        checkpoint.log_epoch(epoch, logs, out)
        checkpoint.save_state(model, epoch + 1, out)
        if (epoch + 1) % max(1, steps // 8) == 0 or epoch + 1 == steps:
            losses = "".join(f"   {key} {loss:.3f} V" for key, loss in sorted(logs.items()))
            print(f"epoch {epoch + 1:{len(str(steps))}} of {steps}{losses}", flush=True)

    training.run_epochs(model, X, y, steps, BATCH, RSEED, completed, end_epoch)
    compile_network(model)  # its file needs no memory of the steps, which training.npz has
    checkpoint.save_network(model, out / "nn_trained.h5")
    return model


# ---------------------------------------------------------------------------------- the forest
def train_forest(X, y, out="."):
    """Train the random forest on X, y and pickle it in the folder `out`.

    Returns
    -------
    sklearn.ensemble.RandomForestRegressor
        Fitted; ``quartiles_`` tells which training set it has seen.
    """
    from sklearn.ensemble import RandomForestRegressor

    forest = RandomForestRegressor(TREES, random_state=RSEED, n_jobs=-1).fit(X, y)
    forest.n_jobs = 1  # for a few samples, threads take longer than they save
    forest.quartiles_ = quartile_bins(X)[0].ravel()  # as in the network's scaling
    pickled = pickle.dumps(forest)
    checkpoint.save(lambda path: path.write_bytes(pickled), Path(out) / "rf_model.pkl")
    return forest


# ------------------------------------------------------------------------------ the evaluation
def predict(model, X):
    """Return the voltages of X (n_samples, n_features): shape (n_samples,), V."""
    if callable(model):  # a network; called, it draws no progress bar
        voltages = np.asarray(model(X.to_numpy("float32"), training=False), float)
        voltages = voltages[:, 0] if voltages.shape[1:] == (1,) else voltages
    else:
        voltages = np.asarray(model.predict(X), float)
    if voltages.shape != (len(X),):
        raise LabError("the model gives more than one number per formula")
    return voltages


def tabulate_results(models, X_train, X_test, y_train, y_test):
    """Return the true and the predicted voltages of both sets.

    Returns
    -------
    pandas.DataFrame
        Columns formula, set ("training" or "test"), voltage (V) and one per model (V).
    """
    sets = {"training": (X_train, y_train), "test": (X_test, y_test)}
    parts = [
        pd.DataFrame({"formula": X.index, "set": part, "voltage": y.to_numpy()})
        for part, (X, y) in sets.items()
    ]
    results = pd.concat(parts, ignore_index=True)
    X = pd.concat([X_train, X_test])
    return results.assign(**{key: predict(model, X) for key, model in models.items()})


def evaluate(results):
    """Return the errors of the models in a table of `tabulate_results`.

    Returns
    -------
    pandas.DataFrame
        MAE and RMSE, V, and R², on training and test set. The first row is the baseline, the
        mean of the training set. The last, the floor, is the lowest error that any formula-only
        model can reach: with the median (for the MAE) or the mean of each formula in the set.
    """
    from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

    scores = {"MAE": mean_absolute_error, "RMSE": root_mean_squared_error, "R²": r2_score}
    models = list(results.columns[3:])
    mean = results["voltage"][results["set"] == "training"].mean()
    table = pd.DataFrame({"model": ["training mean", *models, "floor"]})
    for score, function in scores.items():
        for column, part in {"train": "training", "test": "test"}.items():
            samples = results[results["set"] == part]
            best = "median" if score == "MAE" else "mean"
            floor = samples.groupby("formula")["voltage"].transform(best)
            predicted = [np.full(len(samples), mean), *(samples[key] for key in models), floor]
            table[f"{score} {column}"] = [function(samples["voltage"], each) for each in predicted]
    return table


# ------------------------------------------------------------------------------ the prediction
def read_rows(description, rows, arguments=None):
    """Read the command line of a prediction, such as ``--seed 7 FePO4 TiS2``.

    Parameters
    ----------
    description : str
        What the script does, for its ``--help``.
    rows : list of tuple (str, str)
        Id and formula, used where no formula is typed.
    arguments : list of str, optional
        By default those that the script was started with.

    Returns
    -------
    rows : list of tuple (str, str), or pandas.DataFrame
        From the command line or `rows`; or, with ``--formulas``, the cells of a file, indexed by
        the host's reduced formula.
    data : str or Path
        The table of the model's training.
    """
    changeable = ["--seed", "--split", "--ion", "--bad-rows"]
    parser = settings.make_parser(description, current_settings(), *changeable)
    parser.add_argument("--data", default=DATA, help="table of the training (default: %(default)s)")
    parser.add_argument("--formulas", metavar="FILE", help="table, or one host per line")
    parser.add_argument("typed", nargs="*", metavar="formula", help="such as FePO4")
    values, options = settings.read_arguments(parser, current_settings(), arguments)
    globals().update(values)
    predictions.check_input(options.formulas, options.typed)
    if options.formulas is not None:
        return tables.read_hosts(options.formulas, FORMULA, ION, BAD_ROWS), options.data
    return [(str(n), text) for n, text in enumerate(options.typed, 1)] or rows, options.data


def predict_hosts(model, rows, data=DATA):
    """Predict the voltages of hosts, with an interval and a note for each.

    Parameters
    ----------
    model : object
        The forest, the network, or another with a method ``predict``.
    rows : list of tuple (str, str), or pandas.DataFrame
        Ids and formulas, or what `read_rows` has read from a file.
    data : str or Path, optional
        The table of the model's training.

    Returns
    -------
    pandas.DataFrame
        Id, or the columns of the file; then Reduced Formula, Voltage, Lower, Upper, the voltage of
        the other model, if it is there (V), and Note: as saved in ``predictions.csv``.

    Raises
    ------
    LabError
        If a row is no formula, or the model was trained on another training set or ion.
    """
    rows = predictions.index_rows(rows, ION)
    X = features.numeric_features(features.feature_table(list(rows.index.dropna())))
    split = X_train, X_test, y_train, y_test = split_data(*load_data(data, check=5))
    ion, quartiles = y_train.name, quartile_bins(X_train)[0].ravel()
    predictions.check_ion(rows, ion)
    current = card.make_card(data, {**current_settings(), "ION": ion})
    predictors.check_model(model, X_train.shape[1], quartiles, current)
    voltage, errors = predict(model, X), np.abs(predict(model, X_test) - y_test)
    predictors.report_worse_than_mean(errors, y_train, y_test)
    name = predictors.describe_model(model)
    margins, checked, number = intervals.find_margins(X, split, {name: errors}, COVERAGE, RSEED)
    predicted = predictions.tabulate(voltage, margins[name])
    predicted["Note"] = notes.note_hosts(checked, y_train, y_test, ion)
    if (other := predictors.load_other(model, quartiles)) is not None:
        predictions.compare(predicted, other, predict(other, X))
    words = predictions.describe_intervals(COVERAGE, number)
    return predictions.report(rows, predicted, ions.unit(ion), f"{name}; {words}")
