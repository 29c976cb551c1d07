"""The applicability domain: which hosts are like those of the training set."""

import functools
import re

import numpy as np
import pandas as pd
from pymatgen.core import Element

ELEMENTS = re.compile("[A-Z][a-z]?").findall
NEAR = 0.99  # 0..1, share of the test set's formulas that are not far from the training set


@functools.cache
def is_metal(element):
    """Return whether an element is a metal."""
    return Element(element).is_metal


def list_nonmetals(formula):
    """Return the elements of a host that are no metals, sorted; Ge and Sb count as metals here."""
    return sorted(e for e in set(ELEMENTS(formula)) if not is_metal(e) and e not in ("Ge", "Sb"))


def is_intermetallic(formula):
    """Return whether a host is of metals alone, among which Ge and Sb count here."""
    return not list_nonmetals(formula)


def find_kind(formula):
    """Return what kind of host a formula is, such as "just O, P as non-metals" for FePO4."""
    nonmetals = list_nonmetals(formula)
    names, elements = ", ".join(nonmetals), set(ELEMENTS(formula))
    if len(elements) == 1:
        return f"{elements.pop()} alone"
    if len(nonmetals) == len(elements):
        return f"{names} without a metal"
    return f"just {names} as non-metals" if nonmetals else "metals alone"


def find_nearest(X, X_train):
    """Return the nearest host of the training set to each host, and its distance.

    Parameters
    ----------
    X, X_train : pandas.DataFrame, shape (n_hosts, n_features), (n_samples, n_features)

    Returns
    -------
    nearest : pandas.Index of str, shape (n_hosts,)
    distance : numpy.ndarray, shape (n_hosts,)
        Root mean square of the differences between their features, in SD of the training set.
    """
    from sklearn.metrics import pairwise_distances_argmin_min
    from sklearn.preprocessing import StandardScaler

    known = X_train[~X_train.index.duplicated()]
    scaler = StandardScaler().fit(known)
    places, distance = pairwise_distances_argmin_min(scaler.transform(X), scaler.transform(known))
    return known.index[places], distance / np.sqrt(X.shape[1])


def check_hosts(X, X_train, X_test):
    """Say why hosts are outside the applicability domain of models trained on a training set.

    A host is outside if it has an element, or is of a kind (`find_kind`), that no training sample
    has, or if it is farther from the training set than 99 % of the test set's formulas. To measure
    the domain by a distance between features follows Schultz et al., npj Comput. Mater. 11, 95
    (2025), who estimate a density.

    Parameters
    ----------
    X, X_train, X_test : pandas.DataFrame
        Features, indexed by the reduced formula.

    Returns
    -------
    pandas.DataFrame, shape (n_hosts, 2)
        Nearest: a host of the training set. Outside: the reasons, empty where there are none.
    """
    hosts = X_train.index.unique()
    elements, kinds = set(ELEMENTS(" ".join(hosts))), set(map(find_kind, hosts))
    nearest, distance = find_nearest(X, X_train)
    new = X_test[~X_test.index.isin(hosts) & ~X_test.index.duplicated()]
    limit = np.quantile(find_nearest(new, X_train)[1], NEAR) if len(new) else 0
    outside = []
    for host, far in zip(X.index, distance > limit, strict=True):
        unseen = ", ".join(sorted(set(ELEMENTS(host)) - elements))
        kind = find_kind(host)
        reasons = {
            f"no training sample has {unseen}": unseen,
            f"no training sample has {kind}": not unseen and kind not in kinds,
            "far from the training set": far,
        }
        outside.append("; ".join(reason for reason, true in reasons.items() if true))
    return pd.DataFrame({"Nearest": nearest, "Outside": outside}, X.index)
