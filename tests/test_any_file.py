"""Whatever lies in a data file: the numbers that are written in it or one clear line.

Every property is tried on some hundred made-up inputs, the same in each run of the suite. To
try it on more of them, other ones each time:

    EXAMPLES=10000 python -m pytest tests/test_any_file.py
"""

import contextlib
import copy
import csv
import functools
import importlib
import json
import math
import re

import numpy as np
import pytest
from conftest import ROOT
from hypothesis import example, given
from hypothesis import strategies as st
from oracles import amounts_of, one_line, same_ratios, tried

import supplement
from lab import formulas, runs

pytestmark = pytest.mark.filterwarnings("ignore:No Pauling electronegativity")


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
