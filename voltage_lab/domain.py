"""The applicability domain: which hosts are like those of the training set."""

import functools
import re

import numpy as np
import pandas as pd
from pymatgen.core import Element

ELEMENTS = re.compile("[A-Z][a-z]?").findall
DOMAIN_SHARE = 0.99  # 0..1, of the training set's formulas: so many are not far from a neighbor
MAX_FORMULAS = 5000  # of the training set, sampled to find the limit


@functools.cache
def is_metal(element):
    """Return whether an element is a metal; Ge and Sb, cations in most compounds, count as such."""
    return Element(element).is_metal or element in ("Ge", "Sb")


def list_nonmetals(formula):
    """Return the elements of a host that are no metals, sorted."""
    return sorted(element for element in set(ELEMENTS(formula)) if not is_metal(element))


def is_intermetallic(formula):
    """Return whether a host is of metals alone."""
    return not list_nonmetals(formula)


def find_kind(formula):
    """Return what kind of host a formula is, such as "has O, P as its only non-metals"."""
    nonmetals = list_nonmetals(formula)
    names, elements = ", ".join(nonmetals), set(ELEMENTS(formula))
    if len(elements) == 1:
        return f"is {elements.pop()} alone"
    if len(nonmetals) == len(elements):
        return f"is of {names} without a metal"
    plural = "s" * (len(nonmetals) > 1)
    return f"has {names} as its only non-metal{plural}" if nonmetals else "is of metals alone"


def find_neighbors(X, X_train):
    """Return the nearest host of the training set to each host, its distance, and a limit of it.

    A distance is the root mean square of the differences between the features of two formulas, in
    SD of the training set's formulas. Features that are constant there are left out.

    Parameters
    ----------
    X, X_train : pandas.DataFrame, shape (n_hosts, n_features), (n_samples, n_features)

    Returns
    -------
    nearest : pandas.Index of str, shape (n_hosts,)
    distance : numpy.ndarray, shape (n_hosts,)
    limit : float
        The distance from their nearest neighbor that 99 % of the training set's formulas have.
    """
    from sklearn.neighbors import NearestNeighbors
    from sklearn.preprocessing import StandardScaler

    known = X_train[~X_train.index.duplicated()]
    varies = known.nunique() > 1
    known = known.loc[:, varies | ~varies.any()]  # a single formula has no SD
    scaler = StandardScaler().fit(known)
    scaled, others = (
        scaler.transform(each) / np.sqrt(known.shape[1]) for each in (known, X[known.columns])
    )
    search = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(scaled)
    some = np.random.default_rng(0).permutation(len(scaled))[:MAX_FORMULAS]
    neighbors = search.kneighbors(scaled[some], min(2, len(scaled)))[0]  # the first is itself
    limit = np.quantile(neighbors[:, -1], DOMAIN_SHARE)
    distance, places = search.kneighbors(others)
    return known.index[places[:, 0]], distance[:, 0], limit


def check_hosts(X, X_train):
    """Say why hosts are outside the applicability domain of models trained on a training set.

    A host is outside if it has an element, or is of a kind (`find_kind`), that no training sample
    has, or if it is farther from its nearest neighbor in the training set than 99 % of the training
    set's own formulas are. That errors grow with the dissimilarity of features is shown by Schultz
    et al., npj Comput. Mater. 11, 95 (2025), who measure it by a kernel density.

    Parameters
    ----------
    X, X_train : pandas.DataFrame
        Features, indexed by the reduced formula.

    Returns
    -------
    pandas.DataFrame, shape (n_hosts, 4)
        Nearest: a host of the training set. Distance. Outside: the reasons, as a text that is empty
        where there are none. New kind: whether that is one of them.
    """
    hosts = X_train.index.unique()
    elements, kinds = set(ELEMENTS(" ".join(hosts))), set(map(find_kind, hosts))
    nearest, distance, limit = find_neighbors(X, X_train)
    checked = pd.DataFrame({"Nearest": nearest, "Distance": distance}, X.index)
    unseen = [", ".join(sorted(set(ELEMENTS(host)) - elements)) for host in X.index]
    own_kinds = list(map(find_kind, X.index))
    checked["New kind"] = [kind not in kinds for kind in own_kinds]
    is_far = (distance > limit) & ~X.index.isin(hosts)
    checked["Outside"] = [
        "; ".join(list_reasons(*row))
        for row in zip(unseen, own_kinds, checked["New kind"], is_far, strict=True)
    ]
    return checked


def list_reasons(unseen, kind, is_new_kind, is_far):
    """Return the reasons why a host is outside the applicability domain, as texts."""
    reasons = [f"no training sample has {unseen}"] if unseen else []
    if is_new_kind and not unseen:
        reasons.append(f"no training sample {kind}")
    return reasons + ["far from the training set"] * bool(is_far)
