"""From typed amounts to whole numbers of atoms: exact, or the fewest units that round to them."""

import functools
import math
from collections import Counter
from decimal import Context
from fractions import Fraction
from typing import NamedTuple

EXACT_ATOMS = 100  # a decimal is exact in a reduced formula of up to so many atoms
MAX_UNITS = 10_000  # formula units that are tried for rounded decimals
WITHOUT_NOISE = Context(prec=12)  # a float has 15 digits or more, and its last ones are noise


class Amount(NamedTuple):
    """An amount as it was typed: its value, and its decimals where it may be rounded."""

    value: Fraction
    digits: int | None = None  # None: a whole number or a fraction such as 1/3, which is exact


ONE = Amount(Fraction(1))


def read_amount(text):
    """Return the amount that a text such as 3, 1/3 or 0.33 stands for."""
    if "." not in text:
        return Amount(Fraction(text))
    number = WITHOUT_NOISE.create_decimal(text)
    value = Fraction(number)
    whole = value.denominator == 1  # 2.0 is the whole number 2
    return Amount(value, None if whole else -number.as_tuple().exponent)


def rounds_to(amount, units):
    """Return whether some whole number of atoms rounds to an amount.

    Parameters
    ----------
    amount : Amount
        An amount with decimals.
    units : int
        The number of formula units that hold these atoms.
    """
    scale = 10**amount.digits
    over = int(amount.value * scale) * units % scale
    return 2 * min(over, scale - over) <= units  # a tie may be rounded up or down


@functools.lru_cache(1000)
def settle_amounts(amounts):
    """Return the values of amounts in the fewest formula units in which they may be rounded.

    Parameters
    ----------
    amounts : tuple of Amount
        All amounts of a formula, or of what stands in a bracket.

    Returns
    -------
    tuple of Fraction
        Whole numbers over the number of units: exact amounts as they are, of every decimal the
        number nearest to it that rounds to it. The decimals themselves if that takes no more
        units, or if `MAX_UNITS` are too few.
    """
    exact = math.lcm(*(amount.value.denominator for amount in amounts))
    step = math.lcm(*(amount.value.denominator for amount in amounts if amount.digits is None))
    rounded = [amount for amount in amounts if amount.digits is not None]
    for units in range(step, min(exact, MAX_UNITS + 1), step):
        if all(rounds_to(amount, units) for amount in rounded):
            return tuple(Fraction(round(amount.value * units), units) for amount in amounts)
    return tuple(amount.value for amount in amounts)


def count_atoms(group, rounded_from=math.inf, depth=0):
    """Return the amount of each element in a group.

    Parameters
    ----------
    group : list of (str or list, Amount)
        Symbols of elements and groups, each with its amount.
    rounded_from : int, optional
        Decimals in so many brackets, or more, may be rounded. By default, all are exact.
    depth : int, optional
        The number of brackets around the group.

    Returns
    -------
    collections.Counter
        From symbols to fractions.
    """
    values = tuple(amount for _, amount in group)
    if depth >= rounded_from:
        values = settle_amounts(values)
    else:
        values = tuple(amount.value for amount in values)
    atoms = Counter()
    for (part, _), value in zip(group, values, strict=True):
        if isinstance(part, str):
            atoms[part] += value
        else:
            for symbol, number in count_atoms(part, rounded_from, depth + 1).items():
                atoms[symbol] += number * value
    return atoms


def reduce_amounts(atoms):
    """Return amounts as whole numbers without a common factor; elements without atoms are left."""
    atoms = {symbol: amount for symbol, amount in atoms.items() if amount}
    scale = math.lcm(*(amount.denominator for amount in atoms.values()))
    numbers = {symbol: int(amount * scale) for symbol, amount in atoms.items()}
    divisor = math.gcd(*numbers.values())
    return {symbol: number // divisor for symbol, number in numbers.items()}


def measure_depth(group):
    """Return how many brackets are in each other in a group."""
    depth, groups = 0, [group]
    while groups := [part for group in groups for part, _ in group if not isinstance(part, str)]:
        depth += 1
    return depth


def find_whole_numbers(group):
    """Return the whole numbers of atoms that a group stands for.

    Decimals are exact if that gives up to `EXACT_ATOMS` atoms. Otherwise they may be rounded, those
    in the innermost brackets first.

    Parameters
    ----------
    group : list of (str or list, Amount)
        As `voltage_lab.grammar.build_group` gives it.

    Returns
    -------
    dict
        From symbols to whole numbers without a common factor.
    """
    exact = numbers = reduce_amounts(count_atoms(group))
    depth = measure_depth(group)
    while sum(numbers.values()) > EXACT_ATOMS and depth >= 0:
        numbers = reduce_amounts(count_atoms(group, depth))
        depth -= 1
    return min(exact, numbers, key=lambda each: sum(each.values()))
