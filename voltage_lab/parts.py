"""What stands on both sides of a dot: whether it is compounds, a decimal, or metals alone."""

from voltage_lab.compounds import NONMETALS, count_part, may_be_adduct, may_have_adduct
from voltage_lab.grammar import Token, is_number, read_level


def append_decimals(tokens, decimals):
    """Make the number that tokens end in a decimal: 4 and 5 are 4.5, no number and 5 are 0.5."""
    number = tokens.pop() if is_number(tokens[-1:]) else Token("number", "0")
    tokens.append(number._replace(text=f"{number.text}.{decimals.text}"))


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
