"""The models that predict: what they are, on what they were trained, which other one there is."""

import pickle
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from conftest import settings
from oracles import assert_message
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.linear_model import Ridge

import supplement
from voltage_lab import card, checkpoint, predictors
from voltage_lab.messages import LabError


# -------------------------------------------------------------------------------------- the model
def make_forest(quartiles):
    """Return what a forest says about its training set."""
    return SimpleNamespace(quartiles_=quartiles)


def make_network(quartiles):
    """Return what a network says about its training set: the means of its scaling."""
    layers = [SimpleNamespace(), SimpleNamespace(mean=quartiles.reshape(1, -1)), SimpleNamespace()]
    return SimpleNamespace(layers=layers)


QUARTILES = np.linspace(-1, 3, 8)
HERE = {"sha256": "e5f6", "RSEED": "42", "SPLIT": "formula", "TEST_FRACTION": "0.2", "BATCH": "32"}


@pytest.mark.parametrize("make_model", [make_forest, make_network])
def test_a_model_of_the_same_training_set_is_used_without_a_word(make_model, capsys):
    predictors.check_training_set(make_model(QUARTILES * (1 + 1e-6)), QUARTILES, HERE)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("make_model", [make_forest, make_network])
@pytest.mark.parametrize(
    ("change", "reasons"),
    [
        ({"RSEED": "7"}, "RSEED is 7 there, 42 here"),
        (
            {"SPLIT": "random", "TEST_FRACTION": "0.3", "BATCH": "64"},  # batches change no set
            "SPLIT is random there, formula here; TEST_FRACTION is 0.3 there, 0.2 here",
        ),
        ({"sha256": "a1b2", "RSEED": "7"}, "the data file differs; RSEED is 7 there, 42 here"),
    ],
)
def test_a_model_of_another_training_set_is_refused_with_what_differs(
    make_model, change, reasons, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    card.write_card(HERE | change, tmp_path)
    with pytest.raises(LabError) as error:
        predictors.check_training_set(make_model(QUARTILES * 1.01), QUARTILES, HERE)
    assert_message(error.value, f"trained on another training set ({reasons}), so its error")
    assert "BATCH" not in str(error.value)


@pytest.mark.parametrize(
    "text", [None, "no card\n", "RSEED: 7\n", "sha256: e5f6\nRSEED: 42\nSPLIT: formula\n"]
)
def test_without_a_card_that_differs_a_model_of_another_training_set_is_refused(
    text, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    if text:
        (tmp_path / "parameters.txt").write_text(text)
    here = {name: HERE[name] for name in ("sha256", "RSEED", "SPLIT")}
    with pytest.raises(LabError, match="trained on another training set, so its error is not kn"):
        predictors.check_training_set(make_forest(QUARTILES + 1), QUARTILES, here)


@pytest.mark.parametrize(
    "model",
    [SimpleNamespace(), make_forest(None), make_forest(QUARTILES[:3]), SimpleNamespace(layers=[])],
)
def test_a_model_that_does_not_say_its_training_set_is_used_with_a_warning(model, capsys):
    predictors.check_training_set(model, QUARTILES, HERE)
    assert "does not say what it was trained on" in capsys.readouterr().out


def test_a_model_of_other_columns_gets_one_line():
    forest, network = SimpleNamespace(n_features_in_=5), SimpleNamespace(input_shape=(None, 5))
    for model in (forest, network):
        predictors.check_model(model, 5, QUARTILES, HERE)
        with pytest.raises(LabError) as error:
            predictors.check_model(model, 158, QUARTILES, HERE)
        assert_message(error.value, "the model takes 5 columns, but there are 158 features")
    for nothing in ({"a": 1}, None, SimpleNamespace):
        with pytest.raises(LabError, match="is no trained model") as error:
            predictors.check_model(nothing, 158, QUARTILES, HERE)
        assert_message(error.value)


# ------------------------------------------------------------------------------ the other model
@pytest.fixture(scope="module")
def pair(rows, tmp_path_factory):
    """Return a folder with a small forest and a network of one training set, and their bins."""
    X_train, _, y_train, _ = supplement.split_data(*rows)
    out = tmp_path_factory.mktemp("pair")
    with settings(TREES=3):
        supplement.train_forest(X_train[:200], y_train[:200], out)
    checkpoint.save_network(
        supplement.build_network(X_train[:200], [3, 4, 5]), out / "nn_trained.h5"
    )
    return out, supplement.quartile_bins(X_train[:200])[0].ravel()


def load_both(folder):
    """Return the forest and the network of a folder."""
    forest = pickle.loads((folder / "rf_model.pkl").read_bytes())
    return forest, keras.models.load_model(folder / "nn_trained.h5")


def test_a_model_is_described_by_its_size(pair):
    forest, network = load_both(pair[0])
    assert predictors.describe_model(forest) == "random forest, 3 trees"
    assert predictors.describe_model(network) == "network, 3-4-5 neurons"
    assert predictors.describe_model(Ridge()) == "Ridge"
    assert predictors.describe_model(ExtraTreesRegressor()) == "ExtraTreesRegressor"


def test_the_other_model_is_loaded(pair, monkeypatch, capsys):
    folder, quartiles = pair
    monkeypatch.chdir(folder)
    forest, network = load_both(folder)
    assert hasattr(predictors.load_other(forest, quartiles), "layers")
    assert len(predictors.load_other(network, quartiles).estimators_) == 3
    assert capsys.readouterr().out == ""


def test_without_the_other_model_there_is_none_and_no_word(pair, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for model in load_both(pair[0]):
        assert predictors.load_other(model, pair[1]) is None
    assert capsys.readouterr().out == ""


def test_the_other_model_of_another_training_set_is_left_out(pair, monkeypatch, capsys):
    monkeypatch.chdir(pair[0])
    names = ["nn_trained.h5", "rf_model.pkl"]
    for model, name in zip(load_both(pair[0]), names, strict=True):
        assert predictors.load_other(model, pair[1] + 1) is None
        assert capsys.readouterr().out == f"{name} is of other training data; it is left out\n"


@pytest.mark.parametrize("other", [Ridge(), {"a": 1}])
def test_another_model_that_says_nothing_of_its_training_is_left_out(
    pair, other, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rf_model.pkl").write_bytes(pickle.dumps(other))
    assert predictors.load_other(load_both(pair[0])[1], pair[1]) is None
    line = "rf_model.pkl does not say what it was trained on; it is left out\n"
    assert capsys.readouterr().out == line


@pytest.mark.parametrize(
    "damaged",
    [b"", b"no model", b"cos\nno_such\n.", b"\x80"],
)
def test_a_damaged_other_model_is_left_out_with_a_line(
    pair, damaged, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    for model, name in zip(load_both(pair[0]), ["nn_trained.h5", "rf_model.pkl"], strict=True):
        (tmp_path / name).write_bytes(damaged)
        assert predictors.load_other(model, pair[1]) is None
        line = capsys.readouterr().out.removesuffix("\n")
        assert_message(line, f"{name} cannot be read: ", "; it is left out")
