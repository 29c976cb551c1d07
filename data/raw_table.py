"""The raw table: its columns, and how it is read and written.

The script that imports this module has the project's root in its search path.
"""

import csv
import os
from pathlib import Path

from voltage_lab.messages import explain_os_error

PATH = Path(__file__).with_name("Batteries_raw.csv")
COLUMNS = {  # name: decimals kept, None for text and whole numbers
    "id": None,
    "prototype": None,
    "host": None,  # reduced formula of the delithiated host
    "lithiated": None,  # reduced formula
    "cell": None,  # formula of the whole lithiated cell
    "space_group": None,  # of the relaxed lithiated cell
    "x": None,  # Li extracted from the cell
    "energy_lithiated": 6,  # eV per cell
    "energy_host": 6,  # eV per cell
    "energy_li": 6,  # eV per atom of bcc lithium
    "volume_lithiated": 3,  # cubic angstrom per cell
    "volume_host": 3,  # cubic angstrom per cell
    "steps_lithiated": None,
    "steps_host": None,
    "converged": None,
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
    """Read a raw table, without a last line that was cut off; list of dict of texts."""
    if not path.exists():
        return []
    with explain_os_error(path):
        lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    rows = list(csv.DictReader(lines))
    return [row for row in rows if None not in row and None not in row.values()]


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
