"""From formulas to the features of each: matminer's, in the order of the feature file."""

import functools
import re
import warnings

import joblib
import pandas as pd
from matminer.featurizers import composition as matminer
from matminer.featurizers.conversions import CompositionToOxidComposition
from pymatgen.core import Composition

# Features that are not numbers or repeat others as text.
NOT_NUMERIC = [
    "composition",
    "composition_oxid",
    "HOMO_character",
    "HOMO_element",
    "LUMO_character",
    "LUMO_element",
]
warnings.filterwarnings("ignore", "No Pauling electronegativity")  # noble gases have none


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
            except ValueError:  # matminer's own, where there are no ions
                if column == "composition":
                    raise
                values = [0.0] * len(names)
            row.update(zip(names, values, strict=True))
    return row


def feature_table(formulas):
    """Return `compute_features` of each formula; equal formulas are computed once.

    Parameters
    ----------
    formulas : list of str
        Reduced formulas from `voltage_lab.formulas.parse_formula`.

    Returns
    -------
    pandas.DataFrame, shape (n_formulas, 164)
        Indexed by the formula.
    """
    # Large formulas, whose oxidation states take longest, go first, so that no core waits.
    size = {name: sum(map(int, re.findall("[0-9]+", name))) for name in formulas}
    distinct = sorted(size, key=size.get, reverse=True)
    jobs = -1 if len(distinct) > 100 else 1  # to start processes takes as long as 100 formulas
    rows = joblib.Parallel(jobs)(joblib.delayed(compute_features)(name) for name in distinct)
    return pd.DataFrame(rows, distinct).loc[formulas]


def numeric_features(table):
    """Return the features of a `feature_table` that models take: 158 columns of floats."""
    return table.drop(columns=NOT_NUMERIC).astype(float)
