"""The rules for rows, the raw table, the electrodes derived from it, the data card."""

import hashlib
import json
import os
import re
from pathlib import Path

import features
import hosts
import pandas as pd
import pytest
import raw_table
import rules
from conftest import ROOT, call, run
from pymatgen.apps.battery.insertion_battery import InsertionElectrode
from pymatgen.core import Composition
from pymatgen.entries.computed_entries import ComputedEntry, ComputedStructureEntry

from voltage_lab.files import read_file
from voltage_lab.messages import LabError

DATA = ROOT / "data"
NUMBERS = [name for name, digits in raw_table.COLUMNS.items() if digits]
ELECTRODE = [  # columns of the feature file, with the method of pymatgen's electrode
    ("Average Voltage", InsertionElectrode.get_average_voltage, 1e-4),
    ("Capacity Grav", InsertionElectrode.get_capacity_grav, 0.051),
    ("Capacity Vol", InsertionElectrode.get_capacity_vol, 0.051),
    ("Specific E Wh/kg", InsertionElectrode.get_specific_energy, 0.051),
    ("E Density Wh/l", InsertionElectrode.get_energy_density, 0.051),
]


@pytest.fixture(scope="module")
def raw():
    """Read the raw table."""
    missing = dict.fromkeys(NUMBERS, [""])
    return pd.read_csv(raw_table.PATH, keep_default_na=False, na_values=missing)


# ----------------------------------------------------------------------------------- the rules
def good_row(**changes):
    """Make a row that breaks no rule; 4.1 V by hand: -(-20 + 8 - 2 * -1.9) / 2."""
    return {
        "x": 2,
        "energy_lithiated": -20.0,
        "energy_host": -8.0,
        "energy_li": -1.9,
        "volume_lithiated": 100.0,
        "volume_host": 95.0,
        "converged": True,
        "shortest_ratio": 0.9,
        "bonds_kept": 1.0,
    } | changes


def test_voltage_by_hand():
    raw = pd.DataFrame([good_row(), good_row(x=1, energy_host=-17.0)])
    assert rules.voltage(raw).tolist() == pytest.approx([4.1, 1.1])


@pytest.mark.parametrize(
    ("inside", "outside", "rule"),
    [
        ({"converged": True}, {"converged": False}, "not converged"),
        ({"converged": True}, {"converged": False, "energy_host": float("nan")}, "not converged"),
        ({"shortest_ratio": 0.66}, {"shortest_ratio": 0.64}, "interatomic distance too short"),
        ({"volume_host": 71.0}, {"volume_host": 69.0}, "volume changed by more than 30 %"),
        ({"volume_host": 129.0}, {"volume_host": 131.0}, "volume changed by more than 30 %"),
        ({"bonds_kept": 0.81}, {"bonds_kept": 0.79}, "framework bonds broken"),
        ({"energy_host": 1.7}, {"energy_host": 1.9}, "voltage outside -2..9 V"),
        ({"energy_host": -20.1}, {"energy_host": -20.3}, "voltage outside -2..9 V"),
    ],
)
def test_each_rule_excludes_its_row_and_no_other(inside, outside, rule):
    raw = pd.DataFrame([good_row(), good_row(**inside), good_row(**outside)])
    assert rules.broken_rules(raw).tolist() == ["", "", rule]
    assert rules.valid_rows(raw).index.tolist() == [0, 1]


def test_a_row_that_breaks_two_rules_has_the_name_of_the_first():
    raw = pd.DataFrame([good_row(bonds_kept=0.1, converged=False, shortest_ratio=0.1)])
    assert rules.broken_rules(raw).tolist() == ["not converged"]


@pytest.mark.parametrize(
    ("ion", "volts"), [("Li", 4.1), ("Na", 4.1), ("Mg", 2.05), ("Al", 4.1 / 3)]
)
def test_the_voltage_counts_the_electrons_of_each_ion(ion, volts):
    # By hand: 8.2 eV for two ions, which take 2, 4 or 6 electrons.
    raw = pd.DataFrame([good_row(working_ion=ion)])
    assert rules.voltage(raw).item() == pytest.approx(volts)


# ------------------------------------------------------------------------------- the raw table
@pytest.mark.parametrize("cut", ["olivine-LiFeP", "d" + ",1" * 20 + ",more than 15"])
def test_a_last_line_that_was_cut_off_is_dropped_and_nothing_else(tmp_path, cut):
    path = tmp_path / "raw.csv"
    rows = [dict.fromkeys(raw_table.COLUMNS, "1") | {"id": name} for name in ("b", "a", "c")]
    raw_table.write_rows(rows, path)
    path.write_text(path.read_text() + cut)
    assert [row["id"] for row in raw_table.read_rows(path)] == ["a", "b", "c"]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_table_whole(tmp_path, monkeypatch, step):
    def refuse(*_):
        raise OSError(28, "No space left on device")

    path = tmp_path / "raw.csv"
    path.write_text("old\n")
    monkeypatch.setattr(*{"fsync": (os, step), "replace": (Path, step)}[step], refuse)
    with pytest.raises(LabError, match="raw.csv: No space left on device"):
        raw_table.write_rows([dict.fromkeys(raw_table.COLUMNS, "1")], path)
    assert path.read_text() == "old\n"
    assert list(tmp_path.iterdir()) == [path]


WHOLE = good_row() | {
    name: "1" for name in raw_table.COLUMNS if name not in {*good_row(), "working_ion", "id"}
}


def write_table(path, *changes, line="\n", **columns):
    """Write a raw table of good rows a, b and so on, each with its changes."""
    rows = [{"id": name} | WHOLE | change for name, change in zip("abcdef", changes, strict=False)]
    text = pd.DataFrame(rows).assign(**columns).to_csv(index=False)
    path.write_text(text.replace("\n", line), encoding="utf-8")


@pytest.mark.parametrize("kept", ["True", "true", "TRUE", "1", "1.0", " true ", ""])
@pytest.mark.parametrize("excluded", ["False", "false", "FALSE", "0", "0.0", "fALSE"])
@pytest.mark.parametrize("third", ["", "true", "0"])  # with it, pandas reads other types
def test_truth_is_read_as_it_is_written(tmp_path, kept, excluded, third):
    changes = [{"converged": text} for text in (kept, excluded, third)]
    write_table(tmp_path / "raw.csv", *changes)
    ids = ["a", "c"] if third != "0" else ["a"]
    assert rules.load_valid_rows(tmp_path / "raw.csv").index.tolist() == ids
    raw = pd.read_csv(tmp_path / "raw.csv")  # whoever does not ask for truth values gets them too
    assert raw["id"][rules.broken_rules(raw) == ""].tolist() == ids


@pytest.mark.parametrize("text", ["no", "yes", "x", "2", "-1", "0.5", "falsch", "truefalse", "T"])
@pytest.mark.parametrize("other", ["False", "1", ""])
def test_what_is_no_truth_value_is_refused_with_its_line(tmp_path, text, other):
    changes = [{"converged": cell} for cell in (other, text, other)]
    write_table(tmp_path / "raw.csv", *changes)
    said = f"raw.csv, line 3, converged: '{text}' is not true, false, 0 or 1; an empty"
    with pytest.raises(LabError, match=said):
        rules.load_valid_rows(tmp_path / "raw.csv")
    with pytest.raises(LabError, match="converged: "):
        rules.broken_rules(pd.read_csv(tmp_path / "raw.csv"))


def test_the_line_is_that_of_the_file(tmp_path):
    write_table(tmp_path / "raw.csv", {"reason": "a\nb"}, {}, {"converged": "no"}, line="\n\n")
    # The names are on line 1; a row on 3 to 5, whose reason has a blank line; rows on 7 and 9.
    assert (tmp_path / "raw.csv").read_text().splitlines()[8].startswith("c,")
    with pytest.raises(LabError, match="raw.csv, line 9, "):
        rules.load_valid_rows(tmp_path / "raw.csv")


def test_a_table_without_the_ion_is_one_of_lithium(tmp_path):
    write_table(tmp_path / "raw.csv", {})
    assert raw_table.read_table(tmp_path / "raw.csv")["working_ion"].tolist() == ["Li"]
    [row] = raw_table.read_rows(tmp_path / "raw.csv")
    assert row["working_ion"] == "Li"
    write_table(tmp_path / "raw.csv", {}, {}, working_ion=["Na", "Mg"])
    assert raw_table.read_table(tmp_path / "raw.csv")["working_ion"].tolist() == ["Na", "Mg"]
    assert [row["working_ion"] for row in raw_table.read_rows(tmp_path / "raw.csv")] == ["Na", "Mg"]


@pytest.mark.parametrize("ion", ["", "na", "Xx", "F", "3"])
def test_what_is_no_working_ion_is_refused_with_its_line(tmp_path, ion):
    write_table(tmp_path / "raw.csv", {}, {}, working_ion=["Li", ion])
    with pytest.raises(
        LabError, match=f"raw.csv, line 3, working_ion: '{ion}' is not one of Li, Na"
    ):
        rules.load_valid_rows(tmp_path / "raw.csv")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"id,x\na,1\n", "raw.csv lacks bonds_kept, cell, converged, "),
        (b"", "raw.csv is empty; its first line should name the columns"),
        (b"id,x\na,1,2,3\nb,1\nc,1,2,3,4\n", "raw.csv, line 2: 4 cells, but line 1 names 2 col"),
        (b'id,x\n"a,1\n', "raw.csv is not a CSV table: unexpected end of data; is a quote"),
        (b"PK\x03\x04id,x\n", "raw.csv is a spreadsheet, not text; save it as CSV UTF-8"),
        (None, "raw.csv: No such file"),
    ],
)
def test_what_is_no_raw_table_gets_one_line(tmp_path, content, said):
    if content is not None:
        (tmp_path / "raw.csv").write_bytes(content)
    with pytest.raises(LabError, match=f"{said}") as error:
        raw_table.read_table(tmp_path / "raw.csv")
    assert "\n" not in str(error.value)


def test_the_raw_table_has_its_columns_and_no_row_twice(raw):
    assert list(raw) == list(raw_table.COLUMNS)
    assert (raw["working_ion"] == "Li").all()
    assert raw["id"].is_unique


def test_raw_formulas_agree_with_each_other(raw):
    for row in raw.itertuples():
        lithiated = Composition(row.cell)
        assert lithiated.reduced_formula == row.lithiated
        assert (lithiated - {"Li": row.x}).reduced_formula == row.host


def test_raw_numbers_are_physical(raw):
    done = raw[raw["converged"]]
    assert done[["energy_lithiated", "energy_host", "volume_host"]].notna().all(axis=None)
    assert (done[["energy_lithiated", "energy_host", "energy_li"]] < 0).all(axis=None)
    assert (done[["volume_lithiated", "volume_host", "shortest_distance"]] > 0).all(axis=None)
    # The optimizer evaluates the forces in the frame of the strained cell, hence the margin: they
    # are larger in a host that shrinks from the lithiated cell, where it starts, and in a lithiated
    # cell whose guessed start is strained, as that of LiBN.
    shrinks = (done["volume_lithiated"] / done["volume_host"]).clip(lower=1)
    assert (done["force_lithiated"] < 1.65 * 0.1).all()  # eV/angstrom: the README's limit
    assert (done["force_host"] < 1.5 * 0.1 * shrinks).all()
    assert done["bonds_kept"].between(0, 1).all()
    assert (raw["converged"] == (raw["reason"] == "")).all()
    assert done["energy_li"].nunique() == 1


def test_most_rows_are_valid_and_their_voltages_vary(raw):
    valid = rules.valid_rows(raw)
    assert len(valid) > 0.7 * len(raw)
    assert 1.0 < rules.voltage(valid).std() < 2.5


# ------------------------------------------------------------------------------ the electrodes
def test_voltages_capacities_and_energies_are_those_of_pymatgen(raw):
    table = features.electrodes(raw).set_index("Id")
    numbers = raw.set_index("id")
    prototypes = hosts.load_prototypes()
    some = {name: prototypes[name] for name in ("olivine", "silicate", "nasicon-Li3", "nitride")}
    pairs = [pair for pair in hosts.make_pairs(some) if pair[0]["id"] in table.index]
    assert sum("-to-" in row["id"] for row, _, _ in pairs) > 20  # hosts that keep some lithium
    for row, cell, extracted in pairs:
        values = numbers.loc[row["id"]]
        host = cell.copy()
        host.remove_sites(extracted)
        cell.scale_lattice(values["volume_lithiated"])
        entries = [
            ComputedStructureEntry(cell, values["energy_lithiated"]),
            ComputedStructureEntry(host, values["energy_host"]),
        ]
        lithium = ComputedEntry("Li", values["energy_li"])
        electrode = InsertionElectrode.from_entries(entries, lithium)
        for column, oracle, tolerance in ELECTRODE:
            expected = pytest.approx(oracle(electrode), abs=tolerance)
            assert table.loc[row["id"], column] == expected, (row["id"], column)


def test_the_feature_file_has_the_electrodes_of_the_raw_table(raw):
    table = read_file(ROOT / "Batteries_feat.json").reset_index(drop=True)
    expected = features.electrodes(raw)
    assert table["Stability Charge"].isna().all()
    assert table["Stability Discharge"].isna().all()
    for column in expected.dropna(axis=1, how="all"):
        pd.testing.assert_series_equal(table[column], expected[column], check_dtype=False)


def test_features_as_a_process_and_the_same_in_this_one(tmp_path):
    lines = raw_table.PATH.read_text(encoding="utf-8").splitlines()[:4]
    (tmp_path / "raw.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    done = run(tmp_path, DATA / "features.py", "raw.csv", "--out", "mine.json")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("mine.json: 3 rows, 3 host formulas, 4 elements\n")
    same = call(features.main, "raw.csv", "--out", "same.json", folder=tmp_path)
    assert same.stdout == done.stdout.replace("mine", "same")
    assert (tmp_path / "same.json").read_bytes() == (tmp_path / "mine.json").read_bytes()
    first = read_file(ROOT / "Batteries_feat.json").set_index("Id")
    table = read_file(tmp_path / "mine.json").set_index("Id")
    assert table["HOMO_energy"].tolist() == first.loc[table.index, "HOMO_energy"].tolist()


def test_without_a_place_for_the_result_features_get_one_line(tmp_path):
    for options, said in (
        (["mine.csv"], "say with --out which file to write"),
        (["--out", "nowhere/mine.json"], "there is no folder nowhere"),
        (["mine.csv", "--out", "mine.csv"], "--out mine.csv: give a new file that ends in .json"),
        (["none.csv", "--out", "mine.json"], "none.csv: No such file"),
    ):
        done = call(features.main, *options, folder=tmp_path)
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
        assert done.stderr.startswith("features.py: ")
        assert said in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_feature_file_is_made_again_from_the_raw_table(tmp_path):
    assert call(features.main, "--out", "again.json", folder=tmp_path).returncode == 0
    again, file = (
        json.loads(path.read_text())
        for path in (tmp_path / "again.json", ROOT / "Batteries_feat.json")
    )
    assert again["columns"] == file["columns"]
    assert again["index"] == file["index"]
    for row, expected in zip(again["data"], file["data"], strict=True):
        for name, value, other in zip(file["columns"], row, expected, strict=True):
            close = value == other or pytest.approx(other, rel=1e-9, abs=1e-12) == value
            assert close, (row[file["columns"].index("Id")], name)


# ------------------------------------------------------------------------------------ the card
def test_the_card_says_how_much_there_is(raw):
    card = (DATA / "README.md").read_text(encoding="utf-8")
    valid = rules.valid_rows(raw)
    featured = set(read_file(ROOT / "Batteries_feat.json")["Reduced Formula"])
    for host in set(valid["host"]) - featured:
        assert f"{host}" in card.partition("only elements with closed shells")[0][-100:], host
    valid = valid[valid["host"].isin(featured)]
    elements = {element for host in valid["host"] for element in Composition(host)}
    hosts_kept, prototypes = valid["host"].nunique(), valid["prototype"].nunique()
    assert len(valid) >= 2000
    assert hosts_kept >= 1200
    assert len(elements) >= 30
    assert prototypes >= 14
    assert (
        f"{len(valid):,} rows of {hosts_kept:,} host formulas with {len(elements)} elements "
        f"from {prototypes} prototypes"
    ) in card
    counts = rules.broken_rules(raw).value_counts()
    for rule in rules.RULES:
        assert re.search(rf"^\| {re.escape(rule)} \|.*\| {counts.get(rule, 0)} \|$", card, re.M)


def test_the_sums_in_the_card_are_those_of_the_files():
    sums = re.findall(r"^([0-9a-f]{64})  (\S+)$", (DATA / "README.md").read_text("utf-8"), re.M)
    assert len(sums) == 4
    for checksum, name in sums:
        assert hashlib.sha256((ROOT / name).read_bytes()).hexdigest() == checksum, name


# ------------------------------------------------------------------------------- its environment
@pytest.mark.parametrize("script", ["relax", "materials_project", "recompute"])
def test_a_script_with_an_environment_of_its_own_needs_nothing_of_the_labs(script):
    code = f"""import sys; sys.path[:0] = ["{ROOT / "data"}"]
for name in ("matminer", "sklearn", "tensorflow", "keras"): sys.modules[name] = None
import {script}"""
    done = run(ROOT, "-c", code)
    assert (done.returncode, done.stderr) == (0, "")
