"""Turn a table of formulas and voltages into a feature file, which the lab session works on.

python data/features.py                              Batteries_raw.csv -> Batteries_feat.json
python data/features.py OLD.json --out NEW.json      features of another matminer version
python data/features.py MINE.csv --out MINE.json     columns Reduced Formula, Average Voltage
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from monty.json import MontyEncoder
from scipy import constants

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import raw_table
import rules

import supplement
from voltage_lab import messages, settings
from voltage_lab.checkpoint import save
from voltage_lab.features import feature_table
from voltage_lab.formulas import parse_formula
from voltage_lab.messages import LabError, quote
from voltage_lab.tables import as_numbers, read_split_json

MAX_VOLTAGE = 100  # V, of any table; beyond, it may be in mV
# The columns before the features, in the order of the course's file of 2020. Stability needs
# energies of all competing phases, which this project does not have: null.
COLUMNS = [
    "Spacegroup",
    supplement.TARGET,  # V vs. Li/Li⁺
    "Capacity Grav",  # mAh/g
    "Capacity Vol",  # mAh/cm3
    "Specific E Wh/kg",
    "E Density Wh/l",
    "Stability Charge",  # eV/atom
    "Stability Discharge",  # eV/atom
    "Ion",
    supplement.FORMULA,  # of the delithiated host
    "Id",
]


# --------------------------------------------------------------------------- from the raw table
def has_features(host):
    """Return whether a formula has features: up to U and up to 100 atoms."""
    try:
        return bool(parse_formula(host))
    except LabError:
        return False


def usable_rows(raw):
    """Return the rows that break no rule and whose host has features; print the other numbers."""
    for rule, count in rules.broken_rules(raw).value_counts().items():
        print(f"{count} of {len(raw)} pairs: {rule or 'kept'}")
    kept = rules.valid_rows(raw)
    usable = kept["host"].map(has_features).astype(bool)
    if not usable.all():
        excluded = "host beyond U or over 100 atoms, left out"
        print(f"{(~usable).sum()} of {len(kept)} kept: {excluded}")
    if not usable.any():
        raise LabError("no row of the raw table is left")
    return kept[usable]


def electrodes(raw):
    """Derive voltages, capacities and energies from the raw table.

    Parameters
    ----------
    raw : pandas.DataFrame
        The columns of ``Batteries_raw.csv``.

    Returns
    -------
    pandas.DataFrame
        A row for each of `usable_rows`, with the columns of `COLUMNS`. Capacities are those of
        the lithiated cell: mAh/g from its mass, mAh/cm3 from its relaxed volume.
    """
    from pymatgen.core import Composition

    raw = usable_rows(raw)
    voltage = rules.voltage(raw)
    charge = raw["x"] * rules.MAH_PER_MOL  # mAh/mol of cells
    mass = raw["cell"].map(lambda cell: Composition(cell).weight)  # g/mol of cells
    volume = raw["volume_lithiated"] * constants.N_A * 1e-24  # cm3/mol of cells
    table = pd.DataFrame(index=raw.index, columns=COLUMNS, dtype=object)
    table["Spacegroup"], table["Ion"] = raw["space_group"], "Li"
    table[supplement.FORMULA], table["Id"] = raw["host"], raw["id"]
    table[supplement.TARGET] = voltage.round(4)
    table["Capacity Grav"] = (charge / mass).round(1)
    table["Capacity Vol"] = (charge / volume).round(1)
    table["Specific E Wh/kg"] = (charge / mass * voltage).round(1)
    table["E Density Wh/l"] = (charge / volume * voltage).round(1)
    return table.reset_index(drop=True)


# -------------------------------------------------------------------------------- from any table
def read(path):
    """Read a raw table, a feature file or any CSV file with formulas and voltages.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    pandas.DataFrame
        With the columns of `COLUMNS`.

    Raises
    ------
    LabError
        If the file cannot be read, or at the first cell that is not what its column needs.
    """
    table = read_split_json(path) if path.suffix == ".json" else read_csv(path)
    if table.empty:
        raise LabError(f"{path} has no rows")
    if "energy_lithiated" in table:
        if missing := set(raw_table.COLUMNS) - set(table):
            raise LabError(f"{path} lacks {', '.join(sorted(missing))}")
        check_numbers(table, path)
        return electrodes(table)
    for name in (supplement.FORMULA, supplement.TARGET):
        if name not in table:
            raise LabError(f"{path} lacks the column {name!r}; commas stand between columns")
    voltages = as_numbers(table[supplement.TARGET])
    for row in table.index[~voltages.between(-MAX_VOLTAGE, MAX_VOLTAGE)]:
        given = quote(table[supplement.TARGET][row])
        raise LabError(f"row {row} of {path}: {given} is not a voltage in V")
    return table.reindex(columns=COLUMNS)


def read_csv(path):
    """Read a CSV file; each row's label is the number of its line. Raise LabError if it is none."""
    with messages.explain_os_error(path):
        try:
            table = pd.read_csv(path)
        except ValueError as error:  # pandas's parser, or an encoding that is not UTF-8
            raise LabError(f"{path} is not a CSV table: {messages.first_line(error)}") from None
    if not isinstance(table.index, pd.RangeIndex):
        raise LabError(f"{path}: a row has more cells than the first line; 3.4 takes a point")
    table.index += 2
    return table


def check_numbers(raw, path):
    """Raise LabError at the first cell of a raw table's numbers that is filled, but no number."""
    for name in ["x", *(name for name, digits in raw_table.COLUMNS.items() if digits)]:
        for row in raw.index[as_numbers(raw[name]).isna() & raw[name].notna()]:
            raise LabError(f"row {row} of {path}, {name}: {quote(raw[name][row])} is no number")


def add_features(table):
    """Return a table with each host's composition and its features, as `supplement.featurize`."""
    hosts = [parse_formula(text, row) for row, text in table[supplement.FORMULA].items()]
    return pd.concat([table, feature_table(hosts).set_index(table.index)], axis=1)


def write_split_json(table, path):
    """Write a table as pandas reads it with ``orient="split"``; what is missing becomes null."""
    table = table.astype(object).replace([np.inf, -np.inf], None)  # JSON has no such numbers
    split = table.where(table.notna(), None).to_dict(orient="split")
    text = json.dumps(split, cls=MontyEncoder, allow_nan=False)
    save(lambda part: part.write_text(text, encoding="utf-8"), path)


def main(arguments=None):
    """Read a table, add the features, write a feature file."""
    parser = settings.Parser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", nargs="?", type=Path, default=raw_table.PATH, help="table")
    parser.add_argument("--out", type=Path, help="feature file to write")
    options = parser.parse_args(arguments)
    if options.out is None and options.source != raw_table.PATH:
        raise LabError("say with --out which file to write")
    out = options.out or supplement.DATA
    if out.suffix != ".json" or out.resolve() == options.source.resolve():
        raise LabError(f"--out {out}: give a new file that ends in .json")
    if not out.parent.is_dir():
        raise LabError(f"--out {out}: there is no folder {out.parent}")
    table = add_features(read(options.source))
    write_split_json(table, out)
    elements = {element for composition in table["composition"] for element in composition}
    formulas = table[supplement.FORMULA].nunique()
    print(f"{out.name}: {len(table)} rows, {formulas} host formulas, {len(elements)} elements")


if __name__ == "__main__":
    messages.report_errors()
    main()
