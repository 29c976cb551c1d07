"""Which columns of a table hold the host, the voltage and the working ion."""

import re

from voltage_lab import ions
from voltage_lab.messages import LabError, quote

# Usual names, in the order in which they are looked for: first those that can only be the host's.
# The Materials Project's `framework_formula` is none of them: a charged electrode may keep some of
# the ion.
HOSTS = [
    *("formula charge", "formula charged", "charged formula", "charged", "delithiated formula"),
    *("host formula", "host material", "host compound", "host", "reduced formula", "formula"),
    *("formula pretty", "pretty formula", "chemical formula", "composition", "compound"),
    "material",
]
VOLTAGES = ["average voltage", "avg voltage", "mean voltage", "voltage"]
IONS = ["working ion", "ion"]
ION_WORDS = {"ion", "ions", "íon", "íons", "carrier", "carriers"}  # of other names of that column
MAX_NAMES = 12  # of columns, in a message
# The name of a column of voltages, such as Voltage / V or Average Voltage (V vs. Li/Li+)
HEADING = re.compile(
    r"\s*(?P<name>[^()\[\]/,]*?)[\s(\[/,]*"
    r"(?:\b(?P<unit>[mk]?V|volts?)\b[)\]]?)?[\s(\[,]*(?:\bvs\b\.?(?P<metal>[^()\[\]]*)[)\]]?)?\s*",
    re.IGNORECASE,
)


def normalise(name):
    """Return the words of a column's name in small letters: averageVoltage is average voltage."""
    spaced = re.sub("(?<=[a-z])(?=[A-Z])", " ", str(name))
    return " ".join(re.findall(r"[^\W_]+", spaced.lower()))


def find_column(cells, path, wanted, normalised, name=None):
    """Return the name of the first of some columns that a table has, or None.

    Parameters
    ----------
    cells : pandas.DataFrame
    path : str or Path
        Of the table, for messages.
    wanted : list of str
        Usual names.
    normalised : function
        Name of a column -> what is compared with the usual names.
    name : str, optional
        Name that a setting gives; the usual names are looked for if it is one of them.

    Raises
    ------
    LabError
        If two columns have that name.
    """
    if name is not None and normalise(name) not in wanted:
        wanted = [normalise(name)]
    names = {}
    for column in cells:
        names.setdefault(normalised(column), []).append(column)
    for usual in wanted:
        if len(names.get(usual, [])) > 1:
            two = " and ".join(map(quote, names[usual][:2]))
            raise LabError(f"{path} has two columns for one thing, {two}; remove one")
        if usual in names:
            return names[usual][0]
    return None


def find_ion(cells, path):
    """Return the name of the column with the working ion, or None.

    Any column counts that is named after ions and whose filled cells name working ions.
    """
    if (column := find_column(cells, path, IONS, normalise)) is not None:
        return column
    for name in cells:
        if ION_WORDS & set(normalise(name).split()):
            filled = [cell for cell in cells[name] if str(cell).strip()]
            if filled and all(ions.find_ion(cell) for cell in filled):
                return name
    return None


def find_host(cells, path, formula):
    """Return the name of the column with the host's formula, or raise LabError."""
    if (column := find_column(cells, path, HOSTS, normalise, formula)) is None:
        raise LabError(describe_missing(cells, path, [("formulas of hosts", formula, HOSTS[0])]))
    return column


def find_host_and_voltage(cells, path, formula, target):
    """Return the names of the columns with the host and the voltage, and the ion in its unit.

    The ion is None where the unit is V or not given.

    Raises
    ------
    LabError
        If a column is not there, or if the name of the voltage has another unit.
    """
    host = find_column(cells, path, HOSTS, normalise, formula)
    voltage = find_column(cells, path, VOLTAGES, name_voltage, target)
    missing = [("formulas of hosts", formula, HOSTS[0])] * (host is None)
    missing += [("voltages", target, VOLTAGES[0])] * (voltage is None)
    if missing:
        raise LabError(describe_missing(cells, path, missing))
    heading = HEADING.fullmatch(voltage)
    if heading is None:  # a name that a setting gives
        return host, voltage, None
    metal, unit = heading["metal"], heading["unit"]
    ion = ions.find_ion(metal) if metal else None
    if (unit or "V").lower() not in ("v", "volt", "volts") or metal and ion is None:
        raise LabError(
            f"{path}: the unit of {quote(voltage)} is not V against the metal of a working ion, "
            "such as V vs. Li/Li+"
        )
    return host, voltage, ion


def name_voltage(column):
    """Return the name of a column without the unit of a voltage, as `normalise` does."""
    heading = HEADING.fullmatch(column)
    return normalise(heading["name"] if heading else column)


def describe_missing(cells, path, missing):
    """Return a line on the columns that are missing and those that are there."""
    texts = []
    for what, *names in missing:
        names = list(dict.fromkeys(map(normalise, names)))
        texts.append(f"a column of {what} ({' or '.join(names)})")
    listed = ", ".join(quote(column) for column in cells.columns[:MAX_NAMES])
    more = f" and {len(cells.columns) - MAX_NAMES} more" if len(cells.columns) > MAX_NAMES else ""
    return f"{path} lacks {' and '.join(texts)}; its columns are {listed}{more}; rename one"
