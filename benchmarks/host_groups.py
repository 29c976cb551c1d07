"""Groups of samples: by distance, voltage, number of elements, and kind of anion."""

import pandas as pd

from voltage_lab import domain

HALOGENS, CHALCOGENS = set("F Cl Br I".split()), set("S Se Te".split())


def find_anion(formula):
    """Return the kind of anion of a host, as a text."""
    nonmetals = set(domain.list_nonmetals(formula))
    if not nonmetals:
        return "intermetallic"
    if nonmetals & HALOGENS:
        return "halogen"
    if "O" in nonmetals:
        return "oxide" if nonmetals == {"O"} else "oxygen and others"
    return "chalcogen" if nonmetals & CHALCOGENS else "other anion"


def group_samples(samples):
    """Return which samples are in each group.

    Parameters
    ----------
    samples : pandas.DataFrame
        With formula, voltage (V) and distance to the training set.

    Returns
    -------
    dict
        Name of the group to a pandas.Series of bool, (n_samples,).
    """
    groups = {"all": pd.Series(True, samples.index)}
    for column, names in {
        "distance": ["near", "middle", "far"],
        "voltage": ["low", "middle", "high"],
    }.items():
        thirds = pd.qcut(samples[column].rank(method="first"), 3, labels=names)
        groups |= {f"{column}, {name}": thirds == name for name in names}
    number = samples["formula"].map(lambda formula: len(set(domain.ELEMENTS(formula)))).clip(2, 4)
    names = {2: "at most 2 elements", 3: "3 elements", 4: "4 elements or more"}
    groups |= {name: number == each for each, name in names.items()}
    anions = samples["formula"].map(find_anion)
    return groups | {anion: anions == anion for anion in sorted(anions.unique())}
