"""Oxidation states and all features, against matminer with pymatgen's own Composition.

More generated formulas, other ones each time: EXAMPLES=10000 python -m pytest this_file
"""

import json
import math
import random
import time
import warnings
from collections import Counter
from unittest import mock

import pytest
from conftest import ROOT
from hypothesis import assume, given
from hypothesis import strategies as st
from matminer.featurizers import composition as matminer
from matminer.featurizers.conversions import CompositionToOxidComposition
from matminer.utils.data import PymatgenData
from monty.json import MontyEncoder
from oracles import ELEMENTS, try_examples
from pymatgen.core import Composition, Element, Species

import supplement
from voltage_lab import oxidation
from voltage_lab.features import ElementStatistics, compute_features
from voltage_lab.files import read_file
from voltage_lab.oxidation import BestGuessComposition

MP2020 = ROOT.parent / "shared" / "mp2020" / "Batteries_feat.json"
needs_mp2020 = pytest.mark.skipif(
    not MP2020.exists(), reason="the Materials Project's file of 2020 is not here"
)
pytestmark = pytest.mark.filterwarnings("ignore:No Pauling electronegativity")
OXIDES = CompositionToOxidComposition(return_original_on_error=True)
FEATURIZERS = [
    (matminer.ElementProperty.from_preset("magpie", impute_nan=True), False),
    (matminer.OxidationStates(), True),
    (matminer.AtomicOrbitals(), False),
    (matminer.BandCenter(), False),
    (matminer.ElectronegativityDiff(), True),
    (matminer.ElectronAffinity(), True),
    (matminer.ValenceOrbital(), False),
    (matminer.IonProperty(), False),
    (matminer.TMetalFraction(), False),
]


def plain_features(formula):
    """Return the features of a formula as matminer computes them from a plain Composition."""
    composition = Composition(formula)
    ions = OXIDES.featurize(composition)[0]
    row = {"composition": composition, "composition_oxid": ions}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for featurizer, of_ions in FEATURIZERS:
            labels = [label.removeprefix("MagpieData ") for label in featurizer.feature_labels()]
            try:
                values = featurizer.featurize(ions if of_ions else composition)
            except ValueError:
                assert of_ions
                values = [0.0] * len(labels)
            row |= dict(zip(labels, values, strict=True))
    return row


def as_text(row):
    """Return what a feature file has of a row: every digit, the class of each composition."""
    return json.dumps(row, cls=MontyEncoder)


def hosts_of(path):
    """Return the distinct hosts of a feature file, in its order."""
    return list(dict.fromkeys(read_file(path)["Reduced Formula"]))


# ---------------------------------------------------------------------------------- the features
@pytest.mark.parametrize("number", [150, pytest.param(None, marks=pytest.mark.slow)])
def test_features_are_those_of_the_data_file(number):
    """They were computed in the plain way."""
    table = json.loads(supplement.DATA.read_text())
    rows = [dict(zip(table["columns"], row, strict=True)) for row in table["data"]]
    hosts = {row["Reduced Formula"]: row for row in rows}
    for host in random.Random(0).sample(sorted(hosts), number or len(hosts)):
        row = json.loads(as_text(compute_features(host)))
        assert row == {name: hosts[host][name] for name in row}, host
        assert len(row) == 164


@needs_mp2020
@pytest.mark.parametrize("number", [60, pytest.param(1363, marks=pytest.mark.slow)])
def test_features_of_the_hosts_of_2020_are_matminers(number):
    """The file's own features are those of an old matminer."""
    hosts = sorted(hosts_of(MP2020), key=lambda host: Composition(host).num_atoms)
    assert len(hosts) == 1363
    for host in hosts if number == len(hosts) else random.Random(0).sample(hosts[:900], number):
        assert as_text(compute_features(host)) == as_text(plain_features(host)), host


@try_examples(40)
@given(st.data())
def test_statistics_are_matminers_to_the_last_bit(data):
    """The order of a sum of eight or more numbers depends on their order in memory."""
    names = data.draw(st.lists(st.sampled_from(ELEMENTS), min_size=1, max_size=40, unique=True))
    amounts = st.one_of(st.integers(1, 9), st.floats(0.1, 9))
    composition = Composition({name: data.draw(amounts) for name in names})
    values = ElementStatistics.from_preset("magpie", impute_nan=True).featurize(composition)
    assert values == FEATURIZERS[0][0].featurize(composition)


@pytest.mark.parametrize("formula", ["NbSe2", "NbIr2", "Fe", "Cl", "Fe2P2O8", "Nb18W16O93"])
def test_a_row_holds_plain_compositions(formula):
    row = compute_features(formula)
    assert type(row["composition"]) is type(row["composition_oxid"]) is Composition


# ----------------------------------------------------------------------------------- the guesses
def matminers_states(composition):
    """Return the states of which matminer's IonProperty has pymatgen look for a combination."""
    data = PymatgenData(impute_nan=True)
    return {e.symbol: data.get_oxidation_states(e) for e in composition.element_composition}


def assume_few(amounts, states):
    """Leave out what pymatgen needs more than a tenth of a second for."""
    tries, sums = 0, 1
    for name, n in amounts.items():
        m = len(states[name] or Element(name).icsd_oxidation_states)
        combinations = math.comb(n + m - 1, n) if m else 0
        tries += n * combinations
        sums *= min(combinations, n * 12)
    assume(tries + sums < 10_000)


def assert_same_guess(amounts, **arguments):
    """Assert that the first guess is pymatgen's: values, types and order."""
    plain, own = Composition(amounts), BestGuessComposition(amounts)
    guesses = plain.oxi_state_guesses(**arguments)
    guess = own.oxi_state_guesses(**arguments)
    assert repr(guess) == repr(guesses[:1])
    ions = plain.add_charges_from_oxi_state_guesses(**arguments)
    own_ions = own.add_charges_from_oxi_state_guesses(**arguments)
    assert type(own_ions) is BestGuessComposition
    assert repr(list(own_ions.items())) == repr(list(ions.items()))


@st.composite
def compositions(draw, elements=ELEMENTS, most=4):
    """Draw some elements in any order and small amounts, often with a common factor."""
    names = draw(st.lists(st.sampled_from(elements), min_size=1, max_size=most, unique=True))
    factor = draw(st.sampled_from([1, 1, 1, 2, 3]))
    return {name: factor * draw(st.integers(1, 9)) for name in names}


@try_examples(150)
@given(compositions(), st.sampled_from([-50, -50, None, -1]))
def test_the_first_guess_is_pymatgens(amounts, max_sites):
    icsd = {name: Element(name).icsd_oxidation_states for name in amounts}
    assume_few(amounts, icsd)
    assert_same_guess(amounts, max_sites=max_sites)


@try_examples(150)
@given(compositions())
def test_the_first_guess_of_matminers_states_is_pymatgens(amounts):
    states = matminers_states(Composition(amounts))
    assume_few(amounts, states)
    assert_same_guess(amounts, oxi_states_override=states)


@try_examples(100)
@given(compositions(most=3), st.integers(-4, 4))
def test_the_first_guess_of_all_states_and_any_charge_is_pymatgens(amounts, charge):
    states = {name: Element(name).oxidation_states for name in amounts}
    assume_few(amounts, states)
    assert_same_guess(amounts, all_oxi_states=True, target_charge=charge, max_sites=-1)


state_lists = st.lists(st.integers(-7, 7), max_size=4)  # in any order, with gaps, repeated or none


def assert_same_guess_of(occurrences, amounts, **arguments):
    """Assert that the first guess is pymatgen's for other occurrences than the ICSD's."""
    oxidation.occurrences.cache_clear()
    try:
        with mock.patch.object(Composition, "oxi_prob", occurrences):
            assert_same_guess(amounts, **arguments)
    finally:
        oxidation.occurrences.cache_clear()


@try_examples(300)
@given(compositions(["Fe", "O", "V", "S"]), st.integers(-3, 3), st.randoms(), st.data())
def test_equal_totals_are_decided_as_by_pymatgen(amounts, charge, random, data):
    states = {name: data.draw(state_lists) for name in amounts}
    assume_few(amounts, states)
    occurrences = {}
    for name in amounts:
        most = random.choice([0, 1, 3, 40])  # the fewer values, the more equal totals
        for state in random.sample(range(-7, 8), 12):
            occurrences[Species(name, state)] = random.randint(0, most)
    assert_same_guess_of(occurrences, amounts, oxi_states_override=states, target_charge=charge)


@pytest.mark.parametrize("swapped", [False, True])
def test_a_charge_that_no_combination_has_is_never_the_best(swapped):
    """Fe with 2 is as good as with 0; 1 between them would be better."""
    states = {"Fe": [2, 0], "O": [0, -1, -2]}
    found = {Species("O", 0): 3, Species("O", -1): 9, Species("O", -2): 3}
    amounts = {"O": 1, "Fe": 1} if swapped else {"Fe": 1, "O": 1}
    assert_same_guess_of(found, amounts, oxi_states_override=states)


@pytest.mark.parametrize(
    ("formula", "ions"),
    [
        ("Fe3O4", {"Fe2+": 1, "Fe3+": 2, "O2-": 4}),
        ("LiFePO4", {"Li+": 1, "Fe2+": 1, "P5+": 1, "O2-": 4}),
        ("Fe2P2O8", {"Fe3+": 1, "P5+": 1, "O2-": 4}),  # of the reduced formula
        ("Ti4O7", {"Ti2+": 1, "Ti4+": 3, "O2-": 7}),  # unlike nature, the most probable in sum
        ("NbIr2", {"Nb0+": 1, "Ir0+": 2}),
        ("Fe", {"Fe0+": 1}),
    ],
)
def test_ions_of_known_compounds(formula, ions):
    charged = BestGuessComposition(formula).add_charges_from_oxi_state_guesses(max_sites=-50)
    assert charged.as_dict() == ions


@pytest.mark.parametrize("formula", ["Fe3O4", "Fe21O29", "NbIr2", "Li3Fe2P3O12"])
def test_matminer_never_waits_for_pymatgen(formula):
    """It guesses ions of up to 50 atoms."""
    waits = {"side_effect": AssertionError("pymatgen's own is called")}
    with (
        mock.patch.object(Composition, "oxi_state_guesses", **waits),
        mock.patch.object(Composition, "add_charges_from_oxi_state_guesses", **waits),
    ):
        compute_features(formula)


# ------------------------------------------------------------------------ what matminer never asks
@pytest.mark.parametrize(
    ("formula", "arguments"),
    [
        ("V2O5", {"oxi_states_override": {"V": [4.5, 5.5]}}),
        ("V2O5", {"target_charge": 0.5}),
        ("VO2", {"target_charge": 1.0}),
        ("Fe4O6", {"max_sites": 7}),
        ("Fe4O6", {"max_sites": 0}),
        ("Fe6O8", {"max_sites": 20}),
        ({"Fe2+": 1, "Fe3+": 2, "O2-": 4}, {}),
        ({}, {}),
        ("Fe4", {}),
        ("HeO", {}),
    ],
)
def test_other_arguments_give_pymatgens_guesses(formula, arguments):
    plain, own = Composition(formula), BestGuessComposition(formula)
    guesses = plain.oxi_state_guesses(**arguments)
    assert own.oxi_state_guesses(**arguments)[:1] == guesses[:1]
    charged = own.add_charges_from_oxi_state_guesses(**arguments)
    assert charged == plain.add_charges_from_oxi_state_guesses(**arguments)


@pytest.mark.parametrize(
    ("formula", "arguments"),
    [
        ("Fe40O11", {"max_sites": -50}),
        ("Fe4O6", {"max_sites": 4}),
        ("Fe0.5O0.6", {}),
        ("Fe0.5O0.6", {"max_sites": -50}),
    ],
)
def test_errors_are_pymatgens(formula, arguments):
    for method in ("oxi_state_guesses", "add_charges_from_oxi_state_guesses"):
        with pytest.raises(ValueError, match="Composition") as plain:
            getattr(Composition(formula), method)(**arguments)
        with pytest.raises(ValueError, match="Composition") as own:
            getattr(BestGuessComposition(formula), method)(**arguments)
        assert str(own.value) == str(plain.value)


# --------------------------------------------------------------------------------- large formulas
LARGE = {
    "tungsten bronze": "Nb18W16O93",
    "Prussian blue": "Fe7C18N18",
    "high-entropy oxide": "Co3Cr3Fe3Mn3Ni3O20",
    "cholesterol": "C27H46O",
    "many states, two elements": "C50O49",
    "400 atoms": "Mn40Fe40Co40Ni40V40Cr40Mo40S40O80",
    "thirty elements": "".join(ELEMENTS[20:50]),
    "all elements": "".join(ELEMENTS),
    "no occurrences": "Po200At200",
    "lithium content with four decimals": "Li6668Co6667O13334",
}
TIME_LIMIT = 2  # s of one core; each takes some 10 ms, matminer's way minutes to years


@pytest.mark.parametrize("formula", LARGE.values(), ids=LARGE)
def test_any_formula_has_features_at_once(formula):
    compute_features("NaCl")  # reads the tables
    start = time.process_time()
    row = compute_features(formula)
    assert time.process_time() - start < TIME_LIMIT
    assert row["maximum Number"] > 0


def test_a_guess_takes_as_long_as_the_logarithm_of_the_atoms():
    small, large = BestGuessComposition("Fe3Mn1O6"), BestGuessComposition({"Fe": 3e9, "O": 4e9})
    with mock.patch.object(oxidation, "best_totals", wraps=oxidation.best_totals) as calls:
        assert small.oxi_state_guesses()
        assert large.oxi_state_guesses() == ({"Fe": 8 / 3, "O": -2.0},)
    assert calls.call_count < 300
    assert max(call.args[2] - call.args[1] for call in calls.call_args_list) < 100


def best_score(composition):
    """Return the highest sum of occurrences of a neutral combination, or None; atom by atom."""
    totals = Counter({0: 1})  # 1 more than the score, so that 0 is none
    for element, amount in composition.items():
        states = element.icsd_oxidation_states or element.common_oxidation_states
        chances = {s: Composition.oxi_prob.get(Species(element.symbol, s), 0) for s in states}
        for _ in range(int(amount)):
            after = Counter()
            for charge, total in totals.items():
                for state, chance in chances.items():
                    after[charge + state] = max(after[charge + state], total + chance)
            totals = after
    return totals[0] - 1 if totals[0] else None


@pytest.mark.parametrize("formula", [*LARGE.values()][:5])
def test_a_large_formula_has_the_best_neutral_combination(formula):
    composition = BestGuessComposition(formula)
    ions = composition.add_charges_from_oxi_state_guesses()
    assert Counter({e.symbol: n for e, n in ions.element_composition.items()}) == Counter(
        {e.symbol: n for e, n in composition.items()}
    )
    assert sum(ion.oxi_state * number for ion, number in ions.items()) == 0
    score = sum(Composition.oxi_prob.get(ion, 0) * number for ion, number in ions.items())
    assert score == best_score(composition)
    (means,) = composition.oxi_state_guesses()
    for element in composition:
        charges = [ion.oxi_state * n for ion, n in ions.items() if ion.symbol == element.symbol]
        assert means[element.symbol] == sum(charges) / composition[element]
