"""The host prototypes, the pairs made of them, the raw table and the rules that thin it out."""

import csv
import hashlib
import importlib.util
import json
import re
import sys
from pathlib import Path

import pandas as pd
import pytest
from pymatgen.core import Composition

DATA = Path(__file__).parents[1] / "data"


def load(name):
    """Import a script of data/, which is no package."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, DATA / f"{name}.py")
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


rules, hosts = load("rules"), load("hosts")
relax = load("relax")
TABLE = hosts.load_prototypes()

# What crystallography says of each structure: (role, neighbour, how many, from, to in angstrom).
COORDINATION = [
    ("layered", "M", "O", 6, 1.9, 2.3),
    ("layered-1T", "M", "S", 6, 2.3, 2.6),
    ("layered-1T", "Li", "S", 6, 2.3, 2.6),
    ("layered-2H", "M", "O", 6, 2.0, 2.2),
    ("spinel", "Li", "O", 4, 1.9, 2.1),
    ("spinel", "M", "O", 6, 1.9, 2.1),
    ("olivine", "T", "O", 4, 1.5, 1.6),
    ("olivine", "M", "O", 6, 2.1, 2.3),
    ("rutile", "M", "O", 6, 1.9, 2.0),
    ("tavorite", "T", "O", 4, 1.48, 1.6),
    ("nasicon", "T", "O", 4, 1.48, 1.6),
    ("nasicon", "M", "O", 6, 1.8, 1.95),
    ("nasicon-Li3", "T", "O", 4, 1.48, 1.6),
    ("pyrophosphate", "T", "O", 4, 1.48, 1.65),
    ("phosphate-bronze", "T", "O", 4, 1.45, 1.6),
    ("pyroxene", "T", "Si-O", 4, 1.55, 1.7),
    ("silicate", "T", "S", 4, 2.1, 2.3),
    ("silicate", "Li", "S", 4, 2.2, 2.5),
    ("inverse-spinel", "T", "O", 4, 1.6, 1.85),
    ("vanadate", "T", "O", 4, 1.65, 1.8),
    ("anatase", "M", "O", 6, 1.9, 2.0),
    ("lithium-niobate", "M", "O", 6, 1.85, 2.15),
    ("dirutile", "M", "F", 6, 1.8, 2.0),
    ("colquiriite", "M", "F", 6, 1.75, 1.85),
    ("perovskite", "M", "O", 6, 1.9, 1.95),
    ("lithium-nitride", "M", "N", 2, 1.9, 2.0),
]


@pytest.fixture(scope="module")
def pairs():
    """Make all pairs of the table once."""
    return list(hosts.pairs(TABLE))


@pytest.fixture(scope="module")
def raw():
    """Read the raw table."""
    return pd.read_csv(DATA / "Batteries_raw.csv", keep_default_na=False,
                       na_values={name: [""] for name, digits in relax.COLUMNS.items() if digits})


def neighbours(cell, role, element, reach):
    """Distances from the first site of a role to an element, nearest first (angstrom)."""
    site = next(site for site in cell if site.properties["role"] == role)
    found = cell.get_neighbors(site, reach)
    return sorted(n.nn_distance for n in found if n.specie.symbol == element)


@pytest.mark.parametrize("name", TABLE)
def test_spglib_finds_the_claimed_space_group(name):
    cell = hosts.build(TABLE[name])
    assert cell.get_space_group_info(symprec=hosts.SYMPREC)[1] == TABLE[name]["number"]


@pytest.mark.parametrize("name", TABLE)
def test_the_cell_has_the_formula_that_was_measured(name):
    cell = hosts.build(TABLE[name])
    measured = {role: element for role, element, _ in TABLE[name]["sites"]}
    atoms = [measured[site.properties["role"]] for site in cell]
    found = Composition({element: atoms.count(element) for element in atoms})
    assert found.reduced_composition == Composition(TABLE[name]["compound"]).reduced_composition


@pytest.mark.parametrize(("name", "role", "element", "count", "low", "high"), COORDINATION)
def test_neighbours_are_where_crystallography_puts_them(name, role, element, count, low, high):
    lengths = neighbours(hosts.build(TABLE[name]), role, element.split("-")[-1], 3.0)[:count]
    assert len(lengths) == count
    assert low <= lengths[0] and lengths[-1] <= high


def test_every_prototype_says_where_its_numbers_come_from():
    assert all(len(prototype["source"]) > 30 for prototype in TABLE.values())


def test_the_table_is_as_large_as_promised(pairs):
    formulas = {row["host"] for row, _, _ in pairs}
    elements = {element for formula in formulas for element in Composition(formula)}
    assert len(TABLE) >= 14 and len(pairs) >= 2000
    assert len(formulas) >= 1200 and len(elements) >= 30


def test_no_pair_is_there_twice(pairs):
    ids = [row["id"] for row, _, _ in pairs]
    assert len(set(ids)) == len(ids)
    assert not any(name.startswith("mp-") for name in ids)


def test_taking_out_the_lithium_leaves_the_host(pairs):
    for row, lithiated, removed in pairs:
        assert {lithiated[site].specie.symbol for site in removed} == {"Li"}
        host = lithiated.copy()
        host.remove_sites(removed)
        assert len(removed) == row["x"] > 0
        assert host.composition.reduced_formula == row["host"]


def test_no_pair_starts_with_atoms_on_top_of_each_other(pairs):
    for row, lithiated, _ in pairs:
        assert lithiated.is_valid(tol=1.2), row["id"]


def test_a_substituted_cell_starts_near_its_measured_volume(pairs):
    # LiFePO4, Bjoerling & Westgren 1938 (AMCSD row 17986): 4.787 x 10.086 x 5.939 angstrom
    measured = 4.787 * 10.086 * 5.939
    start = next(cell for row, cell, _ in pairs if row["id"] == "olivine-LiFePO4")
    assert start.volume == pytest.approx(measured, rel=0.05)


def test_the_same_table_gives_the_same_cells(pairs):
    again = hosts.pairs({"spinel": TABLE["spinel"]})
    before = [pair for pair in pairs if pair[0]["prototype"] == "spinel"]
    for (row, cell, removed), (row2, cell2, removed2) in zip(before, again, strict=True):
        assert (row, removed) == (row2, removed2)
        assert [site.specie for site in cell] == [site.specie for site in cell2]
        assert (cell.frac_coords == cell2.frac_coords).all()


def test_half_filled_sites_lie_far_apart(pairs):
    cell = next(cell for row, cell, _ in pairs if row["id"] == "rutile-LiTiO2")
    assert neighbours(cell, "Li", "Li", 6.0)[0] > 2.5


def test_a_share_of_sites_that_is_no_whole_number_is_refused():
    cell = hosts.build(TABLE["layered"])
    with pytest.raises(ValueError, match="0.50 of 1 sites"):
        hosts.spread(cell, [0], 0.5)


def test_an_incomplete_prototype_is_refused_by_name(tmp_path):
    path = tmp_path / "prototypes.toml"
    path.write_text('[mine]\nspace_group = "Fd-3m"\n')
    with pytest.raises(ValueError, match=r"\[mine\].*lattice"):
        hosts.load_prototypes(path)


def good_row(**changes):
    """Make a row that breaks no rule; 4.1 V by hand: -(-20 + 8 - 2 * -1.9) / 2."""
    return {"x": 2, "energy_lithiated": -20.0, "energy_host": -8.0, "energy_li": -1.9,
            "volume_lithiated": 100.0, "volume_host": 95.0, "converged": True,
            "shortest_ratio": 0.9, "bonds_kept": 1.0} | changes


def test_voltage_by_hand():
    raw = pd.DataFrame([good_row(), good_row(x=1, energy_host=-17.0)])
    assert rules.voltage(raw).tolist() == pytest.approx([4.1, 1.1])


def test_each_rule_throws_out_its_row_and_no_other():
    broken = [{}, {"converged": False}, {"shortest_ratio": 0.5}, {"volume_host": 69.0},
              {"bonds_kept": 0.7}, {"energy_host": 8.0}]
    raw = pd.DataFrame([good_row(**changes) for changes in broken])
    assert rules.excluded(raw).tolist() == ["", *rules.RULES]
    assert rules.keep(raw).index.tolist() == [0]


def test_a_row_without_energies_counts_as_not_converged():
    raw = pd.DataFrame([good_row(), good_row(converged=False, energy_host=float("nan"))])
    assert rules.excluded(raw).tolist() == ["", "not converged"]


def test_a_line_cut_off_by_a_kill_is_dropped_and_nothing_else(tmp_path):
    path = tmp_path / "raw.csv"
    rows = [dict.fromkeys(relax.COLUMNS, "1") | {"id": name} for name in ("b", "a", "c")]
    relax.write_rows(rows, path)
    path.write_text(path.read_text() + "olivine-LiFeP")
    assert [row["id"] for row in relax.read_rows(path)] == ["a", "b", "c"]
    assert list(tmp_path.iterdir()) == [path]


def test_a_pair_with_a_row_is_not_done_again():
    ids = {row["id"] for row, _, _ in relax.todo(["vanadate"], [])}
    assert "vanadate-LiMnVO4" in ids
    rest = relax.todo(["vanadate"], [{"id": "vanadate-LiMnVO4"}])
    assert {row["id"] for row, _, _ in rest} == ids - {"vanadate-LiMnVO4"}


def test_the_order_is_shuffled_but_always_the_same():
    first, second = ([row["id"] for row, _, _ in relax.todo(["olivine"], [])] for _ in range(2))
    assert first == second != sorted(first)


def test_a_pair_that_fails_is_a_row_with_its_reason(monkeypatch, pairs):
    def fail(*_):
        raise RuntimeError("no\nneighbours")

    monkeypatch.setattr(relax, "describe", fail)
    row = relax.run_pair(pairs[0])
    assert row["converged"] is False
    assert row["reason"] == "RuntimeError: no neighbours"
    assert list(row) == list(relax.COLUMNS)


def test_an_unknown_prototype_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="no prototype garnet; known: layered, "):
        relax.todo(["garnet"], [])


@pytest.mark.parametrize(("options", "message"), [
    (["--jobs", "0"], "--jobs must be 1 or more"),
    (["--limit", "-3"], "--limit must be 1 or more"),
])
def test_bad_options_give_one_line_and_status_1(monkeypatch, tmp_path, options, message):
    monkeypatch.setattr(sys, "argv", ["relax.py", *options])
    monkeypatch.setattr(relax, "RAW", tmp_path / "raw.csv")
    with pytest.raises(SystemExit) as stop:
        relax.main()
    assert message in stop.value.code and "\n" not in stop.value.code
    assert not list(tmp_path.iterdir())


def test_without_the_model_nothing_is_started(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "argv", ["relax.py"])
    monkeypatch.setattr(relax, "RAW", tmp_path / "raw.csv")
    monkeypatch.setattr(relax.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match="needs ase: pip install -r data/requirements.txt"):
        relax.main()
    assert not list(tmp_path.iterdir())


def test_the_raw_table_has_its_columns_and_no_row_twice(raw):
    with open(DATA / "Batteries_raw.csv", encoding="utf-8") as file:
        assert next(csv.reader(file)) == list(relax.COLUMNS)
    assert raw["id"].is_unique


def test_raw_formulas_agree_with_each_other(raw):
    for row in raw.itertuples():
        full = Composition(row.cell)
        assert full.reduced_formula == row.lithiated
        assert (full - {"Li": row.x}).reduced_formula == row.host


def test_raw_rows_belong_to_the_table(raw, pairs):
    known = {row["id"]: row for row, _, _ in pairs}
    for row in raw.itertuples():
        assert row.id in known
        assert known[row.id]["cell"] == row.cell and known[row.id]["x"] == row.x


def test_raw_numbers_are_physical(raw):
    done = raw[raw["converged"]]
    assert done[["energy_lithiated", "energy_host", "volume_host"]].notna().all(axis=None)
    assert (done[["energy_lithiated", "energy_host", "energy_li"]] < 0).all(axis=None)
    assert (done[["volume_lithiated", "volume_host", "shortest_distance"]] > 0).all(axis=None)
    # The optimizer judges the forces in the frame of the strained cell, hence the margin: they
    # are larger in a host that shrinks from the lithiated cell, where it starts.
    shrinks = (done["volume_lithiated"] / done["volume_host"]).clip(lower=1)
    assert (done["force_lithiated"] < 1.5 * relax.FMAX).all()
    assert (done["force_host"] < 1.5 * relax.FMAX * shrinks).all()
    assert done["bonds_kept"].between(0, 1).all()
    assert (raw["converged"] == (raw["reason"] == "")).all()
    assert done["energy_li"].nunique() == 1


def test_most_rows_are_kept_and_their_voltages_spread(raw):
    kept = rules.keep(raw)
    assert len(kept) > 0.7 * len(raw)
    assert 1.0 < rules.voltage(kept).std() < 2.5


def test_the_model_gives_the_voltage_of_the_table_again(raw, pairs):
    for needed in ("chgnet", "ase"):
        pytest.importorskip(needed, reason="only who recomputes the table installs it")
    quick = raw[raw["converged"]].nsmallest(1, "steps_lithiated")
    pair = next(pair for pair in pairs if pair[0]["id"] == quick["id"].item())
    again = rules.voltage(pd.DataFrame([relax.run_pair(pair)]))
    assert again[0] == pytest.approx(rules.voltage(quick).item(), abs=0.02)


def test_the_card_says_how_much_there_is(raw):
    card = (DATA / "README.md").read_text(encoding="utf-8")
    kept = rules.keep(raw)
    elements = {element for host in kept["host"] for element in Composition(host)}
    hosts_kept, prototypes = kept["host"].nunique(), kept["prototype"].nunique()
    assert len(kept) >= 2000 and hosts_kept >= 1200 and len(elements) >= 30 and prototypes >= 14
    assert (f"{len(kept):,} rows of {hosts_kept:,} host formulas with {len(elements)} elements "
            f"from {prototypes} prototypes") in card
    for reason, count in rules.excluded(raw).value_counts().items():
        assert not reason or f"| {count} |" in card


def test_the_sums_in_the_card_are_those_of_the_files():
    sums = re.findall(r"^([0-9a-f]{64})  (\S+)$", (DATA / "README.md").read_text("utf-8"), re.M)
    assert len(sums) == 4
    for sum_, name in sums:
        assert hashlib.sha256((DATA.parent / name).read_bytes()).hexdigest() == sum_, name


def test_features_file_and_raw_table_are_of_one_run(raw):
    split = json.loads((DATA.parent / "Batteries_feat.json").read_text(encoding="utf-8"))
    table = pd.DataFrame(split["data"], columns=split["columns"])
    kept = rules.keep(raw)
    assert list(table["Id"]) == list(kept["id"])
    assert table["Average Voltage"].tolist() == pytest.approx(rules.voltage(kept), abs=1e-4)
