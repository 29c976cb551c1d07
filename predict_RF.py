"""Predict the average voltage (V against Li/Li+) of electrode hosts from their formulas."""

import argparse
import functools
import pickle
import re
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.exceptions import InconsistentVersionWarning

import supplement
from lab import figures, runs

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
SHOWN = 100  # rows of the printed table; to print many takes longer than to predict them


def main():
    rows, data = read_options()
    X = supplement.featurize([formula for _, formula in rows])
    model = find_model()
    # The features were compared with matminer's when the model was trained on them.
    X_train, X_test, y_train, y_test = supplement.split_data(*supplement.load_data(data, check=0))
    check_model(model, X_train)

    voltage = supplement.predict(model, X).astype(float)
    errors = np.abs(y_test - supplement.predict(model, X_test))
    if errors.mean() > np.abs(y_test - y_train.mean()).mean():
        print("This model is worse than guessing the mean. Is it trained?")
    width = figures.interval(errors)
    table = pd.DataFrame(
        {
            "Id": [name for name, _ in rows],
            "Reduced Formula": X.index,
            "Voltage": voltage,
            "Lower": voltage - width,
            "Upper": voltage + width,
            "Remark": list(remarks(X.index, y_train)),
        }
    )
    supplement.save(lambda path: table.round(4).to_csv(path, index=False), Path("predictions.csv"))
    share = f"{supplement.COVERAGE:.0%} of the {len(y_test)} test rows"
    figures.show(table[:SHOWN], f"V against Li/Li+; {share} are within {width:.2f} V", 2)
    if len(table) > SHOWN:
        print(f"{SHOWN} of {len(table):,} rows are shown; predictions.csv has all of them")


def find_model():
    """Load the model; whatever is wrong with its file, the way out is the same."""
    warnings.simplefilter("error", InconsistentVersionWarning)  # another scikit-learn wrote it
    try:
        return load()
    except FileNotFoundError:
        reason = "its file is not in this folder"
    except Exception as error:
        reason = runs.first_line(error)
    way_out = "correct its name, or run python load_NN.py here first"
    raise ValueError(f"no model ({reason}); {way_out}")


def check_model(model, X):
    """Raise ValueError unless `model` takes the columns of X and was trained on its rows.

    Our models keep the quarters of their training rows, a network in its scaling layer.
    """
    width = getattr(model, "input_shape", (getattr(model, "n_features_in_", None),))[-1]
    if width != X.shape[1]:
        raise ValueError(f"the model takes {width} columns, but there are {X.shape[1]} features")
    if supplement.predict(model, X.iloc[:2]).shape != (2,):
        raise ValueError("the model gives more than one number for a formula")
    scalings = [layer.mean for layer in getattr(model, "layers", []) if hasattr(layer, "mean")]
    there = next(iter(scalings), getattr(model, "quarters_", None))
    here = supplement.quarters(X)[0].ravel()
    if np.size(there) != len(here):  # not one of ours
        print("This model does not say what it was trained on: if on the test rows, its")
        print("interval is too narrow.")
    elif not np.allclose(np.ravel(there), here, rtol=1e-3):
        raise ValueError(
            "the model was trained on other rows than these, so its error is not known; "
            "give the --data, --seed and --split of its training, or train it again"
        )


def remarks(formulas, y_train):
    """Say what a reader must know of each formula: unseen elements, or that it was trained on."""
    elements = functools.partial(re.findall, "[A-Z][a-z]?")
    seen = set(elements(" ".join(y_train.index)))  # once, not for every formula
    known = y_train.groupby(level=0).agg(["size", "min", "max"])
    known = {formula: numbers for formula, *numbers in known.itertuples()}
    for formula in formulas:
        rows, low, high = known.get(formula, (0, None, None))
        if unseen := sorted(set(elements(formula)) - seen):
            yield f"no training row has {', '.join(unseen)}"
        elif rows > 1:
            yield f"{rows} training rows, {low:.2f} to {high:.2f} V"
        else:
            yield f"a training row, {low:.2f} V" if rows else ""


def read_options():
    """Return the rows to predict and the data file; set the other options in supplement.py."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.error = lambda message: sys.exit(f"predict_RF.py: {message}; see --help")
    add = parser.add_argument
    add("formulas", nargs="*", metavar="formula", default=argparse.SUPPRESS,
        help="in place of the rows in the script, such as \"Nb1 Se2\"")
    add("--data", default=supplement.DATA, help="features file the model was trained on")
    add("--seed", type=int, default=supplement.RSEED, help="seed of the model's training")
    add("--split", choices=["formula", "random"], default=supplement.SPLIT,
        help="split of the model's training")
    options = parser.parse_args()
    supplement.RSEED, supplement.SPLIT = options.seed, options.split
    rows = [(str(n), text) for n, text in enumerate(getattr(options, "formulas", []), 1)] or ROWS
    for number, row in enumerate(rows, 1):
        if not isinstance(row, tuple) or len(row) != 2:
            raise ValueError(f'row {number}: {row} is not ("id", "formula"),')
    return rows, options.data


if __name__ == "__main__":
    runs.run(main)
