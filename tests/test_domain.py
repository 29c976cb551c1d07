"""The applicability domain: elements, kinds of hosts, and the distance between features."""

import numpy as np
import pandas as pd
import pytest

import supplement
from voltage_lab import domain


@pytest.mark.parametrize(
    ("formula", "kind"),
    [
        ("FePO4", "has O, P as its only non-metals"),
        ("LiFePO4", "has O, P as its only non-metals"),
        ("NbSe2", "has Se as its only non-metal"),
        ("CoO2", "has O as its only non-metal"),  # cobalt is neither carbon nor oxygen
        ("NbIr2", "is of metals alone"),
        ("MnGe2", "is of metals alone"),
        ("FeSb2", "is of metals alone"),
        ("AlSi", "has Si as its only non-metal"),
        ("SiO2", "is of O, Si without a metal"),
        ("Fe", "is Fe alone"),
        ("Sb", "is Sb alone"),
        ("O2", "is O alone"),
    ],
)
def test_the_kind_of_a_host_is_that_of_its_elements(formula, kind):
    assert domain.find_kind(formula) == kind
    assert domain.is_intermetallic(formula) == (formula in ("NbIr2", "MnGe2", "FeSb2", "Fe", "Sb"))


@pytest.fixture(scope="module")
def split(rows):
    """Return the lab's own split."""
    return supplement.split_data(*rows)


def distances(X, X_train):
    """Return the distances of hosts to each formula of a training set, and these formulas."""
    known = X_train.groupby(level=0).first()
    deviation = known.std(ddof=0)
    kept = deviation > 0
    differences = X.loc[:, kept].to_numpy()[:, None] - known.loc[:, kept].to_numpy()[None]
    squares = (differences / deviation[kept].to_numpy()) ** 2
    return np.sqrt(squares.mean(axis=2)), known.index


def test_the_nearest_host_is_that_of_the_smallest_rms_difference(split):
    X_train, X_test, *_ = split
    X = X_test[:20]
    expected, known = distances(X, X_train)
    nearest, distance, _ = domain.find_neighbors(X, X_train)
    np.testing.assert_allclose(distance, expected.min(axis=1), atol=1e-6)
    own = expected[np.arange(len(X)), known.get_indexer(nearest)]
    np.testing.assert_allclose(own, expected.min(axis=1), atol=1e-6)


def test_features_that_are_constant_in_the_training_set_are_left_out():
    X_train = pd.DataFrame({"a": [0.0, 2.0, 4.0], "b": [7.0, 7.0, 7.0]}, ["A", "B", "C"])
    X = pd.DataFrame({"a": [5.0], "b": [7000.0]}, ["D"])
    nearest, [distance], _ = domain.find_neighbors(X, X_train)
    assert list(nearest) == ["C"]
    assert distance == pytest.approx(1 / np.std([0, 2, 4]))


def test_the_limit_is_the_distance_of_all_but_one_in_a_hundred_from_their_neighbors(split):
    X_train = split[0][:400]
    known = X_train[~X_train.index.duplicated()]
    expected, names = distances(known, X_train)
    expected[np.arange(len(known)), names.get_indexer(known.index)] = np.inf
    limit = domain.find_neighbors(known[:1], X_train)[2]
    assert limit == pytest.approx(np.quantile(expected.min(axis=1), 0.99), abs=1e-6)


def test_a_host_of_the_training_set_is_its_own_nearest_and_inside(split):
    X_train, *_ = split
    known = X_train[~X_train.index.duplicated()]
    nearest, distance, _ = domain.find_neighbors(known, X_train)
    assert distance.max() < 1e-6
    assert (domain.check_hosts(known, X_train)["Outside"] == "").all()
    twins = known[known.index != nearest]  # hosts with the same features as another one
    assert len(twins) < 0.01 * len(known)


def test_few_hosts_of_the_test_set_are_outside(split):
    X_train, X_test, *_ = split
    known = X_test[~X_test.index.duplicated()]
    outside = domain.check_hosts(known, X_train)["Outside"]
    assert 0 < (outside != "").mean() < 0.03


@pytest.mark.parametrize(
    ("formula", "reason"),
    [
        ("UO2", "no training sample has U"),
        ("Po", "no training sample has Po"),
        ("SiO2", "no training sample is of O, Si without a metal"),
        ("Si", "no training sample is Si alone"),
        ("S", "no training sample is S alone"),
        ("Fe", "no training sample is Fe alone"),
    ],
)
def test_a_host_unlike_all_of_the_training_set_is_outside_with_the_reason(split, formula, reason):
    [row] = domain.check_hosts(supplement.featurize([formula]), split[0]).itertuples()
    assert row.Outside.split("; ")[0] == reason
    assert row.Nearest in set(split[0].index)


def test_hosts_of_metals_alone_are_outside_where_the_data_has_none(rows):
    X, _ = rows
    of_metals = X.index.map(domain.is_intermetallic).to_numpy(bool)
    checked = domain.check_hosts(X[of_metals], X[~of_metals])
    assert of_metals.sum() > 200
    assert checked["New kind"].all()
    assert checked["Outside"].str.startswith("no training sample ").all()
    assert checked["Outside"].str.contains("far from the training set").mean() > 0.5


@pytest.mark.parametrize("number", [1, 2])
def test_one_formula_is_enough_to_be_near_or_far(split, number):
    X_train = split[0][~split[0].index.duplicated()][:number]
    outside = domain.check_hosts(pd.concat([X_train, split[1][:1]]), X_train)["Outside"]
    assert list(outside[:number]) == [""] * number
