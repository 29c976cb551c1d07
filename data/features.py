"""Turn a table of formulas and voltages into the features file that the class works on.

    python data/features.py                              Batteries_raw.csv -> Batteries_feat.json
    python data/features.py OLD.json --out NEW.json      features of another matminer, anew
    python data/features.py MINE.csv --out MINE.json     columns Reduced Formula, Average Voltage
"""

import argparse
import json
import sys
from pathlib import Path

import pandas as pd
from monty.json import MontyEncoder
from scipy import constants

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import relax  # noqa: I001
import rules
import supplement
from lab import runs
from lab.formulas import as_numbers, feature_table, parse_formula, quote, read_table

# The columns before the features, in the order of the class of 2020. Stability needs energies
# of all competing phases, which this project does not have: null.
COLUMNS = [
    "Spacegroup",
    supplement.TARGET,  # V
    "Capacity Grav",  # mAh/g
    "Capacity Vol",  # mAh/cm3
    "Specific E Wh/kg",
    "E Density Wh/l",
    "Stability Charge",  # eV/atom
    "Stability Discharge",  # eV/atom
    "Ion",
    supplement.FORMULA,
    "Id",
]


def describable(host):
    """Tell whether features can be computed: not for elements beyond U, nor over 100 atoms."""
    try:
        return bool(parse_formula(host))
    except ValueError:
        return False


def choose(raw):
    """Return the rows that the rules keep and that have features; say how many are left out."""
    for reason, count in rules.excluded(raw).value_counts().items():
        print(f"{count} of {len(raw)} pairs: {reason or 'kept'}")
    kept = rules.keep(raw)
    fits = kept["host"].map(describable).astype(bool)
    if not fits.all():
        print(f"{(~fits).sum()} of {len(kept)} kept: host beyond U or over 100 atoms, left out")
    if not fits.any():
        raise ValueError("no row of the raw table is left")
    return kept[fits]


def electrodes(raw):
    """Derive voltages, capacities and energies from the raw table.

    Parameters
    ----------
    raw : pandas.DataFrame
        The columns of ``Batteries_raw.csv``.

    Returns
    -------
    pandas.DataFrame
        A row for each pair of `choose`, with the columns of `COLUMNS`. Capacities are those of
        the lithiated cell: mAh/g from its mass, mAh/cm3 from its relaxed volume.
    """
    from pymatgen.core import Composition

    raw = choose(raw)
    voltage = rules.voltage(raw)
    mass = raw["cell"].map(lambda cell: Composition(cell).weight)  # g/mol of cells
    litre = raw["volume_lithiated"] * constants.N_A * 1e-24  # cm3/mol of cells, from cubic angstrom
    table = pd.DataFrame(index=raw.index, columns=COLUMNS, dtype=object)
    table["Spacegroup"], table["Ion"] = raw["space_group"], "Li"
    table[supplement.FORMULA], table["Id"] = raw["host"], raw["id"]
    table[supplement.TARGET] = voltage.round(4)
    table["Capacity Grav"] = (raw["x"] * rules.MAH_PER_MOL / mass).round(1)
    table["Capacity Vol"] = (raw["x"] * rules.MAH_PER_MOL / litre).round(1)
    table["Specific E Wh/kg"] = (raw["x"] * rules.MAH_PER_MOL / mass * voltage).round(1)
    table["E Density Wh/l"] = (raw["x"] * rules.MAH_PER_MOL / litre * voltage).round(1)
    return table.reset_index(drop=True)


def read(path):
    """Read a raw table, a features file or any CSV file with a formula and a voltage."""
    if path.suffix == ".json":
        table = read_table(path)
    else:
        try:
            table = pd.read_csv(path)
        except (OSError, ValueError) as error:
            raise ValueError(f"{path} is not a CSV table: {error}") from None
        if not isinstance(table.index, pd.RangeIndex):
            raise ValueError(f"{path}: a row has more cells than the first line; 3.4 takes a point")
        table.index += 2  # the line in the file
    if table.empty:
        raise ValueError(f"{path} has no rows")
    if "energy_lithiated" in table:
        if lacking := set(relax.COLUMNS) - set(table):
            raise ValueError(f"{path} lacks {', '.join(sorted(lacking))}")
        numbers = [name for name, digits in relax.COLUMNS.items() if digits]
        check_numbers(table, ["x", *numbers], path)
        return electrodes(table)
    for name in (supplement.FORMULA, supplement.TARGET):
        if name not in table:
            raise ValueError(f"{path} lacks the column {name!r}; commas stand between columns")
    voltages = as_numbers(table[supplement.TARGET])
    for row in table.index[~voltages.between(-100, 100)]:
        given = quote(table[supplement.TARGET][row])
        raise ValueError(f"row {row} of {path}: {given} is not a voltage in V")
    return table.reindex(columns=COLUMNS)


def check_numbers(table, names, path):
    """Raise ValueError at the first cell of the columns `names` that is filled, but no number."""
    for name in names:
        for row in table.index[as_numbers(table[name]).isna() & table[name].notna()]:
            raise ValueError(f"row {row} of {path}, {name}: {quote(table[name][row])} is no number")


def add_features(table):
    """Add compositions and features, as `supplement.featurize` has them, to a table."""
    rows = table[supplement.FORMULA].items()
    hosts = [parse_formula(text, row) for row, text in rows]
    return pd.concat([table, feature_table(hosts).set_index(table.index)], axis=1)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", nargs="?", type=Path, default=relax.RAW, help="table to read")
    parser.add_argument("--out", type=Path, help="features file to write")
    options = parser.parse_args()
    if options.out is None and options.source != relax.RAW:
        raise ValueError("say with --out which file to write")
    out = options.out or supplement.DATA
    if not out.parent.is_dir():
        raise ValueError(f"--out {out}: there is no folder {out.parent}")
    table = add_features(read(options.source))
    split = table.astype(object).where(table.notna(), None).to_dict(orient="split")
    text = json.dumps(split, cls=MontyEncoder, allow_nan=False)
    supplement.save(lambda path: path.write_text(text, encoding="utf-8"), out)
    elements = {element for composition in table["composition"] for element in composition}
    print(
        f"{out.name}: {len(table)} rows, {table[supplement.FORMULA].nunique()} host formulas, "
        f"{len(elements)} elements"
    )


if __name__ == "__main__":
    runs.run(main)
