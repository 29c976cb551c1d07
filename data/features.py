"""Turn a table of formulas and voltages into a feature file: the same with computed features.

python data/features.py                              Batteries_raw.csv -> Batteries_feat.json
python data/features.py OLD.json --out NEW.json      computed with another matminer version
python data/features.py MINE.csv --out MINE.json     any table that load_NN.py reads
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
from voltage_lab.files import read_file
from voltage_lab.messages import LabError
from voltage_lab.tables import read_formulas, read_samples, select_ion

# The columns before the features, in the order of the course's file of 2020. Stability needs
# energies of all competing phases, which this project does not have: null.
COLUMNS = [
    "Spacegroup",
    supplement.TARGET,  # V vs. the metal of the working ion
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
def usable_rows(raw):
    """Return the rows that break no rule and whose host has features; print their numbers."""
    for rule, count in rules.broken_rules(raw).value_counts().items():
        print(f"{count} of {len(raw)} pairs: {rule or 'kept'}")
    kept = rules.valid_rows(raw)
    hosts, reasons = read_formulas(kept["host"])
    if len(reasons) == len(kept):
        raise LabError("no row of the raw table is left")
    messages.report_places(reasons, len(kept), "hosts without features", "skip")
    return kept.assign(host=hosts).drop(index=list(reasons))


def electrodes(raw):
    """Derive voltages, capacities and energies from the raw table.

    Parameters
    ----------
    raw : pandas.DataFrame
        The columns of ``Batteries_raw.csv``, of one working ion.

    Returns
    -------
    pandas.DataFrame
        A row for each of `usable_rows`, with the columns of `COLUMNS`. Capacities are those of
        the lithiated cell: mAh/g from its mass, mAh/cm3 from its relaxed volume.
    """
    from pymatgen.core import Composition

    raw = usable_rows(raw)
    voltage = rules.voltage(raw)
    charge = rules.count_electrons(raw) * rules.MAH_PER_MOL  # mAh/mol of cells
    mass = raw["cell"].map(lambda cell: Composition(cell).weight)  # g/mol of cells
    volume = raw["volume_lithiated"] * constants.N_A * 1e-24  # cm3/mol of cells
    table = pd.DataFrame(index=raw.index, columns=COLUMNS, dtype=object)
    table["Spacegroup"], table["Ion"] = raw["space_group"], raw["working_ion"]
    table[supplement.FORMULA], table["Id"] = raw["host"], raw["id"]
    table[supplement.TARGET] = voltage.round(4)
    table["Capacity Grav"] = (charge / mass).round(1)
    table["Capacity Vol"] = (charge / volume).round(1)
    table["Specific E Wh/kg"] = (charge / mass * voltage).round(1)
    table["E Density Wh/l"] = (charge / volume * voltage).round(1)
    return table.reset_index(drop=True)


# -------------------------------------------------------------------------------- from any table
def read(path, ion="any", bad_rows="refuse"):
    """Read a raw table, a feature file or any table with formulas and voltages.

    Parameters
    ----------
    path : pathlib.Path
    ion, bad_rows : str, optional
        As for `voltage_lab.tables.read_samples`.

    Returns
    -------
    pandas.DataFrame
        With the columns of `COLUMNS`, indexed by the host's reduced formula.
    """
    cells = read_file(path)
    if "energy_lithiated" in cells:
        raw, _ = select_ion(raw_table.check_table(cells, path), path, ion)
        table = electrodes(raw)
        return table.set_index(pd.Index(table[supplement.FORMULA]))
    cells, y = read_samples(path, supplement.TARGET, supplement.FORMULA, ion, bad_rows)
    cells = cells.loc[:, ~cells.columns.duplicated()]
    table = cells.reindex(columns=COLUMNS).set_index(y.index)
    table[supplement.TARGET], table[supplement.FORMULA] = y.to_numpy(), y.index
    return table.assign(Ion=y.name)


def add_features(table):
    """Return a table with each host's composition and its features, as `supplement.featurize`."""
    features = feature_table(list(table.index))
    return pd.concat([table.reset_index(drop=True), features.reset_index(drop=True)], axis=1)


def write_split_json(table, path):
    """Write a table as pandas reads it with ``orient="split"``; what is missing becomes null."""
    table = table.astype(object).replace([np.inf, -np.inf], None)  # JSON has no such numbers
    split = table.where(table.notna(), None).to_dict(orient="split")
    text = json.dumps(split, cls=MontyEncoder, allow_nan=False)
    save(lambda part: part.write_text(text, encoding="utf-8"), path)


def main(arguments=None):
    """Read a table, add the features, write a feature file."""
    values = supplement.current_settings()
    parser = settings.make_parser(__doc__, values, "--ion", "--bad-rows")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "source",
        nargs="?",
        type=Path,
        default=raw_table.PATH,
        help="table to read (default: %(default)s)",
    )
    parser.add_argument("--out", type=Path, help="feature file to write")
    values, options = settings.read_arguments(parser, values, arguments)
    if options.out is None and options.source != raw_table.PATH:
        raise LabError("say with --out which file to write")
    out = options.out or supplement.DATA
    if out.suffix != ".json" or out.resolve() == options.source.resolve():
        raise LabError(f"--out {out}: give a new file that ends in .json")
    if options.out and out.exists():
        raise LabError(f"--out {out}: there is such a file; give another name")
    if not out.parent.is_dir():
        raise LabError(f"--out {out}: there is no folder {out.parent}")
    table = add_features(read(options.source, values["ION"], values["BAD_ROWS"]))
    write_split_json(table, out)
    elements = {element for composition in table["composition"] for element in composition}
    formulas = table[supplement.FORMULA].nunique()
    print(f"{out.name}: {len(table)} rows, {formulas} host formulas, {len(elements)} elements")


if __name__ == "__main__":
    messages.report_errors()
    main()
