"""What a dot in a formula is: a decimal point, or the sign between a compound and its adduct.

A full stop has two readings where both sides of it may be compounds (`voltage_lab.compounds`), as
in CuSO4.5H2O. It is a decimal point after or before a 0, where only anions or one bracket with an
amount of its own follow, and where spaces stand between all symbols. It is the sign of an adduct
after a subscript and in front of a symbol, and with a space behind it between compounds. Beside
other spaces it has two readings. A middle dot is the sign of an adduct;
with only metals in front of it, it has two readings as well.
"""

from voltage_lab.grammar import Token, are_symbols_spaced, is_number, split_tokens, write_tokens
from voltage_lab.messages import LabError
from voltage_lab.parts import append_decimals, are_compounds, has_only_metals

DECIMAL, ADDUCT, EITHER = "decimal", "adduct", "either"
COEFFICIENT = "coefficient"  # of an adduct, with or without decimals: MnO2 .5H2O


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
        elif meaning == COEFFICIENT and preferred == DECIMAL:
            resolved.append(Token("dot", "·"))
            append_decimals(resolved, behind[0])
            skipped = True
        else:  # a middle dot that has two readings has one with spaces around it
            spaced_dot = token.kind == "dot" and (token.spaced or meaning == EITHER)
            resolved.append(Token("dot", "·", spaced_dot))
    return resolved


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
        `DECIMAL`, `ADDUCT`, `EITHER` or `COEFFICIENT`.
    """
    if not behind:
        raise LabError("ends in a dot; write an amount or a formula behind it, or leave it out")
    if behind[0].kind != "number" or "/" in behind[0].text:
        return ADDUCT
    number = front[-1].text if is_number(front[-1:]) else ""
    rest = front[:-1] if number else front
    begins = not rest or rest[-1].kind in ("dot", "open")
    if dot.kind == "dot":
        if dot.spaced or behind[0].spaced:
            return ADDUCT
        return interpret_middle_dot(front, number, begins)
    if dot.spaced or behind[0].spaced:
        return interpret_spaced_stop(front, dot, behind, begins)
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


def interpret_spaced_stop(front, dot, behind, begins):
    """Return what a full stop with a space beside it and a number behind it is.

    Parameters
    ----------
    front, dot, behind
        As in `interpret_dot`.
    begins : bool
        Whether a formula, a bracket or an adduct begins with the full stop or its number.

    Returns
    -------
    str
        `DECIMAL`, `ADDUCT`, `EITHER` or `COEFFICIENT`.
    """
    number = front[-1].text if is_number(front[-1:]) else ""
    both = dot.spaced and behind[0].spaced
    if number == "0":
        if both:
            raise LabError("has spaces in a decimal; write it without them, as in Li0.5CoO2")
        return DECIMAL
    if begins:
        return ADDUCT if number or behind[0].spaced else DECIMAL
    chain = [token.kind for token in behind[1:3]] == ["stop", "number"]
    if front[-1].kind == "subscript" or chain or number and not number.isdigit():
        return ADDUCT
    if are_compounds(front, behind[1:]):
        return ADDUCT if behind[0].spaced else COEFFICIENT
    return EITHER if number or not behind[0].spaced else ADDUCT
