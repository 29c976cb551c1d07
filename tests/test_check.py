"""The comparisons of the data with experiment, with other electrodes and with itself."""

import importlib.util
import json
import sys

import pandas as pd
import pytest
from conftest import ROOT, run

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


def test_textbook_electrodes_are_met(check):
    table = check.compare_with_experiment(check.load())
    assert len(table) >= 10 and table["computed"].notna().all()
    assert table["difference"].abs().mean() <= 0.40
    assert table["reference"].str.len().min() > 20


def test_the_framework_is_what_is_left_without_lithium(check):
    assert check.framework("Li4Fe2Si2O8") == check.framework("LiFeSiO4") == "FeSiO4"


def test_the_capacity_tells_one_reaction_from_another(check, tmp_path):
    # By hand: 26801.4 mAh/mol over 177.5 g/mol of LiTiNiO4 is 151, over 184.4 of Li2TiNiO4 145.
    path = electrodes(tmp_path / "mp.json", ("TiNiO4", 3.66, 145), ("TiNiO4", 4.5, 151),
                      ("TiNiO4", 5.5, 151), ("TiO2", 1.0, 335))
    row = {"host": "TiNiO4", "cell": "Li2Ti2Ni2O8", "x": 2, "voltage": 4.0}
    rows = pd.DataFrame([row, row | {"host": "VO2", "cell": "LiVO2", "x": 1}])
    nearest = check.compare_with_electrodes(rows, path)
    assert nearest.loc[0].tolist() == [3.66, 4.5]
    assert nearest.loc[1].isna().all()


def test_a_host_that_keeps_lithium_is_found_under_both_names(check, tmp_path):
    path = electrodes(tmp_path / "mp.json", ("FeSiO4", 2.9, 165.6), ("LiFeSiO4", 3.1, 165.6))
    rows = pd.DataFrame([{"host": "LiFeSiO4", "cell": "Li4Fe2Si2O8", "x": 2, "voltage": 2.8}])
    assert check.compare_with_electrodes(rows, path).loc[0].tolist() == [3.1, 2.9]


def test_the_table_agrees_with_the_electrodes_of_2020(check):
    if not MP2020.exists():
        pytest.skip("the Materials Project's table of 2020 is not given away with this project")
    rows = check.load()
    nearest = check.compare_with_electrodes(rows, MP2020)
    gaps = (rows["voltage"] - nearest["reaction"]).abs().groupby(rows["host"]).min().dropna()
    assert len(gaps) >= 80 and gaps.mean() <= 0.25


@pytest.fixture
def folder(tmp_path):
    """Return a copy of the scripts and tables of data/."""
    for path in [*DATA.glob("*.py"), *DATA.glob("*.csv"), *DATA.glob("*.toml")]:
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def test_it_prints_its_table_and_draws_its_pictures(folder):
    done = run(folder, "check.py")
    assert done.returncode == 0 and done.stderr == ""
    assert "olivine-LiFePO4" in done.stdout and "limit 0.4 V" in done.stdout
    for name in ("voltage_by_prototype.png", "voltage_by_metal.png"):
        assert (folder / name).read_bytes().startswith(b"\x89PNG")


def test_a_wrong_voltage_breaks_the_limit(folder):
    measured = pd.read_csv(folder / "measured.csv").assign(measured=9.0)
    measured.to_csv(folder / "measured.csv", index=False)
    done = run(folder, "check.py")
    assert done.returncode == 1 and done.stderr == "check.py: a limit is not kept\n"


@pytest.mark.parametrize(("options", "said"), [
    (["--materials-project", "none.json"], "none.json"),
    (["--materials-project", "measured.csv"], "check.py: "),
    (["--materials-project", "short.json"], "lacks Average Voltage, Capacity Grav"),
    (["--recompute", "-1"], "--recompute must be 1 or more"),
])
def test_bad_options_get_one_line(folder, options, said):
    (folder / "short.json").write_text('{"columns":["Reduced Formula"],"index":[0],"data":[["C"]]}')
    done = run(folder, "check.py", *options)
    assert done.returncode == 1 and said in done.stderr and done.stderr.count("\n") == 1
