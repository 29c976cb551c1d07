"""From the text of a formula to groups of elements: symbols, amounts, brackets, adducts.

The text is in the one notation that `voltage_lab.notation.translate` gives: ``_{4}`` is an amount
that was typed as a subscript, a middle dot stands between adducts.
"""

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from pymatgen.core import Element

from voltage_lab.amounts import ONE, Amount, read_amount
from voltage_lab.messages import LabError

HEAVIEST = 92  # atomic number; matminer has no data beyond uranium
SYMBOLS = {element.symbol for element in Element if element.Z <= HEAVIEST} - {"D", "T"}
SYMBOL = "(?:" + "|".join(sorted(SYMBOLS, key=len, reverse=True)) + ")"
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
    """Return a text with these tokens.

    Parameters
    ----------
    tokens : list of Token
        Tokens of a formula.
    space : str, optional
        What stands in front of each symbol and opening bracket but the first.
    """
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


def is_number(tokens):
    """Return whether a list of up to one token holds a number."""
    return bool(tokens) and tokens[0].kind == "number"


def are_symbols_spaced(tokens):
    """Return whether spaces stand between all symbols and groups."""
    pairs = zip(tokens, tokens[1:], strict=False)
    return all(
        token.spaced or before.kind == "open"
        for before, token in pairs
        if token.kind in ("symbol", "open")
    )


def read_level(tokens):
    """Return tokens up to the bracket that closes the level of the first one."""
    depth = 0
    for place, token in enumerate(tokens):
        depth += (token.kind == "open") - (token.kind == "close")
        if depth < 0:
            return tokens[:place]
    return tokens


def split_adducts(tokens):
    """Return the tokens of each compound between middle dots, without its coefficient.

    Parameters
    ----------
    tokens : list of Token
        The formula.

    Returns
    -------
    list of list of Token
        First those of the whole formula, then those in brackets that hold adducts.
    """
    insides = [
        read_level(tokens[place:]) for place, (kind, *_) in enumerate(tokens, 1) if kind == "open"
    ]
    found = []
    for level in [tokens, *insides]:
        parts, depth = [[]], 0
        for token in level:
            depth += (token.kind == "open") - (token.kind == "close")
            if token.kind == "dot" and depth == 0:
                parts.append([])
            elif token.kind != "number" or parts[-1]:
                parts[-1].append(token)
        found += parts if len(parts) > 1 or level is tokens else []
    return found


@dataclass
class Bracket:
    """An open bracket, or the whole formula: what has been read of it."""

    sign: str  # nothing for the whole formula
    adducts: list = field(default_factory=list)  # the finished ones, each with its amount
    coefficient: Amount | None = None  # of the adduct that is being read
    parts: list = field(default_factory=list)  # of that adduct: symbols and groups with amounts

    def end_adduct(self):
        """Put the parts since the last dot away as an adduct, with its coefficient."""
        if not self.parts:
            raise LabError(f"has nothing in a bracket or beside a dot; {EXAMPLE}")
        self.adducts.append((self.parts, self.coefficient or ONE))
        self.parts, self.coefficient = [], None

    def end_group(self):
        """Return the group that stands in the bracket."""
        in_front = self.coefficient
        self.end_adduct()
        if len(self.adducts) > 1:
            return self.adducts
        if in_front:
            raise LabError(
                "has a number in front of its symbols; write one formula unit, as H2O for 2H2O"
            )
        return self.adducts[0][0]

    def add_amount(self, amount, before):
        """Give an amount to the part in front of it, or to the adduct that begins with it.

        Parameters
        ----------
        amount : Amount
            The amount.
        before : str or None
            Kind of the token in front of it; None at the beginning of the formula.
        """
        if before in ("symbol", "close"):
            self.parts[-1] = (self.parts[-1][0], amount)
        elif before in (None, "open", "dot"):
            self.coefficient = amount
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
    brackets, before = [Bracket("")], None
    for token in tokens:
        if token.kind == "open":
            brackets.append(Bracket(token.text))
        elif token.kind == "close":
            if CLOSING.get(brackets[-1].sign) != token.text:
                raise LabError(
                    "has a closing bracket without its opening bracket; check its brackets"
                )
            group = brackets.pop().end_group()
            brackets[-1].parts.append((group, ONE))
        elif token.kind == "symbol":
            brackets[-1].parts.append((token.text, ONE))
        elif token.kind == "dot":
            brackets[-1].end_adduct()
        else:
            if re.search(r"/0+$", token.text):
                raise LabError("has an amount divided by 0; write a number above 0")
            brackets[-1].add_amount(read_amount(token.text), before)
        before = token.kind
    if len(brackets) > 1:
        raise LabError("has an opening bracket without its closing bracket; check its brackets")
    return brackets[0].end_group()
