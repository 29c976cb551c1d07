"""Formulas, features and the data file, against matminer and real rows."""

import json

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, run
from matminer.utils.io import load_dataframe_from_json

import supplement
from lab.formulas import read_table

MP2020 = ROOT.parent / "shared" / "mp2020" / "Batteries_feat.json"
needs_mp2020 = pytest.mark.skipif(
    not MP2020.exists(), reason="the Materials Project's file of 2020 is not here"
)
# What its README says: these differ from today's matminer in every row or in some.
CHANGED = {
    "band center", "compound possible", "avg anion electron affinity",
    *(f"{s} EN difference" for s in ("minimum", "maximum", "range", "mean", "std_dev")),
    *(f"{s} oxidation state" for s in ("minimum", "maximum", "range", "std_dev")),
}


@needs_mp2020
def test_features_are_those_of_the_2020_file():
    table = read_table(MP2020)
    table = table.sample(60, random_state=1)
    X = supplement.featurize(list(table["Reduced Formula"]))
    same = [name for name in X if name not in CHANGED]
    assert len(same) == 146 and list(X) == [n for n in table.columns[13:] if n in X]
    np.testing.assert_allclose(X[same], table[same].astype(float), rtol=1e-4, atol=1e-4)


def test_magpie_statistics_by_hand():
    row = supplement.featurize(["Fe1 P1 O4"]).iloc[0]
    number = {"Fe": 26, "P": 15, "O": 8}  # atomic numbers
    assert row["mean Number"] == pytest.approx((26 + 15 + 4 * 8) / 6)
    assert row["range Number"] == max(number.values()) - min(number.values())
    assert row["maximum oxidation state"] == 5 and row["minimum oxidation state"] == -2
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


def test_processes_and_repeats_change_nothing():
    formulas = [f"Li{n}Fe{m}O2" for n in range(1, 12) for m in range(1, 12)]
    table = supplement.featurize(formulas + formulas[:5])
    alone = pd.concat([supplement.featurize([formula]) for formula in formulas[:5]])
    pd.testing.assert_frame_equal(table.iloc[:5], alone)
    pd.testing.assert_frame_equal(table.iloc[-5:], alone)


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("Xy2 O", "Xy is not an element"),
        ("nb1 se2", "not a formula"),
        ("Nb1 Se2 5+", "not a formula"),
        ("LiCoO2·H2O", "not a formula"),
        ("Li1e400", "not a formula"),
        ("Li-1O", "not a formula"),
        ("Fe2(SO4", "brackets"),
        ("Fe2)SO4(", "brackets"),
        ("Li0", "amounts"),
        ("", "not a formula"),
        ("2", "not a formula"),
        ("Li" + "9" * 400, "amounts"),
        ("C300 O", "301 atoms"),
        ("Li" + "9" * 400 + "~", "not a formula"),
        ("He", "not a compound"),
        ("He Ne2", "not a compound"),
        ("D2 O", "D is not an element"),
        ("Fe0.00001 O", "round amounts"),
        ("Ｎb Se2", "not a formula"),
        ("Pu O2", "Pu is not an element from H to U"),
        (None, "not a formula"),
        (3.4, "not a formula"),
    ],
)
def test_a_bad_formula_gets_one_line(formula, said):
    with pytest.raises(ValueError, match="row 2") as error:
        supplement.featurize(["NbSe2", formula])
    assert said in str(error.value) and "\n" not in str(error.value)
    assert len(str(error.value)) < 200


@pytest.mark.parametrize("nothing", [[], "NbSe2", ()])
def test_an_empty_list_gets_one_line(nothing):
    with pytest.raises(ValueError, match="no formula"):
        supplement.featurize(nothing)


def test_carbon_monoxide_is_not_cobalt():
    assert supplement.featurize(["CO"]).iloc[0]["maximum Number"] == 8
    assert supplement.featurize(["Co"]).iloc[0]["maximum Number"] == 27


# ------------------------------------------------------------------------------- the data file
def test_the_data_file_can_be_read_by_matminer_and_by_the_lab(rows):
    X, y = rows
    table = load_dataframe_from_json(supplement.DATA, pbar=False)
    assert list(y) == list(table["Average Voltage"])
    assert list(X.index) == [c.reduced_formula for c in table["composition"]]
    assert X.dtypes.eq(float).all() and np.isfinite(X.to_numpy()).all()
    assert list(X) == list(supplement.featurize(["NbSe2"]))


def test_every_row_of_the_data_file_is_what_featurize_gives(rows):
    X, _ = rows
    np.testing.assert_allclose(X, supplement.featurize(list(X.index)), rtol=1e-9, atol=1e-9)


@pytest.fixture
def spoil(tmp_path):
    """Return a function that changes the data file's content and gives the path of the copy."""
    text = supplement.DATA.read_text()

    def change(edit):
        split = json.loads(text)
        path = tmp_path / "spoilt.json"
        edit(split)
        path.write_text(json.dumps(split))
        return path

    return change


def set_cell(column, value, row=3):
    """Return an edit of the data file that puts `value` into a cell."""

    def edit(split):
        split["data"][row][split["columns"].index(column)] = value

    return edit


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (set_cell("Average Voltage", "high"), "row 3, Average Voltage: 'high' is not a number"),
        (set_cell("Average Voltage", None), "row 3, Average Voltage: 'nan' is not a number"),
        (set_cell("Average Voltage", [1]), "is not a number"),
        (set_cell("Average Voltage", 3400), "row 3, Average Voltage: '3400"),
        (set_cell("Average Voltage", 10**400), "is not a number"),
        (set_cell("Average Voltage", {"V": 1}), "is not a number"),
        (lambda split: split["columns"].__setitem__(20, ["a"]), "cut short or not"),
        (set_cell("mean Row", "x"), "row 3, mean Row"),
        (set_cell("Reduced Formula", "Li~2"), "row 3 of"),
        (lambda split: split["columns"].__setitem__(1, "U"), "lacks Average Voltage"),
        (lambda split: split["columns"].__setitem__(20, "Id"), "cut short or not"),
        (lambda split: split.pop("data"), "cut short or not"),
        (lambda split: split.update(data=[], index=[]), "lacks rows"),
        (lambda split: split["data"][0].pop(), "row 0, transition metal fraction: 'nan'"),
    ],
)
def test_a_spoilt_data_file_gets_one_line(spoil, edit, said):
    with pytest.raises(ValueError) as error:
        supplement.load_data(spoil(edit))
    assert said in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("content", ["", "{", "[1, 2]", "null", '{"index": 1}', "\x00\x01", "1"])
def test_what_is_no_data_file_gets_one_line(tmp_path, content):
    path = tmp_path / "data.json"
    path.write_text(content)
    with pytest.raises(ValueError, match="cut short or not JSON"):
        supplement.load_data(path)


def test_a_data_file_cut_anywhere_gets_one_line(tmp_path):
    text = supplement.DATA.read_bytes()
    for length in np.random.default_rng(0).integers(1, len(text) - 1, 20):
        path = tmp_path / "cut.json"
        path.write_bytes(text[:length])
        with pytest.raises(ValueError, match="cut short or not JSON"):
            supplement.load_data(path)


@pytest.mark.parametrize("path", ["nowhere.json", "."])
def test_a_missing_data_file_gets_one_line(path):
    with pytest.raises(ValueError, match="give a features file"):
        supplement.load_data(path)


@needs_mp2020
def test_a_file_of_another_matminer_is_refused_until_computed_anew(lab):
    done = run(lab, "load_NN.py", "--data", MP2020)
    assert done.returncode == 1 and "band center" in done.stderr and done.stdout == ""
    command = done.stderr.split("python ")[1].split()
    table = json.loads(MP2020.read_text())
    table["data"], table["index"] = table["data"][:90], table["index"][:90]
    old = lab / "old.json"
    old.write_text(json.dumps(table))
    done = run(lab, command[0], old, *command[2:])
    assert done.returncode == 0, done.stderr
    X, y = supplement.load_data(lab / command[-1])
    position = table["columns"].index("Average Voltage")
    assert len(X) == 90 and list(y) == [row[position] for row in table["data"]]
    assert json.loads((lab / command[-1]).read_text())["columns"] == table["columns"]


def test_features_of_a_table_of_ones_own(lab):
    (lab / "mine.csv").write_text("Reduced Formula,Average Voltage\nFePO4,3.4\nTiS2,2.1\n")
    done = run(lab, "data/features.py", "mine.csv", "--out", "mine.json")
    assert done.returncode == 0, done.stderr
    X, y = supplement.load_data(lab / "mine.json")
    assert list(X.index) == ["FePO4", "TiS2"] and list(y) == [3.4, 2.1]
    split = json.loads((lab / "mine.json").read_text())
    assert dict(zip(split["columns"], split["data"][0]))["Stability Charge"] is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("Reduced Formula,Average Voltage\nFeXx4,3.4\n", "Xx is not an element"),
        ("a,b\n1,2\n", "lacks the column"),
        ("", "not a CSV table"),
        ("Reduced Formula,Average Voltage\n", "no rows"),
        ("Reduced Formula,Average Voltage\nTiS2,2\nFePO4,high\n", "row 3 of mine.csv: 'high'"),
        ("Reduced Formula,Average Voltage\nFePO4,3400\n", "not a voltage in V"),
    ],
)
def test_a_bad_table_gets_one_line_and_leaves_the_output_alone(lab, content, said):
    (lab / "mine.csv").write_text(content)
    before = (lab / "Batteries_feat.json").read_bytes()
    done = run(lab, "data/features.py", "mine.csv", "--out", "Batteries_feat.json")
    assert done.returncode == 1 and said in done.stderr and done.stderr.count("\n") == 1
    assert (lab / "Batteries_feat.json").read_bytes() == before


def test_a_host_without_features_is_left_out_of_a_raw_table(lab):
    raw = pd.read_csv(ROOT / "data" / "Batteries_raw.csv", keep_default_na=False, nrows=3)
    raw.loc[1, "host"], raw.loc[2, "host"] = "PuO2", "LiPu39Mn70O2"
    raw.to_csv(lab / "raw.csv", index=False)
    done = run(lab, "data/features.py", "raw.csv", "--out", "new.json")
    assert done.returncode == 0 and done.stderr == ""
    assert "2 of 3 kept: host beyond U or over 100 atoms, left out" in done.stdout
    assert list(read_table(lab / "new.json")["Reduced Formula"]) == [raw.loc[0, "host"]]


@pytest.mark.parametrize(("change", "said"), [
    ({"host": "PuO2"}, "no row of the raw table is left"),
    ({"converged": False}, "no row of the raw table is left"),
    ({"energy_host": None}, "raw.csv lacks energy_host"),
])
def test_a_raw_table_of_no_use_gets_one_line(lab, change, said):
    raw = pd.read_csv(ROOT / "data" / "Batteries_raw.csv", keep_default_na=False, nrows=2)
    raw = raw.assign(**change).dropna(axis=1)  # a column of nothing is one that is not there
    raw.to_csv(lab / "raw.csv", index=False)
    done = run(lab, "data/features.py", "raw.csv", "--out", "new.json")
    assert done.returncode == 1 and said in done.stderr and done.stderr.count("\n") == 1
    assert not (lab / "new.json").exists()


# ----------------------------------------------------------------------------------- the split
def test_no_formula_is_on_both_sides(rows):
    X_train, X_test, y_train, y_test = supplement.split_data(*rows)
    assert not set(X_train.index) & set(X_test.index)
    assert len(X_train) + len(X_test) == len(rows[0]) == len(y_train) + len(y_test)
    pd.testing.assert_index_equal(X_test.index, y_test.index)
    share = X_test.index.nunique() / rows[0].index.nunique()
    assert share == pytest.approx(supplement.TEST_FRACTION, abs=0.01)


def test_a_random_split_puts_formulas_on_both_sides(monkeypatch):
    X = pd.DataFrame({"a": np.arange(200.0)}, index=[f"f{n // 2}" for n in range(200)])
    monkeypatch.setattr(supplement, "SPLIT", "random")
    X_train, X_test, _, _ = supplement.split_data(X, X["a"])
    assert set(X_train.index) & set(X_test.index)
    assert len(X_test) == 40


def test_a_wrong_split_and_too_few_formulas_get_one_line(rows, monkeypatch):
    with pytest.raises(ValueError, match="too few"):
        supplement.split_data(rows[0].iloc[:1], rows[1].iloc[:1])
    monkeypatch.setattr(supplement, "SPLIT", "polymorph")
    with pytest.raises(ValueError, match="'formula' or 'random'"):
        supplement.split_data(*rows)


def test_another_seed_holds_out_other_rows(rows, monkeypatch):
    first = supplement.split_data(*rows)[1].index
    assert list(first) == list(supplement.split_data(*rows)[1].index)
    monkeypatch.setattr(supplement, "RSEED", 7)
    assert set(first) != set(supplement.split_data(*rows)[1].index)
