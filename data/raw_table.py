"""The raw table: its columns, and how it is read and written.

The script that imports this module has the project's root in its search path.
"""

import csv
import os
from pathlib import Path

import pandas as pd

from voltage_lab import ions
from voltage_lab.files import as_numbers, read_file
from voltage_lab.messages import LabError, explain_os_error, quote

PATH = Path(__file__).with_name("Batteries_raw.csv")
LITHIUM = "Li"  # working ion of a table that has no column for it
TRUTHS = {"true": True, "false": False, "1": True, "0": False, "1.0": True, "0.0": False, "": pd.NA}
COLUMNS = {  # name: decimals kept, None for text and whole numbers
    "id": None,
    "prototype": None,
    "host": None,  # reduced formula of the delithiated host
    "lithiated": None,  # reduced formula with the working ion inserted, lithium or another
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
NUMBERS = ["x", "steps_lithiated", "steps_host"]
NUMBERS += [name for name, digits in COLUMNS.items() if digits]


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
        Texts, numbers or truth values, indexed by their place in the file.
    path : str or Path
        The file, for the message.

    Returns
    -------
    pandas.Series
        Of the dtype ``boolean``, with the index of `column`.

    Raises
    ------
    LabError
        At the first cell that is anything else: "no" is a mistake, not a text that counts as true.
    """
    texts = column.map(lambda cell: "" if pd.isna(cell) else str(cell).strip().lower())
    for place, cell in column[~texts.isin(TRUTHS)].items():
        given = f"{path}, {place}, {column.name}: {quote(cell)}"
        raise LabError(f"{given} is not true, false, 0 or 1; an empty cell means not known")
    return texts.map(TRUTHS).astype("boolean")


def read_table(path):
    """Read a raw table, and make sure that each cell is what its column needs.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    pandas.DataFrame
        With all of `COLUMNS`, indexed by the place of each row in the file.

    Raises
    ------
    LabError
        If the file is no raw table, or at the first cell that is not what its column needs.
    """
    return check_table(read_file(path), path)


def check_table(cells, path):
    """Return the cells of a raw table, from `voltage_lab.files.read_file`, as `read_table` does."""
    if missing := COLUMNS.keys() - {"working_ion"} - set(cells):
        raise LabError(f"{path} lacks {', '.join(sorted(missing))}")
    raw = cells.replace("", None).assign(converged=as_truth(cells["converged"], path))
    raw["working_ion"] = raw.get("working_ion", pd.Series(LITHIUM, raw.index)).astype(object)
    for place in raw.index[~raw["working_ion"].isin(ions.CHARGES)]:
        given = quote(raw["working_ion"][place] or "")
        known = ", ".join(ions.CHARGES)
        raise LabError(f"{path}, {place}, working_ion: {given} is not one of {known}")
    for name in NUMBERS:
        numbers = as_numbers(raw[name])
        for place in raw.index[numbers.isna() & raw[name].notna()]:
            raise LabError(f"{path}, {place}, {name}: {quote(raw[name][place])} is not a number")
        raw[name] = numbers
    return raw
