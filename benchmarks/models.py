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

    CatBoost has its defaults. Those of scikit-learn and XGBoost stop too early for this data: they
    have 800 rounds at a learning rate that suits so many.

    Raises
    ------
    LabError
        If a library is not installed.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor

    try:
        from catboost import CatBoostRegressor
        from xgboost import XGBRegressor
    except ImportError as error:
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
        ),
        "CatBoost": CatBoostRegressor(
            random_seed=seed, logging_level="Silent", allow_writing_files=False
        ),
    }
    return {name: model.fit(X, y) for name, model in models.items()}
