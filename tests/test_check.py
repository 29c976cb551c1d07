"""The comparisons of the data with experiment and with other electrodes, and their figures."""

import json

import card_figures
import check
import pandas as pd
import pytest
import rules
from conftest import ROOT, assert_one_line, call, run

from voltage_lab.files import read_file
from voltage_lab.messages import LabError

SCRIPT = ROOT / "data" / "check.py"
MP2020 = ROOT.parent / "shared" / "mp2020" / "Batteries_feat.json"
FIGURES = ["against_other_table.png", "rows_by_element.png"]
FIGURES += ["voltage_by_metal.png", "voltage_by_prototype.png"]


@pytest.fixture(scope="module")
def rows():
    """Read the valid rows of the raw table."""
    return rules.load_valid_rows()


@pytest.fixture
def figures(tmp_path, monkeypatch):
    """Draw small figures in a folder; return it."""
    folder = tmp_path / "figures"
    folder.mkdir()
    monkeypatch.setattr(card_figures, "FOLDER", folder)
    monkeypatch.setattr(card_figures, "DPI", 20)
    return folder


def write_electrodes(path, *electrodes):
    """Write a feature file of (formula, voltage, mAh/g); return its path."""
    columns = ["Reduced Formula", "Average Voltage", "Capacity Grav"]
    split = {"columns": columns, "index": list(range(len(electrodes))), "data": electrodes}
    path.write_text(json.dumps(split))
    return path


# ------------------------------------------------------------------------------ with experiment
def test_textbook_electrodes_are_met(rows, capsys):
    assert check.compare_measured(rows)
    assert "measured electrodes: 14, mean difference -0.36 V" in capsys.readouterr().out
    assert (pd.read_csv(check.MEASURED)["reference"].str.len() > 20).all()


def test_a_wrong_voltage_breaks_the_limit(rows):
    assert not check.compare_measured(rows.assign(voltage=9.0))
    assert not check.compare_measured(rows.assign(voltage=-2.0))
    with pytest.raises(LabError, match="has no olivine-LiFePO4"):
        check.compare_measured(rows.drop(index="olivine-LiFePO4"))


@pytest.mark.parametrize(("limit", "kept"), [(0.31, True), (0.29, False)])
def test_the_limit_is_one_of_the_mean_absolute_difference(limit, kept, capsys):
    assert check.report_differences("these", pd.Series([-0.5, 0.1]), limit) == kept
    line = "these: 2, mean difference -0.20 V, mean absolute difference 0.300 V, limit "
    assert capsys.readouterr().out == f"{line}{limit} V\n\n"


# ------------------------------------------------------------------------ with other electrodes
def test_the_framework_is_what_is_left_without_lithium():
    assert check.framework("Li4Fe2Si2O8") == check.framework("LiFeSiO4") == "FeSiO4"


def test_the_capacity_tells_one_reaction_from_another(tmp_path):
    # By hand: 26801.5 mAh/mol over 177.5 g/mol of LiTiNiO4 is 151, over 184.4 of Li2TiNiO4 145.
    path = write_electrodes(
        tmp_path / "mp.json",
        ("TiNiO4", 3.66, 145),
        ("TiNiO4", 4.5, 151),
        ("TiNiO4", 5.5, 151),
        ("TiO2", 1.0, 335),
    )
    row = {"host": "TiNiO4", "cell": "Li2Ti2Ni2O8", "x": 2, "voltage": 4.0}
    rows = pd.DataFrame([row, row | {"host": "VO2", "cell": "LiVO2", "x": 1}])
    nearest = check.nearest_voltages(rows, check.read_electrodes(path))
    assert nearest.loc[0].tolist() == [3.66, 4.5]
    assert nearest.loc[1].isna().all()


@pytest.mark.parametrize(("capacity", "same"), [(150.5, True), (151.5, True), (152, False)])
def test_capacities_are_equal_if_they_round_to_the_same_number(tmp_path, capacity, same):
    # 26801.5 / 177.5 = 151.0 mAh/g
    path = write_electrodes(tmp_path / "mp.json", ("TiNiO4", 4.5, capacity))
    rows = pd.DataFrame([{"host": "TiNiO4", "cell": "Li2Ti2Ni2O8", "x": 2, "voltage": 4.0}])
    nearest = check.nearest_voltages(rows, check.read_electrodes(path))
    assert nearest["reaction"].notna().item() == same


@pytest.mark.parametrize("ion", ["Na", 3])
def test_electrodes_of_another_ion_are_refused(tmp_path, ion):
    columns = ["Ion", "Reduced Formula", "Average Voltage", "Capacity Grav"]
    data = [["Li", "FePO4", 3.4, 170], [None, "CoO2", 3.4, 170], [ion, "FePO4", 3.1, 150]]
    split = {"columns": columns, "index": [0, 1, 2], "data": data}
    (tmp_path / "mp.json").write_text(json.dumps(split))
    with pytest.raises(LabError, match=f"mp.json, row 2, Ion: '{ion}'; only Li can be compar"):
        check.read_electrodes(tmp_path / "mp.json")
    split |= {"index": [0, 1], "data": data[:2]}
    (tmp_path / "mp.json").write_text(json.dumps(split))
    assert check.read_electrodes(tmp_path / "mp.json")["host"].tolist() == ["FePO4", "CoO2"]


def test_a_host_that_keeps_lithium_is_compared_under_both_names(tmp_path):
    path = write_electrodes(tmp_path / "mp.json", ("FeSiO4", 2.9, 165.6), ("LiFeSiO4", 3.1, 165.6))
    rows = pd.DataFrame([{"host": "LiFeSiO4", "cell": "Li4Fe2Si2O8", "x": 2, "voltage": 2.8}])
    nearest = check.nearest_voltages(rows, check.read_electrodes(path))
    assert nearest.loc[0].tolist() == [3.1, 2.9]


def test_the_table_agrees_with_the_electrodes_of_2020(rows):
    if not MP2020.exists():
        pytest.skip("the Materials Project's table of 2020 is not given away with this project")
    nearest = check.nearest_voltages(rows, check.read_electrodes(MP2020))
    assert rows["host"][nearest["reaction"].notna()].nunique() >= 80
    assert check.compare_electrodes(rows, nearest)


# ----------------------------------------------------------------------------------- the script
def test_every_option_prints_and_draws_what_it_says(tmp_path, figures):
    table = read_file(ROOT / "Batteries_feat.json")
    olivines = table[table["Id"].str.startswith("olivine")]
    columns = ["Reduced Formula", "Average Voltage", "Capacity Grav"]
    path = write_electrodes(tmp_path / "near.json", *olivines[columns].to_numpy().tolist())
    done = call(check.main, "--electrodes", path, "--draw")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert any(line.startswith("olivine-LiFePO4 ") for line in lines)
    # Half of an olivine's lithium is another reaction; each olivine is nearest to itself.
    line = next(line for line in lines if line.startswith("olivine "))
    assert line.split()[3:] == [str(len(olivines)), "0.00"]
    assert sorted(path.name for path in figures.iterdir()) == FIGURES
    for name in FIGURES:
        assert (figures / name).read_bytes().startswith(b"\x89PNG")


def test_electrodes_far_from_those_of_the_lab_break_the_limit(tmp_path, figures):
    write_electrodes(tmp_path / "far.json", ("FePO4", 9.0, 169.9))
    done = call(check.main, "--electrodes", "far.json", folder=tmp_path)
    assert_one_line(done, "check.py: a limit is not kept\n")
    assert not list(figures.iterdir())


def test_the_script_as_a_process(tmp_path):
    done = run(tmp_path, SCRIPT)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == call(check.main).stdout
    assert_one_line(run(tmp_path, SCRIPT, "--electrodes", "none.json"), "check.py: none.json: No")


def test_an_element_is_counted_once_for_each_row_that_has_it(rows):
    assert card_figures.count_elements(["FePO4", "Fe2O3", "FePO4"]) == {"Fe": 3, "O": 3, "P": 2}
    oxides = rows["host"].str.contains("O(?![a-z])").sum()  # not osmium
    assert card_figures.count_elements(rows["host"])["O"] == oxides


def test_antimony_counts_as_a_metal_and_lithium_does_not():
    assert card_figures.metals("LiNbSbO6") == ["Nb", "Sb"]
    assert card_figures.metals("LiVS2") == ["V"]


@pytest.mark.parametrize(
    ("name", "electrodes", "said"),
    [
        ("none.json", None, "none.json: No such file or directory"),
        (
            "measured.csv",
            "id,measured",
            "measured.csv lacks Average Voltage, Capacity Gr",
        ),
        (
            "short.json",
            '{"columns":["Reduced Formula"],"index":[0],"data":[["C"]]}',
            "short.json lacks Average Voltage, Capacity Grav; give a feature file",
        ),
        ("odd.json", ("hello", "high", None), "odd.json, row 0: 'hello' is not a formula"),
        ("other.json", ("FePO4", "high", None), "no electrode of the other file"),
    ],
)
def test_a_wrong_file_gets_one_line(tmp_path, name, electrodes, said):
    if isinstance(electrodes, str):
        (tmp_path / name).write_text(electrodes)
    elif electrodes:
        write_electrodes(tmp_path / name, electrodes)
    done = call(check.main, "--electrodes", name, folder=tmp_path)
    assert_one_line(done, f"check.py: {said}")
