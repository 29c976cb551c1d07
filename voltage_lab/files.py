"""From a file, as a user has it, to a table of its cells, each row with its place in the file."""

import csv
import io
import json
import re
from pathlib import Path

import pandas as pd

from voltage_lab.messages import LabError, explain_os_error

SEPARATORS = ",;\t"
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
        Cells as they stand in the file, texts from CSV; with semicolons between columns, the
        decimal commas of numbers are points. The index has the place of each row, ``line 7`` of a
        text or ``row 7`` of a JSON table.

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
    texts = {f"line {number}": line.strip() for number, line in lines if line.strip()}
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
                "columns; a number takes a point, a text with commas takes quotes"
            )
    rows = [(cells + [""] * len(names))[: len(names)] for _, cells in others]
    return pd.DataFrame(rows, [f"line {line}" for line, _ in others], names, dtype=object)


def split_lines(text):
    """Return the lines of a CSV text that are not blank: the number of each, and its cells.

    A line break in quotes is part of a cell, and the row has the number of its first line.
    """
    text = re.sub("\r\n?", "\n", text)
    separator = find_separator(text)
    clean = read_decimal_comma if separator == ";" else str.strip
    csv.field_size_limit(2**31 - 1)  # a cell of the Materials Project may hold many documents
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    lines, start = [], 1
    for cells in reader:
        if any(cell.strip() for cell in cells) and not (start == 1 and cells[0] == "sep="):
            lines.append((start, [clean(cell) for cell in cells]))
        start = reader.line_num + 1
    return lines


def read_decimal_comma(cell):
    """Return a cell without spaces around it, its decimal comma, if it is a number, as a point."""
    return re.sub(r"^([+-]?[0-9]+),([0-9]+)$", r"\1.\2", cell.strip())


def find_separator(text):
    """Return what stands between columns: what the first line that is not blank has most of."""
    if named := re.match(f"sep=([{SEPARATORS}])\n", text):  # as Excel writes it
        return named[1]
    first = next((line for line in text.split("\n") if line.strip()), "")
    return max(SEPARATORS, key=re.sub('"[^"]*"', "", first).count)


# --------------------------------------------------------------------------------------- JSON
def read_json(path, text):
    """Return the cells of a JSON text as a table: pandas's ``orient="split"``, or a list."""
    try:
        content = json.loads(text, parse_int=lambda n: int(n) if len(n) < 16 else float(n))
        if isinstance(content, list):
            table = pd.DataFrame.from_records([dict(row.items()) for row in content])
        else:
            table = pd.DataFrame(content["data"], content["index"], content["columns"])
        if all(isinstance(name, str) for name in table):
            usable = table.index.dtype == int and table.index.is_unique
            labels = table.index if usable else range(len(table))
            table.index = [f"row {label}" for label in labels]
            return table
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        pass  # JSON and pandas raise all of these for what is not such a table
    given = f"{path} is cut short or not JSON with index, columns and data, or with a list of rows"
    raise LabError(f"{given}; give such a table, or a CSV file")
