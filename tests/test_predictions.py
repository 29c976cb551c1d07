"""How far a prediction can be trusted: its rows, its model, its interval."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from conftest import settings
from oracles import assert_message, conformal_margin
from sklearn.linear_model import Ridge

import supplement
from voltage_lab import card, predictions
from voltage_lab.messages import LabError


# --------------------------------------------------------------------------------- the interval
@pytest.mark.parametrize("number", [1, 2, 9, 10, 11, 438])
@pytest.mark.parametrize("coverage", [0.5, 0.9, 0.99, 1.0])
def test_the_interval_holds_its_share_of_one_sample_more(number, coverage):
    errors = list(np.random.default_rng(number).random(number))
    margin = predictions.margin(errors, coverage)
    assert margin == conformal_margin(errors, coverage)
    assert sum(error <= margin for error in errors) == min(number, np.ceil(coverage * (number + 1)))


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9])
def test_of_samples_left_out_one_by_one_the_interval_holds_the_share(coverage):
    errors = np.random.default_rng(1).exponential(size=51)
    held = [
        error <= predictions.margin(np.delete(errors, place), coverage)
        for place, error in enumerate(errors)
    ]
    assert coverage <= np.mean(held) < coverage + 1 / len(errors)


def test_equal_errors_and_a_series_of_errors_are_no_difficulty():
    errors = pd.Series([0.3, 0.1, 0.3, 0.3, 0.2], index=list("abcab"))
    assert predictions.margin(errors, 0.5) == 0.3
    assert predictions.margin(errors, 0.3) == 0.2
    assert isinstance(predictions.margin(errors, 0.5), float)


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
    predictions.check_training_set(make_model(QUARTILES * (1 + 1e-6)), QUARTILES, HERE)
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
        predictions.check_training_set(make_model(QUARTILES * 1.01), QUARTILES, HERE)
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
        predictions.check_training_set(make_forest(QUARTILES + 1), QUARTILES, here)


@pytest.mark.parametrize(
    "model",
    [SimpleNamespace(), make_forest(None), make_forest(QUARTILES[:3]), SimpleNamespace(layers=[])],
)
def test_a_model_that_does_not_say_its_training_set_is_used_with_a_warning(model, capsys):
    predictions.check_training_set(model, QUARTILES, HERE)
    assert "does not say what it was trained on" in capsys.readouterr().out


def test_a_model_of_other_columns_gets_one_line():
    forest, network = SimpleNamespace(n_features_in_=5), SimpleNamespace(input_shape=(None, 5))
    for model in (forest, network):
        predictions.check_columns(model, 5)
        with pytest.raises(LabError) as error:
            predictions.check_columns(model, 158)
        assert_message(error.value, "the model takes 5 columns, but there are 158 features")
    for nothing in ({"a": 1}, None, SimpleNamespace):
        with pytest.raises(LabError, match="is no trained model") as error:
            predictions.check_columns(nothing, 158)
        assert_message(error.value)


# --------------------------------------------------------------------------------------- the rows
def test_rows_of_an_id_and_a_formula_become_a_table_by_host():
    rows = predictions.index_rows([("mp-1", "Fe1 P1 O4"), ("mp-1", "FePO4"), (3, "Co2O4")], "any")
    assert list(rows.index) == ["FePO4", "FePO4", "CoO2"]
    assert list(rows) == ["Id"]
    assert list(rows["Id"]) == ["mp-1", "mp-1", 3]
    assert predictions.index_rows(rows, "any") is rows


@pytest.mark.parametrize(
    "row", ["FePO4", "Fe", ("a", "NbSe2", 1), ("NbSe2",), ["a", "NbSe2"], None, {"a": "b"}, ()]
)
def test_a_row_of_another_shape_gets_one_line(row):
    with pytest.raises(LabError) as error:
        predictions.index_rows([("a", "FePO4"), row, "FePO4"], "any")
    assert_message(error.value, "row 2: ", 'is not ("id", "formula"),')


def test_no_rows_and_rows_without_a_formula_get_one_line():
    with pytest.raises(LabError, match="no formula is given; add a row") as error:
        predictions.index_rows([], "any")
    assert_message(error.value)
    with pytest.raises(LabError) as error:
        predictions.index_rows([("a", "FePO4"), ("b", "Xx"), ("c", "CoO2"), ("d", "?")], "any")
    assert_message(error.value, "row 2: 'Xx' ", "row 4: '?' ", "(2 of 4 rows cannot be read)")


@pytest.mark.parametrize("name", ["Id", "Formula", "Host"])
def test_ids_and_hosts_that_look_like_ions_are_none(name):
    rows = pd.DataFrame({name: ["Na", "Mg"]}, pd.Index(["FePO4", "CoO2"]))
    predictions.check_ion(rows, "Li")
    with pytest.raises(LabError, match="the model predicts V vs. Li/Li⁺, but rows are of Na, Mg"):
        predictions.check_ion(rows.rename(columns={name: "Ion"}), "Li")


# -------------------------------------------------------------------------------------- the table
def make_rows(hosts, **columns):
    """Return rows as `index_rows` does, and predictions of those that have a host."""
    rows = pd.DataFrame(columns, pd.Index(hosts, dtype=object))
    hosts = [host for host in hosts if host]
    predicted = {"Reduced Formula": hosts, "Voltage": np.arange(len(hosts)) + 1.23456}
    return rows, pd.DataFrame(predicted)


@pytest.mark.parametrize("number", [1, 100, 101, 1234])
def test_at_most_100_rows_are_printed(number, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows, predicted = make_rows(["FePO4"] * number, Id=[f"id{n}." for n in range(number)])
    predicted["Voltage"] = 1.23456
    predictions.report(rows, predicted, "V vs. K/K⁺", "a title")
    text = capsys.readouterr().out
    assert "V vs. K/K⁺; a title" in text
    printed = min(number, 100)
    assert [f"id{n}." in text for n in range(number)] == [n < printed for n in range(number)]
    assert text.count("1.23") == printed
    assert "1.234" not in text
    line = f"100 of {number:,} rows are shown; predictions.csv has all"
    assert (line in text.splitlines()) == ("are shown" in text) == (number > 100)
    assert len(pd.read_csv("predictions.csv")) == number


def test_columns_and_rows_of_a_file_stay_in_their_order(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows, predicted = make_rows(
        ["FePO4", None, "CoO2"], id=["x" * 50, "b", "c"], Voltage=["3.40", "", "mine"]
    )
    predictions.report(rows, predicted, "V vs. Li/Li⁺", "words")
    saved = pd.read_csv("predictions.csv", dtype=str, keep_default_na=False)
    assert list(saved) == ["id", "Voltage", "Reduced Formula", "Voltage (V vs. Li/Li⁺)"]
    assert saved.to_numpy().tolist() == [
        ["x" * 50, "3.40", "FePO4", "1.2346"],
        ["b", "", "", ""],
        ["c", "mine", "CoO2", "2.2346"],
    ]
    text = capsys.readouterr().out
    assert "mine" not in text
    assert "nan" not in text
    assert "x" * 30 in text
    assert "x" * 31 not in text


@pytest.fixture
def ridge(rows):
    """Return a model that says what it was trained on."""
    X_train, _, y_train, _ = supplement.split_data(*rows)
    model = Ridge(1e3).fit(X_train, y_train)
    model.quartiles_ = supplement.quartile_bins(X_train)[0].ravel()
    return model


@pytest.mark.parametrize("coverage", [0.9, 0.5])
def test_the_interval_of_the_table_holds_its_share_of_the_test_set(
    rows, ridge, coverage, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    _, X_test, _, y_test = supplement.split_data(*rows)
    hosts = [(f"id{n}", formula) for n, formula in enumerate(X_test.index[:60])]
    with settings(COVERAGE=coverage):
        table = supplement.predict_hosts(ridge, hosts)
    predicted, errors = ridge.predict(X_test[:60]), np.abs(ridge.predict(X_test) - y_test)
    margin = conformal_margin(list(errors), coverage)
    assert coverage <= np.mean(errors <= margin) <= coverage + 2 / len(errors)
    np.testing.assert_allclose(table["Voltage"], predicted)
    np.testing.assert_allclose(table["Lower"], predicted - margin)
    np.testing.assert_allclose(table["Upper"], predicted + margin)
    assert list(zip(table["Id"], table["Reduced Formula"], strict=True)) == hosts
    assert not table["Note"].str.contains("training set: ").any()
    saved = pd.read_csv("predictions.csv", keep_default_na=False)
    headed = table.rename(columns={"Voltage": "Voltage (V vs. Li/Li⁺)"})
    pd.testing.assert_frame_equal(saved, headed.round(4))
    words = f"{100 * coverage:.0f}% of the {len(y_test)} test samples are within {margin:.2f} V"
    text = capsys.readouterr().out
    assert f"V vs. Li/Li⁺; {words}" in " ".join(text.split())
    assert "Is it trained?" not in text


def test_a_model_worse_than_the_mean_is_pointed_out(ridge, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    ridge.intercept_ += 5
    supplement.predict_hosts(ridge, [("mine", "FePO4")])
    assert "worse than the mean of the training set. Is it trained?" in capsys.readouterr().out
