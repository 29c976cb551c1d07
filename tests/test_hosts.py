"""The host prototypes, and the pairs of cells that are made of them."""

import functools
import itertools

import hosts
import pandas as pd
import pytest
import raw_table
from pymatgen.core import Composition

from voltage_lab.messages import LabError

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
    ("heusler", "M", "Al", 4, 2.5, 2.65),
    ("half-heusler", "M", "As", 4, 2.65, 2.75),
    ("laves", "M", "Au", 3, 2.5, 2.6),
    ("elpasolite", "M", "F", 6, 1.75, 1.85),
    ("elpasolite", "Li", "F", 6, 2.2, 2.3),
    ("eitelite", "T", "O", 3, 1.25, 1.3),
    ("eitelite", "M", "O", 6, 2.05, 2.12),
    ("prussian-blue", "C", "N", 1, 1.15, 1.25),
    ("prussian-blue", "Mc", "C", 6, 1.85, 1.95),
    ("prussian-blue-alkali", "M", "N", 6, 1.85, 1.95),
    ("graphite", "X", "C", 3, 1.4, 1.45),
    ("graphite", "Li", "C", 12, 2.1, 2.3),
    ("lithium-boron-carbide", "M", "C", 3, 1.5, 1.6),
    ("max-phase", "M", "C", 3, 1.95, 2.0),
    ("rare-earth-germanide", "M", "P", 5, 2.4, 2.5),
    ("boride", "M", "B", 12, 2.3, 2.5),
    ("layered-perovskite", "M", "O", 6, 1.9, 2.0),
    ("layered-cuprate", "M", "O", 4, 1.85, 1.95),
    ("bismuth-iodide", "M", "I", 6, 3.0, 3.15),
    ("sulvanite", "M", "S", 4, 2.15, 2.25),
    ("chalcopyrite", "M", "S", 4, 2.2, 2.3),
    ("stannite", "T", "S", 4, 2.3, 2.5),
    ("thiophosphate", "T", "S", 4, 2.05, 2.2),
    ("glaserite", "T", "O", 4, 1.45, 1.5),
    ("mica", "T", "O", 4, 1.55, 1.65),
    ("mica", "Li", "O", 6, 2.05, 2.2),
    ("huntite", "T", "O", 3, 1.25, 1.3),
    ("huntite", "M", "O", 6, 2.0, 2.15),
    ("shortite", "T", "O", 3, 1.25, 1.3),
    ("kotoite", "T", "O", 3, 1.35, 1.42),
    ("kotoite", "M", "O", 6, 2.0, 2.2),
    ("sinhalite", "T", "O", 4, 1.4, 1.6),
    ("dawsonite", "T", "O", 3, 1.2, 1.35),
    ("dawsonite", "M", "O", 6, 1.85, 2.0),
    ("montebrasite", "Oh", "H", 1, 0.9, 1.0),
    ("montebrasite", "T", "O", 4, 1.48, 1.6),
]
# Of two atoms that do not overlap, in angstrom: those of the shortest bonds, and of all others.
MIN_DISTANCE = {frozenset("OH"): 0.75, frozenset("CN"): 1.05, frozenset("CO"): 1.05}
OTHER_DISTANCE = 1.2


@pytest.fixture(scope="session")
def pairs():
    """Make all pairs of the table once."""
    return list(hosts.make_pairs(TABLE))


@functools.cache
def base(name):
    """Return a prototype's primitive cell."""
    return hosts.build_cell(TABLE[name])


def neighbours(cell, role, element, reach):
    """Return distances from the first site of a role to an element, nearest first (angstrom)."""
    site = next(site for site in cell if site.properties["role"] == role)
    near = cell.get_neighbors(site, reach)
    return sorted(other.nn_distance for other in near if other.specie.symbol == element)


# ------------------------------------------------------------------------------ the prototypes
@pytest.mark.parametrize("name", TABLE)
def test_spglib_finds_the_claimed_space_group(name):
    assert base(name).get_space_group_info(symprec=hosts.SYMPREC)[1] == TABLE[name]["number"]


@pytest.mark.parametrize("name", TABLE)
def test_the_cell_has_the_formula_that_was_measured(name):
    measured = {role: element for role, element, _ in TABLE[name]["sites"]}
    atoms = [measured[site.properties["role"]] for site in base(name)]
    composition = Composition({element: atoms.count(element) for element in atoms})
    assert (
        composition.reduced_composition == Composition(TABLE[name]["compound"]).reduced_composition
    )


@pytest.mark.parametrize(("name", "role", "element", "count", "low", "high"), COORDINATION)
def test_neighbours_are_where_crystallography_puts_them(name, role, element, count, low, high):
    lengths = neighbours(base(name), role, element.split("-")[-1], 3.2)[:count]
    assert len(lengths) == count
    assert low <= lengths[0]
    assert lengths[-1] <= high


def test_every_prototype_says_where_its_numbers_come_from():
    assert all(len(prototype["source"]) > 30 for prototype in TABLE.values())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[mine]\nspace_group = "Fd-3m"\n', r"\[mine\].*missing or unknown: compound, lattice"),
        ("[mine\n", "is not a TOML file"),
        (None, "No such file"),
    ],
)
def test_a_wrong_table_of_prototypes_gets_one_line(tmp_path, text, said):
    path = tmp_path / "prototypes.toml"
    if text:
        path.write_text(text)
    with pytest.raises(LabError, match=said):
        hosts.load_prototypes(path)


# ----------------------------------------------------------------------------------- the pairs
@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (
            {"M": "Fe Mn", "X": "O"},
            [{"M": [("Fe", 1)], "X": [("O", 1)]}, {"M": [("Mn", 1)], "X": [("O", 1)]}],
        ),
        ({"pairs": "Fe Mn Co", "ratio": [1, 1]}, ["Fe1 Mn1", "Fe1 Co1", "Mn1 Co1"]),
        (
            {"pairs": "Fe Mn Co", "ratio": [1, 2], "cell": [3, 1, 1], "lithium": [[1, 0]]},
            ["Fe1 Mn2", "Fe1 Co2", "Mn1 Fe2", "Mn1 Co2", "Co1 Fe2", "Co1 Mn2"],
        ),
        ({"pairs": "Ni Mn", "ratio": [1, 3]}, ["Ni1 Mn3"]),  # of two metals, in this order only
    ],
)
def test_occupations_by_hand(row, expected):
    def written(occupation):
        return " ".join(f"{element}{ratio}" for element, ratio in occupation["M"])

    occupations = hosts.occupations(row)
    texts = isinstance(expected[0], str)
    assert ([written(one) for one in occupations] if texts else occupations) == expected


@pytest.mark.parametrize(
    ("substitute", "lithium", "lithiated", "x", "name"),
    [
        ({"M": "Co"}, [1, 0], "LiCoO2", 1, "layered-LiCoO2"),
        ({"pairs": "Ni Sb", "ratio": [2, 1], "cell": [3, 1, 1]}, [1, 0], "Li3Ni2SbO6", 3, None),
        ({"pairs": "Ni Mn", "ratio": [1, 3], "cell": [4, 1, 1]}, [1, 0], "Li4NiMn3O8", 4, None),
        ({"M": "Co", "cell": [2, 1, 1]}, [1, 0.5], "LiCoO2", 1, "layered-LiCoO2-to-Li(CoO2)2"),
        (
            {"M": "Ti", "X": "S", "cell": [4, 1, 1]},
            [0.5, 0.25],
            "LiTi2S4",
            1,
            "layered-Li(TiS2)2-to-Li(TiS2)4",
        ),
    ],
)
def test_ratios_and_lithium_of_a_pair_are_those_asked_for(substitute, lithium, lithiated, x, name):
    prototype = TABLE["layered"] | {"substitute": [substitute], "lithium": [lithium]}
    [(row, cell, extracted)] = hosts.make_pairs({"layered": prototype})
    assert Composition(lithiated).reduced_formula == row["lithiated"]
    assert cell.composition.reduced_composition == Composition(lithiated).reduced_composition
    assert row["x"] == len(extracted) == x
    assert row["id"] == name or name is None


def test_the_table_is_as_large_as_promised(pairs):
    formulas = {row["host"] for row, _, _ in pairs}
    elements = {element for formula in formulas for element in Composition(formula)}
    assert len(TABLE) >= 60
    assert len(pairs) >= 3000
    assert len(formulas) >= 2000
    assert len(elements) >= 70


def test_no_pair_is_in_the_table_twice(pairs):
    ids = [row["id"] for row, _, _ in pairs]
    assert len(set(ids)) == len(ids)
    assert not any(name.startswith("mp-") for name in ids)


def test_without_the_extracted_lithium_the_host_is_left(pairs):
    for row, lithiated, extracted in pairs:
        assert {lithiated[site].specie.symbol for site in extracted} == {"Li"}
        host = lithiated.copy()
        host.remove_sites(extracted)
        assert len(extracted) == row["x"] > 0
        assert host.composition.reduced_formula == row["host"]


def test_no_pair_starts_with_overlapping_atoms(pairs):
    for row, lithiated, _ in pairs:
        symbols = [site.specie.symbol for site in lithiated]
        distances = lithiated.distance_matrix
        for one, other in itertools.combinations(range(len(symbols)), 2):
            limit = MIN_DISTANCE.get(frozenset({symbols[one], symbols[other]}), OTHER_DISTANCE)
            assert distances[one, other] > limit, row["id"]


def test_a_substituted_cell_starts_near_its_measured_volume(pairs):
    # LiFePO4, Bjoerling & Westgren 1938 (AMCSD row 17986): 4.787 x 10.086 x 5.939 angstrom
    measured = 4.787 * 10.086 * 5.939
    start = next(cell for row, cell, _ in pairs if row["id"] == "olivine-LiFePO4")
    assert start.volume == pytest.approx(measured, rel=0.05)


def test_the_same_table_gives_the_same_cells(pairs):
    again = hosts.make_pairs({"pyroxene": TABLE["pyroxene"]})
    before = [pair for pair in pairs if pair[0]["prototype"] == "pyroxene"]
    for (row, cell, extracted), (row2, cell2, extracted2) in zip(before, again, strict=True):
        assert (row, extracted) == (row2, extracted2)
        assert [site.specie for site in cell] == [site.specie for site in cell2]
        assert (cell.frac_coords == cell2.frac_coords).all()


def test_half_filled_sites_lie_far_apart(pairs):
    cell = next(cell for row, cell, _ in pairs if row["id"] == "rutile-LiTiO2")
    assert neighbours(cell, "Li", "Li", 6.0)[0] > 2.5


def test_a_number_of_sites_that_is_not_whole_is_refused():
    with pytest.raises(LabError, match="0.50 of 1 sites is not a whole number"):
        hosts.distant_sites(base("layered"), [0], 0.5)


def test_raw_rows_belong_to_the_table(pairs):
    raw = pd.read_csv(raw_table.PATH)
    known = {row["id"]: row for row, _, _ in pairs}
    for row in raw.itertuples():
        assert row.id in known
        assert known[row.id]["cell"] == row.cell
        assert known[row.id]["x"] == row.x
