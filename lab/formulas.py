"""From formulas, or from a file of features, to what a model takes."""

import functools
import json
import math
import re
import warnings
from collections import Counter
from fractions import Fraction
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from matminer.featurizers import composition as matminer
from matminer.featurizers.conversions import CompositionToOxidComposition
from pymatgen.core import Composition, Element

import supplement

HEAVIEST = 92  # atomic number; matminer has no data beyond uranium
# Without another element, these have full shells only, and matminer finds no empty orbital.
CLOSED = set("He Ne Ar Kr Xe Rn Be Mg Ca Sr Ba Ra Zn Cd Hg Pd Yb".split())
MAX_ATOMS = 100  # in a reduced formula
MAX_CHARGES = 40_000_000  # that matminer may try for a formula: five minutes or 1 GB
# A bracket that opens; or a symbol or a bracket that closes, with an amount.
PART = r"(?:([(\[])|([A-Z][a-z]?|[)\]])(?: *([0-9]{1,9}(?:\.[0-9]+)?))?) *"
warnings.filterwarnings("ignore", "No Pauling electronegativity")  # noble gases get a line


def quote(value):
    """Return a value, or its beginning, in quotes, as a line of any terminal can hold it."""
    try:
        text = str(value)
    except (ValueError, RecursionError):  # too many digits, or lists in lists
        text = type(value).__name__
    return repr(text if len(text) < 40 else text[:36] + " ...")


def parse_formula(text, row=1):
    """Return a formula in whole numbers without a common factor: Fe2P2O8 is FePO4.

    Raises ValueError with the row, what was typed and what would be right.
    """
    try:
        check_symbols(text)
        if not (amounts := read_amounts(text)):
            raise ValueError("is not a formula; check its amounts and brackets")
        if set(amounts) <= CLOSED:
            raise ValueError("is not a compound with an open shell; write one, as in Nb1 Se2")
        total = sum(amounts.values())
        atoms = math.lcm(*((n / total).denominator for n in amounts.values()))
        if atoms > MAX_ATOMS:
            many = atoms if atoms < 1e6 else "millions of"
            raise ValueError(f"has {many} atoms; round amounts to {MAX_ATOMS} or fewer atoms")
        composition = Composition({symbol: int(n / total * atoms) for symbol, n in amounts.items()})
        if charges_tried(composition) > MAX_CHARGES:
            raise ValueError("takes matminer too long; give fewer elements or atoms")
        return composition.get_integer_formula_and_factor()[0]
    except ValueError as reason:
        raise ValueError(f"row {row}: {quote(text)} {reason}") from None


def check_symbols(text):
    """Raise ValueError if a text is not of symbols and amounts, or could be read in two ways."""
    if not isinstance(text, str) or len(text) > 500 or not re.fullmatch(f" *({PART})+", text):
        raise ValueError("is not a formula; write symbols and amounts, as in Nb1 Se2")
    for symbol in re.findall("[A-Z][a-z]?", text):
        known = Element.is_valid_symbol(symbol) and Element(symbol).Z <= HEAVIEST
        if not known or symbol in ("D", "T"):
            raise ValueError(f"is wrong: {symbol} is not an element from H to U, as matminer's are")
    if re.search(r"\.[0-9]+ *[(\[]?(H2O|NH3)(?![)\]]?[0-9])", text):
        raise ValueError("may be a hydrate; write its water in brackets, as in CuSO4(H2O)5")
    if re.search(r"II|IV|[(\[][IV]+[)\]]", text):
        raise ValueError("may hold an oxidation state; write none, or I1 V1 for the elements")


def read_amounts(text):
    """Return the exact amount of each element; nothing if the brackets do not match."""
    groups = [("", Counter())]
    for bracket, part, digits in re.findall(PART, text):
        if bracket:
            groups.append((bracket, Counter()))
            continue
        opened, inside = groups.pop() if part in ")]" else ("", {part: 1})
        if part in ")]" and opened + part not in ("()", "[]") or not inside:
            return {}
        amount = Fraction(digits or 1)
        near = amount.limit_denominator(MAX_ATOMS)
        amount = near if abs(near - amount) <= amount / 5000 else amount  # 0.3333 is a third
        for symbol, n in inside.items():
            groups[-1][1][symbol] += n * amount
    return {symbol: n for symbol, n in groups[0][1].items() if n} if len(groups) == 1 else {}


def charges_tried(composition):
    """Return about how many charges matminer tries: of all atoms of an element, then their sums.

    It does so for the ions of up to 50 atoms, and for "compound possible" with fewer states.
    """
    tried = []
    for name, most in ("icsd_oxidation_states", 50), ("common_oxidation_states", MAX_ATOMS):
        drawn, sums = 0, 1
        for element, n in composition.items():
            states = getattr(element, name) or element.common_oxidation_states
            draws = math.comb(n + len(states) - 1, n)
            drawn, sums = drawn + n * draws, sums * min(draws, 9 * n + 1)
        tried.append(drawn + sums if composition.num_atoms <= most else 0)
    return max(tried)


@functools.cache
def featurizers():
    """Return matminer's featurizers in file order, each with the column that it reads."""
    return (
        (CompositionToOxidComposition(return_original_on_error=True), "composition"),
        (matminer.ElementProperty.from_preset("magpie", impute_nan=True), "composition"),
        (matminer.OxidationStates(), "composition_oxid"),
        (matminer.AtomicOrbitals(), "composition"),
        (matminer.BandCenter(), "composition"),
        (matminer.ElectronegativityDiff(), "composition_oxid"),
        (matminer.ElectronAffinity(), "composition_oxid"),
        (matminer.ValenceOrbital(), "composition"),
        (matminer.IonProperty(), "composition"),
        (matminer.TMetalFraction(), "composition"),
    )


def compute_features(formula):
    """Return a formula's composition, its ions and 162 features as a dict, in file order.

    Features of ions are 0 where no oxidation states add up to zero, as in alloys. Most features
    are statistics of the elements: Ward et al., npj Comput. Mater. 2, 16028 (2016).
    """
    row = {"composition": Composition(formula)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # matminer's advice on missing values
        for featurizer, column in featurizers():
            names = [label.removeprefix("MagpieData ") for label in featurizer.feature_labels()]
            try:
                values = featurizer.featurize(row[column])
            except ValueError:
                if column == "composition":
                    raise
                values = [0.0] * len(names)
            row.update(zip(names, values, strict=True))
    return row


def feature_table(formulas):
    """Return `compute_features` of reduced formulas, a row each; equal ones are computed once."""
    # Charges of large formulas take longest to guess: these go first, so that no core waits.
    size = {name: sum(map(int, re.findall("[0-9]+", name))) for name in formulas}
    distinct = sorted(size, key=size.get, reverse=True)
    jobs = -1 if len(distinct) > 100 else 1  # to start processes takes as long as 100 formulas
    rows = joblib.Parallel(jobs)(joblib.delayed(compute_features)(name) for name in distinct)
    return pd.DataFrame(rows, distinct).loc[formulas]


def read_features(path, check):
    """Read the features and voltages of a file, by formula: see `supplement.load_data`."""
    formula, target = supplement.FORMULA, supplement.TARGET
    table = read_table(path)
    again = f"this makes one that fits: python data/features.py {path} --out new_feat.json"
    columns = supplement.featurize(["NbSe2"]).columns
    missing = [name for name in [formula, target, *columns] if name not in table]
    if table.empty or formula in missing or target in missing:
        raise ValueError(f"{path} lacks {', '.join(missing) or 'rows'}; give a features file")
    if missing:
        raise ValueError(f"{path} lacks {', '.join(missing)}; {again}")
    values = table[[target, *columns]].apply(as_numbers)
    hosts = [parse_formula(text, f"{row} of {path}") for row, text in table[formula].items()]
    values.index = pd.Index(hosts, name=formula)
    sample = values[columns].sample(min(check, len(values)), random_state=supplement.RSEED)
    gaps = sample.isna() & values[columns].notna().any()  # single gaps are reported below
    here = feature_table(list(sample.index))[columns] if check else sample
    fits = (np.isclose(sample, here.astype(float), rtol=1e-4, atol=1e-4) | gaps).all().to_numpy()
    if not fits.all():
        raise ValueError(f"{path} is of another matminer: {', '.join(columns[~fits])}; {again}")
    values.loc[values[target].abs() > 100, target] = np.nan  # mV, perhaps
    for row, column in np.argwhere(~np.isfinite(values.to_numpy())):
        place, name = table.index[row], values.columns[column]
        given = f"{path}, row {place}, {name}: {quote(table[name].iloc[row])}"
        right = "a number from -100 to 100 (V)" if name == target else "a number"
        raise ValueError(f"{given} is not {right}; correct it or take the row out")
    return values


def as_numbers(column):
    """Return a column as floats: "3.5" is a number; true is none, but for compounds possible."""
    if column.dtype != float and column.name != "compound possible":
        column = column.mask(column.map(lambda cell: isinstance(cell, bool)))
    return pd.to_numeric(column, errors="coerce").astype(float)


def read_table(path):
    """Read a pandas ``orient="split"`` JSON file, or raise ValueError with what is wrong."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
        split = json.loads(text, parse_int=lambda n: int(n) if len(n) < 16 else float(n))
        table = pd.DataFrame(split["data"], split["index"], split["columns"])
        if table.index.dtype != int:
            table.index = range(len(table))  # labels may be anything, and errors name them
        if table.columns.is_unique:
            return table
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}; give a features file") from None
    except Exception:
        pass  # JSON and pandas have many of them, and all mean the same
    raise ValueError(f"{path} is cut short or not JSON with index, columns and data")
