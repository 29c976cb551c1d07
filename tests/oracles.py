"""What the tests of any input share: how often to try, and an independent reader of formulas."""

import math
import os
import re
import tempfile
from collections import Counter
from fractions import Fraction

import hypothesis
from hypothesis import HealthCheck, settings
from pymatgen.core import Composition

EXAMPLES = int(os.environ.get("EXAMPLES", 0))  # 0: as many as the suite has time for
hypothesis.configuration.set_hypothesis_home_dir(tempfile.gettempdir())  # leaves nothing here


def tried(examples):
    """Return the settings of a property: `examples` in the suite, or as many as are asked for."""
    return settings(
        max_examples=EXAMPLES or examples, derandomize=not EXAMPLES, database=None, deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


ELEMENTS = """
    H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br
    Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho
    Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U""".split()
# Noble gases, groups 2 and 12, Pd 4d10, Yb 4f14 6s2: no shell is open.
CLOSED = set("He Ne Ar Kr Xe Rn Be Mg Ca Sr Ba Ra Zn Cd Hg Pd Yb".split())


class Amounts(Counter):
    """Amounts of elements that can be added and multiplied, so that Python reads a formula."""

    def __pos__(self):
        return self

    def __add__(self, other):
        return Amounts({name: self[name] + other[name] for name in {*self, *other}})

    def __mul__(self, factor):
        return Amounts({name: amount * factor for name, amount in self.items()})


def amounts_of(formula):
    """Read a formula as Python would a sum, ``+Amounts(Fe=1)*Fraction("2")``: exact amounts."""

    def term(match):
        if match[0] in "([":
            return "+("
        if match[0] in ")]":
            return ")"
        return f"+Amounts({match[0]}=1)" if match[0].isalpha() else f"*Fraction('{match[0]}')"

    text = re.sub(r"[A-Z][a-z]?|[0-9.]+|[()\[\]]", term, formula).strip()
    found = eval(text, {"Amounts": Amounts, "Fraction": Fraction})
    return {name: amount for name, amount in found.items() if amount}


def whole(amounts):
    """Return amounts as whole numbers without a common factor."""
    scale = math.lcm(*(Fraction(amount).denominator for amount in amounts.values()))
    counts = {name: int(amount * scale) for name, amount in amounts.items()}
    return {name: count // math.gcd(*counts.values()) for name, count in counts.items()}


def same_ratios(formula, amounts):
    """Assert that a reduced formula has the elements of `amounts` in their ratios."""
    found = amounts_of(formula)
    assert all(count.denominator == 1 for count in found.values())
    assert sum(whole(found).values()) <= 100
    assert whole(found) == found or formula in Composition.special_formulas.values(), formula
    wanted = whole(amounts)
    if sum(wanted.values()) <= 100:
        assert whole(found) == wanted
    else:  # rounded, as 0.3333 is to a third
        assert set(found) == set(amounts)
        for name, amount in amounts.items():
            share = amount / sum(amounts.values())
            assert abs(found[name] / sum(found.values()) - share) < 1e-4


def one_line(error, *said):
    """Assert that an error is a line that fits a screen and that it says what it has to say."""
    line = str(error)
    assert line.isprintable() and line.splitlines() == [line] and len(line) < 500, line
    for part in said:
        assert part in line, line


