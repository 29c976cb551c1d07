"""How far a prediction can be trusted: its rows, its model, its interval."""

from pathlib import Path

import numpy as np
import pandas as pd

from voltage_lab import columns
from voltage_lab.card import SPLIT_SETTINGS, differences, read_card
from voltage_lab.checkpoint import save
from voltage_lab.ions import find_ion, unit
from voltage_lab.messages import LabError, quote, show
from voltage_lab.tables import read_list

OUT = "predictions.csv"  # in the current directory
MAX_ROWS_PRINTED = 100  # to print many takes longer than to predict them
MAX_WIDTH = 30  # characters of a row's first cell that are printed


def index_rows(rows, ion):
    """Return rows to be predicted as a table, indexed by the host's reduced formula.

    Parameters
    ----------
    rows : list of tuple (str, str), or pandas.DataFrame
        Ids and formulas; a table from `voltage_lab.tables.read_hosts` is returned as it is.
    ion : str
        The working ion, or "any".

    Raises
    ------
    LabError
        If there are no rows, or if one is not an id and a formula.
    """
    if isinstance(rows, pd.DataFrame):
        return rows
    if not rows:
        raise LabError('no formula is given; add a row, such as ("mine", "Nb1 Se2"),')
    for number, row in enumerate(rows, 1):
        if not isinstance(row, tuple) or len(row) != 2:
            raise LabError(f'row {number}: {quote(row)} is not ("id", "formula"),')
    ids, formulas = zip(*rows, strict=True)
    return pd.DataFrame({"Id": ids}, pd.Index(read_list(formulas, ion), dtype=object))


def check_input(path, typed):
    """Raise LabError if formulas are typed beside a file, or if it is the one to be written."""
    if typed or not path:
        raise LabError("give formulas, or --formulas with the name of a file")
    if Path(path).resolve() == Path(OUT).resolve():
        raise LabError(f"{path} would be overwritten; copy it under another name")


def check_ion(rows, ion):
    """Raise LabError if rows to be predicted name another working ion than the model's."""
    if (column := columns.find_ion(rows, "the table of hosts")) is not None:
        counts = rows[column].map(find_ion).value_counts()
        if others := ", ".join(symbol for symbol in counts.index if symbol != ion):
            raise LabError(
                f"the model predicts {unit(ion)}, but rows are of {others}; remove these"
            )


def check_columns(model, number):
    """Raise LabError unless a model takes that many features."""
    taken = getattr(model, "input_shape", (getattr(model, "n_features_in_", None),))[-1]
    if taken is None:
        raise LabError("what was loaded is no trained model; load one that load_NN.py has saved")
    if taken != number:
        raise LabError(f"the model takes {taken} columns, but there are {number} features")


def check_training_set(model, quartiles, card):
    """Raise LabError if a model was trained on another training set than the one at hand.

    The network's scaling and an attribute of the forest hold the quartile bins of the features
    that they were trained on. The working ion is on the card in the current directory.

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
        return
    try:
        saved = read_card(".")
    except LabError:  # there is none
        saved = {}
    same_ion = saved.get("ION", card.get("ION")) == card.get("ION")  # hosts may be the same
    if not same_ion or not np.allclose(np.ravel(trained), quartiles, rtol=1e-3):
        reasons = differences(saved, card, SPLIT_SETTINGS) if saved else []
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


def report(rows, predicted, label, words):
    """Save the predictions in ``predictions.csv``, show the first ones, return them.

    Parameters
    ----------
    rows : pandas.DataFrame
        From `index_rows`; the first cell of each is shown, all cells are saved.
    predicted : pandas.DataFrame
        Of the rows that have a host.
    label, words : str
        Unit of the voltages, and what is known of their errors: the title.
    """
    places = np.flatnonzero(rows.index.notna())
    rows = rows.reset_index(drop=True)
    predicted = predicted.set_axis(places).reindex(rows.index)
    first = rows.iloc[:, [0]].astype(str).apply(lambda cells: cells.str.slice(0, MAX_WIDTH))
    printed = first.join(predicted, rsuffix=" (predicted)")[:MAX_ROWS_PRINTED]
    headed = predicted.round(4).rename(columns={"Voltage": f"Voltage ({label})"})
    saved = rows.join(headed, rsuffix=" (predicted)")
    save(lambda path: saved.to_csv(path, index=False), Path(OUT))
    show(printed, f"{label}; {words}", 2)
    if len(rows) > MAX_ROWS_PRINTED:
        print(f"{MAX_ROWS_PRINTED} of {len(rows):,} rows are shown; predictions.csv has all")
    return rows.join(predicted, rsuffix=" (predicted)")
