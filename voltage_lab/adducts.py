"""What a dot in a formula is: a decimal point, or the sign between a compound and its adduct.

A full stop has two readings where both sides of it may be compounds (`voltage_lab.compounds`), as
in CuSO4.5H2O. It is a decimal point after or before a 0, where only anions or one bracket with an
amount of its own follow, and where spaces stand between all symbols. It is the sign of an adduct
after a subscript, beside a space and in front of a symbol. A middle dot is the sign of an adduct;
with only metals in front of it, it has two readings as well.
"""

from voltage_lab.compounds import NONMETALS, count_part, may_be_adduct, may_have_adduct
from voltage_lab.grammar import (
    Token,
    are_symbols_spaced,
    is_number,
    read_level,
    split_tokens,
    write_tokens,
)
from voltage_lab.messages import LabError

DECIMAL, ADDUCT, EITHER = "decimal", "adduct", "either"


def list_readings(tokens):
    """Return the readings of a formula, one or two.

    Parameters
    ----------
    tokens : list of Token
        As `voltage_lab.grammar.split_tokens` gives them.

    Returns
    -------
    list of (list of Token, str)
        Tokens without full stops, and a text that has this reading alone.
    """
    decimal, adduct = resolve_dots(tokens, DECIMAL), resolve_dots(tokens, ADDUCT)
    if decimal == adduct:
        return [(decimal, write_tokens(decimal))]
    writing = write_tokens(adduct)
    if write_tokens(resolve_dots(split_tokens(writing), DECIMAL)) != writing:
        writing = write_tokens(adduct, " ")  # without spaces it would have two readings again
    return [(decimal, write_tokens(decimal, " ")), (adduct, writing)]


def resolve_dots(tokens, preferred):
    """Return tokens without full stops.

    Parameters
    ----------
    tokens : list of Token
        As `voltage_lab.grammar.split_tokens` gives them.
    preferred : str
        What a dot is that has two readings: `DECIMAL` or `ADDUCT`.

    Returns
    -------
    list of Token
        Decimals are one number each, signs of adducts are middle dots.
    """
    resolved, skipped = [], False
    spaced = are_symbols_spaced(tokens)
    for place, token in enumerate(tokens):
        behind = tokens[place + 1 :]
        if skipped or token.kind not in ("stop", "dot"):
            resolved += [] if skipped else [token]
            skipped = False
            continue
        meaning = interpret_dot(resolved, token, behind, spaced)
        if meaning == DECIMAL or meaning == EITHER and preferred == DECIMAL:
            append_decimals(resolved, behind[0])
            skipped = True
        else:  # a middle dot that has two readings has one with spaces around it
            spaced_dot = token.kind == "dot" and (token.spaced or meaning == EITHER)
            resolved.append(Token("dot", "·", spaced_dot))
    return resolved


def append_decimals(tokens, decimals):
    """Make the number that tokens end in a decimal: 4 and 5 are 4.5, no number and 5 are 0.5."""
    number = tokens.pop() if is_number(tokens[-1:]) else Token("number", "0")
    tokens.append(number._replace(text=f"{number.text}.{decimals.text}"))


def interpret_dot(front, dot, behind, spaced):
    """Return what a dot is.

    Parameters
    ----------
    front : list of Token
        All tokens in front of the dot, without full stops.
    dot : Token
        A full stop or a middle dot.
    behind : list of Token
        All tokens behind the dot, as they were typed.
    spaced : bool
        Whether spaces stand between all symbols of the formula.

    Returns
    -------
    str
        `DECIMAL`, `ADDUCT` or `EITHER`.
    """
    if not behind:
        raise LabError("ends in a dot; write an amount or a formula behind it, or leave it out")
    if behind[0].kind != "number" or "/" in behind[0].text:
        return ADDUCT
    number = front[-1].text if is_number(front[-1:]) else ""
    rest = front[:-1] if number else front
    begins = not rest or rest[-1].kind in ("dot", "open")
    if dot.spaced or behind[0].spaced:
        split = dot.kind == "stop" and number.isdigit() and has_only_metals(rest)
        return EITHER if split and not begins else ADDUCT  # LiMn1. 5O4 may be LiMn1.5O4
    if dot.kind == "dot":
        return interpret_middle_dot(front, number, begins)
    if begins and (number.isdigit() or not number):
        return DECIMAL  # of a coefficient
    if front[-1].kind == "subscript" or "." in number or "/" in number:
        return ADDUCT
    chain = [token.kind for token in behind[1:3]] == ["stop", "number"]
    chain = chain and not any(token.spaced for token in behind[1:3])
    if number != "0" and chain:  # CaSO4.0.5H2O, but CaSO4.1.5H2O may be CaSO4.1·5H2O
        return EITHER if number and behind[0].text != "0" else ADDUCT
    if number == "0" or behind[0].text.startswith("0") or spaced:
        return DECIMAL
    return EITHER if are_compounds(front, behind[1:]) else DECIMAL


def interpret_middle_dot(front, number, begins):
    """Return what a middle dot in front of a number is.

    Parameters
    ----------
    front : list of Token
        All tokens in front of the dot, without full stops.
    number : str
        The amount in front of the dot; nothing if there is none.
    begins : bool
        Whether a formula, a bracket or an adduct begins with the dot or with that number.

    Returns
    -------
    str
        `ADDUCT` or `EITHER`.
    """
    if number == "0":
        raise LabError("has a middle dot after 0; write decimals with a full stop, as in Li0.5CoO2")
    return EITHER if number.isdigit() and has_only_metals(front) and not begins else ADDUCT


def has_only_metals(front):
    """Return whether no nonmetal stands behind the last middle dot of tokens."""
    return not {token.text for token in last_part(front)} & NONMETALS


def are_compounds(front, behind):
    """Return whether a full stop may stand between a compound and its adduct.

    Parameters
    ----------
    front : list of Token
        All tokens in front of the full stop, without full stops.
    behind : list of Token
        The tokens behind it and behind the coefficient of the adduct, as they were typed.
    """
    left, right = last_part(front), next_part(behind)
    if not right or right[0].kind not in ("symbol", "open") or is_one_bracket(right):
        return False
    atoms, others = count_part(left), count_part(right)
    if not atoms or not others:
        return False
    last = [token.text for token in left if token.kind == "symbol"][-1]
    return may_have_adduct(atoms, last, others) and may_be_adduct(others)


def is_one_bracket(tokens):
    """Return whether tokens are one bracket and its amount, such as (PO4)2."""
    if len(tokens) < 2 or tokens[0].kind != "open" or tokens[-2].kind != "close":
        return False
    return len(read_level(tokens[1:])) == len(tokens) - 3


def last_part(tokens):
    """Return tokens since the last middle dot, or since the opening bracket around them."""
    depth = 0
    for place in range(len(tokens) - 1, -1, -1):
        kind = tokens[place].kind
        depth += (kind == "close") - (kind == "open")
        if depth < 0 or depth == 0 and kind == "dot":
            return tokens[place + 1 :]
    return tokens


def next_part(tokens):
    """Return tokens up to the next dot between compounds, decimals made one number."""
    part, depth, level, skipped = [], 0, read_level(tokens), False
    for place, token in enumerate(level):
        depth += (token.kind == "open") - (token.kind == "close")
        if skipped:
            skipped = False
        elif token.kind == "dot" and depth == 0:
            break
        elif token.kind == "stop":
            decimals = level[place + 1 : place + 2]
            if not is_decimal(part, decimals):
                break
            append_decimals(part, decimals[0])
            skipped = True
        else:
            part.append(token)
    return part


def is_decimal(front, behind):
    """Return whether a full stop is a decimal point and nothing else.

    Parameters
    ----------
    front : list of Token
        The tokens in front of it, without full stops.
    behind : list of Token
        The token behind it; empty if there is none.
    """
    number = front[-1] if is_number(front[-1:]) else Token("number", "")
    if not is_number(behind) or "." in number.text or "/" in number.text + behind[0].text:
        return False
    rest = front[: len(front) - bool(number.text)]
    nonmetal = bool(rest) and (rest[-1].text in NONMETALS or rest[-1].kind == "close")
    return number.text == "0" or behind[0].text.startswith("0") or not nonmetal
