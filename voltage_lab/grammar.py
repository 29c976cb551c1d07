"""From the text of a formula to groups of elements: symbols, amounts, brackets, adducts.

The text is in the one notation that `voltage_lab.notation.translate` gives: ``_{4}`` is an amount
that was typed as a subscript, a middle dot stands between adducts.
"""

import re
from typing import NamedTuple

from pymatgen.core import Element

from voltage_lab.amounts import ONE, read_amount
from voltage_lab.messages import LabError

HEAVIEST = 92  # atomic number; matminer has no data beyond uranium
SYMBOLS = {element.symbol for element in Element if element.Z <= HEAVIEST} - {"D", "T"}
EXAMPLE = "write symbols and amounts, as in Nb1 Se2"
LONGEST_EXAMPLE = 60  # characters; longer texts are not repeated in a message
CLOSING = {"(": ")", "[": "]", "{": "}"}
TOKEN = re.compile(
    r"(?P<space> *)(?:(?P<symbol>[A-Z][a-z]?)|(?P<number>[0-9]+(?:/[0-9]+)?)"
    r"|_\{(?P<subscript>[0-9]+(?:[./][0-9]+)?)\}|(?P<open>[(\[{])|(?P<close>[)\]}])"
    r"|(?P<stop>\.)|(?P<dot>·))"
)


def shorten(text):
    """Return a text that may stand in a message, or nothing if it is too long."""
    return text if len(text) <= LONGEST_EXAMPLE and text.isprintable() else ""


class Token(NamedTuple):
    """A symbol, number, subscript, bracket (open, close), full stop (stop) or middle dot (dot)."""

    kind: str
    text: str
    spaced: bool = False  # whether a space is in front of it


def split_tokens(text):
    """Return the tokens of a text; raise LabError at what is none, or no element."""
    tokens, end = [], 0
    while end < len(text.rstrip()):
        match = TOKEN.match(text, end)
        if match is None:
            raise LabError(f"cannot be read from {text[end:].strip()[:12]!r} on; {EXAMPLE}")
        end = match.end()
        kind = match.lastgroup
        if kind == "symbol" and match[kind] not in SYMBOLS:
            raise LabError(
                f"is wrong: {match[kind]} is not an element from H to U, which have features; "
                "write a formula of these"
            )
        tokens.append(Token(kind, match[kind], bool(match["space"])))
    if not any(token.kind == "symbol" for token in tokens):
        raise LabError(f"is not a formula; {EXAMPLE}")
    return tokens


def write_tokens(tokens, space=""):
    """Return a text with these tokens, a space in front of each symbol and opening bracket."""
    text = ""
    for before, token in zip([None, *tokens], tokens, strict=False):
        inside = before is not None and before.kind != "open"
        if token.kind == "subscript":
            text += f"_{{{token.text}}}"
        elif token.kind == "dot":
            text += " · " if space or token.spaced else "·"
        elif token.kind in ("symbol", "open") and inside and before.kind != "dot":
            text += space + token.text
        else:
            text += token.text
    return text


class Groups:
    """The brackets that are open while a formula is read, each with its finished adducts."""

    def __init__(self):
        self.brackets, self.adducts, self.coefficients, self.parts = [""], [[]], [None], [[]]

    def open_bracket(self, bracket):
        """Begin a group."""
        for values, value in (
            (self.brackets, bracket),
            (self.adducts, []),
            (self.coefficients, None),
            (self.parts, []),
        ):
            values.append(value)

    def end_adduct(self):
        """Put the parts since the last dot or bracket away as an adduct, with its coefficient."""
        if not self.parts[-1]:
            raise LabError(f"has nothing in a bracket or beside a dot; {EXAMPLE}")
        self.adducts[-1].append((self.parts[-1], self.coefficients[-1] or ONE))
        self.parts[-1] = []

    def end_group(self):
        """Return the group of the last bracket, or of the whole formula."""
        self.end_adduct()
        adducts, coefficient = self.adducts.pop(), self.coefficients.pop()
        self.brackets.pop()
        self.parts.pop()
        if len(adducts) > 1:
            return adducts
        if coefficient:
            raise LabError(
                "has a number in front of its symbols; write one formula unit, as H2O for 2H2O"
            )
        return adducts[0][0]

    def close_bracket(self, bracket):
        """Make the group of the last bracket a part of the group around it."""
        if CLOSING.get(self.brackets[-1]) != bracket:
            raise LabError("has a closing bracket without its opening bracket; check its brackets")
        group = self.end_group()
        self.parts[-1].append((group, ONE))

    def add_amount(self, amount, before):
        """Give an amount to what stands before it, or to the adduct that begins with it."""
        if before in ("symbol", "close"):
            self.parts[-1][-1] = (self.parts[-1][-1][0], amount)
        elif before in (None, "open", "dot"):
            self.coefficients[-1] = amount
        else:
            raise LabError("has two amounts after each other; write one after each symbol")


def build_group(tokens):
    """Return the group that tokens stand for.

    Parameters
    ----------
    tokens : list of Token
        Without full stops: `voltage_lab.adducts.list_readings` has made them part of numbers.

    Returns
    -------
    list of (str or list, Amount)
        Symbols and groups, each with its amount. Adducts are groups, too.

    Raises
    ------
    LabError
        If brackets do not match, or an amount or an adduct has no symbol.
    """
    groups, before = Groups(), None
    for token in tokens:
        if token.kind == "open":
            groups.open_bracket(token.text)
        elif token.kind == "close":
            groups.close_bracket(token.text)
        elif token.kind == "symbol":
            groups.parts[-1].append((token.text, ONE))
        elif token.kind == "dot":
            groups.end_adduct()
            groups.coefficients[-1] = None
        else:
            if re.search(r"/0+$", token.text):
                raise LabError("has an amount divided by 0; write a number above 0")
            groups.add_amount(read_amount(token.text), before)
        before = token.kind
    if len(groups.brackets) > 1:
        raise LabError("has an opening bracket without its closing bracket; check its brackets")
    return groups.end_group()
