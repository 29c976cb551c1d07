"""From the cells of a table to formulas of hosts and their voltages."""

import functools
import re

import pandas as pd
from pymatgen.core import Element

from voltage_lab import columns, ions
from voltage_lab.files import read_file, read_lines
from voltage_lab.formulas import parse_formula
from voltage_lab.messages import LabError, quote, report_places
from voltage_lab.voltages import read_voltage

USUAL_VOLTAGES = -3, 9  # V; beyond, a line asks to look
MIN_LITHIATED = 0.9  # share of the hosts that hold the working ion, from which a line warns


def read_samples(path, target, formula, ion="any", bad_rows="refuse"):
    """Read the hosts and the voltages of a table, and what else it holds of them.

    Parameters
    ----------
    path : str or Path
        A feature file, or any table that `voltage_lab.files.read_file` reads.
    target, formula : str
        Names of the columns with the voltage (V) and with the host's formula; usual names are
        looked for where a table lacks them.
    ion : str, optional
        The working ion whose electrodes are kept; "any" is the only one of the table.
    bad_rows : str, optional
        "refuse" a table with rows that cannot be read, or "skip" these and say so.

    Returns
    -------
    cells : pandas.DataFrame
        The rows that were read, as they stand in the file, indexed by their place there.
    y : pandas.Series, shape (n_samples,)
        Voltages, V, indexed by the host's reduced formula. Its name is the working ion.

    Raises
    ------
    LabError
        If the file is no table, lacks columns, mixes working ions, or has bad rows.
    """
    return select_samples(read_file(path), path, target, formula, ion, bad_rows)


def select_samples(cells, path, target, formula, ion="any", bad_rows="refuse"):
    """Return what `read_samples` does, of the cells of a file that is read already."""
    host, voltage, of_unit = columns.find_host_and_voltage(cells, path, formula, target)
    cells, ion = select_ion(cells, path, ion, of_unit, bad_rows)
    y, reasons = read_rows(cells[host], cells[voltage], ion)
    report_places(reasons, len(cells), path, bad_rows)
    if (host, voltage) != (formula, target):
        print(f"{path}: hosts in {quote(host)}, voltages in {quote(voltage)}, {ions.unit(ion)}")
    warn_of_lithiated(y.index, path, ion)
    if len(unusual := y[~y.between(*USUAL_VOLTAGES)]):
        low, high = USUAL_VOLTAGES
        print(f"{path}: below {low} or above {high} V: {len(unusual)}, as {unusual.iloc[0]} V")
    return cells.drop(index=list(reasons)), y.rename_axis(formula)


def read_hosts(path, formula, ion="any", bad_rows="refuse"):
    """Read the hosts of any table, or of a text with a formula per line.

    Parameters
    ----------
    path, formula, ion, bad_rows
        As for `read_samples`; bad rows that are skipped stay in the table.

    Returns
    -------
    pandas.DataFrame
        All cells of the file, indexed by the host's reduced formula, None for a bad row.
    """
    cells = read_file(path)
    if cells.empty and any(columns.normalise(name) in columns.HOSTS for name in cells.columns):
        raise LabError(f"{path} has no rows")
    unnamed = len(cells.columns) == 1 and columns.normalise(cells.columns[0]) not in columns.HOSTS
    if unnamed or cells.empty:  # lines of formulas, or a single one
        cells = read_lines(path)
    elif ion != "any":
        cells, _ = select_ion(cells, path, ion, bad_rows=bad_rows)
    hosts, reasons = read_formulas(cells[columns.find_host(cells, path, formula)], ion)
    report_places(reasons, len(cells), path, bad_rows)
    return cells.set_axis(pd.Index(hosts, dtype=object))


def select_ion(cells, path, ion, of_unit=None, bad_rows="refuse"):
    """Return the rows with one working ion, and this ion.

    Parameters
    ----------
    cells : pandas.DataFrame
    path : str or Path
    ion : str
        The ion that is asked for, or "any".
    of_unit : str, optional
        The ion in the unit of the voltages.
    bad_rows : str, optional
        As for `read_samples`.

    Raises
    ------
    LabError
        If there are several ions and none is asked for, or none of the one that is.
    """
    if cells.empty:
        raise LabError(f"{path} has no rows")
    column = columns.find_ion(cells, path)
    if column is None:
        symbols = pd.Series(of_unit or (ion if ion != "any" else "Li"), cells.index)
    else:
        symbols, reasons = read_each(read_ion, cells[column])
        report_places(reasons, len(cells), path, bad_rows)
        cells, symbols = cells.drop(index=list(reasons)), symbols.dropna()
    counts = symbols.value_counts()
    ion = counts.index[0] if ion == "any" and len(counts) == 1 else ion
    listed = ", ".join(f"{symbol} {number}" for symbol, number in counts.items())
    if ion not in counts or ion not in ions.CHARGES:
        which = "several working ions" if ion == "any" else f"no rows of a working ion {ion}"
        known = [symbol for symbol in counts.index if symbol in ions.CHARGES]
        remedy = "a working ion is one of " + ", ".join(ions.CHARGES)
        if known:
            remedy = f"choose one, as in --ion {known[0]}"
        raise LabError(f"{path} has {which} (rows: {listed}); {remedy}")
    if of_unit not in (None, ion):
        raise LabError(f"{path}: the working ion is {ion}, but the voltages are vs. {of_unit}")
    if len(counts) > 1:
        print(f"{path}: of its rows ({listed}), those with {ion} are read")
    return cells[symbols == ion], ion


def read_ion(cell):
    """Return the symbol of a working ion, or of another element; LabError for any other cell."""
    text = str(cell).strip()
    if symbol := ions.find_ion(text) or (text if Element.is_valid_symbol(text) else None):
        return symbol
    raise LabError(f"{quote(text)} is no working ion; write one of {', '.join(ions.CHARGES)}")


def read_rows(formulas, voltages, ion):
    """Read the formula and the voltage of each row.

    Returns
    -------
    y : pandas.Series
        As `read_samples` returns it.
    reasons : dict
        Place of each row that cannot be read, to the reason.
    """
    hosts, reasons = read_formulas(formulas, ion)
    volts, others = read_each(read_voltage, voltages)
    bad = hosts.isna() | volts.isna()
    reasons = {place: (others | reasons)[place] for place in bad.index[bad]}
    return pd.Series(volts[~bad].to_numpy(float), hosts[~bad], name=ion), reasons


def read_formulas(formulas, ion="any"):
    """Read formulas.

    Parameters
    ----------
    formulas : pandas.Series
        Texts, indexed by their place.
    ion : str, optional
        The working ion.

    Returns
    -------
    hosts : pandas.Series
        Reduced formulas; None where a text is no formula.
    reasons : dict
        Place of each of these to the reason.
    """
    return read_each(functools.partial(parse_formula, ion=ion), formulas)


def read_list(formulas, ion):
    """Return the reduced formulas of a list of texts, or raise LabError with the bad rows."""
    places = [f"row {number}" for number in range(1, len(formulas) + 1)]
    hosts, reasons = read_formulas(pd.Series(list(formulas), places, object), ion)
    report_places(reasons, len(hosts))
    return list(hosts)


def read_each(read, cells):
    """Return what a function reads from each cell, and the reasons where it raises LabError."""
    values, reasons, known = [], {}, {}
    for place, cell in cells.items():
        text = cell if isinstance(cell, str) else None  # many rows have the same
        try:
            if text not in known or text is None:
                known[text] = read(cell)
            values.append(known[text])
        except LabError as reason:
            values.append(None)
            reasons[place] = str(reason)
    return pd.Series(values, cells.index, object), reasons


def warn_of_lithiated(hosts, path, ion):
    """Say so if nearly all hosts of a table hold the working ion."""
    holding = sum(ion in re.findall("[A-Z][a-z]?", host) for host in hosts)
    if holding >= MIN_LITHIATED * len(hosts):
        print(
            f"{path}: {holding} of {len(hosts)} formulas hold {ion}. A host is the charged "
            f"electrode, with {ion} extracted: FePO4, not LiFePO4. Are these discharged ones?"
        )
