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
    assert_same_elements,
    assert_same_ratios,
    read_amounts,
    reduce_amounts,
    try_examples,
)

import supplement
from voltage_lab.formulas import MAX_ATOMS, parse_formula
from voltage_lab.messages import LabError

pytestmark = pytest.mark.filterwarnings("ignore:No Pauling electronegativity")


def assert_refused(error, text):
    """Assert that the error of a formula has what was given and what would be right."""
    assert_message(error, repr(text)[:30])
    assert re.search("write |add another|check its brackets", str(error))


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
        else:
            symbol, part = name, Amounts({name: 1})
        amount = draw(amount_texts)
        text += f"{symbol}{draw(st.sampled_from(['', '', ' ']))}{amount}{space}"
        amounts += part * Fraction(amount or 1)
    return text, amounts


amount_texts = st.one_of(
    st.just(""),
    st.integers(1, 12).map(str),
    st.sampled_from(["0.5", "1.5", "0.25", "2.0", "0.10", "100", "1"]),
    st.decimals("0.01", 10, places=2).map(str),
    st.integers(10**6, 10**9 - 1).map(str),
)
# What may be refused although all of it are symbols and amounts, and what the message says.
REASONS = {
    "has two readings": r"\.",
    "may hold an oxidation state": "I|V",
    "name of a polymorph": r"[)\]]",
    "name of a structure": "^ *[OP][1-3]|([OP][1-3]|B) *$",
    "has several formulas": " ",
    "write · in front of an adduct": " ",
    "its 0 is oxygen": "0",
    "holds H20": "H20",
    "holds CI": "CI",
    "; if it is ": "(CO|NI|SI|SN|NB|CU|BI|IN)(?![a-z])|Po",
    "if its 1 is the letter l": "C1",
    "if its O is a zero": r"O\.",
    "a 0 in the place of a symbol": "0",
    "atoms or fewer": "[0-9]",
    "may be an empty cell": "NaN",
    "abbreviation": "^[A-Za-z]+$",
}


@try_examples(250)
@given(written_formulas())
def test_a_formula_has_the_elements_and_ratios_that_were_written(drawn):
    text, amounts = drawn
    try:
        formula = parse_formula(text)
    except LabError as error:
        line = str(error)
        assert_refused(line, text)
        if "closed shells" in line:
            assert set(amounts) <= CLOSED_SHELL
        else:
            [sign] = [sign for reason, sign in REASONS.items() if reason in line]
            assert re.search(sign, text)
        if "atoms or fewer" in line:
            assert sum(reduce_amounts(amounts).values()) > MAX_ATOMS
    else:
        assert not set(amounts) <= CLOSED_SHELL
        assert_same_ratios(formula, amounts)
        assert parse_formula(formula) == formula


# A metal with its charge, and what its oxide has as a coefficient, a group and an adduct.
OXIDES = {"Li": 1, "Na": 1, "Mg": 2, "Fe": 3, "Al": 3, "Ti": 4, "Si": 4, "V": 5, "Nb": 5, "W": 6}
GROUPS = {"PO4": 3, "SO4": 2, "OH": 1, "NO3": 1, "CO3": 2, "Si2O5": 2, "P2O7": 4}


def write_amount(number):
    """Return an amount as it stands behind a symbol."""
    return "" if number == 1 else str(number)


@st.composite
def oxygen_compounds(draw):
    """Draw a neutral oxide or a salt, as it is or with water."""
    metal, charge = draw(st.sampled_from(sorted(OXIDES.items())))
    other, more = draw(st.sampled_from(sorted(OXIDES.items())))
    group, less = draw(st.sampled_from(sorted(GROUPS.items())))
    kind = draw(st.sampled_from(["oxide", "oxide", "double oxide", "salt"]))
    if kind == "salt":
        unit = math.gcd(charge, less)
        number = charge // unit
        inner = group if number == 1 else f"({group}){number}"
        text = f"{metal}{write_amount(less // unit)}{inner}"
    else:
        unit = math.gcd(charge, 2)
        text = f"{metal}{write_amount(2 // unit)}O{write_amount(charge // unit)}"
        if kind == "double oxide" and other != metal:
            text = f"{metal}2{other}2O{charge + more}"
    water = draw(
        st.sampled_from(["", "", ".H2O", ".2H2O", "·3H2O", "·0.5H2O", ".1/2H2O", "(H2O)2"])
    )
    return text + water


@try_examples(400)
@given(oxygen_compounds(), st.data())
def test_a_zero_for_the_letter_O_is_not_read_as_another_compound(text, data):
    places = [match.start() for match in re.finditer("O", text)]
    place = data.draw(st.sampled_from(places))
    typed = text[:place] + "0" + text[place + 1 :]
    try:
        formula = parse_formula(typed)
    except LabError as error:
        assert_refused(error, typed)
        return
    # Read as it is written: an element alone with an amount that ends in 0, as cells of the
    # Materials Project may be (Li20 is lithium).
    assert re.fullmatch("[A-Z][a-z]?[1-9]0", typed), (typed, formula)
    assert_same_ratios(formula, read_amounts(typed))


@try_examples(80)
@given(written_formulas(), st.randoms(), st.integers(1, 9))
def test_order_multiples_and_spaces_change_nothing(drawn, random, factor):
    text, amounts = drawn
    try:
        formula = parse_formula(text)
    except LabError:
        assume(False)
    counts = reduce_amounts(read_amounts(formula))
    other = [f"{name} {count * factor}" for name, count in counts.items()]
    random.shuffle(other)
    assert parse_formula(" ".join(other)) == formula


# Some are easily mistaken for others: full-width letters, a separator of lines, a subscript.
PIECES = """Fe O C o N H2O I V ( ) [ ] { } 0 1 2 .5 . + - ^ e x · ₂ ½ 1/3 * _ $ & \\ Li0""".split()
PIECES += ["<sub>", "</sub>", "_{", r"\mathrm{", "CuSO4.5"]
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
        formula = parse_formula(text)
    except LabError as error:
        assert_refused(error, text)
    else:
        assert_same_elements(formula, text)
        assert_same_ratios(formula, read_amounts(text))
        assert parse_formula(formula) == formula


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
            clear = text not in ("II", "IV", "CI", "PB")  # Roman numbers, chlorine, lead
            good = "".join(parts) == text and set(parts) <= set(ELEMENTS) and clear
            if good and not set(parts) <= CLOSED_SHELL:
                assert set(read_amounts(parse_formula(text))) == set(parts)
            else:
                with pytest.raises(LabError) as error:
                    parse_formula(text)
                assert_refused(error.value, text)


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
        parse_formula(text)
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
        parse_formula(value)
    assert_message(error.value, "not a formula")
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
            with pytest.raises(LabError, match="closed shells"):
                supplement.featurize([element])
        else:
            assert np.isfinite(supplement.featurize([element]).to_numpy()).all(), element
