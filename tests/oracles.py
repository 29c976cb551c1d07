"""What the tests of any input share: how often to try, and independent oracles."""

import html
import itertools
import math
import os
import re
import tempfile
import unicodedata
from collections import Counter
from fractions import Fraction

import hypothesis
from hypothesis import HealthCheck, settings
from pymatgen.core import Composition

EXAMPLES = int(os.environ.get("EXAMPLES", 0))  # 0: as many as the suite has time for
hypothesis.configuration.set_hypothesis_home_dir(tempfile.gettempdir())  # leaves nothing here


def try_examples(number):
    """Return the settings of a property: `number` examples, or as many as EXAMPLES asks for."""
    return settings(
        max_examples=EXAMPLES or number,
        derandomize=not EXAMPLES,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )


# ------------------------------------------------------------------------------------- formulas
ELEMENTS = """
    H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br
    Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho
    Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U""".split()
# Noble gases, groups 2 and 12, Pd 4d10, Yb 4f14 6s2: no shell is open.
CLOSED_SHELL = set("He Ne Ar Kr Xe Rn Be Mg Ca Sr Ba Ra Zn Cd Hg Pd Yb".split())


class Amounts(Counter):
    """Amounts of elements that can be added and multiplied, so that Python reads a formula."""

    def __pos__(self):
        return self

    def __add__(self, other):
        return Amounts({name: self[name] + other[name] for name in {*self, *other}})

    def __mul__(self, factor):
        return Amounts({name: amount * factor for name, amount in self.items()})


# Symbols and amounts in brackets, and nothing that a notation or an adduct would add.
PLAIN = r"(?: *(?:[A-Z][a-z]?|[(\[]|[)\]])(?: *[0-9]+(?:\.[0-9]+)?)?)+ *"


def read_amounts(formula):
    """Read a formula as Python would a sum, ``+Amounts(Fe=1)*Fraction("2")``: exact amounts.

    Nothing for a text in any other notation.
    """

    def translate(match):
        if match[0] in "([":
            return "+("
        if match[0] in ")]":
            return ")"
        return f"+Amounts({match[0]}=1)" if match[0].isalpha() else f"*Fraction('{match[0]}')"

    if not re.fullmatch(PLAIN, formula):
        return {}
    text = re.sub(r"[A-Z][a-z]?|[0-9.]+|[()\[\]]", translate, formula).strip()
    amounts = eval(text, {"Amounts": Amounts, "Fraction": Fraction})
    return {name: amount for name, amount in amounts.items() if amount}


def reduce_amounts(amounts):
    """Return amounts as whole numbers without a common factor."""
    scale = math.lcm(*(Fraction(amount).denominator for amount in amounts.values()))
    counts = {name: int(amount * scale) for name, amount in amounts.items()}
    return {name: count // math.gcd(*counts.values()) for name, count in counts.items()}


def find_elements(text):
    """Return the elements that a text in any notation names, its commands and markup left out.

    They are found from left to right: in "SiCo" Si and Co, in "SC" S and C. An amount of 0 that
    ends behind its symbol, as in Li0FePO4, leaves its element out.
    """
    text = unicodedata.normalize("NFKC", html.unescape(text))
    text = "".join(letter for letter in text if unicodedata.category(letter) != "Cf")  # invisible
    text = re.sub(r"(?i)</?(?:su[bp]|b|i|u|em|strong|span|font|p|div|td)\b[^<>]*>", "", text)
    text = re.sub(r"\\[A-Za-z]+|[$_{}\\]", "", text)
    found = re.findall(r"([A-Z][a-z]?) *([0-9.]*)", text)
    return {name for name, amount in found if not re.fullmatch(r"0(\.0*)?", amount)}


def assert_same_elements(formula, text):
    """Assert that a formula has the elements that a text in any notation names, and no other."""
    assert set(re.findall("[A-Z][a-z]?", formula)) == find_elements(text), (formula, text)


def assert_same_ratios(formula, amounts):
    """Assert that a formula has the elements of `amounts`, up to 100 atoms in their ratios."""
    reduced = read_amounts(formula)
    assert reduced
    assert all(count.denominator == 1 for count in reduced.values())
    counts = reduce_amounts(reduced)
    assert counts == reduced or formula in Composition.special_formulas.values(), formula
    if amounts:
        expected = reduce_amounts(amounts)
        assert set(counts) == set(expected)
        assert sum(expected.values()) > 100 or counts == expected


def nearest_numbers(text, units):
    """Return the whole numbers of atoms in some units that round to an amount, if any do.

    Of several, those nearest to the amount: one, or two that are equally near. An amount without
    decimals, or with zeros alone, has to be exact.
    """
    value = Fraction(text)
    digits = len(text.partition(".")[2])
    margin = 0 if value.denominator == 1 or "/" in text else Fraction(1, 2 * 10**digits)
    below = math.floor(value * units)
    distances = {number: abs(Fraction(number, units) - value) for number in (below, below + 1)}
    nearest = min(distances.values())
    return [number for number, far in distances.items() if far == nearest <= margin]


def settle(texts):
    """Return all ways to write amounts in the fewest units to which they may be rounded."""
    for units in itertools.count(1):
        numbers = [nearest_numbers(text, units) for text in texts]
        if all(numbers):
            return [[Fraction(n, units) for n in way] for way in itertools.product(*numbers)]
    raise AssertionError


def count_tree(tree, depth=0, rounded_from=math.inf):
    """Return all readings of a tree of (symbol or tree, amount text): amounts of elements.

    Amounts with so many brackets around them, or more, may be rounded.
    """
    texts = [text for _, text in tree]
    exact = [[Fraction(text) for text in texts]]
    parts = [
        [{part: 1}] if isinstance(part, str) else count_tree(part, depth + 1, rounded_from)
        for part, _ in tree
    ]
    readings = []
    for values in settle(texts) if depth >= rounded_from else exact:
        for atoms in itertools.product(*parts):
            total = Amounts()
            for value, amounts in zip(values, atoms, strict=True):
                total += Amounts(amounts) * value
            readings.append(total)
    return readings


def tree_depth(tree):
    """Return how many brackets are in each other."""
    return max([0, *(1 + tree_depth(part) for part, _ in tree if not isinstance(part, str))])


def count_whole_numbers(tree):
    """Return the whole numbers that a tree may stand for, as the lab reads it: a list of dicts."""
    exact = readings = [reduce_amounts(amounts) for amounts in count_tree(tree)]
    for depth in range(tree_depth(tree), -1, -1):
        if any(sum(counts.values()) <= 100 for counts in readings):
            break
        readings = [reduce_amounts(amounts) for amounts in count_tree(tree, 0, depth)]
    larger = [counts for counts in readings if sum(counts.values()) >= sum(exact[0].values())]
    return exact if larger == readings else readings + exact * bool(larger)


# ------------------------------------------------------------------------------------ intervals
def conformal_margin(errors, coverage):
    """Return the smallest error within which enough errors lie for one more to be covered.

    Of n errors and a new one, a share `coverage` of n + 1 has to be within; where n are too few
    for that, the margin is the largest error.
    """
    needed = Fraction(str(coverage)) * (len(errors) + 1)
    return min(
        (error for error in errors if sum(other <= error for other in errors) >= needed),
        default=max(errors),
    )


# ------------------------------------------------------------------------------------- messages
def assert_message(error, *parts):
    """Assert that an error is a line that fits a screen and that it says what it has to say."""
    line = str(error)
    assert line.isprintable(), line
    assert line.splitlines() == [line]
    assert len(line) < 500, line
    for part in parts:
        assert part in line, line
