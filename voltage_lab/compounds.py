"""Which elements and amounts may be a compound: one whose charges can add up to zero.

It decides only whether a formula is asked about. It is generous: the oxidation states are all those
that pymatgen knows, and any mean of them.
"""

import functools
import re
from fractions import Fraction

from pymatgen.core import Element

from voltage_lab.amounts import count_atoms
from voltage_lab.grammar import SYMBOLS, build_group, split_tokens
from voltage_lab.messages import LabError

ANIONS = set("H N O F S Cl Se Br Te I".split())
NONMETALS = ANIONS | set("B C Si P As At".split())
METALS = SYMBOLS - NONMETALS
HALOGENS = set("F Cl Br I".split())
MOLECULES = {"H": 2, "N": 2, "O": 2}  # elements that are adducts, as in LiC6·H2


@functools.cache
def limit_states(symbol):
    """Return the lowest and the highest oxidation state of an element; metals have no anions."""
    states = Element(symbol).oxidation_states or (0,)
    if symbol not in NONMETALS:
        states = [state for state in states if state > 0] or [0]
    return min(states), max(states)


def find_limits(symbol, atoms):
    """Return the lowest and the highest oxidation state of an element in a compound.

    Parameters
    ----------
    symbol : str
        The element.
    atoms : collection of str
        All elements of the compound.

    Returns
    -------
    tuple of int or Fraction
        The two limits.
    """
    if symbol == "O" and all(other == "O" or Element(other).group == 1 for other in atoms):
        return -2, Fraction(-1, 2)  # superoxides, as KO2
    if symbol == "O":  # peroxides are of the first two groups
        peroxide = any(other != "H" and Element(other).group in (1, 2) for other in atoms)
        return -2, -1 if peroxide else -2
    if symbol == "F" or symbol in HALOGENS and "O" not in atoms:
        return -1, -1
    return limit_states(symbol)


def may_be_neutral(atoms):
    """Return whether the charges of elements, a dict of amounts, may add up to zero.

    Not those of one element alone.
    """
    limits = {symbol: find_limits(symbol, atoms) for symbol in atoms}
    low, high = (sum(n * limits[symbol][end] for symbol, n in atoms.items()) for end in (0, 1))
    return len(atoms) > 1 and low <= 0 <= high


def may_have_adduct(atoms, last, others):
    """Return whether a compound may have an adduct.

    Parameters
    ----------
    atoms, others : dict
        Amounts of the elements of the compound and of its adduct.
    last : str
        The element in which the compound ends.
    """
    if last not in NONMETALS:
        return False
    if last == "H" and "B" in atoms:  # clusters, as Li2B12H12
        return True
    return may_be_neutral(atoms) if len(atoms) > 1 else last in others


def may_be_adduct(atoms):
    """Return whether elements may be an adduct: a compound, a molecule, or atoms but no anion."""
    whole = all(number.denominator == 1 for number in atoms.values())
    if len(atoms) == 1:
        [(symbol, number)] = atoms.items()
        return MOLECULES.get(symbol) == number or whole and symbol not in ANIONS
    if atoms.keys() <= ANIONS - {"H", "S", "Se", "Te"} or atoms.keys() <= NONMETALS and not whole:
        return False
    return may_be_neutral(atoms)


def count_part(tokens):
    """Return the amounts of a part of a formula without its coefficient; {} for no formula."""
    coefficient = bool(tokens) and tokens[0].kind == "number"
    try:
        return count_atoms(build_group(tokens[coefficient:]))
    except LabError:  # it is reported where the whole formula is read
        return {}


def is_compound(text, metals=1):
    """Return whether a text without spaces or adducts is a compound of metals with an anion.

    Parameters
    ----------
    text : str
        As `voltage_lab.notation.translate` gives it.
    metals : int, optional
        The smallest number of metals.
    """
    text = re.sub(r"(?<!\{)[0-9]+\.[0-9]+", r"_{\g<0>}", text)
    if " " in text or not re.match("[A-Z]", text) or re.search(r"\.(?![0-9]+\})|·", text):
        return False
    try:
        atoms = count_part(split_tokens(text))
    except LabError:
        return False
    found = atoms.keys() - NONMETALS
    anions = atoms.keys() & ANIONS - {"H"}
    return len(found) >= metals and bool(anions) and may_be_neutral(atoms)
