"""From the text of a formula to whole numbers of atoms."""

import math
import re
from collections import Counter
from fractions import Fraction

from pymatgen.core import Composition, Element

from voltage_lab.messages import LabError, quote

HEAVIEST = 92  # atomic number; matminer has no data beyond uranium
# Without another element, these have full shells only, and matminer finds no empty orbital.
CLOSED_SHELL = set("He Ne Ar Kr Xe Rn Be Mg Ca Sr Ba Ra Zn Cd Hg Pd Yb".split())
MAX_ATOMS = 100  # in a reduced formula
# An opening bracket; or a symbol or a closing bracket, with an amount.
PART = r"(?:([(\[])|([A-Z][a-z]?|[)\]])(?: *([0-9]{1,9}(?:\.[0-9]+)?))?) *"


def parse_formula(text, ion="Li"):
    """Return a formula in whole numbers without a common factor: Fe2P2O8 is FePO4.

    Raises LabError with what was typed and what would be right.
    """
    try:
        check_symbols(text)
        if not (amounts := read_amounts(text)):
            raise LabError("is not a formula; check its amounts and brackets")
        if set(amounts) <= CLOSED_SHELL:
            raise LabError("is not a compound with an open shell; write one, as in Nb1 Se2")
        total = sum(amounts.values())
        atoms = math.lcm(*((n / total).denominator for n in amounts.values()))
        if atoms > MAX_ATOMS:
            many = atoms if atoms < 1e6 else "millions of"
            raise LabError(f"has {many} atoms; round amounts to {MAX_ATOMS} or fewer atoms")
        composition = Composition({symbol: int(n / total * atoms) for symbol, n in amounts.items()})
        return composition.get_integer_formula_and_factor()[0]
    except LabError as reason:
        raise LabError(f"{quote(text)} {reason}") from None


def check_symbols(text):
    """Raise LabError if a text is not of symbols and amounts, or could be read in two ways."""
    if not isinstance(text, str) or len(text) > 500 or not re.fullmatch(f" *({PART})+", text):
        raise LabError("is not a formula; write symbols and amounts, as in Nb1 Se2")
    for symbol in re.findall("[A-Z][a-z]?", text):
        known = Element.is_valid_symbol(symbol) and Element(symbol).Z <= HEAVIEST
        if not known or symbol in ("D", "T"):
            raise LabError(f"is wrong: {symbol} is not an element from H to U, as matminer's are")
    if re.search(r"\.[0-9]+ *[(\[]?(H2O|NH3)(?![)\]]?[0-9])", text):
        raise LabError("may be a hydrate; write its water in brackets, as in CuSO4(H2O)5")
    if re.search(r"II|IV|[(\[][IV]+[)\]]", text):
        raise LabError("may hold an oxidation state; write none, or I1 V1 for the elements")


def read_amounts(text):
    """Return the exact amount of each element; nothing if the brackets do not match."""
    groups = [("", Counter())]
    for bracket, part, digits in re.findall(PART, text):
        if bracket:
            groups.append((bracket, Counter()))
            continue
        opened, inside = groups.pop() if part in ")]" else ("", {part: 1})
        if part in ")]" and opened + part not in ("()", "[]") or not inside:
            return {}
        amount = Fraction(digits or 1)
        near = amount.limit_denominator(MAX_ATOMS)
        amount = near if abs(near - amount) <= amount / 5000 else amount  # 0.3333 is a third
        for symbol, n in inside.items():
            groups[-1][1][symbol] += n * amount
    return {symbol: n for symbol, n in groups[0][1].items() if n} if len(groups) == 1 else {}
