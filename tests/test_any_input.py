"""Whatever is typed as a formula or lies in a data file: the right answer or one clear line.

Every property is tried on some hundred made-up inputs, the same in each run of the suite. To
try it on more of them, other ones each time:

    EXAMPLES=10000 python -m pytest tests/test_any_input.py
"""

import contextlib
import copy
import csv
import datetime
import functools
import importlib
import json
import math
import os
import re
import string
import sys
import tempfile
import time
from collections import Counter
from fractions import Fraction

import hypothesis
import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from pymatgen.core import Composition

import supplement
from lab import formulas, runs
from lab.formulas import parse_formula

pytestmark = pytest.mark.filterwarnings("ignore:No Pauling electronegativity")
EXAMPLES = int(os.environ.get("EXAMPLES", 0))  # 0: as many as the suite has time for
hypothesis.configuration.set_hypothesis_home_dir(tempfile.gettempdir())  # leaves nothing here


def tried(examples):
    """Return the settings of a property: `examples` in the suite, or as many as are asked for."""
    return settings(
        max_examples=EXAMPLES or examples, derandomize=not EXAMPLES, database=None, deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


ELEMENTS = """
    H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br
    Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho
    Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U""".split()
# Noble gases, groups 2 and 12, Pd 4d10, Yb 4f14 6s2: no shell is open.
CLOSED = set("He Ne Ar Kr Xe Rn Be Mg Ca Sr Ba Ra Zn Cd Hg Pd Yb".split())


# ------------------------------------------------------------------------------------- oracles
class Amounts(Counter):
    """Amounts of elements that can be added and multiplied, so that Python reads a formula."""

    def __pos__(self):
        return self

    def __add__(self, other):
        return Amounts({name: self[name] + other[name] for name in {*self, *other}})

    def __mul__(self, factor):
        return Amounts({name: amount * factor for name, amount in self.items()})


def amounts_of(formula):
    """Read a formula as Python would a sum, ``+Amounts(Fe=1)*Fraction("2")``: exact amounts."""

    def term(match):
        if match[0] in "([":
            return "+("
        if match[0] in ")]":
            return ")"
        return f"+Amounts({match[0]}=1)" if match[0].isalpha() else f"*Fraction('{match[0]}')"

    text = re.sub(r"[A-Z][a-z]?|[0-9.]+|[()\[\]]", term, formula).strip()
    found = eval(text, {"Amounts": Amounts, "Fraction": Fraction})
    return {name: amount for name, amount in found.items() if amount}


def whole(amounts):
    """Return amounts as whole numbers without a common factor."""
    scale = math.lcm(*(Fraction(amount).denominator for amount in amounts.values()))
    counts = {name: int(amount * scale) for name, amount in amounts.items()}
    return {name: count // math.gcd(*counts.values()) for name, count in counts.items()}


def same_ratios(formula, amounts):
    """Assert that a reduced formula has the elements of `amounts` in their ratios."""
    found = amounts_of(formula)
    assert all(count.denominator == 1 for count in found.values())
    assert sum(whole(found).values()) <= 100
    assert whole(found) == found or formula in Composition.special_formulas.values(), formula
    wanted = whole(amounts)
    if sum(wanted.values()) <= 100:
        assert whole(found) == wanted
    else:  # rounded, as 0.3333 is to a third
        assert set(found) == set(amounts)
        for name, amount in amounts.items():
            share = amount / sum(amounts.values())
            assert abs(found[name] / sum(found.values()) - share) < 1e-4


def one_line(error, *said):
    """Assert that an error is a line that fits a screen and that it says what it has to say."""
    line = str(error)
    assert line.isprintable() and line.splitlines() == [line] and len(line) < 500, line
    for part in said:
        assert part in line, line


def refused(error, text, row=7):
    """Assert that the error of a formula has the row, what was given and what would be right."""
    one_line(error, f"row {row}: {repr(text)[:30]}")
    assert re.search("write |check its|round amounts|from H to U|give fewer", str(error))


# ------------------------------------------------------------------------------------ formulas
@st.composite
def written(draw, deep=3):
    """Draw a formula and its amounts: elements, whole or decimal amounts, brackets and spaces."""
    text, amounts = "", Amounts()
    for name in draw(st.lists(st.sampled_from(ELEMENTS), min_size=1, max_size=5)):
        space = draw(st.sampled_from(["", "", "", " "]))
        if deep and draw(st.integers(0, 4)) == 0:
            inner, part = draw(written(deep=deep - 1))
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


@tried(200)
@given(written())
def test_a_formula_has_the_elements_and_ratios_that_were_written(drawn):
    text, amounts = drawn
    amounts = {name: amount for name, amount in amounts.items() if amount}
    try:
        formula = parse_formula(text, 7)
    except ValueError as error:
        refused(error, text)
        few = amounts and sum(whole(amounts).values()) <= 100
        two_ways = "may be a hydrate|may hold an oxidation state"
        known = set(amounts) <= CLOSED or re.search(f"too long|{two_ways}", str(error))
        assert not few or known, str(error)
    else:
        same_ratios(formula, amounts)


@tried(200)
@given(written(), st.randoms(), st.integers(1, 9))
def test_order_multiples_and_spaces_change_nothing(drawn, random, factor):
    text, amounts = drawn
    try:
        formula = parse_formula(text)
    except ValueError:
        assume(False)
    other = [f"{name}{count * factor}" for name, count in whole(amounts_of(formula)).items()]
    random.shuffle(other)
    assert parse_formula(random.choice(["", " "]).join(other)) == formula
    assert parse_formula(formula) == formula


PIECES = [
    "Fe", "O", "C", "o", "N", "H2O", "I", "V", "(", ")", "[", "]", "0", "1", "2", ".5", ".", " ",
    "+", "-", "^", "e", "·", "₂", "２", "Ｆ", "\u0301", "\u202e", "\n", "\0", "\u2028", "\x85"]
any_text = st.one_of(
    st.text(),
    st.text(st.characters()),  # lone surrogates, too
    st.lists(st.sampled_from(PIECES), max_size=12).map("".join),
    st.text(string.ascii_letters + string.digits + "()[]. "),
    st.tuples(written(), st.sampled_from(PIECES), st.integers(0, 20)).map(
        lambda drawn: drawn[0][0][: drawn[2]] + drawn[1] + drawn[0][0][drawn[2]:]),
)


@tried(200)
@given(any_text)
def test_any_text_is_read_exactly_or_gets_one_line(text):
    try:
        formula = parse_formula(text, 7)
    except ValueError as error:
        refused(error, text)
    else:
        same_ratios(formula, amounts_of(text))


@tried(200)
@given(any_text)
def test_any_text_for_predict_rf_ends_in_one_line(text):
    try:
        parse_formula(text)
    except ValueError:
        with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as stop:
            patch.setattr(sys, "argv", ["predict_RF.py", "--", "NbSe2", text])
            runs.run(importlib.import_module("predict_RF").main)
        one_line(stop.value.code, f"predict_RF.py: row 2: {repr(text)[:30]}")


def test_two_letters_are_the_element_or_the_elements_of_that_name():
    for first in string.ascii_letters:
        for second in ["", *string.ascii_letters]:
            text = first + second
            parts = re.findall("[A-Z][a-z]?", text)
            clear = text not in ("II", "IV")  # Roman numbers of oxidation states
            good = "".join(parts) == text and set(parts) <= set(ELEMENTS) and clear
            if good and not set(parts) <= CLOSED:
                assert set(amounts_of(parse_formula(text))) == set(parts)
            else:
                with pytest.raises(ValueError) as error:
                    parse_formula(text, 7)
                refused(error.value, text)


@pytest.mark.parametrize(("text", "elements"), [
    ("CO", {"C", "O"}), ("Co", {"Co"}), ("PO", {"P", "O"}), ("Po", {"Po"}), ("SN", {"S", "N"}),
    ("Sn", {"Sn"}), ("NB", {"N", "B"}), ("Nb", {"Nb"}), ("CS", {"C", "S"}), ("Cs", {"Cs"}),
    ("HF", {"H", "F"}), ("Hf", {"Hf"}), ("SI", {"S", "I"}), ("Si", {"Si"}), ("BI", {"B", "I"}),
    ("NO", {"N", "O"}), ("OS", {"O", "S"}), ("Os", {"Os"}), ("VI3", {"V", "I"}),
])
def test_capital_and_small_letters_tell_elements_apart(text, elements):
    assert set(amounts_of(parse_formula(text))) == elements


@pytest.mark.parametrize(("text", "formula"), [
    ("Li0CoO2", "CoO2"),  # all lithium taken out
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
])
def test_unusual_writings_of_a_known_compound(text, formula):
    assert whole(amounts_of(parse_formula(text))) == whole(amounts_of(formula))


@pytest.mark.parametrize(("text", "said"), [
    *((text, "symbols and amounts") for text in [
        "Fe3+", "Fe+3", "PO4^3-", "[PO4]3-", "2H", "[13]C", "13C", "2 H2O", "CuSO4·5H2O",
        "CuSO4*5H2O", "CaSO4.0.5H2O", "V2O5.H2O", "Li1e400", "Li1e-400", "Li-1O", "Li−1O", "Li1,5O",
        "Linan", "Liinf", "fepo4", "FEpo4", "Ｆe O", "FeO₂", "FeO２", "Fe\u0663O", "Fe\u0301O",
        "Fe\ud800", "Fe\0", "\u202eFe", "FeO\n", "Fe\u2028O", "Fe\x85O", "Fe\rO", "Fe\tO",
        "Fe\xa0O", "Fe.5O", "Fe5.O", "Fe1 0O", "(2)Fe", "Fe{O}", "LixCoO2", "", " "]),
    *((text, "brackets") for text in [
        "Fe(O", "Fe)O", ")Fe(", "Fe[O)2", "(Fe[O)2]", "Fe()2O", "()", "((Fe)O"]),
    *((text, "amounts") for text in ["Li0", "Li0.0 O0", "(FeO)0", "Li" + "9" * 5000]),
    *((text, "round amounts") for text in [
        "Fe0.0000000001O", "(Fe0.0000001)0.001O", "Fe1O1000000", "Fe0.4567O", "C300O", "Fe51O50",
        "Fe" + "(O" * 40 + ")99999999" * 40]),
    *((text, "may be a hydrate") for text in [
        "CuSO4.5H2O", "VOPO4.2H2O", "MgCl2.6NH3", "CuSO4.5 H2O", "CuSO4.5(H2O)",
        "Al2O3.2SiO2.2H2O"]),
    *((text, "oxidation state") for text in [
        "Fe(III)", "Fe(III)2O3", "Mn(IV)O2", "Cu(I)Cl", "V(V)2O5", "FeIII", "TiIVO2", "Cr[VI]O3"]),
    *((text, "not an element from H to U") for text in ["D2O", "T2", "NaT", "No", "PuO2", "Xx"]),
    *((text, "not a compound") for text in ["He", "He Ne2", "Li0 Ar", "Mg", "MgZn2", "Yb Pd3"]),
])
def test_what_is_no_formula_or_could_be_two_gets_one_line(text, said):
    with pytest.raises(ValueError, match=said) as error:
        parse_formula(text, 7)
    refused(error.value, text)


@pytest.mark.parametrize("text", [
    "(" * 10_000 + "Fe" + ")" * 10_000, "[" * 10_000, ")" * 10_000, "FeO" * 5000, "(Fe)2" * 5000,
    "Fe(" * 5000, "Fe" + " " * 10**6, "Fe0." + "3" * 10**6 + "O", "9" * 10**6, "\ud800" * 10**6,
    "(" * 200 + "FeO" + ")9" * 200,
    " ".join(f"{name}0.{n}" for n, name in enumerate(ELEMENTS[:40], 10**5)),
])
def test_very_long_text_is_refused_at_once(text):
    start = time.perf_counter()
    with pytest.raises(ValueError) as error:
        parse_formula(text, 7)
    assert time.perf_counter() - start < 1
    refused(error.value, text)


@pytest.mark.parametrize("text", ["C50O49", "C27H46O", "P49O", "".join(ELEMENTS[20:50])])
def test_what_would_keep_matminer_busy_for_hours_is_refused_at_once(text):
    start = time.perf_counter()
    with pytest.raises(ValueError, match="too long") as error:
        parse_formula(text, 7)
    assert time.perf_counter() - start < 1
    refused(error.value, text)


def nested(depth):
    """Return a list in a list in a list."""
    return functools.reduce(lambda inner, _: [inner], range(depth), [])


@pytest.mark.parametrize("value", [
    None, math.nan, math.inf, 0, -1, 3.4, 10**5000, True, b"FeO", ["FePO4"], ("FePO4",), {},
    {"Fe": 1}, pd.NA, pd.NaT, datetime.date(2020, 1, 1), np.float64(2), np.array(["FeO"]),
    nested(100_000), str, "\n".__add__,
], ids=lambda value: type(value).__name__)
def test_what_is_no_text_gets_one_line(value):
    with pytest.raises(ValueError) as error:
        parse_formula(value, 7)
    assert "not a formula" in str(error.value) or "from H to U" in str(error.value)
    one_line(error.value, "row 7: ")
    with pytest.raises(ValueError) as error:
        supplement.featurize(["NbSe2", value])
    one_line(error.value, "row 2: ")


@tried(100)
@given(written(), st.randoms())
def test_features_are_finite_whatever_the_elements(drawn, random):
    text, _ = drawn
    try:
        formula = parse_formula(text)
    except ValueError:
        assume(False)
    counts = {name: int(count) for name, count in amounts_of(formula).items()}
    assume(formulas.charges_tried(Composition(counts)) < 10**4)  # a tenth of a second
    X = supplement.featurize([text])
    assert X.shape == (1, 158) and np.isfinite(X.to_numpy()).all() and list(X.index) == [formula]
    other = [f"{name} {2 * count}" for name, count in counts.items()]
    random.shuffle(other)
    pd.testing.assert_frame_equal(supplement.featurize([" ".join(other)]), X)


def test_every_element_has_features_or_one_line_that_says_why():
    for element in ELEMENTS:
        if element in CLOSED:
            with pytest.raises(ValueError, match="open shell"):
                supplement.featurize([element])
        else:
            assert np.isfinite(supplement.featurize([element]).to_numpy()).all(), element


# --------------------------------------------------------------------------------- data files
@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Return the path that a test writes its file to; a formula is computed once for all tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(formulas, "compute_features", functools.cache(formulas.compute_features))
        yield tmp_path_factory.mktemp("files") / "data.json"


SPLIT = json.loads(supplement.DATA.read_text(encoding="utf-8"))
SMALL = {key: SPLIT[key] if key == "columns" else SPLIT[key][:8] for key in SPLIT}
COLUMNS = SMALL["columns"]
TEXT = json.dumps(SMALL)
TARGET = COLUMNS.index(supplement.TARGET)
READ = [TARGET, COLUMNS.index(supplement.FORMULA), *range(13, len(COLUMNS))]

# What json.dumps would not write, by the text that stands for it.
RAW = {
    "digits": "9" * 5000, "-digits": "-" + "9" * 5000, "tiny": "1e-400", "huge": "1e400",
    "lists": "[" * 900 + "]" * 900, "objects": '{"a":' * 900 + "1" + "}" * 900,
    "many": "[" * 950 + "]" * 950, "open": "[" * 100_000}
NUMBERS = ["3.5", " 3.5 ", "1e1", "0x10", "1_0", "3,5", "inf", "\u0663", "true", ""]
any_json = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=60),
        st.floats(-100, 100), st.floats(-100, 100).map(str), st.sampled_from([*RAW, *NUMBERS])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8)


def as_json(value):
    """Return a value as JSON; the names in `RAW` become what they stand for."""
    return re.sub('"(-?[a-z]+)"', lambda word: RAW.get(word[1], word[0]), json.dumps(value))


class Text(str):
    """A text of which a failing test shows both ends only."""

    def __repr__(self):
        return f"{self[:40]} ... {self[-40:]}"


@st.composite
def spoilt(draw):
    """Draw the text of the small data file with one to three changes."""
    split = copy.deepcopy(SMALL)
    for _ in range(draw(st.integers(1, 3))):
        kind, row = draw(st.sampled_from(KINDS)), draw(st.integers(0, 7))
        column, value = draw(st.sampled_from(READ) | st.just(TARGET)), draw(any_json)
        with contextlib.suppress(AttributeError, LookupError, TypeError):
            change(split, kind, row, column, value)  # not if a change before took the place away
    return Text(as_json(split))


KINDS = ["cell"] * 6 + [
    "row", "length", "by name", "all by name", "label", "name", "column", "column out", "repeat"]


def change(split, kind, row, column, value):
    """Change the content of a data file at a place, in one of the ways of `KINDS`."""
    rows = split["data"]
    match kind:
        case "cell":
            rows[row][column] = value
        case "row":
            rows[row] = value
        case "length":
            rows[row][column:] = [value]
        case "by name":
            rows[row] = dict(zip(COLUMNS, rows[row]))
        case "all by name":
            rows[:] = [dict(zip(COLUMNS, each)) for each in rows]
        case "label":
            split["index"][row] = value
        case "name":
            split["columns"][column] = value
        case "column":
            for each in rows:
                each[column] = value
        case "column out":
            for each in [split["columns"], *rows]:
                del each[column]
        case "repeat":
            for each in [split["columns"], *rows]:
                each.append(each[column])


def is_read_or_refused(path, check=50):
    """Assert that a file gives the numbers that are written in it, or an error that names it."""
    try:
        X, y = supplement.load_data(path, check)
    except ValueError as error:
        line = str(error)
        assert line.isprintable() and len(line) < 6000 and str(path) in line, line
        return None
    split = json.loads(path.read_text(encoding="utf-8-sig"), parse_int=float)
    by_name = [row if isinstance(row, dict) else dict(zip(split["columns"], row))
               for row in split["data"]]
    assert X.shape == (len(by_name), 158) and len(y) == len(by_name) > 0
    assert np.isfinite(X.to_numpy()).all() and (y.abs() <= 100).all()
    for row, features, voltage in zip(by_name, X.to_dict("records"), y):
        features[supplement.TARGET] = voltage
        for name, number in features.items():
            cell = row[name]
            assert math.isclose(float(cell), number, rel_tol=1e-15 * isinstance(cell, str))
            assert name == "compound possible" or not isinstance(cell, bool)
    for row, host in zip(by_name, X.index):
        same_ratios(host, amounts_of(row[supplement.FORMULA]))
    return X, y


@tried(200)
@given(text=spoilt(), check=st.sampled_from([50, 50, 0]))
def test_a_file_with_any_changes_is_read_as_written_or_gets_one_line(file, text, check):
    file.write_text(text, encoding="utf-8")
    is_read_or_refused(file, check)


@tried(200)
@given(value=any_json)
def test_any_json_gets_one_line(file, value):
    file.write_text(as_json(value), encoding="utf-8")
    assert is_read_or_refused(file) is None


@tried(100)
@example({"columns": None, "index": None, "data": [{}, None]})
@given(parts=st.fixed_dictionaries({}, optional=dict.fromkeys([*SMALL, "more"], any_json)))
def test_any_parts_of_a_file_get_one_line(file, parts):
    file.write_text(as_json(SMALL | parts), encoding="utf-8")
    assert is_read_or_refused(file) is None or not parts.keys() - {"index", "more"}


@tried(200)
@given(content=st.one_of(
    st.binary(), *(st.text().map(functools.partial(str.encode, encoding=name))
                   for name in ("utf-8", "utf-8-sig", "utf-16"))))
def test_any_bytes_get_one_line(file, content):
    file.write_bytes(content)
    assert is_read_or_refused(file) is None


@tried(200)
@given(length=st.integers(0, len(TEXT) - 1))
def test_a_file_cut_at_any_byte_gets_one_line(file, length):
    file.write_bytes(TEXT.encode()[:length])
    assert is_read_or_refused(file) is None


@tried(200)
@given(place=st.integers(0, len(TEXT) - 1), byte=st.binary(max_size=2))
def test_a_file_with_another_byte_is_read_as_written_or_gets_one_line(file, place, byte):
    content = TEXT.encode()
    file.write_bytes(content[:place] + byte + content[place + 1 :])
    is_read_or_refused(file)


@tried(100)
@given(voltage=st.floats() | st.floats(-100, 100) | st.integers(), row=st.integers(0, 7))
def test_a_voltage_that_is_changed_is_the_one_that_is_read(file, voltage, row):
    split = copy.deepcopy(SMALL)
    split["data"][row][TARGET] = voltage
    file.write_text(json.dumps(split), encoding="utf-8")
    found = is_read_or_refused(file)
    assert found[1].iloc[row] == voltage if abs(voltage) <= 100 else found is None


@pytest.mark.parametrize(("cell", "voltage"), [
    ("3.5", 3.5), (3, 3.0), (-0.5, -0.5), (True, None), (False, None), ("true", None), ("", None)])
def test_true_is_no_voltage_but_a_number_in_quotes_is_one(file, cell, voltage):
    split = copy.deepcopy(SMALL)
    for row in split["data"]:  # a column of nothing else is no other matter
        row[TARGET] = cell
    file.write_text(json.dumps(split), encoding="utf-8")
    found = is_read_or_refused(file)
    assert found is None if voltage is None else (found[1] == voltage).all()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32", "ascii"])
def test_a_file_in_another_encoding_is_read_or_gets_one_line(file, encoding):
    file.write_text(TEXT, encoding=encoding)
    assert (is_read_or_refused(file) is None) == (encoding in ("utf-16", "utf-32"))


def test_no_file_and_a_folder_get_one_line(file):
    for path in (file.parent, file / "more", file.with_name("x" * 1000), file.with_name("none")):
        assert is_read_or_refused(path) is None


# ------------------------------------------------------------------------------ one's own table
def read_own(path):
    """Return a table as ``data/features.py`` reads it, or the line with which it ends."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "data")
        tables = []
        try:
            runs.run(lambda: tables.append(importlib.import_module("features").read(path)))
        except SystemExit as stop:
            one_line(stop.code, path.name)
            return stop.code
    assert tables[0][supplement.TARGET].map(float).between(-100, 100).all()
    return tables[0]


def write_own(file, rows):
    """Write rows to a CSV file with the header that it needs; return its path."""
    path = file.with_suffix(".csv")
    with open(path, "w", encoding="utf-8", errors="replace", newline="") as out:
        csv.writer(out).writerows([(supplement.FORMULA, supplement.TARGET), *rows])
    return path


any_voltage = st.floats() | st.floats(-100, 100) | st.integers(-200, 200)


@tried(100)
@given(voltages=st.lists(any_voltage, min_size=1))
def test_voltages_in_a_table_of_ones_own_are_read_as_written(file, voltages):
    table = read_own(write_own(file, [("FePO4", voltage) for voltage in voltages]))
    if all(abs(voltage) <= 100 for voltage in voltages):
        assert list(table[supplement.TARGET]) == pytest.approx(voltages, rel=1e-15)
    else:
        assert "is not a voltage in V" in table


@tried(100)
@given(rows=st.lists(st.lists(st.text() | any_voltage.map(str), max_size=4), max_size=4))
def test_any_rows_in_a_table_of_ones_own_get_one_line(file, rows):
    read_own(write_own(file, rows))


@pytest.mark.parametrize(("row", "said"), [
    (["FePO4", 3, 4], "more cells than"), (["FePO4", True], "'True' is not a voltage"),
    (["FePO4", 3.4, ""], "more cells than"), (["FePO4", 3400], "'3400' is not a voltage")])
def test_a_comma_too_many_or_no_voltage_in_a_table_of_ones_own_gets_one_line(file, row, said):
    assert said in read_own(write_own(file, [row]))


@tried(100)
@given(content=st.binary())
def test_any_bytes_as_a_table_of_ones_own_get_one_line(file, content):
    for path in (file, file.with_suffix(".csv")):
        path.write_bytes(content)
        assert isinstance(read_own(path), str)


@tried(100)
@given(text=spoilt())
def test_a_spoilt_file_to_be_computed_anew_gets_one_line_or_has_voltages(file, text):
    file.write_text(text, encoding="utf-8")
    read_own(file)
