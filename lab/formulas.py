"""From formulas, or from a file of features, to what a model takes."""

import functools
import json
import re
import warnings
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from matminer.featurizers import composition as matminer
from matminer.featurizers.conversions import CompositionToOxidComposition
from pymatgen.core import Composition, Element

import supplement

HEAVIEST = 92  # atomic number; matminer has no data beyond uranium
MAX_ATOMS = 100  # in a reduced formula; to guess the charges of more can take minutes
warnings.filterwarnings("ignore", "No Pauling electronegativity")  # noble gases get a line


def parse_formula(text, row=1):
    """Return a formula in whole numbers without a common factor: Fe2P2O8 is FePO4.

    Raises ValueError with the row, what was typed and what would be right.
    """
    text = str(text)
    wrong = f"row {row}: {text if len(text) < 40 else text[:36] + ' ...'!r}"
    if not re.fullmatch(r"([A-Z][a-z]?|[()\[\]]|[0-9]++(\.[0-9]++)?| )++", text):
        raise ValueError(f"{wrong} is not a formula; write symbols and amounts, as in Nb1 Se2")
    symbols = re.findall(r"[A-Z][a-z]?", text)
    for symbol in symbols:
        known = Element.is_valid_symbol(symbol) and Element(symbol).Z <= HEAVIEST
        if not known or symbol in ("D", "T"):
            raise ValueError(f"{wrong}: {symbol} is not an element from H to U, as matminer's are")
    if symbols and all(Element(symbol).is_noble_gas for symbol in symbols):
        raise ValueError(f"{wrong} is not a compound; write one, as in Nb1 Se2")
    try:
        composition = Composition(text)
        formula, factor = composition.get_integer_formula_and_factor()
        atoms = round(composition.num_atoms / factor)
    except (ValueError, ArithmeticError, IndexError):
        raise ValueError(f"{wrong} is not a formula; check its amounts and brackets") from None
    if atoms > MAX_ATOMS or set(Composition(formula)) != set(composition):
        raise ValueError(f"{wrong} has {atoms} atoms; round amounts to {MAX_ATOMS} or fewer atoms")
    return formula


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
    if missing or table.empty:
        raise ValueError(f"{path} lacks {', '.join(missing) or 'rows'}; {again}")
    values = table[[target, *columns]].apply(pd.to_numeric, errors="coerce").astype(float)
    texts = table[formula].astype(str)
    firsts = texts.drop_duplicates().items()
    hosts = {text: parse_formula(text, f"{row} of {path}") for row, text in firsts}
    values.index = pd.Index(texts.map(hosts), name=formula)
    sample = values[columns].sample(min(check, len(values)), random_state=supplement.RSEED)
    gaps = sample.isna() & values[columns].notna().any()  # single gaps are reported below
    here = feature_table(list(sample.index))[columns] if check else sample
    fits = (np.isclose(sample, here.astype(float), rtol=1e-4, atol=1e-4) | gaps).all().to_numpy()
    if not fits.all():
        raise ValueError(f"{path} is of another matminer: {', '.join(columns[~fits])}; {again}")
    values.loc[values[target].abs() > 100, target] = np.nan  # mV, perhaps
    for row, column in np.argwhere(~np.isfinite(values.to_numpy())):
        place, name = table.index[row], values.columns[column]
        given = f"{path}, row {place}, {name}: '{table[name].iloc[row]}'"
        raise ValueError(f"{given} is not a number (V); correct it or take the row out")
    return values


def read_table(path):
    """Read a pandas ``orient="split"`` JSON file, or raise ValueError with what is wrong."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
        split = json.loads(text, parse_int=lambda n: int(n) if len(n) < 16 else float(n))
        table = pd.DataFrame(split["data"], split["index"], split["columns"])
        if table.columns.is_unique:
            return table
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}; give a features file") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        pass  # all of them mean the same
    raise ValueError(f"{path} is cut short or not JSON with index, columns and data")
