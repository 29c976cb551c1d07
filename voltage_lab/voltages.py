"""From the cell of a table to a voltage."""

import re

from voltage_lab.messages import LabError, quote

MAX_VOLTAGE = 100  # V; beyond, it may be in mV
NO_VALUE = {"", "-", "–", "—", "?", "na", "n/a", "#n/a", "nan", "none", "null"}
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?", re.IGNORECASE)
RANGE = re.compile(r"[~≈<>]? *[0-9.,]+( *(±|\+/-|-|–|to|\() *[0-9.,]+\)?)?")  # or about, or error


def read_voltage(cell):
    """Return a cell as a voltage in V, or raise LabError with the reason why it is none."""
    text = "" if cell is None else str(cell).strip()
    if NUMBER.fullmatch(text):
        if abs(float(text)) <= MAX_VOLTAGE:
            return float(text)
        reason = f"is not a voltage up to {MAX_VOLTAGE} V; give V, not mV"
    elif not text:
        raise LabError("the voltage is empty; give one, or remove the row")
    elif text.lower() in NO_VALUE:
        reason = "is no voltage; give one, or remove the row"
    elif NUMBER.fullmatch(number := text.translate({0x2212: "-", 0x2013: "-"})):
        reason = f"has a minus sign that is no hyphen; write {number}"
    elif NUMBER.fullmatch(number := text.replace(",", ".")):
        reason = f"has a comma; write {number}"
    elif NUMBER.fullmatch(re.sub(r" *m?v(olts?)?$", "", number, flags=re.IGNORECASE)):
        reason = "has a unit; write the number of volts alone"
    elif RANGE.fullmatch(text):
        reason = "has a range or an error; write one number"
    elif re.fullmatch(r"[0-9]{1,2}[/-]\w{3}\.?([/-][0-9]+)?", text):
        reason = "is a date, as a spreadsheet may make of 3.4; write the number as text"
    else:
        reason = "is not a number; write one, such as 3.4"
    raise LabError(f"voltage {quote(text)} {reason}")
