"""From a file, as a user has it, to a table of its cells, each row with its place in the file."""

import csv
import functools
import io
import json
import re
from pathlib import Path

import pandas as pd

from voltage_lab.messages import LabError, explain_os_error

SEPARATORS = "\t;,"  # where the first line has as many of two, the first of these
COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")  # gz, bz2, xz, zst
SPREADSHEETS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # first bytes: .xlsx, .ods, .numbers; .xls
SAVE_AS = "save it as CSV UTF-8 (Excel: Save As, CSV UTF-8; LibreOffice: Save As, Text CSV)"


def read_file(path):
    """Read a CSV file or a JSON file.

    Parameters
    ----------
    path : str or Path
        CSV with commas, semicolons or tabs between columns; or JSON, a list of rows or pandas's
        ``orient="split"``.

    Returns
    -------
    pandas.DataFrame
        Cells as they stand in the file, texts from CSV; with semicolons or tabs between columns,
        the decimal commas of numbers are points. The index has the place of each row, ``line 7``
        of a text or ``row 7`` of a JSON table.

    Raises
    ------
    LabError
        With what is wrong with the file and what would be right.
    """
    text = read_text(path)
    if re.match(r'\s*(\{\s*"|\[\s*\{)', text) or Path(path).suffix.lower() == ".json":
        return read_json(path, text)
    return read_csv(path, text)


def read_text(path):
    """Return the text of a file: UTF-8 or UTF-16, else Windows-1252, with a line that says so."""
    with explain_os_error(path):
        content = Path(path).read_bytes()
    if content.startswith(SPREADSHEETS):
        raise LabError(f"{path} is a spreadsheet, not text; {SAVE_AS}")
    if content.startswith(COMPRESSED):
        raise LabError(f"{path} is compressed; unpack it")
    marked = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    known = True
    try:
        text = content.decode("utf-16" if marked else "utf-8-sig")
    except UnicodeDecodeError:
        known, text = False, "\0" if marked else content.decode("cp1252", "replace")
    if "\0" in text or not known and "\N{REPLACEMENT CHARACTER}" in text:
        raise LabError(f"{path} is not text in UTF-8; {SAVE_AS}")
    if not known:
        print(f"{path} is not UTF-8; it is read as Windows-1252")
    return text


def read_lines(path):
    """Return the lines of a text, in a column Formula, without those that are blank."""
    lines = enumerate(read_text(path).splitlines(), 1)
    texts = {f"line {number}": text for number, line in lines if (text := line.strip())}
    texts = {place: text for place, text in texts.items() if not text.startswith("#")}
    return pd.DataFrame({"Formula": pd.Series(texts, dtype=object)})


# ---------------------------------------------------------------------------------------- CSV
def read_csv(path, text):
    """Return the cells of a CSV text as a table; its first line has the names of the columns."""
    try:
        lines = split_lines(text)
    except csv.Error as error:
        raise LabError(f"{path} is not a CSV table: {error}; is a quote missing?") from None
    if not lines:
        raise LabError(f"{path} is empty; its first line should name the columns")
    (first, names), *others = lines
    for line, cells in others:
        if any(cells[len(names) :]):
            raise LabError(
                f"{path}, line {line}: {len(cells)} cells, but line {first} names {len(names)} "
                "columns; name all, write points in numbers and quotes around texts with commas"
            )
    rows = [(cells + [""] * len(names))[: len(names)] for _, cells in others]
    return pd.DataFrame(rows, [f"line {line}" for line, _ in others], names, dtype=object)


def split_lines(text):
    """Return the lines of a CSV text that are not blank: the number of each, and its cells.

    A line break in quotes is part of a cell, and the row has the number of its first line.
    """
    text = re.sub("\r\n?", "\n", text)
    separator = find_separator(text)
    clean = str.strip if separator == "," else read_decimal_comma
    csv.field_size_limit(2**31 - 1)  # a cell of the Materials Project may hold many documents
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    lines, start = [], 1
    for cells in reader:
        if any(cell.strip() for cell in cells) and not is_comment(cells[0], start):
            lines.append((start, [clean(cell) for cell in cells]))
        start = reader.line_num + 1
    return lines


def read_decimal_comma(cell):
    """Return a cell without spaces around it, its decimal comma, if it is a number, as a point."""
    return re.sub(r"^([+-]?[0-9]+),([0-9]+)$", r"\1.\2", cell.strip())


def is_comment(cell, line):
    """Return whether a line that begins with a cell is a comment, or names the separator."""
    return cell.startswith("#") or line == 1 and cell.lower() == "sep="


def find_separator(text):
    """Return what stands between columns: what the first line that is not blank has most of."""
    if named := re.match(f"sep=([{SEPARATORS}])\n", text, re.IGNORECASE):  # as Excel writes it
        return named[1]
    lines = (line for line in text.split("\n") if line.strip() and not line.startswith("#"))
    first = next(lines, "")
    return max(SEPARATORS, key=re.sub('"[^"]*"', "", first).count)


# --------------------------------------------------------------------------------------- JSON
def read_json(path, text):
    """Return the cells of a JSON text as a table: a list of rows, or as pandas writes it."""
    try:
        table = tabulate_json(text)
        if len(table.columns) and all(isinstance(name, str) for name in table):
            usable = table.index.dtype == int and table.index.is_unique
            labels = table.index if usable else range(len(table))
            return table.set_axis([f"row {label}" for label in labels])
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        pass  # JSON and pandas raise all of these for what is not such a table
    given = f"{path} is cut short or not JSON with a list of rows, or as pandas writes a table"
    raise LabError(f"{given}; give such a file, or a CSV file")


def tabulate_json(text):
    """Return the table in a JSON text: a list of rows, a row per line, or pandas's own."""
    read = functools.partial(json.loads, parse_int=read_whole_number)
    lines = text.strip().splitlines()
    if len(lines) > 1 and all(line.startswith("{") and line.endswith("}") for line in lines):
        content = [read(line) for line in lines]
    else:
        content = read(text)
    if isinstance(content, dict) and {"data", "columns"} <= set(content):
        index = content.get("index", range(len(content["data"])))
        return pd.DataFrame(content["data"], index, content["columns"])
    if isinstance(content, dict) and "data" in content:  # as the Materials Project answers
        content = content["data"]
    if isinstance(content, list):
        return pd.DataFrame.from_records([dict(row.items()) for row in content])
    return pd.DataFrame(content)


def read_whole_number(digits):
    """Return a whole number as int, or as float where pandas could not hold it."""
    return int(digits) if len(digits) < 16 else float(digits)


# -------------------------------------------------------------------------------------- cells
def as_numbers(column):
    """Return a column as floats: "3.5" is a number; true is one only in "compound possible"."""
    if column.dtype in (object, bool) and column.name != "compound possible":
        column = column.mask(column.map(lambda cell: isinstance(cell, bool)))
    return pd.to_numeric(column, errors="coerce").astype(float)
