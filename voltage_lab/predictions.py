"""The rows to be predicted, and the table of their predictions."""

import itertools
import re
from pathlib import Path

import numpy as np
import pandas as pd

from voltage_lab import columns
from voltage_lab.checkpoint import save
from voltage_lab.intervals import are_enough
from voltage_lab.ions import find_ion, unit
from voltage_lab.messages import LabError, quote, show
from voltage_lab.tables import read_list

OUT = "predictions.csv"  # in the current directory
MAX_ROWS_PRINTED = 100  # to print many takes longer than to predict them
MAX_DIFFERENCE = 1.0  # V, of two models; more is noted where there is no interval
MAX_WIDTH = 30  # characters of a row's first cell that are printed
ELEMENT = re.compile("[A-Z][a-z]?[0-9.]*").fullmatch


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
    """Raise LabError for formulas and a file, a file to be overwritten, loose elements.

    Parameters
    ----------
    path : str or None
        Of the option ``--formulas``.
    typed : list of str
        Formulas on the command line. A shell takes a formula with spaces apart, unless it is in
        quotes: several elements in a row may be one formula.
    """
    if path is not None:
        if typed or not path:
            raise LabError("give formulas, or --formulas with the name of a file")
        if Path(path).resolve() == Path(OUT).resolve():
            raise LabError(f"{path} would be overwritten; copy it under another name")
    for is_element, words in itertools.groupby(typed, lambda word: bool(ELEMENT(word))):
        if is_element and len(words := list(words)) > 1:
            text = " ".join(words)
            raise LabError(
                f"{text} may be one formula or {len(words)} elements; put the formula in quotes, "
                f"as in '{text}', or the elements in a file for --formulas"
            )


def check_ion(rows, ion):
    """Raise LabError if rows to be predicted name another working ion than the model's."""
    if (column := columns.find_ion(rows, "the table of hosts")) is not None:
        counts = rows[column].map(find_ion).value_counts()
        if others := ", ".join(symbol for symbol in counts.index if symbol != ion):
            raise LabError(
                f"the model predicts {unit(ion)}, but rows are of {others}; remove these"
            )


def tabulate(voltage, margin):
    """Return predictions as a table: Reduced Formula, Voltage, Lower and Upper (V).

    Parameters
    ----------
    voltage : array-like, shape (n_hosts,)
        V.
    margin : pandas.Series, shape (n_hosts,)
        V, indexed by the reduced formula; NaN where there is no interval.
    """
    voltage = pd.Series(voltage, margin.index)
    columns = {"Voltage": voltage, "Lower": voltage - margin, "Upper": voltage + margin}
    return pd.DataFrame(columns).rename_axis("Reduced Formula").reset_index()


def compare(predicted, other, voltage):
    """Add the voltages of another model to predictions, in place; note where it disagrees.

    Parameters
    ----------
    predicted : pandas.DataFrame
        From `tabulate`, with notes.
    other : object
        A network or a forest.
    voltage : numpy.ndarray, shape (n_hosts,)
        Its voltages, V.
    """
    name = "network" if hasattr(other, "layers") else "forest"
    predicted.insert(4, name.capitalize(), voltage)
    for row in predicted.itertuples():
        difference = voltage[row.Index] - row.Voltage
        has_interval = row.Lower <= row.Upper
        if abs(difference) > (row.Upper - row.Voltage if has_interval else MAX_DIFFERENCE):
            note = f"the {name} differs by {difference:+.2f} V"
            predicted.loc[row.Index, "Note"] = "; ".join(filter(None, [row.Note, note]))


def describe_intervals(coverage, number):
    """Return what intervals are, at a coverage and calibrated on so many formulas, as a text."""
    if not are_enough(number, coverage):
        return f"no prediction interval: {number} new formulas of the test set are too few"
    return (
        f"{100 * coverage:g}% prediction interval, calibrated on {number} formulas of the test set"
    )


def rename_new(name, columns):
    """Return the name of a new column, marked as predicted where a file has that name."""
    while name in columns:
        name += " (predicted)"
    return name


def report(rows, predicted, label, words):
    """Show the first predictions, save all in ``predictions.csv``, return them.

    Parameters
    ----------
    rows : pandas.DataFrame
        From `index_rows`; the first cell of each is shown, all cells are saved.
    predicted : pandas.DataFrame
        Of the rows that have a host.
    label, words : str
        Unit of the voltages, and which model and intervals they have: the title.
    """
    places = np.flatnonzero(rows.index.notna())
    rows = rows.reset_index(drop=True)
    predicted = predicted.set_axis(places).reindex(rows.index)
    predicted.loc[predicted["Reduced Formula"].isna(), "Note"] = "left out: cannot be read"
    first = rows.iloc[:, [0]].astype(str).apply(lambda cells: cells.str.slice(0, MAX_WIDTH))
    printed = first.join(predicted, rsuffix=" (predicted)")[:MAX_ROWS_PRINTED]
    headed = predicted.round(4).rename(columns={"Voltage": f"Voltage ({label})"})
    headed = headed.rename(columns=lambda name: rename_new(name, rows.columns))
    saved = rows.join(headed)
    try:
        show(printed, f"{label}; {words}", 2)
        if len(rows) > MAX_ROWS_PRINTED:
            print(f"{MAX_ROWS_PRINTED} of {len(rows):,} rows are shown; {OUT} has all")
    finally:  # as where a pipe to head is closed
        save(lambda path: saved.to_csv(path, index=False), Path(OUT))
    return rows.join(predicted.rename(columns=lambda name: rename_new(name, rows.columns)))
