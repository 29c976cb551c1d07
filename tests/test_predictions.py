"""The rows to be predicted, and the table of their predictions."""

import numpy as np
import pandas as pd
import pytest
from conftest import settings
from oracles import assert_message
from sklearn.linear_model import Ridge

import supplement
from voltage_lab import intervals, predictions
from voltage_lab.messages import LabError


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
    margin = pd.Series(0.5, hosts)
    return rows, predictions.tabulate(np.arange(len(hosts)) + 1.23456, margin).assign(Note="")


@pytest.mark.parametrize("number", [1, 100, 101, 1234])
def test_at_most_100_rows_are_printed(number, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows, predicted = make_rows(["FePO4"] * number, Id=[f"id{n}." for n in range(number)])
    predicted[["Voltage", "Lower", "Upper"]] = 1.23456
    predictions.report(rows, predicted, "V vs. K/K⁺", "a title")
    text = capsys.readouterr().out
    assert "V vs. K/K⁺; a title" in text
    printed = min(number, 100)
    assert [f"id{n}." in text for n in range(number)] == [n < printed for n in range(number)]
    assert text.count("1.23") == 3 * printed
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
    columns = [
        "id",
        "Voltage",
        "Reduced Formula",
        "Voltage (V vs. Li/Li⁺)",
        "Lower",
        "Upper",
        "Note",
    ]
    assert list(saved) == columns
    assert saved.to_numpy().tolist() == [
        ["x" * 50, "3.40", "FePO4", "1.2346", "0.7346", "1.7346", ""],
        ["b", "", "", "", "", "", "left out: cannot be read"],
        ["c", "mine", "CoO2", "2.2346", "1.7346", "2.7346", ""],
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
def test_the_table_has_the_intervals_and_says_of_what(
    rows, ridge, coverage, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    split = X_train, X_test, _, y_test = supplement.split_data(*rows)
    X = pd.concat([X_test[:40], X_train[:5]])
    hosts = [(f"id{n}", formula) for n, formula in enumerate(X.index)]
    with settings(COVERAGE=coverage):
        table = supplement.predict_hosts(ridge, hosts)
    errors = np.abs(ridge.predict(X_test) - y_test)
    margins, _, formulas = intervals.find_margins(X, split, {"m": errors}, coverage, 42)
    margin, predicted = margins["m"].to_numpy(), ridge.predict(X)
    np.testing.assert_allclose(table["Voltage"], predicted)
    np.testing.assert_allclose(table["Lower"], predicted - margin)
    np.testing.assert_allclose(table["Upper"], predicted + margin)
    assert list(zip(table["Id"], table["Reduced Formula"], strict=True)) == hosts
    assert list(table["Note"].str.contains("in the training set, ")) == [False] * 40 + [True] * 5
    saved = pd.read_csv(
        "predictions.csv", keep_default_na=False, na_values={"Lower": "", "Upper": ""}
    )
    headed = table.rename(columns={"Voltage": "Voltage (V vs. Li/Li⁺)"})
    pd.testing.assert_frame_equal(saved, headed.round(4))
    words = f"{100 * coverage:.0f}% prediction interval, calibrated on {formulas} formulas"
    text = " ".join(capsys.readouterr().out.split())
    assert f"V vs. Li/Li⁺; Ridge; {words} of the test set" in text
    assert "Is it trained?" not in text


@pytest.mark.parametrize(
    ("coverage", "number", "text"),
    [
        (0.9, 283, "90% prediction interval, calibrated on 283 formulas of the test set"),
        (0.9, 9, "90% prediction interval, calibrated on 9 formulas of the test set"),
        (0.9, 8, "no prediction interval: 8 new formulas of the test set are too few"),
        (0.5, 0, "no prediction interval: 0 new formulas of the test set are too few"),
        (0.995, 283, "99.5% prediction interval, calibrated on 283 formulas of the test set"),
    ],
)
def test_the_title_says_on_how_many_formulas_intervals_are_calibrated(coverage, number, text):
    assert predictions.describe_intervals(coverage, number) == text
    scores = np.ones(number)
    finite = intervals.quantile_by_formula(scores, pd.Index(range(number)), coverage) < np.inf
    assert finite == text.endswith("of the test set")


@pytest.mark.parametrize("columns", [["Id", "Note"], ["Voltage", "Note", "Note (predicted)"]])
def test_no_two_columns_have_one_name(columns, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows, predicted = make_rows(["FePO4"], **dict.fromkeys(columns, ["mine"]))
    for table in (
        predictions.report(rows, predicted.assign(Note="own"), "V", "words"),
        pd.read_csv("predictions.csv"),
    ):
        assert table.columns.is_unique
        assert list(table[columns].iloc[0]) == ["mine"] * len(columns)
        assert table.iloc[0, -1] == "own"


def test_a_closed_pipe_does_not_keep_the_predictions_from_being_saved(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def close(*arguments):
        raise BrokenPipeError

    monkeypatch.setattr(predictions, "show", close)
    with pytest.raises(BrokenPipeError):
        predictions.report(*make_rows(["FePO4"], Id=["mine"]), "V", "words")
    assert len(pd.read_csv("predictions.csv")) == 1


def test_the_other_model_has_a_column_and_a_note_where_it_disagrees():
    _, predicted = make_rows(["FePO4", "CoO2", "TiS2", "UO2", "UO3"])
    predicted["Note"] = ["", "x", "x", "y", ""]
    predicted.loc[[3, 4], ["Lower", "Upper"]] = np.nan
    voltage = predicted["Voltage"].to_numpy() + [0.6, -0.7, 0.4, 0.9, 1.1]
    predictions.compare(predicted, Ridge(), voltage)
    columns = ["Reduced Formula", "Voltage", "Lower", "Upper", "Forest", "Note"]
    assert list(predicted) == columns
    assert list(predicted["Forest"]) == list(voltage)
    assert list(predicted["Note"]) == [
        "the forest differs by +0.60 V",
        "x; the forest differs by -0.70 V",
        "x",
        "y",
        "the forest differs by +1.10 V",
    ]


# ---------------------------------------------------------------------------- the command line
@pytest.mark.parametrize(
    "typed",
    [
        ["Fe1", "P1", "O4"],
        ["TiS2", "Fe", "O"],
        ["V2", "O5"],
        ["Si", "S", "O2"],
        ["C", "N0.5", "FePO4"],
    ],
)
def test_elements_in_a_row_may_be_one_formula_and_are_refused(typed):
    with pytest.raises(LabError) as error:
        supplement.read_rows("", [], typed)
    loose = " ".join(word for word in typed if word not in ("TiS2", "FePO4"))
    assert_message(error.value, f"{loose} may be one formula or ", f"as in '{loose}'")


@pytest.mark.parametrize("typed", [["Fe1 P1 O4"], ["Si"], ["Si", "FePO4", "S"], ["Fe2", "PO4"], []])
def test_other_formulas_are_taken_as_they_are_typed(typed):
    rows, _ = supplement.read_rows("", [("id", "CoO2")], typed)
    assert [formula for _, formula in rows] == (typed or ["CoO2"])


def test_a_file_that_cannot_be_written_does_not_hide_the_table(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "predictions.csv").mkdir()
    with pytest.raises(LabError) as error:
        predictions.report(*make_rows(["FePO4"], Id=["mine"]), "V", "words")
    assert_message(error.value, "predictions.csv: ")
    assert "mine" in capsys.readouterr().out


def test_a_model_worse_than_the_mean_is_pointed_out(ridge, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    ridge.intercept_ += 5
    supplement.predict_hosts(ridge, [("mine", "FePO4")])
    assert "worse than the mean of the training set. Is it trained?" in capsys.readouterr().out
