"""From the text of a formula to whole numbers of atoms."""

import re

from pymatgen.core import Composition

from voltage_lab.adducts import list_readings
from voltage_lab.amounts import find_whole_numbers
from voltage_lab.grammar import EXAMPLE, build_group, shorten, split_tokens
from voltage_lab.ions import CHARGES
from voltage_lab.labels import check_text
from voltage_lab.letters import check_spelling
from voltage_lab.messages import LabError, quote
from voltage_lab.misprints import check_capitals, check_misprints
from voltage_lab.notation import check_letters, translate
from voltage_lab.zeros import ZeroAmountError, ZeroError

# What a formula has that may not be read as itself: a zero, a misprint, a label, an abbreviation,
# Roman numbers.
DOUBTFUL = "(?<!O[1-9])0|C1|Po|^[OP][1-3]|^[A-Z]{3}|HCF|PB|NaN|II|IV|VI|C[IOU]|NI|SI|SN|NB|BI|IN"
LONGEST = 500  # characters
# matminer lists the electrons of every atom: 0.1 s and 10 MB for so many of them.
MAX_ATOMS = 100_000
# Without another element, these have full shells only, and matminer finds no empty orbital.
CLOSED_SHELL = set("He Ne Ar Kr Xe Rn Be Mg Ca Sr Ba Ra Zn Cd Hg Pd Yb".split())


def parse_formula(text, ion="any"):
    """Return a formula in whole numbers without a common factor: Fe2P2O8 is FePO4.

    Parameters
    ----------
    text : str
        A formula, such as ``"Nb1 Se2"``, ``"Li0.33NiO2"``, ``"FePO₄"`` or ``"MnO2·0.5H2O"``.
    ion : str, optional
        Symbol of the working ion, or "any". Its amount may be 0: ``"Li0FePO4"`` is FePO4.

    Returns
    -------
    str
        The reduced formula as pymatgen writes it, or ``"Na1 N1"`` where that would not be read.
        Decimals are exact in formulas of up to 100 atoms. In others they may be rounded: the
        formula is that of the fewest formula units in which every decimal rounds to what was
        typed.

    Raises
    ------
    LabError
        If the text is not a formula or has two readings. The message has the text, what is wrong
        with it and what to write. The place of the text is for the caller to add.
    """
    try:
        formula = read_formula(text, ion)
    except LabError as reason:
        if isinstance(reason, ZeroError):
            reason = reason.offer(translate(text), lambda written: read_formula(written, ion))
        raise LabError(f"{quote(text)} {reason}") from None
    if not re.search(DOUBTFUL, formula) or is_read_as_itself(formula, ion):
        return formula
    return space_out(formula)


def is_read_as_itself(formula, ion):
    """Return whether a reduced formula is read, and not as an empty cell or with a misprint."""
    try:
        return read_formula(formula, ion) == formula
    except LabError:
        return False


def space_out(formula):
    """Return a reduced formula so that it is read whatever it holds: ``Na1 N1``, ``Li1 Mn 204``."""
    amounts = Composition(formula).items()
    parts = [f"{element.symbol}{' ' * (n > 100 or n % 10 == 0)}{int(n)}" for element, n in amounts]
    return " ".join(parts)


def read_formula(text, ion):
    """Return the reduced formula of a text; LabError says only what is wrong and what to write."""
    if not isinstance(text, str) or not text.strip():
        raise LabError(f"is not a formula; {EXAMPLE}")
    if len(text) > LONGEST:
        raise LabError(f"has {len(text)} characters; write a formula of {LONGEST} or fewer")
    text = translate(text)
    check_text(text)
    check_capitals(text)
    check_letters(text)
    check_spelling(text)
    typed = split_tokens(text)
    readings = list_readings(typed)
    check_misprints(typed, [tokens for tokens, _ in readings])
    formulas, errors = {}, []
    for tokens, writing in readings:
        try:
            formulas.setdefault(reduce_formula(tokens, ion), shorten(writing))
        except LabError as error:
            errors.append(error)
    if not formulas:
        raise errors[0]
    if len(formulas) > 1:
        either, other = formulas.values()
        if not (either and other):
            either, other = "a space before each symbol for decimals", "· for an adduct"
        raise LabError(f"has two readings; write {either} or {other}")
    return next(iter(formulas))


def reduce_formula(tokens, ion):
    """Return the reduced formula of tokens without full stops, as pymatgen writes it.

    Parameters
    ----------
    tokens : list of Token
        One of the readings that `voltage_lab.adducts.list_readings` gives.
    ion : str
        As in `parse_formula`.
    """
    group = build_group(tokens)
    check_amounts(group, ion)
    numbers = find_whole_numbers(group)
    if not numbers:
        raise LabError("is a working ion with an amount of 0 alone; write a host, as in Li0FePO4")
    if set(numbers) <= CLOSED_SHELL:
        raise LabError(
            "has only elements with closed shells, which lack features; "
            "add another element, as in Nb1 Se2"
        )
    if (atoms := sum(numbers.values())) > MAX_ATOMS:
        many = f"{atoms}" if atoms < 1e9 else "billions of"
        raise LabError(
            f"has {many} atoms; write fewer digits, so that it has {MAX_ATOMS} atoms or fewer"
        )
    return Composition(numbers).get_integer_formula_and_factor()[0]


def check_amounts(group, ion):
    """Raise LabError if anything but the working ion has an amount of 0.

    Parameters
    ----------
    group : list of (str or list, Amount)
        The formula as `voltage_lab.grammar.build_group` gives it.
    ion : str
        As in `parse_formula`.
    """
    groups, absent = [group], CHARGES if ion == "any" else [ion]
    while groups:
        for part, amount in groups.pop():
            if not isinstance(part, str):
                groups.append(part)
                if not amount.value:
                    raise LabError("has a group with an amount of 0; write the formula without it")
            elif not amount.value and part not in absent:
                raise ZeroAmountError(
                    f"has an amount of 0 ({part}0); write the formula without {part}",
                    "; only a working ion may have it, as in Li0FePO4",
                )
