"""From a file to a table of formulas, voltages and features."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from voltage_lab.features import feature_table, numeric_features
from voltage_lab.formulas import parse_formula
from voltage_lab.messages import LabError, quote


def read_features(path, target, formula, check, seed):
    """Read a feature file and make sure that its features are those that matminer gives here.

    Parameters
    ----------
    path : str or Path
        JSON as pandas writes it with ``orient="split"``.
    target, formula : str
        Names of the columns with the voltage (V) and with the host's formula.
    check : int
        How many rows, sampled with the seed, are compared with what matminer computes here.
    seed : int
        Of that sample.

    Returns
    -------
    pandas.DataFrame, shape (n_samples, 159), float
        The column `target` and the features, indexed by the host's reduced formula.

    Raises
    ------
    LabError
        If the file cannot be read, lacks columns or numbers, or differs from matminer.
    """
    table = read_split_json(path)
    columns = numeric_features(feature_table(["NbSe2"])).columns
    remedy = f"this makes one that fits: python data/features.py {path} --out new_feat.json"
    missing = [name for name in [formula, target, *columns] if name not in table]
    if table.empty or formula in missing or target in missing:
        raise LabError(f"{path} lacks {', '.join(missing) or 'rows'}; give a feature file")
    if missing:
        raise LabError(f"{path} lacks {', '.join(missing)}; {remedy}")
    values = table[[target, *columns]].apply(as_numbers)
    hosts = [parse_formula(text, f"{row} of {path}") for row, text in table[formula].items()]
    values.index = pd.Index(hosts, name=formula)
    if check and (changed := differing_features(values[columns], check, seed)):
        names = ", ".join(changed)
        raise LabError(f"{path} was computed with another matminer version: {names}; {remedy}")
    check_cells(table, values, target, path)
    return values


def differing_features(X, check, seed):
    """Return the columns of X in which some sampled rows differ from what matminer gives here."""
    sample = X.sample(min(check, len(X)), random_state=seed)
    gaps = sample.isna() & X.notna().any()  # single gaps are reported by `check_cells`
    expected = numeric_features(feature_table(list(sample.index)))
    fits = (np.isclose(sample, expected, rtol=1e-4, atol=1e-4) | gaps).all().to_numpy()
    return list(X.columns[~fits])


def check_cells(table, values, target, path):
    """Raise LabError at the first cell that is no number, or no voltage within 100 V."""
    finite = np.isfinite(values.to_numpy())
    finite[:, values.columns == target] &= values[[target]].abs().to_numpy() <= 100  # mV, perhaps
    for row, column in np.argwhere(~finite):
        name = values.columns[column]
        given = f"{path}, row {table.index[row]}, {name}: {quote(table[name].iloc[row])}"
        right = "a number from -100 to 100 (V)" if name == target else "a number"
        raise LabError(f"{given} is not {right}; correct it or remove the row")


def as_numbers(column):
    """Return a column as floats: "3.5" is a number; true is one only in "compound possible"."""
    if column.dtype != float and column.name != "compound possible":
        column = column.mask(column.map(lambda cell: isinstance(cell, bool)))
    return pd.to_numeric(column, errors="coerce").astype(float)


def read_split_json(path):
    """Read a pandas ``orient="split"`` JSON file, or raise LabError with what is wrong."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
        split = json.loads(text, parse_int=lambda n: int(n) if len(n) < 16 else float(n))
        table = pd.DataFrame(split["data"], split["index"], split["columns"])
        if table.index.dtype != int:
            table.index = range(len(table))  # labels may be anything, and errors name them
        if table.columns.is_unique:
            return table
    except OSError as error:
        raise LabError(f"{path}: {error.strerror}; give a feature file") from None
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        pass  # JSON and pandas raise all of these for what is not such a table
    given = f"{path} is cut short or not JSON with index, columns and data"
    raise LabError(f"{given}; python data/features.py FILE --out NEW.json makes such a file")
