"""The raw table: its columns, and how it is read and written.

The script that imports this module has the project's root in its search path.
"""

import csv
import os
from pathlib import Path

import pandas as pd
from pymatgen.core import Element

from voltage_lab.messages import LabError, explain_os_error, first_line, quote

PATH = Path(__file__).with_name("Batteries_raw.csv")
LITHIUM = "Li"  # working ion of a table that has no column for it
TRUTHS = {"true": True, "false": False, "1": True, "0": False, "1.0": True, "0.0": False, "": pd.NA}
COLUMNS = {  # name: decimals kept, None for text and whole numbers
    "id": None,
    "prototype": None,
    "host": None,  # reduced formula of the delithiated host
    "lithiated": None,  # reduced formula, as the next ones with the working ion, lithium or not
    "cell": None,  # formula of the whole lithiated cell
    "space_group": None,  # of the relaxed lithiated cell
    "working_ion": None,  # symbol of the element that is extracted; Li where the column is missing
    "x": None,  # working ions extracted from the cell
    "energy_lithiated": 6,  # eV per cell
    "energy_host": 6,  # eV per cell
    "energy_li": 6,  # eV per atom of the metal of the working ion, such as bcc lithium
    "volume_lithiated": 3,  # cubic angstrom per cell
    "volume_host": 3,  # cubic angstrom per cell
    "steps_lithiated": None,
    "steps_host": None,
    "converged": None,  # true, false, 0, 1; empty where it is not known
    "force_lithiated": 4,  # eV/angstrom, largest on an atom
    "force_host": 4,  # eV/angstrom, largest on an atom
    "shortest_distance": 3,  # angstrom, in either cell
    "shortest_ratio": 3,  # over the sum of covalent radii
    "bonds_kept": 3,  # fraction of the framework's bonds
    "reason": None,  # why the pair has not converged
}


def round_row(row):
    """Return a row with all of `COLUMNS`, rounded; a column without a value is empty."""
    return {
        name: round(row[name], digits) if digits and name in row else row.get(name, "")
        for name, digits in COLUMNS.items()
    }


def read_rows(path):
    """Read a raw table, without a last line that was cut off; list of dict of texts.

    The rows of a table without the column `working_ion` get it.
    """
    if not path.exists():
        return []
    with explain_os_error(path):
        lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    rows = list(csv.DictReader(lines))
    whole = [row for row in rows if None not in row and None not in row.values()]
    return [{"working_ion": LITHIUM} | row for row in whole]


def write_rows(rows, path):
    """Write a raw table, sorted by id, in one step: until the end, the old file stays whole."""
    part = path.with_suffix(".part")
    with explain_os_error(path):
        try:
            with open(part, "w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
                writer.writeheader()
                writer.writerows(sorted(rows, key=lambda row: row["id"]))
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


# ------------------------------------------------------------------------- as a table of values
def as_truth(column, path):
    """Return a column as truth values: true, false, 0 or 1; missing where a cell is empty.

    Parameters
    ----------
    column : pandas.Series
        Texts, numbers or truth values, as pandas has read them; labelled by the lines of the file.
    path : str or Path
        The file, for the message.

    Returns
    -------
    pandas.Series
        Of the dtype ``boolean``, with the labels of `column`.

    Raises
    ------
    LabError
        At the first cell that is anything else: "no" is a mistake, not a text that counts as true.
    """
    texts = column.map(lambda cell: "" if pd.isna(cell) else str(cell).strip().lower())
    for line, cell in column[~texts.isin(TRUTHS)].items():
        given = f"line {line} of {path}, {column.name}: {quote(cell)}"
        raise LabError(f"{given} is not true, false, 0 or 1; an empty cell means not known")
    return texts.map(TRUTHS).astype("boolean")


def working_ions(raw, path):
    """Return the symbol of each row's working ion: lithium's where the table has no such column.

    Parameters
    ----------
    raw : pandas.DataFrame
        Labelled by the lines of the file.
    path : str or Path
        The file, for the message.

    Returns
    -------
    pandas.Series
        Of texts, with the labels of `raw`.

    Raises
    ------
    LabError
        At the first cell that is not the symbol of an element that becomes a cation.
    """
    if "working_ion" not in raw:
        return pd.Series(LITHIUM, raw.index, name="working_ion")
    for line, ion in raw["working_ion"].items():
        if ion_charge(ion) < 1:
            given = "" if pd.isna(ion) else ion
            place = f"line {line} of {path}, working_ion: {quote(given)}"
            raise LabError(f"{place} is not the symbol of a working ion, such as Li")
    return raw["working_ion"]


def ion_charge(symbol):
    """Return the charge of a working ion (e), as pymatgen's electrodes count it; 0 for no cation.

    It is the highest oxidation state: 1 for Na, 2 for Mg, 3 for Al.
    """
    if not isinstance(symbol, str) or not Element.is_valid_symbol(symbol):
        return 0
    return max(Element(symbol).oxidation_states, default=0)


def check_table(raw, path):
    """Return a raw table with all of `COLUMNS`, truth values as such, a working ion in each row.

    Parameters
    ----------
    raw : pandas.DataFrame
        As pandas has read it, labelled by the lines of the file.
    path : str or Path
        The file, for the message.

    Raises
    ------
    LabError
        If a column is missing, or at the first cell that is no truth value or no working ion.
    """
    if missing := COLUMNS.keys() - {"working_ion"} - set(raw):
        raise LabError(f"{path} lacks {', '.join(sorted(missing))}")
    ions = working_ions(raw, path)
    return raw.assign(converged=as_truth(raw["converged"], path), working_ion=ions)


def read_table(path):
    """Read a raw table; see `check_table`.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    pandas.DataFrame
        With the columns of the file; its index is the line on which each row begins.

    Raises
    ------
    LabError
        If the file cannot be read or is no raw table.
    """
    wrong = csv.Error, UnicodeDecodeError, pd.errors.EmptyDataError, pd.errors.ParserError
    with explain_os_error(path):
        try:
            raw = pd.read_csv(path).set_axis(line_numbers(path))
        except wrong as error:
            raise LabError(f"{path} is not a CSV table: {first_line(error)}") from None
    return check_table(raw, path)


def line_numbers(path):
    """Return on which line of a CSV file each row begins; the names of the columns are on line 1.

    Blank lines are no rows, but count, as does a line break in quotes.
    """
    numbers, line = [], 1
    with open(path, encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        for cells in reader:
            if len(cells) > 1 or any(map(str.strip, cells)):
                numbers.append(line)
            line = reader.line_num + 1
    return numbers[1:]
