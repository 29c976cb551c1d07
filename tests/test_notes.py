"""What is noted of a host: its elements, the working ion in it, the training set."""

import pandas as pd
import pytest
from pymatgen.core import Element

import supplement
from voltage_lab import notes

Y_TRAIN = pd.Series(
    [3.456, 3.9, 1.5, 3.1, -0.25, 3.304, 3.2],  # V
    ["FePO4", "CoO2", "Nb3O8", "FePO4", "SnO2", "FePO4", "CoO2"],
)
Y_TEST = pd.Series([2.0, 3.3, 1.25], ["MnO2", "FePO4", "C"])  # V


def note(host, outside="", ion="Li", y_train=Y_TRAIN):
    """Return the notes on one host."""
    row = {"Nearest": "CoO2", "Outside": outside, "New kind": "is" in outside}
    checked = pd.DataFrame(row, [host])
    [text] = notes.note_hosts(checked, y_train, Y_TEST, ion)
    return text


@pytest.mark.parametrize(
    ("host", "text"),
    [
        ("FePO4", "in the training set, 3 samples, 3.10 to 3.46 V"),
        ("CoO2", "in the training set, 2 samples, 3.20 to 3.90 V"),
        (
            "Nb3O8",  # of Nb5+ at most
            "no usual oxidation states balance its charge; in the training set, 1.50 V",
        ),
        ("Nb3PO8", ""),
        ("SnO2", "in the training set, -0.25 V"),
        ("Fe3O4", ""),
        ("FeO9", "no usual oxidation states balance its charge"),
        ("CuF4", "no usual oxidation states balance its charge"),
        ("SbF3", ""),
        ("Cs2SbCl6", ""),  # its antimony can change its charge
        ("HfS2", ""),
        ("LaF3", "no metal in it changes its charge"),
        ("NbIr2", ""),
        ("MgAl", ""),  # an alloy has no charges
        ("MnO2", ""),  # of the test set
        ("P2O5", "no metal in it"),
        ("Nb", "a single element"),
        ("P", "a single element"),
        ("AlPO4", "no metal in it changes its charge"),
        ("AlFeO3", ""),
        (
            "LiFePO4",
            "contains Li: voltage for inserting more; the host of LiFePO4 is FePO4, 4 samples, "
            "3.10 to 3.46 V",
        ),
        (
            "LiMnO2",
            "contains Li: voltage for inserting more; the host of LiMnO2 is MnO2, 2.00 V",
        ),
        (
            "Li2SiO3",
            "contains Li: voltage for inserting more; the host of Li2SiO3 is SiO3; no metal but Li",
        ),
        ("Li", "contains Li: voltage for inserting more; a single element"),
    ],
)
def test_a_host_has_all_notes_that_apply(host, text):
    assert note(host) == text


def test_the_domain_comes_first_but_for_the_ion_and_is_not_said_twice():
    far = "far from the training set"
    first = "outside the applicability domain: "
    assert note("MnO2", far) == f"{first}{far}; nearest: CoO2"
    assert note("AlPO4", far) == f"{first}{far}; nearest: CoO2; no metal in it changes its charge"
    for new in ("no training sample is P alone", f"no training sample is P alone; {far}"):
        assert note("P", new) == f"{first}{new}; nearest: CoO2"
    new = "no training sample is of metals alone"
    assert note("ZnAl", new) == f"{first}{new}; nearest: CoO2"
    new = "no training sample has O, P as its only non-metals"
    assert note("AlPO4", new) == f"{first}{new}; nearest: CoO2; no metal in it changes its charge"
    new = "no training sample is of O, P without a metal"
    assert note("P2O5", new) == f"{first}{new}; nearest: CoO2"
    assert note("P", far) == f"{first}{far}; nearest: CoO2; a single element"
    text = note("LiMnO2", "no training sample has Li")
    assert text.startswith(
        "contains Li: voltage for inserting more; the host of LiMnO2 is MnO2, 2.00 V; outside"
    )


def test_the_working_ion_is_the_one_of_the_voltages():
    sodium = pd.Series([3.0, 2.0], ["NaFePO4", "LiFe"])
    assert note("Na3Fe2(PO4)3", ion="Na", y_train=sodium) == (
        "contains Na: voltage for inserting more; the host of Na3Fe2(PO4)3 is Fe2(PO4)3"
    )
    assert note("LiFePO4", ion="Na", y_train=sodium) == ""


@pytest.mark.parametrize("metal", "Na Cs Mg Sr Al Ga Sc Y La Gd Lu Zn Cd".split())
def test_a_metal_of_one_charge_cannot_change_it(metal):
    assert len(Element(metal).common_oxidation_states) == 1
    assert not notes.changes_charge(metal)


@pytest.mark.parametrize("metal", "Ti Zr Hf V Fe Ni Cu Ag Au Ce Eu Sn Sb Ge Bi Pt Tl U Th".split())
def test_other_metals_can(metal):
    assert notes.changes_charge(metal)


def test_notes_are_in_the_order_of_the_hosts_and_those_of_the_training_set(rows):
    X_train, X_test, y_train, y_test = supplement.split_data(*rows)
    voltages = {}
    for host, voltage in y_train.items():
        voltages.setdefault(host, []).append(voltage)
    hosts = [*X_train.index[:40], "UO2", *X_test.index[:40]]
    outside = ["no training sample has U" if host == "UO2" else "" for host in hosts]
    row = {"Nearest": "CoO2", "Outside": outside, "New kind": False}
    checked = pd.DataFrame(row, hosts)
    for host, text in zip(hosts, notes.note_hosts(checked, y_train, y_test, "Li"), strict=True):
        each = voltages.get(host, [])
        if len(each) > 1:
            expected = f"{len(each)} samples, {min(each):.2f} to {max(each):.2f} V"
        else:
            expected = f"in the training set, {each[0]:.2f} V" if each else ""
        assert ("no training sample has U" in text) == (host == "UO2")
        assert text.endswith(expected)
        assert ("in the training set, " in text) == bool(each)
