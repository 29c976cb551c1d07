"""Letters and zeros that are typed in the place of others, and what to type."""

import re
from fractions import Fraction

from voltage_lab.compounds import ANIONS, HALOGENS, METALS, NONMETALS, count_part, may_be_neutral
from voltage_lab.grammar import (
    EXAMPLE,
    SYMBOLS,
    Token,
    are_symbols_spaced,
    is_number,
    shorten,
    split_adducts,
)
from voltage_lab.ions import CHARGES
from voltage_lab.messages import LabError
from voltage_lab.zeros import ZeroError

AMOUNTS = {"number", "subscript"}  # kinds of tokens
CHALCOGENS = {"S", "Se", "Te"}  # hosts without metals, as sulfur is
NOBLE = {"Cu", "Ag"}  # Cu20 is Cu2O; Li20 and Nb20 are cells of metals
# CO3 is a carbonate, but not in LICO3O4 and LICO3.5; (CO)5 is a carbonyl.
CARBON_OXIDES = r"((?<=[A-Z0-9(\[)])CO3(?!\.?[0-9]|O)|\(CO\))"
BEFORE_OXYGEN = r"[1-9][0-9]*|[0-9]+\.[0-9]*[1-9]|[0-9]+/[1-9][0-9]*"

RADIOACTIVE = set("Tc Pm Po At Rn Fr Ra Ac Th Pa U".split())  # improbable where others fit


def check_capitals(text):
    """Raise LabError if capitals are no symbols, but are with second letters that are small."""
    if re.search("[a-z]", text) or set(re.findall("[A-Z]", text)) <= SYMBOLS:
        return
    groups = re.split(CARBON_OXIDES, text)  # every second one is a carbonate or a carbonyl
    groups[::2] = [re.sub("[A-Z]+", lambda run: spell(run[0]), each) for each in groups[::2]]
    written = "".join(groups)
    if not set(re.findall("[A-Z][a-z]?", written)) <= SYMBOLS:
        return
    remedy = f"write {written}" if shorten(written) else EXAMPLE
    raise LabError(
        f"has capitals for small letters; the second letter of a symbol is small: {remedy}"
    )


def spell(letters):
    """Return capitals as the most probable symbols, or unchanged if they cannot be symbols."""
    best = {len(letters): (0, 0, "")}  # by the first letter: radioactive symbols, symbols, text
    for start in reversed(range(len(letters))):
        ways = []
        for end in (start + 1, start + 2):
            symbol = letters[start:end].capitalize()
            if end in best and symbol in SYMBOLS:
                unlikely, number, rest = best[end]
                ways.append((unlikely + (symbol in RADIOACTIVE), number + 1, symbol + rest))
        if ways:
            best[start] = min(ways)
    return best[0][2] if 0 in best else letters


def check_misprints(typed, readings):
    """Raise LabError if a 0 may be the letter O, in any reading of a formula.

    Parameters
    ----------
    typed : list of Token
        The formula as it was typed.
    readings : list of list of Token
        Its readings, without full stops.
    """
    if not any("0" in token.text for token in typed):
        return
    check_water(typed)
    for tokens in readings:
        check_first_zeros(tokens)
        check_last_zeros(tokens)
        check_inner_zeros(tokens)
    check_zeros_before_stops(typed)
    dot = Token("dot", "·")  # every full stop, too: V205.2H2O is also V205.2 H2O
    check_inner_zeros([dot if token.kind == "stop" else token for token in typed])


def check_water(tokens):
    """Raise LabError if H20 stands where a formula or an adduct does. H 20 is read."""
    spaced = are_symbols_spaced(tokens)
    for place, token in enumerate(tokens):
        following = tokens[place + 1 : place + 3]
        if token.text != "H" or [each.text for each in following[:1]] != ["20"]:
            continue
        if following[0].kind != "number" or following[0].spaced:
            continue
        front = tokens[:place]
        front = front[: len(front) - is_number(front[-1:])]  # without the coefficient
        behind = [each.kind for each in following[1:]]
        begins = not front or front[-1].kind in ("open", "dot", "stop")
        if begins and front and front[-1].kind == "stop" and spaced and not front[-1].spaced:
            begins = False  # Cu S O4.5 H20
        begins = begins or token.spaced and not spaced  # V2O5 H20
        if begins and behind in ([], ["close"], ["dot"], ["stop"]):
            raise ZeroError("holds H20; water has the letter O: ")


def check_first_zeros(tokens):
    """Raise LabError if an amount begins with 0, or 0 stands where no amount can: Co02, (0H)."""
    for place, token in enumerate(tokens):
        if token.kind not in AMOUNTS or not re.match("0([0-9]|$)", token.text):
            continue
        before, behind = tokens[max(place - 1, 0) : place], tokens[place + 1 : place + 2]
        what = "an amount that begins with 0"
        if token.text == "0":
            if not is_symbol(before, behind):
                continue
            what = "a 0 in the place of a symbol"
        raise ZeroError(f"has {what}; oxygen is the letter O: ")


def is_symbol(before, behind):
    """Return whether a 0 between two tokens, each in a list or absent, is no amount."""
    kinds = {token.kind for token in [*before, *behind]}
    begins = not before or before[0].kind == "open"
    follows = bool(behind) and behind[0].kind == "symbol"
    return follows and begins or bool(kinds & AMOUNTS) and [t.text for t in behind] != ["O"]


def check_last_zeros(tokens):
    """Raise LabError if the last 0 of an amount may be O: Li0H, Mg0·Al2O3, Li20·SiO2, LiFePO40H."""
    parts = split_adducts(tokens)
    for part in parts:
        symbols = {token.text for token in part if token.kind == "symbol"}
        for place, token in enumerate(part[1:], 1):
            before, behind = part[place - 1], [each.text for each in part[place + 1 :]]
            others = symbols - {before.text}
            alone = not others and len(parts) == 1
            if token.kind != "number" or token.spaced or alone and before.text not in NOBLE:
                continue
            oxide = [Token("number", token.text[0]), Token("symbol", "O")]
            oxides = others <= HALOGENS and before.text in METALS or others in (set(), {"H", "O"})
            if re.fullmatch("[2-9]0", token.text) and (oxides or is_in_hydroxide(part, place)):
                ask_for_oxygen(part, place, oxide)
            no_host = others <= ANIONS - CHALCOGENS and others != {"O"} or behind == ["C", "N"]
            if token.text == "0" and before.text in CHARGES and no_host:
                ask_for_oxygen(part, place, oxide[1:])


def is_in_hydroxide(part, place):
    """Return whether an amount stands between an anion and one H: LiFePO40H, Ca5(PO4)30H."""
    before, behind = part[place - 1], part[place + 1 :]
    begins = before.kind == "close" or before.text in ("O", "F")
    kinds = [token.kind for token in behind[1:2]]
    return begins and bool(behind) and behind[0].text == "H" and not set(kinds) & AMOUNTS


def check_zeros_before_stops(tokens):
    """Raise LabError if a 0 in front of a full stop may be O: Li20.2H2O, Mg0.2H2O."""
    if are_symbols_spaced(tokens):  # then it is a decimal point
        return
    for place, token in enumerate(tokens[2:], 2):
        element, amount = tokens[place - 2 : place]
        begins = place == 2 or tokens[place - 3].kind in ("open", "dot", "stop")
        if token.kind != "stop" or element.kind != "symbol" or not begins or amount.spaced:
            continue
        water = [each.text for each in tokens[place + 2 :]] == ["H", "2", "O"]
        zero = "[2-9]?0" if water and place == 2 else "[2-9]0"
        if amount.kind == "number" and re.fullmatch(zero, amount.text):
            oxide = [Token("number", amount.text[0]), Token("symbol", "O")]
            ask_for_oxygen([element, amount], 1, oxide[amount.text == "0" :])


def check_inner_zeros(tokens):
    """Raise LabError if a zero inside an amount may be O: V205, LiMn204.

    It may be if the charges can add up to zero with it. V10 and Nb20 are read, as is an amount
    behind a space or in a subscript. Where other oxygen is, a larger amount alone is asked about;
    where other anions alone are, the three decimals of a metal or group are read: Fe0.902S.
    """
    for part in split_adducts(tokens):
        atoms = count_part(part)
        oxygen = atoms.get("O", 0)
        exact = not oxygen and may_be_neutral(atoms)
        for place, token in enumerate(part[1:], 1):
            if token.kind != "number" or token.spaced or part[place - 1].text == "O":
                continue
            decimals = re.fullmatch(r"[0-9]+\.[0-9]{3}", token.text)
            if exact and decimals and part[place - 1].text not in NONMETALS:
                continue
            for zero in re.finditer("0(?=[1-9][0-9]*$)", token.text):
                amount, rest = token.text[: zero.start()], token.text[zero.end() :]
                if re.fullmatch(BEFORE_OXYGEN, amount) and Fraction(token.text) > oxygen:
                    oxide = [Token("number", amount), Token("symbol", "O"), Token("number", rest)]
                    ask_for_oxygen(part, place, oxide)


def ask_for_oxygen(tokens, place, oxide):
    """Raise LabError if a formula may be neutral with oxygen in the place of an amount.

    Parameters
    ----------
    tokens : list of Token
        The formula without adducts.
    place : int
        Place of the amount.
    oxide : list of Token
        What stands there if a 0 of the amount is oxygen.
    """
    text = tokens[place].text
    tokens = [*tokens[:place], *oxide, *tokens[place + 1 :]]
    if may_be_neutral(count_part(tokens)):
        raise ZeroError(
            f"has an amount of {shorten(text) or 'many digits'}; if its 0 is oxygen, ",
            "; if not, write a space in front of the amount",
        )
