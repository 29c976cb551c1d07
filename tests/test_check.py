"""The comparisons of the data with experiment, with other electrodes and with itself."""

import importlib.util
import json
import shutil
import sys

import pandas as pd
import pytest
from conftest import ROOT, run

from lab.formulas import read_table

DATA = ROOT / "data"
MP2020 = ROOT.parent / "shared" / "mp2020" / "Batteries_feat.json"


@pytest.fixture(scope="module")
def check():
    """Import data/check.py, which is no package, with the scripts beside it."""
    sys.path.append(str(DATA))
    spec = importlib.util.spec_from_file_location("check", DATA / "check.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.path.remove(str(DATA))


def electrodes(path, *rows):
    """Write a features file of (formula, voltage, mAh/g)."""
    columns = ["Reduced Formula", "Average Voltage", "Capacity Grav"]
    split = {"columns": columns, "index": list(range(len(rows))), "data": rows}
    path.write_text(json.dumps(split))
    return path


def test_textbook_electrodes_are_met(check, capsys):
    assert check.compare_measured(check.load())
    assert "measured electrodes: 14" in capsys.readouterr().out
    assert (pd.read_csv(check.MEASURED)["reference"].str.len() > 20).all()


def test_a_wrong_voltage_breaks_the_limit(check):
    rows = check.load()
    assert not check.compare_measured(rows.assign(voltage=9.0))
    with pytest.raises(ValueError, match="has no olivine-LiFePO4"):
        check.compare_measured(rows.drop(index="olivine-LiFePO4"))


def test_the_framework_is_what_is_left_without_lithium(check):
    assert check.framework("Li4Fe2Si2O8") == check.framework("LiFeSiO4") == "FeSiO4"


def test_the_capacity_tells_one_reaction_from_another(check, tmp_path):
    # By hand: 26801.5 mAh/mol over 177.5 g/mol of LiTiNiO4 is 151, over 184.4 of Li2TiNiO4 145.
    path = electrodes(tmp_path / "mp.json", ("TiNiO4", 3.66, 145), ("TiNiO4", 4.5, 151),
                      ("TiNiO4", 5.5, 151), ("TiO2", 1.0, 335))
    row = {"host": "TiNiO4", "cell": "Li2Ti2Ni2O8", "x": 2, "voltage": 4.0}
    rows = pd.DataFrame([row, row | {"host": "VO2", "cell": "LiVO2", "x": 1}])
    found = check.nearest(rows, check.read_electrodes(path))
    assert found.loc[0].tolist() == [3.66, 4.5]
    assert found.loc[1].isna().all()


def test_a_host_that_keeps_lithium_is_found_under_both_names(check, tmp_path):
    path = electrodes(tmp_path / "mp.json", ("FeSiO4", 2.9, 165.6), ("LiFeSiO4", 3.1, 165.6))
    rows = pd.DataFrame([{"host": "LiFeSiO4", "cell": "Li4Fe2Si2O8", "x": 2, "voltage": 2.8}])
    found = check.nearest(rows, check.read_electrodes(path))
    assert found.loc[0].tolist() == [3.1, 2.9]


def test_the_table_agrees_with_the_electrodes_of_2020(check):
    if not MP2020.exists():
        pytest.skip("the Materials Project's table of 2020 is not given away with this project")
    rows = check.load()
    found = check.nearest(rows, check.read_electrodes(MP2020))
    assert rows["host"][found["reaction"].notna()].nunique() >= 80
    assert check.compare_electrodes(rows, found)


@pytest.fixture
def folder(tmp_path):
    """Return a copy of the lab with the scripts and tables of data/, and electrodes near ours."""
    for name in ("supplement.py", "data", "lab"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("*.png", ".*"))
        else:
            shutil.copy(source, tmp_path)
    table = read_table(ROOT / "Batteries_feat.json")
    olivines = table[table["Id"].str.startswith("olivine")]
    columns = ["Reduced Formula", "Average Voltage", "Capacity Grav"]
    electrodes(tmp_path / "near.json", *olivines[columns].to_numpy().tolist())
    return tmp_path


def test_every_option_prints_and_draws_what_it_says(folder):
    done = run(folder, "data/check.py", "--electrodes", "near.json", "--draw")
    assert done.returncode == 0 and done.stderr == ""
    said = done.stdout.splitlines()
    assert any(line.startswith("olivine-LiFePO4 ") for line in said)
    # Half of an olivine's lithium is another reaction; each olivine is nearest to itself.
    line = next(line for line in said if line.startswith("olivine "))
    table = read_table(folder / "near.json")
    assert line.split()[3:] == [str(len(table)), "0.00"]
    pictures = ("voltage_by_prototype.png", "voltage_by_metal.png", "against_other_table.png")
    for name in pictures:
        assert (folder / "data" / name).read_bytes().startswith(b"\x89PNG")


def test_electrodes_far_from_ours_break_the_limit(folder):
    electrodes(folder / "far.json", ("FePO4", 9.0, 169.9))
    done = run(folder, "data/check.py", "--electrodes", "far.json")
    assert done.returncode == 1 and done.stderr == "check.py: a limit is not kept\n"
    assert not list(folder.glob("data/*.png"))


def test_antimony_counts_as_a_metal_and_lithium_does_not(check):
    assert check.metals("LiNbSbO6") == ["Nb", "Sb"] and check.metals("LiVS2") == ["V"]


@pytest.mark.parametrize(("options", "said"), [
    (["--electrodes", "none.json"], "none.json"),
    (["--electrodes", "data/measured.csv"], "data/measured.csv is cut short or not JSON"),
    (["--electrodes", "short.json"], "short.json lacks Average Voltage, Capacity Grav"),
    (["--electrodes", "odd.json"], "row 0 of odd.json"),
    (["--electrodes", "other.json"], "no electrode of the other file"),
    (["--recompute", "-1"], "--recompute -1: give 1 to "),
])
def test_bad_options_get_one_line(folder, options, said):
    (folder / "short.json").write_text('{"columns":["Reduced Formula"],"index":[0],"data":[["C"]]}')
    electrodes(folder / "odd.json", ("hello", "high", None))
    electrodes(folder / "other.json", ("FePO4", "high", None))
    done = run(folder, "data/check.py", *options)
    assert done.returncode == 1 and said in done.stderr and done.stderr.count("\n") == 1


def test_rows_drawn_by_a_seed_come_out_the_same(check, capsys):
    for needed in ("chgnet", "ase"):
        pytest.importorskip(needed, reason="only who recomputes the table installs it")
    rows = check.load().nsmallest(2, "steps_lithiated")
    assert check.compare_again(rows, 2, 1)
    assert "recomputed: 2, largest difference 0.00" in capsys.readouterr().out
