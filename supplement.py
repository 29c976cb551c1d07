"""All that the class shares, in the order of its use: data, network, forest, errors, figures.

From the formula of an electrode host alone to its average voltage against lithium.
"""

import contextlib
import functools
import hashlib
import json
import logging
import os
import pickle
import platform
import re
import sys
import warnings
from concurrent.futures.process import BrokenProcessPool
from importlib.metadata import version
from pathlib import Path

# TensorFlow reads these when it is imported. One thread a process: networks this small gain
# nothing from more, and the sums are then added in the same order on every run.
THREADS = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
os.environ |= THREADS | os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}

import joblib
import numpy as np
import pandas as pd
import sklearn
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
HEAVIEST = 92  # atomic number; matminer has no data beyond uranium
MAX_ATOMS = 100  # in a reduced formula; to guess the charges of more can take minutes
# ----------------------------------------------------------------------------------------------
DATA = Path(__file__).resolve().with_name("Batteries_feat.json")
GROWN = DATA.with_name("2048e")  # the network grown too big
warnings.filterwarnings("ignore", "No Pauling electronegativity")  # noble gases get a line
warnings.filterwarnings("ignore", "A worker stopped")  # TensorFlow leaks, joblib starts another


def run(main):
    """Run a script's `main`; what goes wrong becomes one line and exit status 1."""
    sys.stdout.reconfigure(errors="replace")  # a terminal without ± gets a question mark
    script = Path(sys.argv[0]).name
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(f"{script}: stopped")
    except (ValueError, OSError, BrokenProcessPool) as error:
        sys.exit(f"{script}: {(str(error) or type(error).__name__).splitlines()[0]}")


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
    write(part)
    part.replace(path)


# --------------------------------------------------------------------------- data and features
def parse_formula(text, row=1):
    """Return a formula in whole numbers without a common factor: Fe2P2O8 is FePO4.

    Raises ValueError with the row, what was typed and what would be right.
    """
    from pymatgen.core import Composition, Element

    text = str(text)
    wrong = f"row {row}: {text if len(text) < 40 else text[:36] + ' ...'!r}"
    if not re.fullmatch(r"([A-Z][a-z]?|[()\[\]]|[0-9]++(\.[0-9]++)?| )++", text):
        raise ValueError(f"{wrong} is not a formula; write symbols and amounts, as in Nb1 Se2")
    symbols = re.findall(r"[A-Z][a-z]?", text)
    for symbol in symbols:
        known = Element.is_valid_symbol(symbol) and Element(symbol).Z <= HEAVIEST
        if not known or symbol in ("D", "T"):
            raise ValueError(f"{wrong}: {symbol} is not an element from H to U, as matminer's are")
    if symbols and all(Element(symbol).is_noble_gas for symbol in symbols):
        raise ValueError(f"{wrong} is not a compound; write one, as in Nb1 Se2")
    try:
        composition = Composition(text)
        formula, factor = composition.get_integer_formula_and_factor()
        atoms = round(composition.num_atoms / factor)
    except (ValueError, ArithmeticError, IndexError):
        raise ValueError(f"{wrong} is not a formula; check its amounts and brackets") from None
    if atoms > MAX_ATOMS or set(Composition(formula)) != set(composition):
        raise ValueError(f"{wrong} has {atoms} atoms; round amounts to {MAX_ATOMS} or fewer atoms")
    return formula


@functools.cache
def featurizers():
    """Return matminer's featurizers in file order, each with the column that it reads."""
    from matminer.featurizers import composition as matminer
    from matminer.featurizers.conversions import CompositionToOxidComposition

    return (
        (CompositionToOxidComposition(return_original_on_error=True), "composition"),
        (matminer.ElementProperty.from_preset("magpie", impute_nan=True), "composition"),
        (matminer.OxidationStates(), "composition_oxid"),
        (matminer.AtomicOrbitals(), "composition"),
        (matminer.BandCenter(), "composition"),
        (matminer.ElectronegativityDiff(), "composition_oxid"),
        (matminer.ElectronAffinity(), "composition_oxid"),
        (matminer.ValenceOrbital(), "composition"),
        (matminer.IonProperty(), "composition"),
        (matminer.TMetalFraction(), "composition"),
    )


def compute_features(formula):
    """Return a formula's composition, its ions and 162 features as a dict, in file order.

    Features of ions are 0 where no oxidation states add up to zero, as in alloys. Most features
    are statistics of the elements: Ward et al., npj Comput. Mater. 2, 16028 (2016).
    """
    from pymatgen.core import Composition

    row = {"composition": Composition(formula)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # matminer's advice on missing values
        for featurizer, column in featurizers():
            names = [label.removeprefix("MagpieData ") for label in featurizer.feature_labels()]
            try:
                values = featurizer.featurize(row[column])
            except ValueError:
                if column == "composition":
                    raise
                values = [0.0] * len(names)
            row.update(zip(names, values, strict=True))
    return row


def feature_table(formulas):
    """Return `compute_features` of reduced formulas, a row each; equal ones are computed once."""
    # Charges of large formulas take longest to guess: these go first, so that no core waits.
    size = {name: sum(map(int, re.findall("[0-9]+", name))) for name in formulas}
    distinct = sorted(size, key=size.get, reverse=True)
    jobs = -1 if len(distinct) > 100 else 1  # to start processes takes as long as 100 formulas
    rows = joblib.Parallel(jobs)(joblib.delayed(compute_features)(name) for name in distinct)
    return pd.DataFrame(rows, pd.Index(distinct, name=FORMULA)).loc[formulas]


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
    table = feature_table([parse_formula(text, row) for row, text in enumerate(formulas, 1)])
    orbitals = ["HOMO_character", "HOMO_element", "LUMO_character", "LUMO_element"]
    return table.drop(columns=["composition", "composition_oxid", *orbitals]).astype(float)


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
    table = read_table(path)
    again = f"this makes one that fits: python data/features.py {path} --out new_feat.json"
    columns = featurize(["NbSe2"]).columns
    missing = [name for name in [FORMULA, TARGET, *columns] if name not in table]
    if missing or table.empty:
        raise ValueError(f"{path} lacks {', '.join(missing) or 'rows'}; {again}")
    values = table[[TARGET, *columns]].apply(pd.to_numeric, errors="coerce").astype(float)
    texts = table[FORMULA].astype(str)
    firsts = texts.drop_duplicates().items()
    hosts = {text: parse_formula(text, f"{row} of {path}") for row, text in firsts}
    values.index = pd.Index(texts.map(hosts), name=FORMULA)
    sample = values[columns].sample(min(check, len(values)), random_state=RSEED)
    gaps = sample.isna() & values[columns].notna().any()  # single gaps are reported below
    here = feature_table(list(sample.index))[columns] if check else sample
    fits = (np.isclose(sample, here.astype(float), rtol=1e-4, atol=1e-4) | gaps).all().to_numpy()
    if not fits.all():
        raise ValueError(f"{path} is of another matminer: {', '.join(columns[~fits])}; {again}")
    values.loc[values[TARGET].abs() > 100, TARGET] = np.nan  # mV, perhaps
    for row, column in np.argwhere(~np.isfinite(values.to_numpy())):
        place, name = table.index[row], values.columns[column]
        given = f"{path}, row {place}, {name}: '{table[name].iloc[row]}'"
        raise ValueError(f"{given} is not a number (V); correct it or take the row out")
    return values[columns], values[TARGET]


def read_table(path):
    """Read a pandas ``orient="split"`` JSON file, or raise ValueError with what is wrong."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
        split = json.loads(text, parse_int=lambda n: int(n) if len(n) < 16 else float(n))
        table = pd.DataFrame(split["data"], split["index"], split["columns"])
        if table.columns.is_unique:
            return table
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}; give a features file") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        pass  # all of them mean the same
    raise ValueError(f"{path} is cut short or not JSON with index, columns and data")


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


def build_network(X, neurons, dropout=0.0):
    """Build a compiled network, (n_samples, n_features) -> (n_samples, 1) V; X fits its scaling.

    A feature becomes four inputs, one for each quarter of the rows of X: low below it, high
    above, straight between: Gorishniy et al., arXiv:2203.05556 (2022). So a network can bend
    where a forest would cut, and no odd formula can ask for thousands of volts. The comments
    say by how much a part lowers the MAE in cross-validation on the training rows, with this
    data and with that of the Materials Project of 2020: ``folds/README.md``.
    """
    keras = import_keras()
    middle, half = quarters(X)
    network = keras.Sequential([
        keras.Input((X.shape[1],)),
        keras.layers.RepeatVector(len(middle)),  # four numbers, not one: 0.022, 0.033 V
        keras.layers.Flatten(),
        keras.layers.Normalization(mean=middle.ravel(), variance=half.ravel() ** 2),
        keras.layers.Activation("hard_tanh", name="cut"),
        keras.layers.Rescaling(0.05)])  # small inputs, small first steps: 0.162, 0.056 V
    for width in neurons:
        network.add(keras.layers.Dense(int(width)))
        network.add(keras.layers.LeakyReLU(negative_slope=0.01))
        network.add(keras.layers.Dropout(dropout))  # -0.011, 0.010 V
    network.add(keras.layers.Dense(1))  # linear: a voltage may be negative
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
        self.network_ = build_network(X, neurons, self.dropout)
        rows = batches(X, y, self.batch)
        self.network_.fit(rows, epochs=self.epochs, shuffle=False, verbose=0)
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

    layers = ["layer_1", "layer_2", "layer_3"]
    search = RandomizedSearchCV(
        NetworkRegressor(dropout=DROPOUT, epochs=SEARCH_EPOCHS, batch=BATCH, seed=RSEED),
        dict.fromkeys(layers, randint(1, MAX_NEURONS + 1)), n_iter=SEARCH, random_state=RSEED,
        cv=GroupKFold(FOLDS, shuffle=True, random_state=RSEED), scoring="neg_mean_absolute_error",
        refit=False, error_score="raise", n_jobs=WORKERS)
    if sys.stdout.isatty():
        from sklearn.callback import ProgressBar

        search.set_callbacks(ProgressBar(max_propagation_depth=0))
    search.fit(X, y, groups=X.index)
    found = search.cv_results_
    table = pd.DataFrame(found["params"])[layers]
    table["MAE (V)"], table["spread (V)"] = -found["mean_test_score"], found["std_test_score"]
    table = table.sort_values("MAE (V)", kind="stable")
    ends = pd.concat([table[:3], table[3:][-3:]])
    show(ends, f"Neurons, error in {FOLDS} folds: 3 best, 3 worst of {SEARCH}")
    import_keras().utils.set_random_seed(RSEED)
    model = build_network(X, table.iloc[0][layers], DROPOUT)
    save(model.save, Path(out) / "nn_raw.h5")
    return model


def trainNN(model, X, y, steps, held_out=None, out="."):
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
        Folder for ``training.log`` and ``nn_trained.h5``.

    Returns
    -------
    keras.Model
        The same network, trained, as saved in ``nn_trained.h5``.
    """
    keras = import_keras()
    keras.utils.set_random_seed(RSEED)

    def tell(epoch, logs):
        if (epoch + 1) % max(1, steps // 8) == 0:
            losses = "".join(f"   {name} {loss:.3f} V" for name, loss in sorted(logs.items()))
            print(f"epoch {epoch + 1:{len(str(steps))}} of {steps}{losses}", flush=True)

    log = keras.callbacks.CSVLogger(Path(out) / "training.log")
    model.fit(
        batches(X, y, BATCH), epochs=steps, shuffle=False, verbose=0,
        validation_data=held_out and batches(*held_out, len(held_out[1])),
        callbacks=[
            keras.callbacks.SwapEMAWeights(),  # ``val_loss`` is that of the averaged weights
            log, keras.callbacks.LambdaCallback(on_epoch_end=tell)])
    save(model.save, Path(out) / "nn_trained.h5")
    return model


# ----------------------------------------------------------------------------------- the rival
def train_forest(X, y, out="."):
    """Train the random forest on X, y and pickle it in the folder `out`.

    Returns
    -------
    sklearn.ensemble.RandomForestRegressor
        Fitted; ``versions_`` says what wrote it, ``quarters_`` what rows it was trained on.
    """
    from sklearn.ensemble import RandomForestRegressor

    forest = RandomForestRegressor(TREES, random_state=RSEED, n_jobs=-1).fit(X, y)
    forest.n_jobs = 1  # for a few rows, threads cost more than they bring
    forest.quarters_ = quarters(X)[0].ravel()  # as in the network's scaling
    forest.versions_ = {package.__name__: package.__version__ for package in (sklearn, np, pd)}
    save(lambda path: path.write_bytes(pickle.dumps(forest)), Path(out) / "rf_model.pkl")
    return forest


# ------------------------------------------------------------------------- what a run depends on
def parameters(data, epochs):
    """Return the data's checksum, the settings and the versions of a run: a dict of texts."""
    with open(data, "rb") as file:
        checksum = hashlib.file_digest(file, "sha256").hexdigest()
    packages = ["tensorflow", "keras", "scikit-learn", "numpy", "pandas", "matminer"]
    found = {
        "data": Path(data).name, "sha256": checksum, "seed": RSEED, "split": SPLIT,
        "test fraction": TEST_FRACTION, "search": SEARCH, "search epochs": SEARCH_EPOCHS,
        "folds": FOLDS, "max neurons": MAX_NEURONS, "dropout": DROPOUT, "batch": BATCH,
        "epochs": epochs, "python": platform.python_version(),
        **{name: version(name) for name in packages}}
    return {name: str(value) for name, value in found.items()}


def load_grown(now, out):
    """Load the network of ``2048e/`` to compare it, or say in a line why it cannot be.

    Parameters
    ----------
    now : dict
        The `parameters` of this run: the same rows must be training and test rows in both.
    out : str or Path
        The folder of this run; ``2048e/`` is not compared with itself.

    Returns
    -------
    dict
        ``{"2048e": keras.Model}`` or nothing.
    """
    if Path(out).resolve() == GROWN:
        return {}
    try:
        lines = (GROWN / "parameters.txt").read_text(encoding="utf-8").splitlines()
        then = dict(line.split(": ", 1) for line in lines)
        for name in ("sha256", "seed", "split", "test fraction"):
            if then[name] != now[name]:
                raise ValueError(f"its {name} is {then[name]}, here it is {now[name]}")
        (GROWN / "training.log").stat()  # the figure needs it
        return {"2048e": import_keras().models.load_model(GROWN / "nn_trained.h5")}
    except (OSError, ValueError, KeyError) as error:
        reason = "it is not here" if isinstance(error, FileNotFoundError) else str(error)
        print(f"2048e is left out: {reason.splitlines()[0]}")
        return {}


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


def show(table, title, digits=3):
    """Print a table, floats with `digits` decimals; plain text where no terminal reads it."""
    from rich import box, console
    from rich.table import Table

    grid = Table(*table.columns, title=title, title_justify="left", box=box.SIMPLE_HEAD,
                 padding=(0, 1, 0, 0), title_style="bold")
    grid.columns[0].no_wrap = True  # a narrow terminal folds the others
    for row in table.itertuples(index=False):
        grid.add_row(*(f"{x:.{digits}f}" if isinstance(x, float) else str(x) for x in row))
    console.Console(markup=False, emoji=False, highlight=False).print(grid)


# --------------------------------------------------------------------------------- the figures
# Okabe and Ito's, which colour-blind eyes can tell apart.
COLOURS = {"forest": "#D55E00", "network": "#0072B2", "2048e": "#009E73"}


def panels(number):
    """Return a figure and `number` axes side by side; it needs no display and opens no window."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.6 * number, 4.4), layout="constrained", dpi=170)
    return figure, figure.subplots(1, number, sharex=True, sharey=True, squeeze=False)[0]


def plot_parity(models, X, y, out="."):
    """Draw predicted against true voltages of the rows X, y in ``parity.png``, a panel a model."""
    figure, axes = panels(len(models))
    for ax, (name, model) in zip(axes, models.items(), strict=True):
        guess = predict(model, X)
        ax.axline((y.mean(), y.mean()), slope=1, color="grey", zorder=0)
        ax.scatter(y, guess, s=12, alpha=0.6, color=COLOURS.get(name))
        ax.set(title=f"{name}: {np.abs(guess - y).mean():.2f} V off on average", box_aspect=1,
               xlabel=f"voltage of {len(y)} test rows (V)", ylabel="predicted voltage (V)")
        ax.label_outer()
    save(figure.savefig, Path(out) / "parity.png")


def plot_errors(models, X_train, X_test, y_train, y_test, out="."):
    """Draw how the residuals of training and test rows spread in ``errors.png``."""
    figure, axes = panels(len(models))
    for ax, (name, model) in zip(axes, models.items(), strict=True):
        for rows, X, y, style in [
            ("training", X_train, y_train, {"color": "silver"}),
            ("test", X_test, y_test, {"color": COLOURS.get(name), "histtype": "step", "lw": 2})]:
            off = (predict(model, X) - y).clip(-3, 3)
            ax.hist(off, np.linspace(-3, 3, 25), weights=np.full(len(y), 100 / len(y)),
                    label=f"{len(y)} {rows} rows", **style)
        ax.set(title=name, xlabel="predicted - true voltage (V), cut at ±3 V",
               ylabel="share of the rows (%)")
        ax.legend()
        ax.label_outer()
    save(figure.savefig, Path(out) / "errors.png")


def plot_learning(models, out="."):
    """Draw the losses of the networks among `models`, by epoch, in ``learning.png``."""
    from matplotlib.ticker import LogLocator, NullFormatter

    figure, (ax,) = panels(1)
    titles = []
    for name, folder in {"network": Path(out), "2048e": GROWN}.items():
        if name in models:
            log = pd.read_csv(folder / "training.log", index_col="epoch")
            for column, rows, line in [("loss", "training", "-"), ("val_loss", "test", "--")]:
                if column in log:
                    label = f"{name}, {rows} rows"
                    ax.plot(log.index + 1, log[column], line, color=COLOURS[name], label=label)
                    best = f"at epoch {log[column].idxmin() + 1}, {log[column].min():.3f} V"
                    found = f"{label}: {log[column].iloc[-1]:.3f} V at the end; {best}"
            titles.append(found)
    ax.set_title("\n".join(titles), fontsize="small")
    ax.set(xlabel="epoch", ylabel="mean absolute error (V)", xscale="log", yscale="log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5, 7)))
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter(NullFormatter())
    ax.legend()
    save(figure.savefig, Path(out) / "learning.png")
