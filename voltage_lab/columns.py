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
    *("material", "hosts", "formulas"),
]
VOLTAGES = ["average voltage", "avg voltage", "mean voltage", "voltage"]
IONS = ["working ion", "ion"]
ION_WORDS = {"ion", "ions", "íon", "íons", "carrier", "carriers"}  # of other names of that column
MAX_NAMES = 12  # of columns, in a message
# In the name of a column of voltages, such as Voltage / V or Average Voltage (V vs. Li/Li+)
METAL = re.compile(r"\bvs\b\.? *([^()\[\]\s]*)", re.IGNORECASE)
UNIT = re.compile(r"\b(V|volts?|[mkµμ]V|[mkµμ]volts?|(milli|micro|kilo)volts?|eV)\b", re.IGNORECASE)


def split_words(name):
    """Return a column's name with spaces between its words: averageVoltage is average Voltage."""
    return re.sub("(?<=[a-z])(?=[A-Z][a-z])", " ", str(name).replace("_", " "))


def normalise(name):
    """Return the words of a column's name in small letters."""
    return " ".join(re.findall(r"[^\W_]+", split_words(name).lower()))


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

    Any column counts that is named after ions and whose filled cells name working ions. A column
    with another name, such as anode, may be meant: it is asked about.
    """
    if (column := find_column(cells, path, IONS, normalise)) is not None:
        return column
    for number, name in enumerate(cells):
        filled = [str(cell).strip() for cell in cells.iloc[:, number] if str(cell).strip()]
        if normalise(name) in ("id", *HOSTS) or not filled or not all(map(ions.find_ion, filled)):
            continue
        if ION_WORDS & set(normalise(name).split()):
            return name
        if all(cell in ions.CHARGES for cell in filled):
            found = ", ".join(dict.fromkeys(filled))
            raise LabError(
                f"{path}: column {quote(name)} holds {found}; if these are working ions, name it "
                "working_ion; if not, remove it"
            )
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
    metal, unit = METAL.search(split_words(voltage)), UNIT.search(split_words(voltage))
    ion = ions.find_ion(metal[1]) if metal else None
    if unit and unit[1].lower() not in ("v", "volt", "volts") or metal and ion is None:
        raise LabError(
            f"{path}: the unit of {quote(voltage)} is not V against the metal of a working ion, "
            "such as V vs. Li/Li+"
        )
    return host, voltage, ion


def name_voltage(column):
    """Return the name of a column without the unit of a voltage, as `normalise` does."""
    return normalise(UNIT.sub("", METAL.sub("", split_words(column)))).removesuffix(" in")


def describe_missing(cells, path, missing):
    """Return a line on the columns that are missing and those that are there."""
    texts = []
    for what, *names in missing:
        names = list(dict.fromkeys(map(normalise, names)))
        texts.append(f"a column of {what} ({' or '.join(names)})")
    listed = ", ".join(quote(column) for column in cells.columns[:MAX_NAMES])
    more = f" and {len(cells.columns) - MAX_NAMES} more" if len(cells.columns) > MAX_NAMES else ""
    remedy = "rename one"
    if any(re.fullmatch(r"[+-]?[0-9]+([.,][0-9]+)?", name) for name in cells.columns):
        remedy = "if these are data, add a first line with the names of the columns"
    return f"{path} lacks {' and '.join(texts)}; its columns are {listed}{more}; {remedy}"
