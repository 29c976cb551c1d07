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


@pytest.mark.parametrize(
    ("host", "note"),
    [
        ("FePO4", "training set: 3.10 to 3.46 V (3)"),
        ("CoO2", "training set: 3.20 to 3.90 V (2)"),
        ("Nb3O8", "training set: 1.50 V"),
        ("SnO2", "training set: -0.25 V"),
        ("Fe3O8", ""),
        ("Nb3PO8", ""),
        ("NbS2", "no training sample has S"),  # tin is no sulphur
        ("Sn3N4", "no training sample has N"),
        ("VS2", "no training sample has S, V"),
        ("CO2", "no training sample has C; no metal in it"),
        ("P2O5", "no metal in it"),
        ("Nb", "a single element"),
        ("P", "a single element; no metal in it"),
        ("NbFe2", "metals alone; no training sample is an alloy"),
        ("AlPO4", "no training sample has Al; no metal in it changes its charge"),
        ("AlFeO3", "no training sample has Al"),
        (
            "LiFePO4",
            "no training sample has Li; holds Li: voltage for inserting more; its host is FePO4",
        ),
        (
            "Li",
            "no training sample has Li; a single element; no metal but Li; holds Li: voltage "
            "for inserting more",
        ),
    ],
)
def test_a_host_has_all_notes_that_apply(host, note):
    assert notes.note_hosts([host], Y_TRAIN, "Li") == [note]


def test_the_working_ion_is_the_one_of_the_voltages():
    sodium = pd.Series([3.0, 2.0], ["NaFePO4", "LiFe"])
    [note] = notes.note_hosts(["Na3Fe2(PO4)3"], sodium, "Na")
    assert note == "holds Na: voltage for inserting more; its host is Fe2(PO4)3"
    assert notes.note_hosts(["Li2FeP2O8"], sodium, "Na") == [""]
    assert notes.note_hosts(["Fe2Li"], sodium, "Na") == [""]  # LiFe is an alloy


@pytest.mark.parametrize("metal", ["Al", "Zn", "Mg", "Sr"])
def test_a_metal_of_one_charge_cannot_change_it(metal):
    assert max(Element(metal).common_oxidation_states) == Element(metal).group % 10
    assert not notes.changes_charge(metal)


@pytest.mark.parametrize("metal", ["Ti", "V", "Fe", "Ni", "Ce", "Sn", "Au", "Pt", "U"])
def test_other_metals_can(metal):
    assert notes.changes_charge(metal)


def test_notes_are_in_the_order_of_the_hosts_and_those_of_the_training_set(rows):
    _, _, y_train, _ = (X_train, X_test, *_) = supplement.split_data(*rows)
    voltages = {}
    for host, voltage in y_train.items():
        voltages.setdefault(host, []).append(voltage)
    hosts = [*X_train.index[:40], "UO2", *X_test.index[:40]]
    for host, note in zip(hosts, notes.note_hosts(hosts, y_train, "Li"), strict=True):
        each = voltages.get(host, [])
        if len(each) > 1:
            expected = f"training set: {min(each):.2f} to {max(each):.2f} V ({len(each)})"
        else:
            expected = f"training set: {each[0]:.2f} V" if each else ""
        assert ("no training sample has U" in note) == (host == "UO2")
        assert note.endswith(expected)
        assert ("training set: " in note) == bool(each)
