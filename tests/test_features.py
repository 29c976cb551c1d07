"""Features, the data file and its split, against matminer, real samples and numbers by hand."""

import json

import features
import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, assert_one_line, call, settings
from matminer.utils.io import load_dataframe_from_json
from oracles import assert_message

import supplement
from voltage_lab.features import NOT_NUMERIC, compute_features
from voltage_lab.files import read_file
from voltage_lab.messages import LabError

MP2020 = ROOT.parent / "shared" / "mp2020" / "Batteries_feat.json"
needs_mp2020 = pytest.mark.skipif(
    not MP2020.exists(), reason="the Materials Project's file of 2020 is not here"
)
# What its README says: these differ from the current matminer in every row or in some.
CHANGED = {
    *("band center", "compound possible", "avg anion electron affinity"),
    *(f"{s} EN difference" for s in ("minimum", "maximum", "range", "mean", "std_dev")),
    *(f"{s} oxidation state" for s in ("minimum", "maximum", "range", "std_dev")),
}


@needs_mp2020
def test_features_are_those_of_the_file_of_2020():
    table = read_file(MP2020)
    table = table.sample(60, random_state=1)
    X = supplement.featurize(list(table["Reduced Formula"]))
    same = [name for name in X if name not in CHANGED]
    assert len(same) == 146
    assert list(X) == [name for name in table.columns[13:] if name in X]
    np.testing.assert_allclose(X[same], table[same].astype(float), rtol=1e-4, atol=1e-4)


def test_features_of_iron_phosphate_by_hand():
    row = supplement.featurize(["Fe1 P1 O4"]).iloc[0]
    numbers = np.array([26, 15, 8, 8, 8, 8])  # atomic numbers
    assert row["minimum Number"] == 8
    assert row["maximum Number"] == 26
    assert row["range Number"] == 26 - 8
    assert row["mean Number"] == pytest.approx(numbers.mean())
    assert row["mode Number"] == 8
    assert row["avg_dev Number"] == pytest.approx(np.abs(numbers - numbers.mean()).mean())
    assert row["mean Electronegativity"] == pytest.approx((1.83 + 2.19 + 4 * 3.44) / 6)  # Pauling
    assert row["mean NdValence"] == pytest.approx(6 / 6)  # Fe 3d6 alone has d electrons
    assert row["maximum oxidation state"] == 5
    assert row["minimum oxidation state"] == -2
    assert row["transition metal fraction"] == pytest.approx(1 / 6)


@pytest.mark.parametrize(
    "same", ["Fe2 P2 O8", "FePO4", "O4 P Fe", "Fe(PO4)", "Fe0.5P0.5O2", "P1 Fe1 O4"]
)
def test_the_same_composition_has_the_same_features(same):
    pd.testing.assert_frame_equal(supplement.featurize([same]), supplement.featurize(["FePO4"]))


def test_alloys_have_no_ions_and_no_gaps():
    row = supplement.featurize(["NbIr2"]).iloc[0]
    assert np.isfinite(row).all()
    assert row["range EN difference"] == row["avg anion electron affinity"] == 0


def test_order_and_repeats_change_nothing():
    formulas = ["FePO4", "Li3Fe9O20", "NbSe2", "FePO4", "CO2", "NbSe2"]
    alone = pd.concat([supplement.featurize([formula]) for formula in formulas])
    pd.testing.assert_frame_equal(supplement.featurize(formulas), alone)


def test_all_rows_that_are_no_formula_are_in_one_line():
    with pytest.raises(LabError, match="^row 2: 'Xy2 O' is wrong: Xy is not an element") as error:
        supplement.featurize(["NbSe2", "Xy2 O", "nb1"])
    assert_message(error.value, "; row 3: 'nb1' ", "(2 of 3 rows cannot be read)")


@pytest.mark.parametrize(
    ("formulas", "reason"),
    [([], "no formula is given"), ((), "no formula is given"), ("NbSe2", "'NbSe2' is one text")],
)
def test_an_empty_list_and_a_text_get_one_line(formulas, reason):
    with pytest.raises(LabError, match=f"^{reason}; give a list") as error:
        supplement.featurize(formulas)
    assert_message(error.value)


def test_carbon_monoxide_is_not_cobalt():
    assert supplement.featurize(["CO"]).iloc[0]["maximum Number"] == 8
    assert supplement.featurize(["Co"]).iloc[0]["maximum Number"] == 27


# ------------------------------------------------------------------------------- the data file
def test_the_data_file_can_be_read_by_matminer_and_by_the_lab(rows):
    X, y = rows
    table = load_dataframe_from_json(supplement.DATA, pbar=False)
    assert list(y) == list(table["Average Voltage"])
    assert list(X.index) == [composition.reduced_formula for composition in table["composition"]]
    assert X.shape == (len(table), 158)
    assert X.dtypes.eq(float).all()
    assert np.isfinite(X.to_numpy()).all()


def test_columns_have_the_order_of_the_data_file(rows):
    columns = list(read_file(supplement.DATA).columns)
    assert list(compute_features("NbSe2")) == columns[11:]
    numeric = [name for name in columns[11:] if name not in NOT_NUMERIC]
    assert list(supplement.featurize(["NbSe2"])) == numeric
    assert list(rows[0]) == numeric


def test_sampled_rows_of_the_data_file_are_what_featurize_gives(rows):
    X = rows[0].sample(60, random_state=1)
    np.testing.assert_allclose(X, supplement.featurize(list(X.index)), rtol=1e-9, atol=1e-9)


@pytest.mark.slow
def test_every_row_of_the_data_file_is_what_featurize_gives(rows):
    X, _ = rows
    np.testing.assert_allclose(X, supplement.featurize(list(X.index)), rtol=1e-9, atol=1e-9)


@pytest.fixture(scope="module")
def small():
    """Return the content of the data file's first rows."""
    split = json.loads(supplement.DATA.read_text(encoding="utf-8"))
    return {**split, "data": split["data"][:20], "index": split["index"][:20]}


@pytest.fixture
def write_changed(tmp_path, small):
    """Return a function that writes the first rows with an edit; it returns the file's path."""

    def write(edit):
        split = json.loads(json.dumps(small))
        edit(split)
        path = tmp_path / "changed.json"
        path.write_text(json.dumps(split), encoding="utf-8")
        return path

    return write


def set_cell(column, value, row=3):
    """Return an edit of the data file that puts `value` into a cell."""

    def edit(split):
        split["data"][row][split["columns"].index(column)] = value

    return edit


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (set_cell("Average Voltage", "high"), "row 3: voltage 'high' is not a number"),
        (set_cell("Average Voltage", None), "row 3: voltage 'nan' is no voltage"),
        (set_cell("Average Voltage", [1]), "is not a number"),
        (set_cell("Average Voltage", 3400), "row 3: voltage '3400.0' is not a voltage up to 100 V"),
        (set_cell("Average Voltage", 10**400), "row 3: voltage 'inf' is not a number"),
        (set_cell("Average Voltage", {"V": 1}), "is not a number"),
        (lambda split: split["columns"].__setitem__(20, ["a"]), "cut short or not"),
        (set_cell("Reduced Formula", "Li~2"), "row 3: 'Li~2' "),
        (set_cell("Ion", "Fe"), "several working ions (rows: Li 19, Fe 1)"),
        (set_cell("Ion", "Na"), "several working ions (rows: Li 19, Na 1)"),
        (lambda split: split["columns"].__setitem__(1, "U"), "lacks a column of voltages"),
        (
            lambda split: split["columns"].__setitem__(0, "Average Voltage"),
            "has two columns for one thing",
        ),
        (lambda split: split.pop("data"), "cut short or not"),
        (lambda split: split.update(data=[], index=[]), "has no rows"),
    ],
)
def test_a_changed_data_file_gets_one_line(write_changed, edit, reason):
    with pytest.raises(LabError) as error:
        supplement.load_data(write_changed(edit))
    assert_message(error.value, reason)


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (set_cell("mean Row", "x"), "gaps in mean Row"),
        (set_cell("mean Row", None), "gaps in mean Row"),
        (set_cell("mean Row", 2.5), "other values of mean Row"),
        (lambda split: split["data"][0].pop(), "gaps in transition metal fraction"),
        (lambda split: split["columns"].__setitem__(20, "Id"), "other features"),
    ],
)
def test_features_of_a_file_that_cannot_be_right_are_computed(write_changed, edit, reason, capsys):
    path = write_changed(edit)
    X, _ = supplement.load_data(path)
    pd.testing.assert_frame_equal(X, supplement.featurize(list(X.index)))
    said = f"{path}: features of this matminer version are computed; the file has {reason}\n"
    assert capsys.readouterr().out == said


@pytest.mark.parametrize("content", ["", "{", "[1, 2]", "null", '{"index": 1}', "\x01", "1"])
def test_what_is_no_data_file_gets_one_line(tmp_path, content):
    path = tmp_path / "data.json"
    path.write_text(content)
    with pytest.raises(LabError, match="cut short or not JSON"):
        supplement.load_data(path)


def test_the_whole_data_file_cut_anywhere_gets_one_line(tmp_path):
    content = supplement.DATA.read_bytes()
    path = tmp_path / "cut.json"
    for length in np.random.default_rng(0).integers(1, len(content) - 1, 4):
        path.write_bytes(content[:length])
        with pytest.raises(LabError, match="cut short or not JSON"):
            supplement.load_data(path)


@pytest.mark.parametrize(
    ("path", "reason"), [("nowhere.json", "No such file"), (".", "Is a directory")]
)
def test_a_missing_data_file_gets_one_line(path, reason):
    with pytest.raises(LabError, match=f"^{path}: {reason}"):
        supplement.load_data(path)


# --------------------------------------------------------------------- another matminer version
def shift_band_center(split):
    """Change a feature in all rows, as another matminer version might compute it."""
    place = split["columns"].index("band center")
    for row in split["data"]:
        row[place] += 0.1


def remove_band_center(split):
    """Remove a feature, as an older matminer version might lack it."""
    place = split["columns"].index("band center")
    for row in [split["columns"], *split["data"]]:
        del row[place]


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (shift_band_center, "the file has other values of band center"),
        (remove_band_center, "the file has other features"),
    ],
)
def test_features_of_another_matminer_version_are_recomputed(write_changed, edit, reason, capsys):
    path = write_changed(edit)
    X, y = supplement.load_data(path)
    assert capsys.readouterr().out.endswith(f"{reason}\n")
    split = json.loads(path.read_text(encoding="utf-8"))
    place = split["columns"].index("Average Voltage")
    assert list(y) == [row[place] for row in split["data"]]
    pd.testing.assert_frame_equal(X, supplement.featurize(list(X.index)))
    done = call(features.main, path.name, "--out", "new.json", folder=path.parent)
    assert (done.returncode, done.stderr) == (0, "")
    again, voltages = supplement.load_data(path.parent / "new.json")
    assert capsys.readouterr().out == ""
    pd.testing.assert_frame_equal(again, X)
    pd.testing.assert_series_equal(voltages, y)


@needs_mp2020
@pytest.mark.slow
def test_the_file_of_2020_is_recomputed(tmp_path):
    done = call(features.main, MP2020, "--out", "new.json", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    old = json.loads(MP2020.read_text(encoding="utf-8"))
    new = json.loads((tmp_path / "new.json").read_text(encoding="utf-8"))
    assert new["columns"] == old["columns"]
    place = old["columns"].index("Average Voltage")
    X, y = supplement.load_data(tmp_path / "new.json")
    assert list(y) == [row[place] for row in old["data"]]
    pd.testing.assert_frame_equal(X, supplement.load_data(MP2020)[0])


# ------------------------------------------------------------------------------ one's own table
def test_features_of_a_table_of_ones_own(tmp_path):
    text = "Reduced Formula,Average Voltage\nFePO4,3.4\nTiS2,2.1\nFe2 P2 O8,3.5\n"
    (tmp_path / "mine.csv").write_text(text)
    done = call(features.main, "mine.csv", "--out", "mine.json", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "mine.json: 3 rows" in done.stdout
    X, y = supplement.load_data(tmp_path / "mine.json")
    assert list(X.index) == ["FePO4", "TiS2", "FePO4"]
    assert list(y) == [3.4, 2.1, 3.5]
    split = json.loads((tmp_path / "mine.json").read_text())
    assert dict(zip(split["columns"], split["data"][0], strict=True))["Stability Charge"] is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("Reduced Formula,Average Voltage\nFeXx4,3.4\n", "Xx is not an element"),
        ("a,b\n1,2\n", "lacks a column of formulas"),
        ("", "mine.csv is empty"),
        ("Reduced Formula,Average Voltage\n", "no rows"),
        ("Reduced Formula,Average Voltage\nTiS2,2\nFePO4,high\n", "mine.csv, line 3: voltage 'h"),
        ("Reduced Formula,Average Voltage\nFePO4,3400\n", "not a voltage up to 100 V; give V"),
    ],
)
def test_a_wrong_table_gets_one_line_and_no_output_is_overwritten(tmp_path, content, reason):
    (tmp_path / "mine.csv").write_text(content)
    done = call(features.main, "mine.csv", "--out", "feat.json", folder=tmp_path)
    assert_one_line(done, reason)
    assert len(list(tmp_path.iterdir())) == 1
    (tmp_path / "feat.json").write_text("mine")
    done = call(features.main, "mine.csv", "--out", "feat.json", folder=tmp_path)
    assert_one_line(done, "--out feat.json: there is such a file; give another name")
    assert (tmp_path / "feat.json").read_text() == "mine"


def write_raw(folder, **change):
    """Write three rows of the raw table to ``raw.csv``, some columns changed; return them."""
    raw = pd.read_csv(ROOT / "data" / "Batteries_raw.csv", keep_default_na=False, nrows=3)
    raw = raw.assign(**change).dropna(axis=1)  # a column of nothing is one that is not there
    raw.to_csv(folder / "raw.csv", index=False)
    return raw


def test_a_host_without_features_is_left_out_of_a_raw_table(tmp_path):
    first = write_raw(tmp_path)["host"][0]
    write_raw(tmp_path, host=[first, "PuO2", "LiPu39Mn70O2"])
    done = call(features.main, "raw.csv", "--out", "new.json", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    said = "2 of 3 rows are left out: hosts without features, line 3: 'PuO2' is wrong: Pu is not"
    assert said in done.stdout
    assert list(read_file(tmp_path / "new.json")["Reduced Formula"]) == [first]


def test_a_host_of_a_raw_table_may_be_written_in_any_way(tmp_path):
    write_raw(tmp_path, host=["FePO₄", "Fe2 P2 O8", "Li0.5CoO2"])
    done = call(features.main, "raw.csv", "--out", "new.json", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    hosts = ["FePO4", "FePO4", "Li(CoO2)2"]
    assert list(read_file(tmp_path / "new.json")["Reduced Formula"]) == hosts
    X, _ = supplement.load_data(tmp_path / "new.json")
    pd.testing.assert_frame_equal(X, supplement.featurize(hosts))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"host": "PuO2"}, "no row of the raw table is left"),
        ({"converged": False}, "no row of the raw table is left"),
        ({"energy_host": None}, "raw.csv lacks energy_host"),
    ],
)
def test_a_raw_table_of_no_use_gets_one_line(tmp_path, change, reason):
    write_raw(tmp_path, **change)
    assert_one_line(call(features.main, "raw.csv", "--out", "new.json", folder=tmp_path), reason)
    assert not (tmp_path / "new.json").exists()


# ----------------------------------------------------------------------------------- the split
def test_no_formula_is_in_both_sets(rows):
    X_train, X_test, y_train, y_test = supplement.split_data(*rows)
    assert not set(X_train.index) & set(X_test.index)
    assert len(X_train) + len(X_test) == len(rows[0]) == len(y_train) + len(y_test)
    pd.testing.assert_index_equal(X_train.index, y_train.index)
    pd.testing.assert_index_equal(X_test.index, y_test.index)
    share = X_test.index.nunique() / rows[0].index.nunique()
    assert share == pytest.approx(supplement.TEST_FRACTION, abs=0.01)


def test_each_sample_keeps_its_voltage_in_the_split():
    X = pd.DataFrame({"a": np.arange(60.0)}, index=[f"f{n // 2}" for n in range(60)])
    X_train, X_test, y_train, y_test = supplement.split_data(X, X["a"] + 100)
    np.testing.assert_array_equal(X_train["a"] + 100, y_train)
    np.testing.assert_array_equal(X_test["a"] + 100, y_test)
    assert sorted([*X_train["a"], *X_test["a"]]) == list(X["a"])


def test_a_random_split_puts_formulas_into_both_sets(monkeypatch):
    X = pd.DataFrame({"a": np.arange(200.0)}, index=[f"f{n // 2}" for n in range(200)])
    monkeypatch.setattr(supplement, "SPLIT", "random")
    X_train, X_test, _, _ = supplement.split_data(X, X["a"])
    assert set(X_train.index) & set(X_test.index)
    assert len(X_test) == 40


def test_too_few_formulas_get_one_line(rows):
    with pytest.raises(
        LabError,
        match="^1 formulas are too few: 1 for the test set, which needs 2 or more, 0 for the",
    ):
        supplement.split_data(rows[0].iloc[:1], rows[1].iloc[:1])


@pytest.mark.parametrize("split", ["formula", "random"])
@pytest.mark.parametrize("fraction", [0.01, 0.2, 0.5, 0.6, 0.9, 0.9999])
def test_any_split_can_be_searched_and_evaluated_or_gets_one_line(fraction, split):
    for number in (4, 5, 6, 10, 30):
        X = pd.DataFrame({"a": np.arange(1.0 * number)}, index=[f"f{n}" for n in range(number)])
        test = int(np.ceil(fraction * number))
        with settings(TEST_FRACTION=fraction, SPLIT=split):
            if test < 2 or number - test < supplement.FOLDS:
                with pytest.raises(LabError, match="are too few: "):
                    supplement.split_data(X, X["a"])
            else:
                X_train, X_test, _, _ = supplement.split_data(X, X["a"])
                assert X_train.index.nunique() >= supplement.FOLDS
                assert len(X_test) >= 2


@pytest.mark.parametrize(
    ("name", "value"), [("SPLIT", "Formula"), ("TEST_FRACTION", 20), ("FOLDS", 1), ("COVERAGE", 90)]
)
def test_a_setting_that_is_not_allowed_is_reported_by_name(rows, name, value, monkeypatch):
    monkeypatch.setattr(supplement, name, value)
    with pytest.raises(LabError, match=f"^{name} = .* is not allowed") as error:
        supplement.split_data(*rows)
    assert_message(error.value)


def test_another_seed_samples_another_test_set(rows, monkeypatch):
    first = supplement.split_data(*rows)[1].index
    assert list(first) == list(supplement.split_data(*rows)[1].index)
    monkeypatch.setattr(supplement, "RSEED", 7)
    assert set(first) != set(supplement.split_data(*rows)[1].index)
