"""Predict the average voltage of electrode hosts from their formulas: python predict_RF.py"""

import argparse
import pickle
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import sklearn

import supplement

# ------------------------------------- add rows here: any id, and the formula of the empty host
ROWS = [
    ("mp-1025496", "Nb1 Se2"),
    ("mp-977563", "Nb1 Ir2"),
    ("mp-864631", "Nb1 Rh2"),
    ("mp-3368", "Nb3 O8"),
]


@supplement.quiet()
def load():
    """Return the model that predicts: the forest, or the network once its line is swapped."""
    model = pickle.load(open("rf_model.pkl", "rb"))
    return model


# ------------------------------------------------------------------------------------------------


def main():
    options = read_options()
    rows = [(str(n), text) for n, text in enumerate(options.formulas, 1)] or ROWS
    X = supplement.featurize([formula for _, formula in rows])
    try:
        model = load()
    except Exception as error:  # whatever is wrong with the file, the way out is the same
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"no model ({reason}); run python load_NN.py here first") from None
    X_train, X_test, y_train, y_test = supplement.split_data(*supplement.load_data(options.data))
    check_model(model, X_train)

    voltage = supplement.predict(model, X)
    error = interval(model, X_test, y_test)
    table = pd.DataFrame(
        {
            "Id": [name for name, _ in rows],
            "Reduced Formula": X.index,
            "Voltage": voltage.astype(float),
            "Lower": voltage - error,
            "Upper": voltage + error,
            "Remark": [remark(formula, y_train) for formula in X.index],
        }
    )
    supplement.save(lambda path: table.round(4).to_csv(path, index=False), Path("predictions.csv"))
    title = f"Average voltage (V against Li/Li+), {supplement.COVERAGE:.0%} interval"
    supplement.show(table, f"{title} ± {error:.2f} V from {len(y_test)} held-out rows", 2)


def check_model(model, X):
    """Raise ValueError unless `model` takes the columns of X and was trained on its rows.

    Both kinds keep the mean of their training rows, the network in its scaling layer.
    """
    written = getattr(model, "versions_", {}).get("scikit-learn", sklearn.__version__)
    if written != sklearn.__version__:
        raise ValueError(
            f"scikit-learn {written} wrote the model and this is {sklearn.__version__}; "
            "run python load_NN.py again"
        )
    network = callable(model)
    width = model.input_shape[-1] if network else getattr(model, "n_features_in_", "other")
    if width != X.shape[1]:
        raise ValueError(f"the model takes {width} columns, but there are {X.shape[1]} features")
    mean = getattr(model.layers[0] if network else model, "mean" if network else "mean_", np.nan)
    if not np.allclose(np.ravel(mean), X.mean(), rtol=1e-3, atol=1e-3):
        raise ValueError(
            "the model was trained on other rows than these, so its error is not known; "
            "give the --data, --seed and --split of its training, or train it again"
        )


def interval(model, X, y):
    """Return how far, V, predictions are off: `COVERAGE` of the held-out rows X, y lie nearer.

    So does a new formula like them, with that chance: split conformal prediction, Lei et al.,
    J. Am. Stat. Assoc. 113, 1094 (2018).
    """
    share = min(1, np.ceil((len(y) + 1) * supplement.COVERAGE) / len(y))
    return float(np.quantile(np.abs(y - supplement.predict(model, X)), share, method="higher"))


def remark(formula, y_train):
    """Say what a reader must know of a formula: unseen elements, or that it was trained on."""
    seen = set(re.findall("[A-Z][a-z]?", " ".join(y_train.index)))
    if unseen := sorted(set(re.findall("[A-Z][a-z]?", formula)) - seen):
        return f"no training row has {', '.join(unseen)}"
    known = y_train[y_train.index == formula]
    if len(known) > 1:
        return f"{len(known)} training rows, {known.min():.2f} to {known.max():.2f} V"
    return f"a training row, {known.iloc[0]:.2f} V" if len(known) else ""


def read_options():
    """Return the command line's options; those of supplement.py are set there."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.error = lambda message: sys.exit(f"predict_RF.py: {message}; see --help")
    add = parser.add_argument
    add("formulas", nargs="*", metavar="formula", help="in place of the rows in the script")
    add("--data", default=supplement.DATA, help="features file the model was trained on")
    add("--seed", type=int, default=supplement.RSEED, help="seed of the model's training")
    add("--split", choices=["formula", "random"], default=supplement.SPLIT, help="its split")
    options = parser.parse_args()
    supplement.RSEED, supplement.SPLIT = options.seed, options.split
    return options


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError) as error:
        sys.exit(f"predict_RF.py: {error}")
