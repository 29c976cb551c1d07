"""Whatever is typed as a formula: the right elements or one clear line.

Every property is tried on some hundred generated inputs, the same in each run of the suite. To
try it on more of them, other ones each time:

    EXAMPLES=10000 python -m pytest tests/test_any_formula.py
"""

import datetime
import functools
import math
import pickle
import re
import string
import time
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, assert_one_line, predict
from hypothesis import assume, given
from hypothesis import strategies as st
from oracles import (
    CLOSED_SHELL,
    ELEMENTS,
    Amounts,
    assert_message,
    assert_same_ratios,
    read_amounts,
    reduce_amounts,
    try_examples,
)
from pymatgen.core import Composition

import supplement
from voltage_lab.formulas import MAX_ATOMS, parse_formula
from voltage_lab.messages import LabError

pytestmark = pytest.mark.filterwarnings("ignore:No Pauling electronegativity")


def assert_refused(error, text, row=7):
    """Assert that the error of a formula has the row, what was given and what would be right."""
    assert_message(error, f"row {row}: {repr(text)[:30]}")
    assert re.search("write |check its|round amounts|from H to U|give fewer", str(error))


@st.composite
def written_formulas(draw, depth=3):
    """Draw a formula and its amounts: elements, whole or decimal amounts, brackets and spaces."""
    text, amounts = "", Amounts()
    for name in draw(st.lists(st.sampled_from(ELEMENTS), min_size=1, max_size=5)):
        space = draw(st.sampled_from(["", "", "", " "]))
        if depth and draw(st.integers(0, 4)) == 0:
            inner, part = draw(written_formulas(depth=depth - 1))
            left, right = draw(st.sampled_from(["()", "[]"]))
            symbol = f"{left}{space}{inner}{right}"
        else:  # bare O after 0.5 H2 could be the end of a hydrate, bare I a Roman number
            symbol, part = name, Amounts({name: 1})
        amount = draw(amount_texts if symbol not in ("N", "O", "I") else amount_texts.filter(bool))
        text += f"{symbol}{draw(st.sampled_from(['', '', ' ']))}{amount}{space}"
        amounts += part * Fraction(amount or 1)
    return text, amounts


amount_texts = st.one_of(
    st.just(""),
    st.integers(0, 12).map(str),
    st.sampled_from(["0.5", "1.5", "0.25", "2.0", "0.10", "007", "0", "0.0", "100", "1"]),
    st.decimals(0, 10, places=2).map(str),
    st.integers(10**6, 10**9 - 1).map(str),
)


@try_examples(150)
@given(written_formulas())
def test_a_formula_has_the_elements_and_ratios_that_were_written(drawn):
    text, amounts = drawn
    amounts = {name: amount for name, amount in amounts.items() if amount}
    try:
        formula = parse_formula(text, 7)
    except LabError as error:
        line = str(error)
        assert_refused(line, text)
        few_atoms = amounts and sum(reduce_amounts(amounts).values()) <= 100
        other_reasons = "may be a hydrate|may hold an oxidation state"
        known = set(amounts) <= CLOSED_SHELL or re.search(other_reasons, line)
        assert not few_atoms or known, line
    else:
        assert_same_ratios(formula, amounts)


@try_examples(80)
@given(written_formulas(), st.randoms(), st.integers(1, 9))
def test_order_multiples_and_spaces_change_nothing(drawn, random, factor):
    text, amounts = drawn
    try:
        formula = parse_formula(text)
    except LabError:
        assume(False)
    counts = reduce_amounts(read_amounts(formula))
    other = [f"{name}{count * factor}" for name, count in counts.items()]
    random.shuffle(other)
    assert parse_formula(random.choice(["", " "]).join(other)) == formula
    assert parse_formula(formula) == formula


# Some are easily mistaken for others: full-width letters, a separator of lines, a subscript.
PIECES = """Fe O C o N H2O I V ( ) [ ] 0 1 2 .5 . + - ^ e · ₂""".split()
PIECES += [" ", "\N{FULLWIDTH DIGIT TWO}", "\N{FULLWIDTH LATIN CAPITAL LETTER F}", "\u0301"]
PIECES += ["\u202e", "\n", "\0", "\u2028", "\x85"]
any_text = st.one_of(
    st.text(),
    st.text(st.characters()),  # lone surrogates, too
    st.lists(st.sampled_from(PIECES), max_size=12).map("".join),
    st.text(string.ascii_letters + string.digits + "()[]. "),
    st.tuples(written_formulas(), st.sampled_from(PIECES), st.integers(0, 20)).map(
        lambda drawn: drawn[0][0][: drawn[2]] + drawn[1] + drawn[0][0][drawn[2] :]
    ),
)


@try_examples(200)
@given(any_text)
def test_any_text_is_read_exactly_or_gets_one_line(text):
    try:
        formula = parse_formula(text, 7)
    except LabError as error:
        assert_refused(error, text)
    else:
        assert_same_ratios(formula, read_amounts(text))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with a model; formulas are read before it is used."""
    path = tmp_path_factory.mktemp("model")
    (path / "rf_model.pkl").write_bytes(pickle.dumps(None))
    return path


@try_examples(100)
@given(text=any_text.filter(lambda text: not text.startswith("-")))  # that is an option
def test_any_text_for_predict_rf_ends_in_one_line(folder, text):
    try:
        parse_formula(text)
    except LabError:
        done = predict(folder, "NbSe2", text, script=ROOT / "predict_RF.py")
        assert_one_line(done, f"predict_RF.py: row 2: {repr(text)[:30]}")
        assert_message(done.stderr.removesuffix("\n"))


def test_two_letters_are_the_element_or_the_elements_of_that_name():
    for first in string.ascii_letters:
        for second in ["", *string.ascii_letters]:
            text = first + second
            parts = re.findall("[A-Z][a-z]?", text)
            clear = text not in ("II", "IV")  # Roman numbers of oxidation states
            good = "".join(parts) == text and set(parts) <= set(ELEMENTS) and clear
            if good and not set(parts) <= CLOSED_SHELL:
                assert set(read_amounts(parse_formula(text))) == set(parts)
            else:
                with pytest.raises(LabError) as error:
                    parse_formula(text, 7)
                assert_refused(error.value, text)


@pytest.mark.parametrize(
    ("text", "elements"),
    [
        ("CO", {"C", "O"}),
        ("Co", {"Co"}),
        ("PO", {"P", "O"}),
        ("Po", {"Po"}),
        ("SN", {"S", "N"}),
        ("Sn", {"Sn"}),
        ("NB", {"N", "B"}),
        ("Nb", {"Nb"}),
        ("CS", {"C", "S"}),
        ("Cs", {"Cs"}),
        ("HF", {"H", "F"}),
        ("Hf", {"Hf"}),
        ("SI", {"S", "I"}),
        ("Si", {"Si"}),
        ("BI", {"B", "I"}),
        ("NO", {"N", "O"}),
        ("OS", {"O", "S"}),
        ("Os", {"Os"}),
        ("VI3", {"V", "I"}),
    ],
)
def test_capital_and_small_letters_tell_elements_apart(text, elements):
    assert set(read_amounts(parse_formula(text))) == elements


@pytest.mark.parametrize(
    ("text", "formula"),
    [
        ("Li0CoO2", "CoO2"),  # all lithium extracted
        ("Fe0.0002 O0.0003", "Fe2O3"),
        ("Fe0.3333O0.6667", "FeO2"),
        ("Mn0.3333Ni0.3333Co0.3333O2", "MnCoNiO6"),
        ("Mn0.3333333333333333Ni0.3333333333333333Co0.3333333333333333O2", "MnCoNiO6"),
        ("CuSO4(H2O)5", "CuH10SO9"),
        ("Cu1 S1 O4.5 H2 O1", "Cu2H4S2O11"),
        ("Na0.5CoO2(H2O)1.5", "NaCo2H6O7"),
        ("Fe4[Fe(CN)6]3", "Fe7C18N18"),
        ("V1 I3", "VI3"),
        ("  Fe2 ( P O4 ) 2 ", "Fe(PO4)"),
        ("Fe100000001O100000001", "FeO"),
        ("Fe2(SO4)3", "Fe2S3O12"),
        ("[(FeO)2Li]3", "Fe6O6Li3"),
    ],
)
def test_unusual_writings_of_a_known_compound(text, formula):
    counts = reduce_amounts(read_amounts(formula))
    assert reduce_amounts(read_amounts(parse_formula(text))) == counts


@pytest.mark.parametrize(
    ("text", "formula"),
    [
        ("Fe2 P2 O8", "FePO4"),
        ("O4 P Fe", "FePO4"),
        ("Nb1 Se2", "NbSe2"),
        ("Fe2 P3 O12", "Fe2(PO4)3"),
        ("Li0 Mn2 O4", "MnO2"),
        ("O", "O2"),
    ],
)
def test_a_reduced_formula_is_written_as_pymatgen_writes_it(text, formula):
    assert parse_formula(text) == formula == Composition(text.replace("Li0", "")).reduced_formula


NO_FORMULAS = {
    "symbols and amounts": [
        *("Fe3+", "Fe+3", "PO4^3-", "[PO4]3-", "2H", "[13]C", "13C", "2 H2O", "CuSO4·5H2O"),
        *("CuSO4*5H2O", "CaSO4.0.5H2O", "V2O5.H2O", "Li1e400", "Li1e-400", "Li-1O", "Li1,5O"),
        *("Li\N{MINUS SIGN}1O", "Linan", "Liinf", "fepo4", "FEpo4", "FeO₂", "Fe\ud800", "Fe\0"),
        *("\N{FULLWIDTH LATIN CAPITAL LETTER F}e O", "FeO\N{FULLWIDTH DIGIT TWO}", "Fe\u0663O"),
        *("Fe\u0301O", "\u202eFe", "FeO\n", "Fe\u2028O", "Fe\x85O", "Fe\rO", "Fe\tO", "Fe\xa0O"),
        *("Fe.5O", "Fe5.O", "Fe1 0O", "(2)Fe", "Fe{O}", "LixCoO2", "", " ", "2"),
        *("nb1 se2", "Nb1 Se2 5+", "Li" + "9" * 400 + "~"),
    ],
    "brackets": ["Fe(O", "Fe)O", ")Fe(", "Fe[O)2", "(Fe[O)2]", "Fe()2O", "()", "((Fe)O"],
    "amounts": ["Li0", "Li0.0 O0", "(FeO)0", "Li" + "9" * 5000, "Li" + "9" * 400],
    "round amounts": [
        *(
            "Fe0.0000000001O",
            "(Fe0.0000001)0.001O",
            "Fe1O1000000",
            "Fe0.4567O",
            "C300O",
            "Fe0.335O",
        ),
        *("Fe51O50", "Fe0.00001 O", "Fe" + "(O" * 40 + ")99999999" * 40),
    ],
    "has 301 atoms": ["C300 O"],
    "may be a hydrate": [
        *("CuSO4.5H2O", "VOPO4.2H2O", "MgCl2.6NH3", "CuSO4.5 H2O", "CuSO4.5(H2O)"),
        "Al2O3.2SiO2.2H2O",
    ],
    "oxidation state": [
        *("Fe(III)", "Fe(III)2O3", "Mn(IV)O2", "Cu(I)Cl", "V(V)2O5", "FeIII", "TiIVO2"),
        "Cr[VI]O3",
    ],
    "not an element from H to U": ["D2O", "T2", "NaT", "No", "PuO2", "Xx", "Xy2 O"],
    "not a compound": ["He", "He Ne2", "Li0 Ar", "Mg", "MgZn2", "Yb Pd3"],
}


@pytest.mark.parametrize(
    ("text", "reason"), [(text, reason) for reason, texts in NO_FORMULAS.items() for text in texts]
)
def test_what_is_no_formula_or_could_be_two_gets_one_line(text, reason):
    with pytest.raises(LabError, match=reason) as error:
        parse_formula(text, 7)
    assert_refused(error.value, text)


def test_a_reduced_formula_has_at_most_100_atoms():
    assert MAX_ATOMS == 100
    assert read_amounts(parse_formula("Li99Fe")) == {"Li": 99, "Fe": 1}
    with pytest.raises(LabError, match="has 101 atoms"):
        parse_formula("Li100Fe")


@pytest.mark.parametrize(
    "text",
    [
        "(" * 10_000 + "Fe" + ")" * 10_000,
        "[" * 10_000,
        ")" * 10_000,
        "FeO" * 5000,
        "(Fe)2" * 5000,
        "Fe(" * 5000,
        "Fe" + " " * 10**6,
        "Fe0." + "3" * 10**6 + "O",
        "9" * 10**6,
        "\ud800" * 10**6,
        "(" * 200 + "FeO" + ")9" * 200,
        " ".join(f"{name}0.{n}" for n, name in enumerate(ELEMENTS[:40], 10**5)),
    ],
    ids=lambda text: text[:12],
)
def test_very_long_text_is_refused_at_once(text):
    start = time.perf_counter()
    with pytest.raises(LabError) as error:
        parse_formula(text, 7)
    assert time.perf_counter() - start < 1
    assert_refused(error.value, text)


@pytest.mark.parametrize("text", ["C50O49", "C27H46O", "P49O", "".join(ELEMENTS[20:50])])
def test_what_kept_matminer_busy_for_hours_has_features_at_once(text):
    start = time.perf_counter()
    assert np.isfinite(supplement.featurize([text]).to_numpy()).all()
    assert time.perf_counter() - start < 10  # milliseconds; the rest is the libraries' first use


def nest(depth):
    """Return a list in a list in a list."""
    return functools.reduce(lambda inner, _: [inner], range(depth), [])


@pytest.mark.parametrize(
    "value",
    [
        *(None, math.nan, math.inf, 0, -1, 3.4, 10**5000, True, b"FeO", ["FePO4"], ("FePO4",), {}),
        *({"Fe": 1}, pd.NA, pd.NaT, datetime.date(2020, 1, 1), np.float64(2), np.array(["FeO"])),
        *(nest(100_000), str, "\n".__add__),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_text_gets_one_line(value):
    with pytest.raises(LabError) as error:
        parse_formula(value, 7)
    assert_message(error.value, "row 7: ", "not a formula")
    with pytest.raises(LabError) as error:
        supplement.featurize(["NbSe2", value])
    assert_message(error.value, "row 2: ")


@try_examples(30)
@given(written_formulas(), st.randoms())
def test_features_are_finite_whatever_the_elements(drawn, random):
    text, _ = drawn
    try:
        formula = parse_formula(text)
    except LabError:
        assume(False)
    counts = {name: int(count) for name, count in read_amounts(formula).items()}
    X = supplement.featurize([text])
    assert X.shape == (1, 158)
    assert list(X.index) == [formula]
    assert np.isfinite(X.to_numpy()).all()
    other = [f"{name} {2 * count}" for name, count in counts.items()]
    random.shuffle(other)
    pd.testing.assert_frame_equal(supplement.featurize([" ".join(other)]), X)


def test_every_element_has_features_or_one_line_that_says_why():
    for element in ELEMENTS:
        if element in CLOSED_SHELL:
            with pytest.raises(LabError, match="open shell"):
                supplement.featurize([element])
        else:
            assert np.isfinite(supplement.featurize([element]).to_numpy()).all(), element
