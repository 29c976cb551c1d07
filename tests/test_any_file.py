"""Whatever is in a data file: the numbers that are written in it or one clear line.

Every property is tried on some hundred generated inputs, the same in each run of the suite. To
try it on more of them, other ones each time:

    EXAMPLES=10000 python -m pytest tests/test_any_file.py
"""

import codecs
import contextlib
import copy
import csv
import functools
import json
import math
import re

import features
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from oracles import assert_message, assert_same_ratios, read_amounts, try_examples

import supplement
import voltage_lab.features
from voltage_lab.messages import LabError

pytestmark = pytest.mark.filterwarnings("ignore:No Pauling electronegativity")


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Return the path that a test writes its file to; a formula is computed once for all tests."""
    with pytest.MonkeyPatch.context() as patch:
        cached = functools.cache(voltage_lab.features.compute_features)
        patch.setattr(voltage_lab.features, "compute_features", cached)
        yield tmp_path_factory.mktemp("files") / "data.json"


SPLIT = json.loads(supplement.DATA.read_text(encoding="utf-8"))
SMALL = {key: SPLIT[key] if key == "columns" else SPLIT[key][:8] for key in SPLIT}
COLUMNS = SMALL["columns"]
TEXT = json.dumps(SMALL)
TARGET = COLUMNS.index(supplement.TARGET)
READ = [TARGET, COLUMNS.index(supplement.FORMULA), *range(13, len(COLUMNS))]

# What json.dumps would not write, by the text that stands for it.
RAW = {
    "digits": "9" * 5000,
    "-digits": "-" + "9" * 5000,
    "tiny": "1e-400",
    "huge": "1e400",
    "lists": "[" * 900 + "]" * 900,
    "objects": '{"a":' * 900 + "1" + "}" * 900,
    "many": "[" * 950 + "]" * 950,
    "open": "[" * 100_000,
}
NUMBERS = ["3.5", " 3.5 ", "1e1", "0x10", "1_0", "3,5", "inf", "\u0663", "true", ""]
any_json = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=60),
        st.floats(-100, 100),
        st.floats(-100, 100).map(str),
        st.sampled_from([*RAW, *NUMBERS]),
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


def as_json(value):
    """Return a value as JSON; the names in `RAW` become what they stand for."""
    return re.sub('"(-?[a-z]+)"', lambda word: RAW.get(word[1], word[0]), json.dumps(value))


class Text(str):
    """A text of which a failing test shows both ends only."""

    def __repr__(self):
        return f"{self[:40]} ... {self[-40:]}"


@st.composite
def changed_files(draw):
    """Draw the text of the small data file with one to three changes."""
    split = copy.copy(SMALL) | {"index": SMALL["index"][:], "columns": COLUMNS[:]}
    split["data"] = [row[:] for row in SMALL["data"]]
    for _ in range(draw(st.integers(1, 3))):
        kind, row = draw(st.sampled_from(KINDS)), draw(st.integers(0, 7))
        column, value = draw(st.sampled_from(READ) | st.just(TARGET)), draw(any_json)
        with contextlib.suppress(AttributeError, LookupError, TypeError):
            change(split, kind, row, column, value)  # not if an earlier change removed the place
    return Text(as_json(split))


KINDS = ["cell"] * 6 + ["row", "length", "by name", "all by name", "label", "name", "column"]
KINDS += ["remove column", "repeat column"]


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
            rows[row] = dict(zip(COLUMNS, rows[row], strict=False))
        case "all by name":
            rows[:] = [dict(zip(COLUMNS, each, strict=False)) for each in rows]
        case "label":
            split["index"][row] = value
        case "name":
            split["columns"][column] = value
        case "column":
            for each in rows:
                each[column] = value
        case "remove column":
            for each in [split["columns"], *rows]:
                del each[column]
        case "repeat column":
            for each in [split["columns"], *rows]:
                each.append(each[column])


BOMS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_or_refuse(path, check=50):
    """Assert that a file gives the numbers that are written in it, or an error that names it.

    Features are those that are written, or all of them are those of the formulas.

    Returns X and y, or None for an error.
    """
    try:
        X, y = supplement.load_data(path, check)
    except LabError as error:
        line = str(error)
        assert line.isprintable(), line
        assert len(line) < 1500
        assert str(path) in line, line
        return None
    content = path.read_bytes()
    for encoding in ("utf-8-sig", "utf-16" if content[:2] in BOMS else "cp1252"):
        with contextlib.suppress(UnicodeDecodeError):
            split = json.loads(content.decode(encoding), parse_int=float)
            break
    rows = [
        row if isinstance(row, dict) else dict(zip(split["columns"], row, strict=False))
        for row in split["data"]
    ]
    assert X.shape == (len(rows), 158)
    assert len(y) == len(rows) > 0
    assert np.isfinite(X.to_numpy()).all()
    assert (y.abs() <= 100).all()
    written = all(is_written(row, X.iloc[[n]]) for n, row in enumerate(rows))
    assert written or X.equals(supplement.featurize(list(X.index)))
    for row, voltage in zip(rows, y, strict=True):
        assert math.isclose(float(row[supplement.TARGET]), voltage, rel_tol=1e-15)
        assert not isinstance(row[supplement.TARGET], bool)
    for row, host in zip(rows, X.index, strict=True):
        assert_same_ratios(host, read_amounts(row[supplement.FORMULA]))
    return X, y


def is_written(row, X):
    """Return whether the features of a sample are those of a row of the file."""
    for name, number in X.iloc[0].items():
        cell = row.get(name)
        if not isinstance(cell, (int, float, str)):
            return False
        if isinstance(cell, bool) and name != "compound possible":
            return False
        try:
            if not math.isclose(float(cell), number, rel_tol=1e-15 * isinstance(cell, str)):
                return False
        except ValueError:
            return False
    return True


@try_examples(100)
@given(text=changed_files(), check=st.sampled_from([50, 50, 0]))
def test_a_file_with_any_changes_is_read_as_written_or_gets_one_line(file, text, check):
    file.write_text(text, encoding="utf-8")
    read_or_refuse(file, check)


@try_examples(100)
@given(value=any_json)
def test_any_json_gets_one_line(file, value):
    file.write_text(as_json(value), encoding="utf-8")
    assert read_or_refuse(file) is None


@try_examples(60)
@example({"columns": None, "index": None, "data": [{}, None]})
@given(parts=st.fixed_dictionaries({}, optional=dict.fromkeys([*SMALL, "more"], any_json)))
def test_any_parts_of_a_file_get_one_line(file, parts):
    file.write_text(as_json(SMALL | parts), encoding="utf-8")
    assert read_or_refuse(file) is None or not parts.keys() - {"index", "more"}


@try_examples(100)
@given(
    content=st.one_of(
        st.binary(),
        *(
            st.text().map(functools.partial(str.encode, encoding=name))
            for name in ("utf-8", "utf-8-sig", "utf-16")
        ),
    )
)
def test_any_bytes_get_one_line(file, content):
    file.write_bytes(content)
    assert read_or_refuse(file) is None


@try_examples(100)
@given(length=st.integers(0, len(TEXT) - 1))
def test_a_file_cut_at_any_byte_gets_one_line(file, length):
    file.write_bytes(TEXT.encode()[:length])
    assert read_or_refuse(file) is None


@try_examples(100)
@given(place=st.integers(0, len(TEXT) - 1), byte=st.binary(max_size=2))
def test_a_file_with_another_byte_is_read_as_written_or_gets_one_line(file, place, byte):
    content = TEXT.encode()
    file.write_bytes(content[:place] + byte + content[place + 1 :])
    read_or_refuse(file)


def write_voltages(file, cells):
    """Write the small data file with other voltages, by row."""
    rows = [row[:] for row in SMALL["data"]]
    for row, cell in cells.items():
        rows[row][TARGET] = cell
    file.write_text(json.dumps(SMALL | {"data": rows}), encoding="utf-8")


@try_examples(40)
@given(voltage=st.floats() | st.floats(-100, 100) | st.integers(), row=st.integers(0, 7))
def test_a_voltage_that_is_changed_is_the_one_that_is_read(file, voltage, row):
    write_voltages(file, {row: voltage})
    values = read_or_refuse(file)
    assert values[1].iloc[row] == voltage if abs(voltage) <= 100 else values is None


@pytest.mark.parametrize(
    ("cell", "voltage"),
    [
        ("3.5", 3.5),
        (3, 3.0),
        (-0.5, -0.5),
        (100, 100.0),
        (100.001, None),
        (True, None),
        (False, None),
        ("true", None),
        ("", None),
    ],
)
def test_true_is_no_voltage_but_a_number_in_quotes_is_one(file, cell, voltage):
    write_voltages(file, dict.fromkeys(range(8), cell))  # a column of nothing else is the same
    values = read_or_refuse(file)
    assert values is None if voltage is None else (values[1] == voltage).all()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32", "ascii"])
def test_a_file_in_another_encoding_is_read_or_gets_one_line(file, encoding):
    file.write_text(TEXT, encoding=encoding)
    assert (read_or_refuse(file) is None) == (encoding == "utf-32")


def test_no_file_and_a_folder_get_one_line(file):
    for path in (file.parent, file / "more", file.with_name("x" * 1000), file.with_name("none")):
        assert read_or_refuse(path) is None


# ------------------------------------------------------------------------------ one's own table
def read_own(path):
    """Return a table as ``data/features.py`` reads it, or the line with which it ends."""
    try:
        table = features.read(path)
    except LabError as error:
        assert_message(error, path.name)
        return str(error)
    assert table[supplement.TARGET].map(float).between(-100, 100).all()
    return table


def write_own(file, rows):
    """Write rows to a CSV file with the header that it needs; return its path."""
    path = file.with_suffix(".csv")
    with open(path, "w", encoding="utf-8", errors="replace", newline="") as out:
        csv.writer(out).writerows([(supplement.FORMULA, supplement.TARGET), *rows])
    return path


any_voltage = st.floats() | st.floats(-100, 100) | st.integers(-200, 200)


@try_examples(100)
@given(voltages=st.lists(any_voltage, min_size=1))
def test_voltages_in_a_table_of_ones_own_are_read_as_written(file, voltages):
    table = read_own(write_own(file, [("FePO4", voltage) for voltage in voltages]))
    if all(abs(voltage) <= 100 for voltage in voltages):
        assert list(table[supplement.TARGET]) == pytest.approx(voltages, rel=1e-15)
    else:
        assert re.search("is not a voltage up to 100 V|is no voltage|is not a number", table)


@try_examples(100)
@given(rows=st.lists(st.lists(st.text() | any_voltage.map(str), max_size=4), max_size=4))
def test_any_rows_in_a_table_of_ones_own_get_one_line(file, rows):
    read_own(write_own(file, rows))


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (["FePO4", 3, 4], "line 2: 3 cells, but line 1 names 2 columns; name all, write points"),
        (["FePO4", True], "line 2: voltage 'True' is not a number"),
        (["FePO4", 3400], "line 2: voltage '3400' is not a voltage"),
    ],
)
def test_a_comma_too_many_or_no_voltage_in_a_table_of_ones_own_gets_one_line(file, row, reason):
    assert reason in read_own(write_own(file, [row]))


@try_examples(100)
@given(content=st.binary())
def test_any_bytes_as_a_table_of_ones_own_get_one_line(file, content):
    for path in (file, file.with_suffix(".csv")):
        path.write_bytes(content)
        assert isinstance(read_own(path), str)


@try_examples(60)
@given(text=changed_files())
def test_a_changed_file_to_be_recomputed_gets_one_line_or_has_voltages(file, text):
    file.write_text(text, encoding="utf-8")
    read_own(file)
