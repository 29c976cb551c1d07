"""What is measured on cells, and a pair that is relaxed in a model with a known minimum."""

import cells
import hosts
import numpy as np
import pandas as pd
import pytest
import raw_table
import relax
import rules
from ase.calculators.calculator import Calculator, all_changes
from pymatgen.core import Lattice, Structure
from threadpoolctl import threadpool_limits

SIDE = 12.0  # angstrom, of a cubic cell in which atoms near the middle have no other neighbours


# --------------------------------------------------------------------------- distances and bonds
def cluster(*atoms, side=SIDE):
    """Return a cubic cell of (element, x, y, z) in angstrom."""
    elements, *coordinates = zip(*atoms, strict=True)
    return Structure(
        Lattice.cubic(side), elements, np.transpose(coordinates), coords_are_cartesian=True
    )


def iron_oxide(*lengths, lithium=True):
    """Return Fe with O at these distances along x, -x, y, -y, and perhaps Li near the first O."""
    ends = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0]])[: len(lengths)]
    places = 6 + ends * np.reshape(lengths, (-1, 1))
    near = [("Li", places[0][0] + 2.0, 6, 6)] if lithium else []  # 2.0 < 1.25 (1.28 + 0.66)
    return cluster(*near, ("Fe", 6, 6, 6), *(("O", *place) for place in places))


@pytest.mark.parametrize(
    ("before", "after", "fraction"),
    [
        # Covalent radii, Cordero et al. 2008: Fe 1.32, O 0.66; bonded below 1.25 * 1.98 = 2.475.
        ([2.0, 2.0, 2.0, 2.0], [2.0, 2.0, 2.0, 2.0], 1.0),
        ([2.0, 2.0, 2.0, 2.0], [2.0, 2.0, 2.6, 2.0], 0.75),  # one breaks: 2.6 > 1.25 * 2.0
        ([2.0, 2.0, 2.0, 2.0], [2.0, 2.0, 2.4, 2.0], 1.0),  # one stretches below the limit
        ([2.0, 2.0, 2.0, 2.0], [1.5, 2.0, 2.0, 2.0], 1.0),  # one shrinks
        ([2.0, 2.0, 1.6, 2.0], [2.0, 2.0, 2.1, 2.0], 0.75),  # each has the limit of its length
        ([2.0, 2.0, 2.45], [3.5, 2.0, 2.45], 2 / 3),  # 2.45 is a bond
        ([2.0, 2.0, 2.50], [3.5, 2.0, 2.50], 0.5),  # 2.50 is none
        ([2.0, 2.0, 2.50], [2.0, 2.0, 3.90], 1.0),  # what is no bond cannot break
        ([2.0, 2.0], [2.9, 2.9], 0.0),
        ([2.9, 2.9], [2.0, 2.0], 0.0),  # no bonds at all
    ],
)
def test_the_fraction_of_bonds_kept_by_hand(before, after, fraction):
    anions = [False, False] + [True] * len(before)
    kept = list(range(1, len(anions)))  # the lithium is extracted
    cell, host = iron_oxide(*before), iron_oxide(*after, lithium=False)
    assert cells.bonds_kept(cell, host, kept, anions) == pytest.approx(fraction)


def test_bonds_of_lithium_of_two_anions_and_of_two_cations_are_not_counted():
    atoms = [("Fe", 6, 6, 6), ("O", 8, 6, 6), ("O", 9.4, 6, 6), ("Fe", 6, 8.2, 6), ("Li", 8, 8, 6)]
    moved = [("Fe", 6, 6, 6), ("O", 8, 6, 6), ("O", 11, 6, 6), ("Fe", 6, 10, 6), ("Li", 8, 11, 6)]
    anions = [False, True, True, False, False]
    # One bond, Fe-O of 2.0; the other Fe is at 2.97 from it.
    sites = list(range(5))
    assert cells.bonds_kept(cluster(*atoms), cluster(*moved), sites, anions) == 1.0
    moved[1] = ("O", 8.6, 6, 6)
    assert cells.bonds_kept(cluster(*atoms), cluster(*moved), sites, anions) == 0.0


@pytest.mark.parametrize(
    ("side", "shift", "fraction"),
    [
        (4.0, 0.0, 1.0),
        (4.0, 0.7, 0.5),  # bonds of 2.7 and 1.3
        (4.8, 0.0, 1.0),  # a host that expands: 2.4
        (5.2, 0.0, 0.0),  # 2.6
        (4.0, 4.0, 0.5),  # an atom that moves by a whole period leaves one bond: 2.0 and 6.0
    ],
)
def test_bonds_to_periodic_images_are_followed(side, shift, fraction):
    # A chain ...Fe-O-Fe-O... of 2.0 along x; along y and z, the next O is at 4.5.
    cell = cluster(("Fe", 0, 0, 0), ("O", 2, 0, 0), side=4.0)
    host = Structure(
        Lattice.cubic(side), ["Fe", "O"], [[0, 0, 0], [0.5 + shift / side, 0, 0]]
    )  # not wrapped into the cell
    assert cells.bonds_kept(cell, host, [0, 1], [False, True]) == fraction


def test_the_shortest_distance_and_the_smallest_ratio_are_each_of_any_cell():
    iron = cluster(("Fe", 6, 6, 6), ("O", 6, 6, 7.7), ("O", 6, 3.9, 6))
    lithium = cluster(("Li", 6, 6, 6), ("Li", 8, 6, 6))
    for both in ((iron, lithium), (lithium, iron)):
        distance, ratio = cells.shortest_distance(*both)
        assert distance == pytest.approx(1.7)  # Fe-O, 0.859 of 1.98
        assert ratio == pytest.approx(2.0 / 2.56)  # Li-Li


def test_the_shortest_distance_may_be_to_a_periodic_image():
    chain = cluster(("Fe", 0.1, 0, 0), ("O", 2.3, 0, 0), side=3.9)  # 2.2 inside, 1.7 across
    assert cells.shortest_distance(chain) == pytest.approx((1.7, 1.7 / 1.98))
    assert cells.shortest_distance(cluster(("Li", 0, 0, 0), side=2.5)) == pytest.approx(
        (2.5, 2.5 / 2.56)
    )


# ---------------------------------------------------------------------------- a pair, relaxed
class Balloon(Calculator):
    """A crystal with a known minimum: the energies and volumes of its atoms add up."""

    implemented_properties = ["energy", "forces", "stress"]
    VOLUME = {"Li": 5.0, "Co": 9.0, "O": 11.0}  # cubic angstrom
    ENERGY = {"Li": -4.9, "Co": -6.0, "O": -7.0}  # eV
    METAL = {"Li": 20.0}, {"Li": -1.9}  # volume and energy in the element
    STIFFNESS = 0.05  # eV per sixth power of angstrom

    def calculate(self, atoms, properties=("energy",), system_changes=all_changes):
        """Set the results for `atoms`; the constant forces are (3, 4, 0)/100 eV/angstrom."""
        super().calculate(atoms, properties, system_changes)
        symbols = atoms.get_chemical_symbols()
        volume, energy = self.METAL if set(symbols) == {"Li"} else (self.VOLUME, self.ENERGY)
        excess = atoms.get_volume() - sum(volume[symbol] for symbol in symbols)
        forces = np.zeros((len(atoms), 3))
        forces[0], forces[1] = (0.03, 0.04, 0), (-0.03, -0.04, 0)
        self.results = {
            "energy": sum(energy[symbol] for symbol in symbols) + self.STIFFNESS / 2 * excess**2,
            "forces": forces,
            "stress": self.STIFFNESS * excess * np.array([1.0, 1, 1, 0, 0, 0]),
        }


@pytest.fixture
def balloon(monkeypatch):
    """Relax with `Balloon` instead of CHGNet, and on one thread, as the processes of a run do."""
    cells.lithium_energy.cache_clear()
    monkeypatch.setattr(cells, "load_calculator", Balloon)
    with threadpool_limits(1):
        yield
    cells.lithium_energy.cache_clear()


@pytest.fixture(scope="module")
def layered():
    """Make the pair of Li2Co2O4, from which one of two Li is extracted."""
    row = {"M": "Co", "cell": [2, 1, 1]}
    table = hosts.load_prototypes()["layered"] | {"substitute": [row], "lithium": [[1, 0.5]]}
    [pair] = hosts.make_pairs({"layered": table})
    return pair


@pytest.mark.usefixtures("balloon")
def test_a_relaxed_pair_is_where_its_minimum_is(layered):
    row = relax.make_row(layered)
    assert list(row) == list(raw_table.COLUMNS)
    assert (row["x"], row["converged"], row["reason"]) == (1, True, "")
    # By hand: Co2O4 has 2 * 9 + 4 * 11 = 62 cubic angstrom and -40 eV, Li 5 and -4.9.
    assert row["volume_lithiated"] == pytest.approx(72, abs=0.5)
    assert row["volume_host"] == pytest.approx(67, abs=0.5)
    assert row["energy_lithiated"] == pytest.approx(-49.8, abs=0.01)
    assert row["energy_host"] == pytest.approx(-44.9, abs=0.01)
    assert row["energy_li"] == pytest.approx(-1.9, abs=0.01)
    assert rules.voltage(pd.DataFrame([row]))[0] == pytest.approx(3.0, abs=0.03)
    assert row["force_lithiated"] == row["force_host"] == pytest.approx(0.05)
    assert 0 < row["steps_host"] <= 150
    assert 0 < row["steps_lithiated"] <= 150
    assert row["bonds_kept"] == 1.0
    assert 1.7 < row["shortest_distance"] < 2.2  # Co-O


@pytest.mark.usefixtures("balloon")
def test_the_random_displacement_is_small_and_always_the_same(layered, monkeypatch):
    monkeypatch.setattr(cells, "MAX_STEPS", 0)
    start = layered[1]
    first, second = (cells.relax_cell(start)["cell"] for _ in range(2))
    moved = first.cart_coords - start.cart_coords
    assert moved.std() == pytest.approx(0.03, rel=0.2)
    assert (first.cart_coords == second.cart_coords).all()


@pytest.mark.usefixtures("balloon")
def test_a_pair_that_needs_more_steps_says_so(layered, monkeypatch):
    monkeypatch.setattr(cells, "MAX_STEPS", 2)
    row = relax.make_row(layered)
    assert (row["converged"], row["reason"]) == (False, "more than 2 steps")


@pytest.mark.parametrize("converged", [(True, True), (True, False), (False, True)])
def test_the_host_is_relaxed_from_the_relaxed_lithiated_cell(layered, monkeypatch, converged):
    starts, outcomes = [], iter(converged)

    def relax_cell(cell):
        starts.append(cell.copy())
        swollen = cell.copy()
        swollen.scale_lattice(2 * cell.volume)
        outcome = {"force": 0.1, "steps": 9, "converged": next(outcomes)}
        return {"cell": swollen, "energy": -len(cell)} | outcome

    monkeypatch.setattr(cells, "relax_cell", relax_cell)
    monkeypatch.setattr(cells, "lithium_energy", lambda: -1.9)
    row = relax.make_row(layered)
    first, second = starts
    assert first == layered[1]
    assert [site.specie.symbol for site in second] == ["Co", "Co", "Li", "O", "O", "O", "O"]
    assert second.volume == pytest.approx(2 * first.volume)
    assert row["volume_host"] == pytest.approx(4 * first.volume, abs=1e-3)
    assert (row["energy_lithiated"], row["energy_host"]) == (-8, -7)
    assert row["converged"] == all(converged)


def test_a_failing_cell_is_a_row_with_its_reason(monkeypatch, layered):
    def fail(*_):
        raise RuntimeError("no\nneighbours")

    monkeypatch.setattr(cells, "relax_pair", fail)
    row = relax.make_row(layered)
    assert row["converged"] is False
    assert row["reason"] == "RuntimeError: no neighbours"
    assert list(row) == list(raw_table.COLUMNS)
