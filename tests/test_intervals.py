"""Prediction intervals: calibrated by formula, wider where larger errors are to be expected."""

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from oracles import conformal_margin
from sklearn.neighbors import KNeighborsRegressor

import supplement
from voltage_lab import intervals


@pytest.fixture(scope="module")
def split(rows):
    """Return the lab's own split."""
    return supplement.split_data(*rows)


# ------------------------------------------------------------------------------ the calibration
@pytest.mark.parametrize("number", [1, 2, 8, 9, 10, 11, 19, 438])
@pytest.mark.parametrize("coverage", [0.5, 0.9, 0.99])
def test_with_one_sample_a_formula_enough_scores_lie_within_for_one_more(number, coverage):
    scores = np.random.default_rng(number).random(number)
    formulas = pd.Index([f"host {n}" for n in range(number)])
    score = intervals.quantile_by_formula(scores, formulas, coverage)
    if Fraction(str(coverage)) * (number + 1) > number:
        assert score == np.inf
    else:
        assert score == conformal_margin(list(scores), coverage)


def test_a_formula_counts_once_however_many_samples_it_has():
    scores, formulas = [1.0, 2.0, 3.0], pd.Index(["a", "b", "c"])
    for copies in (2, 5, 40):
        each = np.repeat(scores, [copies, 1, 1]), formulas.repeat([copies, 1, 1])
        assert intervals.quantile_by_formula(*each, 0.5) == 2.0
        assert intervals.quantile_by_formula(*each, 0.25) == 1.0
        assert intervals.quantile_by_formula(*each, 0.76) == np.inf


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9])
def test_weights_of_polymorphs_are_exact(coverage):
    random = np.random.default_rng(1)
    for _ in range(300):
        sizes = random.integers(1, 8, random.integers(1, 40))
        formulas = pd.Index(np.repeat(np.arange(len(sizes)), sizes))
        scores = random.permutation(len(formulas)).astype(float)
        weights = {
            score: Fraction(1, int(sizes[f])) for score, f in zip(scores, formulas, strict=True)
        }
        within, expected = Fraction(0), np.inf
        for score in sorted(scores):
            within += weights[score]
            if within >= Fraction(str(coverage)) * (len(sizes) + 1):
                expected = score
                break
        assert intervals.quantile_by_formula(scores, formulas, coverage) == expected
        assert intervals.are_enough(len(sizes), coverage) == (expected < np.inf)


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9])
def test_of_formulas_left_out_one_by_one_the_scores_hold_the_share(coverage):
    random = np.random.default_rng(3)
    formulas = pd.Index(np.repeat(np.arange(30), random.integers(1, 9, 30)))
    scores = random.random(len(formulas)) + random.random(30)[formulas]
    shares = []
    for formula in range(30):
        one = formulas == formula
        score = intervals.quantile_by_formula(scores[~one], formulas[~one], coverage)
        shares.append((scores[one] <= score).mean())
    assert coverage <= np.mean(shares) <= coverage + 2 / 30


# ------------------------------------------------------------------------------- the difficulty
def test_larger_errors_are_expected_where_voltages_are_noisy():
    random = np.random.default_rng(0)
    X = pd.DataFrame(random.random((900, 3)), [f"host {n}" for n in range(900)])
    noise = np.where(X[0] < 0.5, 0.05, 0.5)  # SD, V
    y = pd.Series(0.1 * X[1] + noise * random.standard_normal(900), X.index)
    new = pd.DataFrame(random.random((200, 3)))
    expected = intervals.expect_errors(new, X, y, seed=1)
    quiet, noisy = expected[new[0] < 0.45], expected[new[0] > 0.55]
    assert quiet.max() < noisy.min()
    assert np.median(noisy) == pytest.approx(0.5, abs=0.1)


def test_the_scatter_of_a_formula_counts_as_error():
    X = pd.DataFrame(np.ones((40, 2)), [f"host {n // 4}" for n in range(40)])
    y = pd.Series([-1.0, 1.0] * 20, X.index)
    [error] = intervals.expect_errors(X[:1], X, y, seed=0)
    assert error == pytest.approx(1)


def test_the_same_seed_expects_the_same_errors(split):
    X_train, X_test, y_train, _ = split
    one, again = (intervals.expect_errors(X_test, X_train, y_train, 3) for _ in range(2))
    assert (one == again).all()
    assert (one != intervals.expect_errors(X_test, X_train, y_train, 4)).any()


def test_the_scatter_of_one_formula_is_its_expected_error():
    X = pd.DataFrame(np.ones((4, 2)), ["A"] * 4)
    errors = intervals.expect_errors(X, X, pd.Series([-1.0, 1.0, -1.0, 1.0], X.index), 0)
    np.testing.assert_allclose(errors, 1)


@pytest.mark.parametrize("number", [1, 2, 3, 10])
def test_few_formulas_are_enough_to_expect_errors(number):
    X = pd.DataFrame(np.eye(number), [f"host {n}" for n in range(number)])
    errors = intervals.expect_errors(X, X, pd.Series(np.zeros(number), X.index), 0)
    assert (errors == intervals.MIN_ERROR).all()


def test_of_many_formulas_a_sample_is_enough(split, monkeypatch):
    X_train, X_test, y_train, _ = split
    all_of_them = intervals.expect_errors(X_test, X_train, y_train, 0)
    monkeypatch.setattr(intervals, "MAX_FORMULAS", 600)
    some = intervals.expect_errors(X_test, X_train, y_train, 0)
    assert np.corrcoef(all_of_them, some)[0, 1] > 0.6


# --------------------------------------------------------------------------------- the intervals
@pytest.fixture(scope="module")
def halves(split):
    """Return errors of a model on both halves of the test set's formulas, and their samples."""
    X_train, X_test, y_train, y_test = split
    model = KNeighborsRegressor(3).fit(X_train, y_train)
    errors = np.abs(model.predict(X_test) - y_test)
    first = X_test.index.isin(X_test.index.unique()[::2])
    return (
        (X_train, X_test[first], y_train, y_test[first]),
        errors[first],
        X_test[~first],
        errors[~first],
    )


@pytest.mark.parametrize("coverage", [0.5, 0.9])
def test_new_formulas_are_covered_and_the_margins_follow_the_errors(halves, coverage):
    half, calibration, X, errors = halves
    margins, checked, formulas = intervals.find_margins(X, half, {"m": calibration}, coverage, 42)
    margins = margins["m"].to_numpy()
    has = ~np.isnan(margins)
    assert (has == (checked["Outside"] == "")).all()
    assert list(checked.index) == list(X.index)
    assert has.mean() > 0.95
    covered = (errors.to_numpy() <= margins)[has]
    weights = 1 / X.index[has].value_counts()[X.index[has]].to_numpy()
    deviation = np.sqrt(coverage * (1 - coverage) * 2 / formulas)  # of both halves
    assert np.average(covered, weights=weights) == pytest.approx(coverage, abs=3 * deviation)
    wide = margins[has] > np.median(margins[has])
    assert errors[has][wide].mean() > 1.3 * errors[has][~wide].mean()
    assert formulas <= half[1].index.nunique()


def test_the_margins_are_the_expected_errors_times_one_factor(halves):
    half, calibration, X, _ = halves
    margins, *_ = intervals.find_margins(X, half, {"a": calibration, "b": 2 * calibration}, 0.9, 42)
    expected = intervals.expect_errors(pd.concat([X, half[1]]), half[0], half[2], 42)[: len(X)]
    factors = (margins["a"] / expected).dropna()
    np.testing.assert_allclose(factors, factors.iloc[0])
    np.testing.assert_allclose(margins["b"], 2 * margins["a"])


def test_hosts_of_the_training_set_and_outside_the_domain_have_no_interval(halves):
    half, calibration, X, _ = halves
    hosts = pd.concat([half[0][:3], supplement.featurize(["UO2", "Si", "Cr2O5"])])
    margins, checked, _ = intervals.find_margins(hosts, half, {"m": calibration}, 0.9, 42)
    assert list(margins["m"].isna()) == [True] * 5 + [False]
    assert list(checked["Outside"] != "") == [False] * 3 + [True] * 2 + [False]


def test_test_samples_with_a_trained_formula_do_not_calibrate(halves):
    half, calibration, X, _ = halves
    expected = intervals.find_margins(X, half, {"m": calibration}, 0.9, 42)
    X_test = pd.concat([half[1], half[0][:200]])  # as after a random split
    errors = np.append(calibration, np.full(200, 99.0))
    split = (half[0], X_test, half[2], None)
    margins, _, formulas = intervals.find_margins(X, split, {"m": errors}, 0.9, 42)
    pd.testing.assert_frame_equal(margins, expected[0])
    assert formulas == expected[2]


def test_with_too_few_formulas_there_is_no_interval(halves):
    (X_train, X_test, y_train, y_test), calibration, X, _ = halves
    few = X_test.index.isin(X_test.index.unique()[:8])
    half = (X_train, X_test[few], y_train, y_test[few])
    margins, _, formulas = intervals.find_margins(X, half, {"m": calibration[few]}, 0.9, 42)
    assert margins["m"].isna().all()
    assert formulas <= 8
