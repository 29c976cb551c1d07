"""All that the class shares, in the order of its use: data, network, forest, errors.

From the formula of an electrode host alone to its average voltage against lithium.
"""

import contextlib
import logging
import os
import pickle
import random
import sys
import warnings
from pathlib import Path

# TensorFlow reads these when it is imported. One thread a process: networks this small gain
# nothing from more, and the sums are then added in the same order on every run. Where there is
# a GPU, "growth" lets several processes share it.
THREADS = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
os.environ |= THREADS | {"TF_FORCE_GPU_ALLOW_GROWTH": "true"} | os.environ
os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}

import joblib
import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

# --------------------------------------------------------- settings, read when a function runs
RSEED = 42  # a whole number; another one draws other test rows, candidates and weights
SPLIT = "formula"  # "formula": no formula on both sides; "random": the lesson's bad example
TEST_FRACTION = 0.2  # 0..1, share of the formulas (or rows) that are held out
SEARCH = 20  # 1 or more, networks that the search tries; time grows with it
SEARCH_EPOCHS = 32  # 1 or more, epochs each of them trains; few favour those that learn fast
FOLDS = 3  # 2 or more, parts of the cross-validation; time grows with it
MAX_NEURONS = 200  # 1 or more, most neurons a layer may get; more is slower, overfits sooner
DROPOUT = 0.2  # 0..1, share of the neurons that a step leaves out; 0 learns the rows by heart
WORKERS = min(4, joblib.cpu_count())  # processes of the search, each about 0.8 GB
BATCH = 32  # 1 or more, rows per step of Adam; more is faster and needs more epochs
TREES = 300  # 1 or more, trees of the forest; more is slower and hardly better
COVERAGE = 0.9  # 0..1, share of held-out rows that the printed interval contains
TARGET = "Average Voltage"  # V against Li/Li+, the column that is learned
FORMULA = "Reduced Formula"  # the column with the empty host's formula
# ----------------------------------------------------------------------------------------------
DATA = Path(__file__).resolve().with_name("Batteries_feat.json")
warnings.filterwarnings("ignore", "A worker stopped")  # TensorFlow leaks, joblib starts another


@contextlib.contextmanager
def quiet():
    """Turn the error stream away while TensorFlow loads: no setting of its own silences it."""
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)


def import_keras():
    """Import Keras, without its greetings, where it is needed: it takes seconds."""
    with quiet():
        import keras
    for name in ("absl", "tensorflow"):  # ".h5 is a legacy format": we know
        logging.getLogger(name).setLevel(logging.ERROR)
    return keras


def save(write, path):
    """Let `write` write a file beside `path`, then rename it: what bears the name is whole."""
    part = path.with_name(f"{path.stem}.part{path.suffix}")
    try:
        write(part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


# --------------------------------------------------------------------------- data and features
def featurize(formulas):
    """Turn formulas into what every model takes.

    Parameters
    ----------
    formulas : list of str
        Empty hosts, such as ``["Nb1 Se2", "CoO2", "Fe2(SO4)3"]``.

    Returns
    -------
    pandas.DataFrame, shape (n_formulas, 158), float
        The numeric features in file order, indexed by the reduced formula.

    Raises
    ------
    ValueError
        For an empty list, and for the first row that is not a formula.
    """
    if isinstance(formulas, str) or len(formulas) == 0:
        raise ValueError("no formula is given; give a list of them, such as ['Nb1 Se2']")
    from lab.formulas import feature_table, parse_formula

    table = feature_table([parse_formula(text, row) for row, text in enumerate(formulas, 1)])
    orbitals = ["HOMO_character", "HOMO_element", "LUMO_character", "LUMO_element"]
    table = table.drop(columns=["composition", "composition_oxid", *orbitals]).astype(float)
    return table.rename_axis(FORMULA)


def load_data(path, check=50):
    """Read a features file and make sure that it fits what `featurize` gives here.

    Parameters
    ----------
    path : str or Path
        JSON as pandas writes it with ``orient="split"``; ``data/features.py`` makes it.
    check : int, optional
        How many rows, drawn by the seed, are compared with what matminer computes here.

    Returns
    -------
    X : pandas.DataFrame, shape (n_samples, 158), float
        Features, indexed by the host's reduced formula.
    y : pandas.Series, shape (n_samples,)
        Average voltage against Li/Li+, V.

    Raises
    ------
    ValueError
        If the file cannot be read, lacks columns or numbers, or differs from matminer.
    """
    from lab.formulas import read_features

    values = read_features(path, check)
    return values.drop(columns=TARGET), values[TARGET]


def split_data(X, y):
    """Hold out test rows: a share of the formulas, or of the rows if `SPLIT` is "random".

    Returns
    -------
    X_train, X_test, y_train, y_test
        Polymorphs share a formula; split by formula, no test row's formula is trained on.
    """
    from sklearn.model_selection import GroupShuffleSplit, ShuffleSplit

    splitters = {"formula": GroupShuffleSplit, "random": ShuffleSplit}
    if SPLIT not in splitters:
        raise ValueError(f"the split is {SPLIT!r}; it can be 'formula' or 'random'")
    if X.index.nunique() < 2 * FOLDS:
        raise ValueError(f"{X.index.nunique()} formulas are too few; {2 * FOLDS} will do")
    splitter = splitters[SPLIT](1, test_size=TEST_FRACTION, random_state=RSEED)
    train, test = next(splitter.split(X, y, X.index if SPLIT == "formula" else None))
    return X.iloc[train], X.iloc[test], y.iloc[train], y.iloc[test]


# --------------------------------------------------------------------------------- the network
def quarters(X):
    """Return where the quarters of each column of X lie: middle and half of the width.

    Both have the shape (4, n_features). Where quartiles coincide, the width is infinite.
    """
    edges = np.quantile(X.to_numpy(), np.linspace(0, 1, 5), axis=0)
    half = np.diff(edges, axis=0) / 2
    wide = half > 1e-4 * (edges[-1] - edges[0])  # narrower ones are lost in 32-bit floats
    return (edges[1:] + edges[:-1]) / 2, np.where(wide, half, np.inf)


def build_network(X, neurons, dropout=0.0, seed=0):
    """Build a compiled network, (n_samples, n_features) -> (n_samples, 1) V; X fits its scaling.

    A feature becomes four inputs, one for each quarter of the rows of X: low below it, high
    above, straight between: Gorishniy et al., arXiv:2203.05556 (2022). So a network can bend
    where a forest would cut, and no odd formula can ask for thousands of volts. The comments
    say by how much a part lowers the MAE in cross-validation on the training rows, with this
    data and with that of the Materials Project of 2020: ``folds/README.md``.
    """
    keras = import_keras()
    draw = random.Random(seed).randint  # of its own: Dask draws from Python's common numbers
    start = keras.initializers.GlorotUniform
    middle, half = quarters(X)
    network = keras.Sequential([
        keras.Input((X.shape[1],)),
        keras.layers.RepeatVector(len(middle)),  # four numbers, not one: 0.022, 0.033 V
        keras.layers.Flatten(),
        keras.layers.Normalization(mean=middle.ravel(), variance=half.ravel() ** 2),
        keras.layers.Activation("hard_tanh", name="cut"),
        keras.layers.Rescaling(0.05)])  # small inputs, small first steps: 0.162, 0.056 V
    for width in neurons:
        network.add(keras.layers.Dense(int(width), kernel_initializer=start(draw(1, 10**9))))
        network.add(keras.layers.LeakyReLU(negative_slope=0.01))
        if dropout:
            network.add(keras.layers.Dropout(dropout, seed=draw(1, 10**9)))  # -0.011, 0.010 V
    # Linear: a voltage may be negative.
    network.add(keras.layers.Dense(1, kernel_initializer=start(draw(1, 10**9))))
    # What is kept is each weight's mean over the last hundred steps or so: 0.031, 0.010 V.
    adam = keras.optimizers.Adam(use_ema=True, ema_momentum=0.99)
    # In place of the squared error: 0.005, 0.020 V; a short "mae" could not be loaded from .h5.
    # Several steps in one call are the same steps, with fewer returns to Python between them.
    network.compile(adam, "mean_absolute_error", steps_per_execution=64)
    return network


def batches(X, y, size):
    """Return the rows as batches for Keras, in another order each epoch."""
    import tensorflow as tf

    rows = tf.data.Dataset.from_tensor_slices((X.to_numpy("float32"), y.to_numpy("float32")))
    options = tf.data.Options()
    options.autotune.enabled = False  # to tune itself anew every epoch takes longer than the epoch
    return rows.shuffle(len(X)).batch(size).with_options(options)


def stop_at_nan(epoch, logs):
    """Raise ValueError if an epoch's loss is not a number: it would not become one again."""
    if not np.isfinite(logs["loss"]):
        lost = f"epoch {epoch + 1}: the loss is {logs['loss']}"
        raise ValueError(f"{lost}; try another seed, fewer neurons, or data without odd voltages")


class NetworkRegressor(BaseEstimator):
    """The network as scikit-learn searches it: all that a fit depends on is a parameter.

    Clones are fitted in processes of their own, which see no setting changed since the import.
    """

    def __init__(self, layer_1=1, layer_2=1, layer_3=1, dropout=0.0, epochs=1, batch=32, seed=0):
        self.layer_1, self.layer_2, self.layer_3 = layer_1, layer_2, layer_3
        self.dropout, self.epochs, self.batch, self.seed = dropout, epochs, batch, seed

    def fit(self, X, y):
        """Train a new network on X (n_samples, n_features) and y (n_samples,), V."""
        keras = import_keras()
        keras.backend.clear_session()  # frees the network of the fit before
        keras.utils.set_random_seed(self.seed)
        neurons = (self.layer_1, self.layer_2, self.layer_3)
        self.network_ = build_network(X, neurons, self.dropout, self.seed)
        rows = batches(X, y, self.batch)
        check = keras.callbacks.LambdaCallback(on_epoch_end=stop_at_nan)
        self.network_.fit(rows, epochs=self.epochs, shuffle=False, verbose=0, callbacks=[check])
        return self

    def predict(self, X):
        """Return the voltages of X: shape (n_samples,), V."""
        return predict(self.network_, X)


def searchNN(X, y, out="."):
    """Find how many neurons each layer should have, by random search and cross-validation.

    Parameters
    ----------
    X, y : pandas.DataFrame, shape (n_samples, n_features); pandas.Series, V
        Training rows only; those of one formula stay in one fold.
    out : str or Path
        Folder for ``nn_raw.h5``.

    Returns
    -------
    keras.Model
        The best of `SEARCH` networks, compiled, not yet trained, as saved in ``nn_raw.h5``.
    """
    from scipy.stats import randint
    from sklearn.model_selection import GroupKFold, RandomizedSearchCV

    from lab.figures import show
    from lab.runs import save_network

    layers = ["layer_1", "layer_2", "layer_3"]
    search = RandomizedSearchCV(
        NetworkRegressor(dropout=DROPOUT, epochs=SEARCH_EPOCHS, batch=BATCH, seed=RSEED),
        dict.fromkeys(layers, randint(1, MAX_NEURONS + 1)), n_iter=SEARCH, random_state=RSEED,
        cv=GroupKFold(FOLDS, shuffle=True, random_state=RSEED), scoring="neg_mean_absolute_error",
        refit=False, error_score="raise", n_jobs=WORKERS)
    elsewhere = "Dask" in type(joblib.parallel.get_active_backend()[0]).__name__
    if sys.stdout.isatty() and not elsewhere:  # a bar hears of this machine's fits only
        from sklearn.callback import ProgressBar

        search.set_callbacks(ProgressBar(max_propagation_depth=0))
    search.fit(X, y, groups=X.index)
    found = search.cv_results_
    table = pd.DataFrame(found["params"])[layers]
    table["MAE (V)"], table["spread (V)"] = -found["mean_test_score"], found["std_test_score"]
    table = table.sort_values("MAE (V)", kind="stable")
    ends = pd.concat([table[:3], table[3:][-3:]])
    show(ends, f"Neurons, error in {FOLDS} folds: 3 best, 3 worst of {SEARCH}")
    model = build_network(X, table.iloc[0][layers], DROPOUT, RSEED)
    save_network(model, Path(out) / "nn_raw.h5")
    return model


def trainNN(model, X, y, steps, held_out=None, out=".", done=0):
    """Train a network; every epoch's loss goes to ``training.log``, a CSV file.

    Parameters
    ----------
    model : keras.Model
        From `searchNN`.
    X, y : pandas.DataFrame, shape (n_samples, n_features); pandas.Series, V
        Training rows.
    steps : int
        Epochs.
    held_out : tuple (X, y), optional
        Rows whose loss is logged as ``val_loss``; they choose nothing. It is that of the network
        as it would be saved; ``loss`` is the mean over the epoch's steps, with dropout.
    out : str or Path
        Folder for ``training.log``, ``nn_trained.h5`` and ``training.npz``, to go on from.
    done : int, optional
        Epochs that the network has behind it.

    Returns
    -------
    keras.Model
        The same network, trained, as saved in ``nn_trained.h5``.

    Raises
    ------
    ValueError
        If the loss is no longer a number. What was saved before stays.
    """
    from lab.runs import save_network, save_state

    keras = import_keras()
    keras.utils.set_random_seed(RSEED)
    rows, seen = batches(X, y, BATCH), held_out and batches(*held_out, len(held_out[1]))
    for _ in range(2 * done):  # Keras asks for an order twice an epoch; those have been used
        iter(rows), iter(seen or [])

    def tell(epoch, logs):
        if (epoch + 1) % max(1, steps // 8) == 0 or epoch + 1 == steps:
            losses = "".join(f"   {name} {loss:.3f} V" for name, loss in sorted(logs.items()))
            print(f"epoch {epoch + 1:{len(str(steps))}} of {steps}{losses}", flush=True)

    def keep(epoch, logs):
        save_state(model, epoch + 1, out)

    model.fit(
        rows, epochs=steps, initial_epoch=done, shuffle=False, verbose=0, validation_data=seen,
        callbacks=[
            keras.callbacks.SwapEMAWeights(),  # ``val_loss`` is that of the averaged weights
            keras.callbacks.LambdaCallback(on_epoch_end=stop_at_nan),
            keras.callbacks.CSVLogger(Path(out) / "training.log", append=done > 0),
            keras.callbacks.LambdaCallback(on_epoch_end=keep),
            keras.callbacks.LambdaCallback(on_epoch_end=tell)])
    save_network(model, Path(out) / "nn_trained.h5")
    return model


# ----------------------------------------------------------------------------------- the rival
def train_forest(X, y, out="."):
    """Train the random forest on X, y and pickle it in the folder `out`.

    Returns
    -------
    sklearn.ensemble.RandomForestRegressor
        Fitted; ``quarters_`` says what rows it was trained on.
    """
    from sklearn.ensemble import RandomForestRegressor

    forest = RandomForestRegressor(TREES, random_state=RSEED, n_jobs=-1).fit(X, y)
    forest.n_jobs = 1  # for a few rows, threads cost more than they bring
    forest.quarters_ = quarters(X)[0].ravel()  # as in the network's scaling
    save(lambda path: path.write_bytes(pickle.dumps(forest)), Path(out) / "rf_model.pkl")
    return forest


# ------------------------------------------------------------------------------- the judgement
def predict(model, X):
    """Return the voltages of X (n_samples, n_features): shape (n_samples,), V."""
    if callable(model):  # a network; called, it draws no progress bar
        return np.asarray(model(X.to_numpy("float32"), training=False)).ravel()
    return model.predict(X)


def evaluate(models, X_train, X_test, y_train, y_test):
    """Compare a dict of fitted models on the same rows with a baseline and with the floor.

    Returns
    -------
    pandas.DataFrame
        MAE and RMSE, V, and R², on training and on test rows. The first row is the training
        mean. The last, the floor, is the best that one voltage for each formula can be: the
        median (for the MAE) or the mean of the very rows that are judged.
    """
    from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

    scores = {"MAE": mean_absolute_error, "RMSE": root_mean_squared_error, "R²": r2_score}
    parts = {"train": (X_train, y_train), "test": (X_test, y_test)}
    guesses = {
        part: [np.full(len(y), y_train.mean()), *(predict(m, X) for m in models.values())]
        for part, (X, y) in parts.items()}
    table = pd.DataFrame({"model": ["training mean", *models, "floor"]})
    for score, function in scores.items():
        for part, (_, y) in parts.items():
            floor = y.groupby(level=0).transform("median" if score == "MAE" else "mean")
            table[f"{score} {part}"] = [function(y, guess) for guess in [*guesses[part], floor]]
    return table
