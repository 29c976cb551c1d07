"""How far a prediction can be trusted: its model, its interval, its note."""

import re

import numpy as np

from voltage_lab.card import SPLIT_SETTINGS, differences, read_card
from voltage_lab.messages import LabError, show

MAX_ROWS_PRINTED = 100  # to print many takes longer than to predict them


def check_rows(rows):
    """Return the rows to be predicted; raise LabError unless each is an id and a formula."""
    for number, row in enumerate(rows, 1):
        if not isinstance(row, tuple) or len(row) != 2:
            raise LabError(f'row {number}: {row} is not ("id", "formula"),')
    return rows


def check_columns(model, number):
    """Raise LabError unless a model takes that many features."""
    columns = getattr(model, "input_shape", (getattr(model, "n_features_in_", None),))[-1]
    if columns is None:
        raise LabError("what was loaded is no trained model; load one that load_NN.py has saved")
    if columns != number:
        raise LabError(f"the model takes {columns} columns, but there are {number} features")


def check_training_set(model, quartiles, card):
    """Raise LabError if a model was trained on another training set than the one at hand.

    The network's scaling and an attribute of the forest hold the quartile bins of the features
    that they were trained on.

    Parameters
    ----------
    model : object
    quartiles : numpy.ndarray, shape (n,)
        Middles of the bins, of the training set at hand.
    card : dict
        Of the settings at hand; what differs on the card in the current directory is named.
    """
    scalings = [layer.mean for layer in getattr(model, "layers", []) if hasattr(layer, "mean")]
    trained = next(iter(scalings), getattr(model, "quartiles_", None))
    if np.size(trained) != len(quartiles):  # not one of ours
        print("This model does not say what it was trained on: if on the test set, its")
        print("interval is too narrow.")
    elif not np.allclose(np.ravel(trained), quartiles, rtol=1e-3):
        try:
            reasons = differences(read_card("."), card, SPLIT_SETTINGS)
        except LabError:  # there is no card
            reasons = []
        known = f" ({'; '.join(reasons)})" if reasons else ""
        raise LabError(
            f"the model was trained on another training set{known}, so its error is not known; "
            "give the --data, --seed and --split of its training, or train it again"
        )


def margin(errors, coverage):
    """Return the margin, V, above and below, within which a share of the voltages lies.

    It holds that share of new formulas like those of the errors: split conformal prediction, Lei
    et al., J. Am. Stat. Assoc. 113, 1094 (2018). With too few errors for the share, fewer than 9
    for 0.9, it is the largest of them, which holds less.

    Parameters
    ----------
    errors : array-like, shape (n_samples,)
        Absolute errors, V, of samples that the model was not trained on.
    coverage : float
        The share, 0..1.
    """
    rank = int(np.ceil((len(errors) + 1) * coverage))
    return float(np.sort(errors)[min(rank, len(errors)) - 1])


def notes(formulas, y_train):
    """Return a note per formula: unseen elements, or its voltages in the training set.

    Parameters
    ----------
    formulas : iterable of str
        Reduced formulas.
    y_train : pandas.Series
        Voltages of the training set, V, indexed by the reduced formula.
    """
    elements = re.compile("[A-Z][a-z]?").findall
    seen = set(elements(" ".join(y_train.index)))  # once, not for every formula
    ranges = y_train.groupby(level=0).agg(["size", "min", "max"])
    known = {formula: numbers for formula, *numbers in ranges.itertuples()}
    texts = []
    for formula in formulas:
        number, low, high = known.get(formula, (0, None, None))
        if unseen := sorted(set(elements(formula)) - seen):
            texts.append(f"no training sample has {', '.join(unseen)}")
        elif number > 1:
            texts.append(f"training set: {low:.2f} to {high:.2f} V ({number})")
        else:
            texts.append(f"training set: {low:.2f} V" if number else "")
    return texts


def report(table, title):
    """Show the first `MAX_ROWS_PRINTED` rows of a table of predictions."""
    show(table[:MAX_ROWS_PRINTED], title, 2)
    if len(table) > MAX_ROWS_PRINTED:
        print(f"{MAX_ROWS_PRINTED} of {len(table):,} rows are shown; predictions.csv has all")
