"""Prediction intervals: wider where larger errors are to be expected, and only where they hold."""

import numpy as np
import pandas as pd

from voltage_lab import domain

TREES = 50  # of each ensemble below
MAX_FORMULAS = 5000  # of the training set, sampled: more take longer and change little
MIN_ERROR = 0.01  # V, far below the error of any model here
ROUNDING = 1e-9  # of a coverage: sums of weights are rounded, too


def expect_errors(X, X_train, y_train, seed):
    """Return the error that is to be expected at each host, whatever the model: an RMSE, V.

    Extremely randomized trees learn the median voltage of each formula. The squared errors of
    those trees that have not seen a formula (out of bag) are learned by a second ensemble.

    Parameters
    ----------
    X, X_train : pandas.DataFrame, shape (n_hosts, n_features), (n_samples, n_features)
    y_train : pandas.Series, shape (n_samples,)
        V, indexed by the reduced formula.
    seed : int

    Returns
    -------
    numpy.ndarray, shape (n_hosts,)
    """
    from sklearn.ensemble import ExtraTreesRegressor

    known = X_train[~X_train.index.duplicated()]
    if len(known) < 2:  # only after a random split; there is no other formula to learn from
        return np.full(len(X), max(MIN_ERROR, y_train.std(ddof=0)))
    known = known.sample(min(MAX_FORMULAS, len(known)), random_state=seed)
    y_train = y_train[y_train.index.isin(known.index)]
    settings = {"n_estimators": TREES, "max_features": 1 / 3, "random_state": seed}
    trees = ExtraTreesRegressor(bootstrap=True, oob_score=True, **settings)
    trees.fit(known, y_train.groupby(level=0).median()[known.index])
    unseen = pd.Series(trees.oob_prediction_, known.index)
    squares = ((y_train - unseen[y_train.index].to_numpy()) ** 2).groupby(level=0).mean()
    errors = ExtraTreesRegressor(min_samples_leaf=10, **settings)
    return np.sqrt(errors.fit(known, squares[known.index]).predict(X)).clip(MIN_ERROR)


def quantile_by_formula(scores, formulas, coverage):
    """Return the score that a sample of a new formula does not exceed, with that probability.

    Formulas are exchangeable; the samples of all formulas together are not. So each formula has
    the same weight, and a new one, whose score is not known, has it too: Lee, Barber and Willett,
    arXiv:2306.06342 (2023).

    Parameters
    ----------
    scores : array-like, shape (n_samples,)
    formulas : pandas.Index, shape (n_samples,)
    coverage : float
        The probability, 0..1.

    Returns
    -------
    float
        Infinite if there are not `are_enough` formulas.
    """
    weights = 1 / formulas.value_counts()[formulas].to_numpy()
    scores, weights = np.append(scores, np.inf), np.append(weights, 1)
    coverage -= ROUNDING
    return float(np.quantile(scores, coverage, weights=weights, method="inverted_cdf"))


def are_enough(formulas, coverage):
    """Return whether so many formulas can calibrate intervals: 9 for a coverage of 0.9."""
    return formulas >= (coverage - ROUNDING) * (formulas + 1)


def find_margins(X, split, errors, coverage, seed):
    """Return the margins of the prediction intervals of hosts: half of their widths.

    They are split conformal intervals, normalized by `expect_errors` (Lei et al., J. Am. Stat.
    Assoc. 113, 1094, 2018), calibrated on those formulas of the test set that are not in the
    training set and not outside the applicability domain.

    Parameters
    ----------
    X : pandas.DataFrame, shape (n_hosts, n_features)
        Features of the hosts, indexed by the reduced formula.
    split : tuple
        ``X_train, X_test, y_train, y_test``.
    errors : dict
        Name of each model to its absolute errors, V, in the order of the test set: (n_test,).
    coverage : float
        Share of new formulas' voltages that the intervals contain, 0..1.
    seed : int

    Returns
    -------
    margins : pandas.DataFrame, shape (n_hosts, n_models)
        V; NaN where there is no interval: for hosts of the training set, on which the models were
        trained, and outside the applicability domain; for all if the test set has too few formulas.
    checked : pandas.DataFrame
        From `voltage_lab.domain.check_hosts`.
    formulas : int
        Number of formulas on which the intervals are calibrated.
    """
    X_train, X_test, y_train, _ = split
    hosts = pd.concat([X, X_test])
    checked = domain.check_hosts(hosts, X_train)
    expected = expect_errors(hosts, X_train, y_train, seed)
    is_new = ((checked["Outside"] == "") & ~hosts.index.isin(X_train.index)).to_numpy()
    calibration, expected_there = is_new[len(X) :], expected[len(X) :]
    formulas = X_test.index[calibration]
    margin = np.where(is_new[: len(X)], expected[: len(X)], np.nan)
    margins = {}
    for name, values in errors.items():
        scores = (np.asarray(values) / expected_there)[calibration]
        margins[name] = margin * quantile_by_formula(scores, formulas, coverage)
    margins = pd.DataFrame(margins, X.index).replace(np.inf, np.nan)
    return margins, checked[: len(X)], formulas.nunique()
