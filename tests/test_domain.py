"""The applicability domain: elements, kinds of hosts, and the distance between features."""

import numpy as np
import pandas as pd
import pytest

import supplement
from voltage_lab import domain


@pytest.mark.parametrize(
    ("formula", "kind"),
    [
        ("FePO4", "just O, P as non-metals"),
        ("LiFePO4", "just O, P as non-metals"),
        ("NbSe2", "just Se as non-metals"),
        ("CoO2", "just O as non-metals"),  # cobalt is neither carbon nor oxygen
        ("NbIr2", "metals alone"),
        ("MnGe2", "metals alone"),
        ("FeSb2", "metals alone"),
        ("AlSi", "just Si as non-metals"),
        ("SiO2", "O, Si without a metal"),
        ("Fe", "Fe alone"),
        ("Sb", "Sb alone"),
        ("O2", "O alone"),
    ],
)
def test_the_kind_of_a_host_is_that_of_its_elements(formula, kind):
    assert domain.find_kind(formula) == kind
    assert domain.is_intermetallic(formula) == (kind in ("metals alone", "Fe alone", "Sb alone"))


@pytest.fixture(scope="module")
def split(rows):
    """Return the lab's own split."""
    return supplement.split_data(*rows)


def test_the_nearest_host_is_that_of_the_smallest_rms_difference(split):
    X_train, X_test, *_ = split
    X = X_test[:20]
    known = X_train.groupby(level=0).first()
    deviation = known.std(ddof=0).replace(0, 1)
    differences = (X.to_numpy()[:, None] - known.to_numpy()[None]) / deviation.to_numpy()
    expected = np.sqrt((differences**2).mean(axis=2))
    nearest, distance = domain.find_nearest(X, X_train)
    np.testing.assert_allclose(distance, expected.min(axis=1), atol=1e-6)
    own = expected[np.arange(len(X)), known.index.get_indexer(nearest)]
    np.testing.assert_allclose(own, expected.min(axis=1), atol=1e-6)


def test_a_host_of_the_training_set_is_its_own_nearest_and_inside(split):
    X_train, X_test, *_ = split
    known = X_train[~X_train.index.duplicated()]
    nearest, distance = domain.find_nearest(known, X_train)
    assert distance.max() < 1e-6
    assert (domain.check_hosts(known[:50], X_train, X_test)["Outside"] == "").all()
    twins = known[known.index != nearest]  # hosts with the same features as another one
    assert len(twins) < 0.01 * len(known)


def test_one_formula_in_a_hundred_of_the_test_set_is_far(split):
    X_train, X_test, *_ = split
    known = X_test[~X_test.index.duplicated()]
    reasons = domain.check_hosts(known, X_train, X_test)["Outside"]
    far = reasons.str.contains("far from the training set").sum()
    assert far == pytest.approx(0.01 * len(known), abs=1)


@pytest.mark.parametrize(
    ("formula", "reason"),
    [
        ("UO2", "no training sample has U"),
        ("Po", "no training sample has Po"),
        ("SiO2", "no training sample has O, Si without a metal"),
        ("Si", "no training sample has Si alone"),
        ("S", "no training sample has S alone"),
        ("Fe", "no training sample has Fe alone"),
    ],
)
def test_a_host_unlike_all_of_the_training_set_is_outside_with_the_reason(split, formula, reason):
    X_train, X_test, *_ = split
    [text] = domain.check_hosts(supplement.featurize([formula]), X_train, X_test)["Outside"]
    assert text.split("; ")[0] == reason


@pytest.mark.parametrize("is_kind", [domain.is_intermetallic, lambda host: host == "C"])
def test_hosts_of_a_kind_that_the_data_lacks_are_outside(rows, is_kind):
    X, y = rows
    of_kind = X.index.map(is_kind).to_numpy(bool)
    X_train, X_test, *_ = supplement.split_data(X[~of_kind], y[~of_kind])
    outside = domain.check_hosts(X[of_kind], X_train, X_test)["Outside"] != ""
    assert of_kind.any()
    assert outside.mean() > 0.95
    assert (domain.check_hosts(X_test, X_train, X_test)["Outside"] != "").mean() < 0.03


def test_without_a_new_formula_in_the_test_set_all_but_the_training_set_is_far(split):
    X_train, *_ = split
    X = pd.concat([X_train[:1], supplement.featurize(["Cr2O5"])])
    reasons = domain.check_hosts(X, X_train, X_train[:9])["Outside"]
    assert list(reasons.str.contains("far from")) == [False, True]
