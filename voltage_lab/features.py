"""From formulas to the features of each: matminer's, in the order of the feature file."""

import functools
import warnings

import numpy as np
import pandas as pd
from matminer.featurizers import composition as matminer
from matminer.featurizers.conversions import CompositionToOxidComposition
from pymatgen.core import Composition, Element

from voltage_lab.files import as_numbers
from voltage_lab.oxidation import BestGuessComposition

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


class ElementStatistics(matminer.ElementProperty):
    """matminer's statistics of its "magpie" preset, of all properties of the elements at once.

    The operations are the same, so the last bit is. One by one they take longer than the rest.
    """

    def featurize(self, comp):
        """Return the statistics in matminer's order: property by property."""
        elements, amounts = zip(*comp.element_composition.items(), strict=True)
        data = np.array([self.properties[element] for element in elements]).T.copy()
        weights = np.array(amounts)
        low, high = data.min(axis=1), data.max(axis=1)
        mean = np.average(data, axis=1, weights=weights)
        deviation = np.average(np.abs(data - mean[:, None]), axis=1, weights=weights)
        mode = data[:, np.isclose(weights, weights.max())].min(axis=1)
        return np.stack([low, high, high - low, mean, deviation, mode], axis=1).ravel().tolist()

    @functools.cached_property
    def properties(self):
        """The properties of each element, in the order of the features."""
        look_up = self.data_source.get_elemental_property
        return {element: [look_up(element, name) for name in self.features] for element in Element}


@functools.cache
def featurizers():
    """Return matminer's featurizers in file order, each with the column that it reads."""
    return (
        (CompositionToOxidComposition(return_original_on_error=True), "composition"),
        (ElementStatistics.from_preset("magpie", impute_nan=True), "composition"),
        (matminer.OxidationStates(), "composition_oxid"),
        (matminer.AtomicOrbitals(), "composition"),
        (matminer.BandCenter(), "composition"),
        (matminer.ElectronegativityDiff(), "composition_oxid"),
        (matminer.ElectronAffinity(), "composition_oxid"),
        (matminer.ValenceOrbital(), "composition"),
        (matminer.IonProperty(), "composition"),
        (matminer.TMetalFraction(), "composition"),
    )


@functools.cache
def feature_names(featurizer):
    """Return the names of a featurizer's features as the feature file has them."""
    return [label.removeprefix("MagpieData ") for label in featurizer.feature_labels()]


def compute_features(formula):
    """Return a formula's composition, its ions and 162 features as a dict, in file order.

    Features of ions are 0 where no oxidation states add up to zero, as in alloys. Most features
    are statistics of the elements: Ward et al., npj Comput. Mater. 2, 16028 (2016).
    """
    row = {"composition": BestGuessComposition(formula)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # matminer's advice on missing values
        for featurizer, column in featurizers():
            names = feature_names(featurizer)
            try:
                values = featurizer.featurize(row[column])
            except ValueError:  # matminer's own, where there are no ions
                if column == "composition":
                    raise
                values = [0.0] * len(names)
            row.update(zip(names, values, strict=True))
    for column in ("composition", "composition_oxid"):  # feature files hold the name of the class
        row[column] = Composition(row[column])
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
    distinct = list(dict.fromkeys(formulas))
    rows = [compute_features(name) for name in distinct]  # processes take longer, up to 10,000
    return pd.DataFrame(rows, distinct).loc[formulas]


def numeric_features(table):
    """Return the features of a `feature_table` that models take: 158 columns of floats."""
    return table.drop(columns=NOT_NUMERIC).astype(float)


# ------------------------------------------------------------------------- of a feature file
def read_features(cells, hosts, path, check, seed):
    """Return the features of a feature file, or compute them where it has none that fit.

    Parameters
    ----------
    cells : pandas.DataFrame
        Of a file, from `voltage_lab.tables.read_samples`.
    hosts : pandas.Index
        Reduced formulas of its rows.
    path : str or Path
    check : int
        How many rows, sampled with the seed, are compared with what matminer computes here.
    seed : int
        Of that sample.

    Returns
    -------
    pandas.DataFrame, shape (n_samples, 158), float
        Indexed by the host.
    """
    names = numeric_features(feature_table(["NbSe2"])).columns
    if (known := cells.columns.isin(names)).any():
        reason = "other features"
        if sorted(cells.columns[known]) == sorted(names):
            X = cells[names].apply(as_numbers).set_axis(hosts)
            if not (reason := describe_changes(X, check, seed)):
                return X
        print(f"{path}: features of this matminer version are computed; the file has {reason}")
    return numeric_features(feature_table(list(hosts))).rename_axis(hosts.name)


def describe_changes(X, check, seed):
    """Return the features that lack a number, or are not what matminer gives here, as a text."""
    kind, names = "gaps in", list(X.columns[~np.isfinite(X).all()])
    if not names and check:
        sample = X.sample(min(check, len(X)), random_state=seed)
        expected = numeric_features(feature_table(list(sample.index)))
        close = np.isclose(sample, expected, rtol=1e-4, atol=1e-4).all(axis=0)
        kind, names = "other values of", list(X.columns[~close])
    if not names:
        return ""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{kind} {', '.join(names[:3])}{more}"
