"""How scikit-learn searches networks: an estimator, its score, the table of the candidates."""

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from voltage_lab import checkpoint, cluster, training
from voltage_lab.messages import LabError, show

LAYERS = ["layer_1", "layer_2", "layer_3"]
MAX_ENDS = 3  # candidates that are shown at either end of the table


class NetworkRegressor(BaseEstimator):
    """A network as scikit-learn searches it: all that a fit depends on is a parameter.

    Clones are fitted in processes of their own, in which the settings are those of the file.

    Parameters
    ----------
    build : function
        ``build(X, neurons, dropout, seed)`` returns a compiled network.
    layer_1, layer_2, layer_3 : int
        Neurons per layer.
    dropout : float
    epochs, batch, seed : int
    """

    def __init__(
        self, build, layer_1=1, layer_2=1, layer_3=1, dropout=0.0, epochs=1, batch=32, seed=0
    ):
        self.build = build
        self.layer_1, self.layer_2, self.layer_3 = layer_1, layer_2, layer_3
        self.dropout, self.epochs, self.batch, self.seed = dropout, epochs, batch, seed

    def fit(self, X, y):
        """Train a new network on X (n_samples, n_features) and y (n_samples,), V."""
        import keras

        keras.backend.clear_session(free_memory=False)  # forgets the network of the fit before
        neurons = (self.layer_1, self.layer_2, self.layer_3)
        self.network_ = self.build(X, neurons, self.dropout, self.seed)
        training.run_epochs(self.network_, X, y, self.epochs, self.batch, self.seed)
        return self

    def predict(self, X):
        """Return the voltages of X: shape (n_samples,), V."""
        return np.asarray(self.network_(X.to_numpy("float32"), training=False), float)[:, 0]


def fit_smallest(build):
    """Fit a network of three neurons to two samples: the first task of a worker process."""
    NetworkRegressor(build).fit(pd.DataFrame({"feature": [0.0, 1.0]}), pd.Series([0.0, 1.0]))


def score_fit(regressor, X, y, folder=None):
    """Return the negative MAE, V, and report the fit to a progress bar: `cluster.report_fit`."""
    cluster.report_fit(folder)
    return -np.abs(regressor.predict(X) - y).mean()


def make_folds(formulas, number, seed):
    """Return the folds of a cross-validation by formula: a splitter of scikit-learn.

    Raises
    ------
    LabError
        If the training set has fewer formulas than folds, as it may after a random split.
    """
    from sklearn.model_selection import GroupKFold

    if formulas.nunique() < number:
        given = f"{formulas.nunique()} formulas of the training set are too few for {number} folds"
        raise LabError(f"{given}; give a larger table")
    return GroupKFold(number, shuffle=True, random_state=seed)


def report_candidates(results, folds, out):
    """Save all candidates of a search in ``search.csv``, show some; return them, best first.

    Parameters
    ----------
    results : dict
        ``cv_results_`` of a `RandomizedSearchCV` with `score_fit`.
    folds : int
        Folds of its cross-validation.
    out : pathlib.Path
        Folder of the file.

    Returns
    -------
    pandas.DataFrame
        Neurons per layer, MAE and its SD over folds, V.
    """
    table = pd.DataFrame(results["params"])[LAYERS]
    table["MAE (V)"] = -results["mean_test_score"]
    table["SD over folds (V)"] = results["std_test_score"]
    table = table.sort_values("MAE (V)", kind="stable")
    checkpoint.save(lambda path: table.to_csv(path, index=False), out / "search.csv")
    ends, words = table, f"all {len(table)} candidates"
    if len(table) > 2 * MAX_ENDS:
        ends = pd.concat([table[:MAX_ENDS], table[-MAX_ENDS:]])
        words = f"{MAX_ENDS} best and {MAX_ENDS} worst of {len(table)}"
    show(ends, f"MAE in {folds} folds: {words}")
    return table
