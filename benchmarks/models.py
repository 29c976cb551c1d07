"""The models that are compared: those of the lab, and gradient boosting."""

import contextlib
import io
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import load_NN
import supplement
from voltage_lab.messages import LabError


def train_lab_models(X, y):
    """Search, train and return forest and network by name, as ``load_NN.py`` does, in silence."""
    with tempfile.TemporaryDirectory() as out, contextlib.redirect_stdout(io.StringIO()):
        model = supplement.searchNN(X, y, out)
        network = supplement.trainNN(model, X, y, load_NN.EPOCHS, out=out)
        return {"forest": supplement.train_forest(X, y, out), "network": network}


def train_boosting(X, y):
    """Train gradient boosting of three libraries; return the models by name.

    CatBoost has its defaults, which adapt to the data. Scikit-learn has more and smaller steps than
    by default; so has XGBoost, whose trees are deeper and sample rows and columns. This was
    selected with folds of the training set of ``load_NN.py``, as the network was.

    Raises
    ------
    LabError
        If a library is not installed.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor
    from threadpoolctl import threadpool_limits

    try:
        from catboost import CatBoostRegressor
        from xgboost import XGBRegressor
    except ModuleNotFoundError as error:
        remedy = "python -m pip install -r benchmarks/requirements.txt"
        raise LabError(f"{error.name} is missing; {remedy}") from None
    seed = supplement.RSEED
    models = {
        "scikit-learn": HistGradientBoostingRegressor(
            learning_rate=0.05, max_iter=800, random_state=seed
        ),
        "XGBoost": XGBRegressor(
            n_estimators=800,
            learning_rate=0.03,
            max_depth=7,
            subsample=0.8,
            colsample_bytree=0.5,
            random_state=seed,
            n_jobs=1,
        ),
        "CatBoost": CatBoostRegressor(
            random_seed=seed, logging_level="Silent", allow_writing_files=False, thread_count=1
        ),
    }
    with threadpool_limits(1):  # as in the lab: sums are added in the same order in each run
        return {name: model.fit(X, y) for name, model in models.items()}
