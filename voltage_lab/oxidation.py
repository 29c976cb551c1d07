"""The most probable oxidation states of a formula: pymatgen's first guess, in milliseconds.

pymatgen's `oxi_state_guesses` (Ong et al., Comput. Mater. Sci. 68, 314 (2013)) lists every way
in which the charges of a formula's atoms add up to zero, ranked by the occurrences of their
oxidation states in the ICSD, added up over the atoms. It tries all combinations, hours for some
formulas of 50 atoms (https://github.com/hackingmaterials/matminer/issues/454: 20 minutes for
4,000 formulas). But matminer reads only the first guess. Dynamic programming finds it:

- Even numbers of atoms can be divided into two equal halves whose charges differ by at most R,
  the largest difference between two states of an element: sort an element's atoms, pair
  neighbours, give the larger charge of each pair to the half with the smaller total. So the best
  combination consists of two best halves, each with nearly half of the charge. An odd number
  leaves one atom over (Jansen and Rohwedder, "On Integer Programming and Convolution", 2019).
- N atoms are halved log2(N) times. Of each half only a window of charges counts, about as wide
  as the ranges of states of all elements together: the time grows with log(N), not with N.
- Weights are whole numbers, so totals are exact. What decides between equal totals, or says
  which combination has a total, are further digits of the weights.

Between equal totals pymatgen takes the first one that it meets: it combines the states of an
element in the order of its tables, then the charges of the elements in the order of the formula.
"""

import functools
from typing import NamedTuple

import numpy as np
from pymatgen.core import Composition, Element, Species


class Sites(NamedTuple):
    """The atoms of an element: how many, their possible states, the weight of each state."""

    number: int
    states: tuple
    weights: tuple

    def add_digits(self, unit, digits):
        """Return the same sites with weights of `unit` each and `digits` below it."""
        pairs = zip(self.weights, digits, strict=True)
        return self._replace(weights=tuple(weight * unit + digit for weight, digit in pairs))


def place_values(base, digits):
    """Return what a 1 is worth in each digit of a number, the highest digit first."""
    return [base**digit for digit in reversed(range(digits))]


def best_totals(elements, low, high, none=None):
    """Return the largest total weight for each sum of charges from low to high: (high - low + 1,).

    It is negative, from `none`, where no combination of the sites' states has that sum.
    """
    if none is None:  # so negative that no weights make it positive
        none = -1 - sum(sites.number * max(sites.weights) for sites in elements)
    odd = [sites for sites in elements if sites.number % 2]
    halves = [sites._replace(number=sites.number // 2) for sites in elements if sites.number > 1]
    low -= sum(max(sites.states) for sites in odd)
    high -= sum(min(sites.states) for sites in odd)
    best = np.array([none if charge else 0 for charge in range(low, high + 1)], object)
    if halves:
        reach = max(max(sites.states) - min(sites.states) for sites in halves) // 2
        start = low // 2 - reach
        half = best_totals(halves, start, (high + 1) // 2 + reach, none)
        charges = np.arange(low, high + 1)[:, None]
        smaller = charges // 2 - np.arange(reach + 1)
        best = (half[smaller - start] + half[charges - smaller - start]).max(axis=1)
    for sites in odd:
        start, low, high = low, low + max(sites.states), high + min(sites.states)
        before = np.arange(low, high + 1)[:, None] - sites.states
        best = (best[before - start] + np.array(sites.weights, object)).max(axis=1)
    return best


def largest_charges(elements, charge):
    """Return the charge of each element in the best combination, or None.

    Of equals, the one with the largest charge of the first element, then of the second, ...
    """
    lowest = [min(sites.states) for sites in elements]
    base = 1 + max(sites.number * (max(sites.states) - min(sites.states)) for sites in elements)
    triples = list(zip(elements, lowest, place_values(base, len(elements)), strict=True))
    coded = [
        sites.add_digits(base ** len(elements), [(state - least) * place for state in sites.states])
        for sites, least, place in triples
    ]
    total = best_totals(coded, charge, charge)[0]
    if total < 0:
        return None
    return [sites.number * least + total // place % base for sites, least, place in triples]


@functools.lru_cache(10_000)
def best_charges(elements, charge):
    """Return the charge of each element in pymatgen's first guess, or None."""
    if not elements:
        return None if charge else []
    largest = largest_charges(elements, charge)
    if largest is None or len(elements) == 1:
        return largest
    mirrored = [sites._replace(states=[-state for state in sites.states]) for sites in elements]
    smallest = [-negative for negative in largest_charges(mirrored, -charge)]
    if smallest == largest:
        return largest
    tied = [low < high for low, high in zip(smallest, largest, strict=True)].index(True)
    charge -= sum(largest[:tied])
    chosen = first_charge(elements[tied:], smallest[tied], largest[tied], charge)
    return [*largest[:tied], chosen, *best_charges(elements[tied + 1 :], charge - chosen)]


def first_charge(elements, low, high, charge):
    """Return the first element's charge, of equally good ones, that pymatgen meets first.

    It is the one that can be had with most atoms in the first state, then in the second, ...
    """
    totals = best_totals(elements[:1], low, high)
    others = best_totals(elements[1:], charge - high, charge - low)[::-1]
    totals = np.where((totals < 0) | (others < 0), -1, totals + others)
    sites = elements[0]
    order = sites._replace(weights=place_values(sites.number + 1, len(sites.states)))
    first = np.where(totals == totals.max(), best_totals([order], low, high), -1)
    return low + int(first.argmax())


@functools.lru_cache(10_000)
def best_numbers(sites, charge):
    """Return how many atoms of an element have each state in its best combination."""
    base = sites.number + 1
    places = place_values(base, len(sites.states))
    total = best_totals([sites.add_digits(base ** len(places), places)], charge, charge)[0]
    return {s: total // place % base for s, place in zip(sites.states, places, strict=True)}


@functools.cache
def occurrences(symbol, states):
    """Return how often the ICSD has each oxidation state of an element."""
    if Composition.oxi_prob is None:  # pymatgen reads its file with the first guess
        Composition("NaCl").oxi_state_guesses()
    return tuple(Composition.oxi_prob.get(Species(symbol, state), 0) for state in states)


class BestGuessComposition(Composition):
    """A composition that guesses oxidation states as pymatgen's does, but the best ones alone.

    With arguments that matminer does not use, it is as slow as pymatgen's and gives all guesses.
    """

    def oxi_state_guesses(self, *args, **kwargs):
        """Return the best guess, the mean state of each element, in a tuple; () for none."""
        guess = None if len(self.elements) == 1 else self.best_guess(*args, **kwargs)
        if guess is None:
            return super().oxi_state_guesses(*args, **kwargs)
        means = {
            symbol: sum(state * number for state, number in numbers.items()) / sum(numbers.values())
            for symbol, numbers in guess.items()
        }
        return (means,) if means else ()

    def add_charges_from_oxi_state_guesses(self, *args, **kwargs):
        """Return the composition with the ions of the best guess, of charge 0 for none."""
        guess = self.best_guess(*args, **kwargs)
        if guess is None:
            return super().add_charges_from_oxi_state_guesses(*args, **kwargs)
        if not guess:
            guess = {str(element): {0: amount} for element, amount in self.items()}
        ions = [(Species(name, s), n) for name, part in guess.items() for s, n in part.items()]
        return type(self)(ions)

    def best_guess(
        self, oxi_states_override=None, target_charge=0, all_oxi_states=False, max_sites=None
    ):
        """Return the number of atoms in each state of each element, or {} if there is no guess.

        None: a state, amount or charge is not a whole number, or there are too many sites.
        """
        reduced = self.reduced_composition if max_sites and max_sites < 0 else self
        amounts = reduced.get_el_amt_dict()
        many = max_sites not in (None, 0, -1) and reduced.num_atoms > abs(max_sites)
        whole = bool(amounts) and all(n >= 0 and n % 1 == 0 for n in amounts.values())
        if many or not whole or target_charge % 1:
            return None
        elements = find_sites(amounts, oxi_states_override or {}, all_oxi_states)
        numbers = [n for sites in elements.values() for n in (*sites.states, *sites.weights)]
        if not all(isinstance(number, int) for number in numbers):
            return None
        if not all(sites.states for sites in elements.values()):
            return {}
        charges = {symbol: sites.number * sites.states[0] for symbol, sites in elements.items()}
        mixed = [symbol for symbol, sites in elements.items() if len(sites.states) > 1]
        rest = int(target_charge) - sum(charges[symbol] for symbol in charges.keys() - mixed)
        best = best_charges(tuple(elements[symbol] for symbol in mixed), rest)
        if best is None:
            return {}
        charges |= dict(zip(mixed, best, strict=True))
        return {symbol: best_numbers(elements[symbol], charges[symbol]) for symbol in elements}


def find_sites(amounts, overrides, all_states):
    """Return the sites of each element with the states that pymatgen combines, in its order."""
    elements = {}
    for symbol, number in amounts.items():
        element = Element(symbol)
        states = element.icsd_oxidation_states or element.common_oxidation_states
        states = overrides.get(symbol) or (element.oxidation_states if all_states else states)
        states = tuple(dict.fromkeys(states))
        elements[symbol] = Sites(int(number), states, occurrences(symbol, states))
    return elements
