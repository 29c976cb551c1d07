"""Which columns of a table hold the host, the voltage and the working ion."""

import re

from voltage_lab import ions
from voltage_lab.messages import LabError, quote

# Usual names, in the order in which they are looked for. The Materials Project's `formula_charge`
# is the host; its `framework_formula` is none where the charged electrode keeps some of the ion.
HOSTS = [
    "reduced formula",
    "formula charge",
    "charged formula",
    "delithiated formula",
    "host formula",
    "host",
    "formula",
    "formula pretty",
    "pretty formula",
]
VOLTAGES = ["average voltage", "avg voltage", "mean voltage", "voltage"]
IONS = ["working ion", "ion"]
MAX_NAMES = 12  # of columns, in a message
UNIT = re.compile(r"[(\[]([^)\]]*)[)\]]\s*$")  # in brackets at the end of a column's name


def normalise(name):
    """Return a column's name in small letters, without underscores, outer spaces and its unit."""
    return " ".join(re.findall(r"[^\W_]+", UNIT.sub("", name).lower()))


def find_column(cells, path, wanted, name=None):
    """Return the name of the first of some columns that a table has, or None.

    Parameters
    ----------
    cells : pandas.DataFrame
    path : str or Path
        Of the table, for messages.
    wanted : list of str
        Usual names; case, spaces around them, underscores and a unit in brackets do not count.
    name : str, optional
        Name that a setting gives; the usual names are looked for if it is one of them.

    Raises
    ------
    LabError
        If two columns have that name.
    """
    if name is not None:
        wanted = [normalise(name), *(wanted if normalise(name) in wanted else [])]
    for usual in wanted:
        columns = [column for column in cells if normalise(column) == usual]
        if len(columns) > 1:
            two = " and ".join(map(quote, columns[:2]))
            raise LabError(f"{path} has two columns for one thing, {two}; remove one")
        if columns:
            return columns[0]
    return None


def find_host(cells, path, formula):
    """Return the name of the column with the host's formula, or raise LabError."""
    if (column := find_column(cells, path, HOSTS, formula)) is None:
        raise LabError(describe_missing(cells, path, [("formulas of hosts", formula, HOSTS[1])]))
    return column


def find_host_and_voltage(cells, path, formula, target):
    """Return the names of the columns with the host and the voltage, and the ion in its unit.

    The ion is None where the unit is V or not given.

    Raises
    ------
    LabError
        If a column is not there, or if the name of the voltage has another unit.
    """
    host = find_column(cells, path, HOSTS, formula)
    voltage = find_column(cells, path, VOLTAGES, target)
    missing = [("formulas of hosts", formula, HOSTS[1])] * (host is None)
    missing += [("voltages", target, VOLTAGES[0])] * (voltage is None)
    if missing:
        raise LabError(describe_missing(cells, path, missing))
    unit = UNIT.search(voltage)
    if unit is None or unit[1].strip().lower() in ("v", "volt", "volts"):
        return host, voltage, None
    ion = ions.find_ion(unit[1])
    if ion is None or not unit[1].strip().startswith("V"):
        raise LabError(
            f"{path}: the unit of {quote(voltage)} is not V against the metal of a working ion, "
            "such as V vs. Li/Li+"
        )
    return host, voltage, ion


def describe_missing(cells, path, missing):
    """Return a line on the columns that are missing and those that are there."""
    texts = []
    for what, *names in missing:
        names = list(dict.fromkeys(name.lower().replace("_", " ") for name in names))
        texts.append(f"a column of {what} ({' or '.join(names)})")
    listed = ", ".join(quote(column) for column in cells.columns[:MAX_NAMES])
    more = f" and {len(cells.columns) - MAX_NAMES} more" if len(cells.columns) > MAX_NAMES else ""
    return f"{path} lacks {' and '.join(texts)}; its columns are {listed}{more}"
