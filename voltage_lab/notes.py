"""What a chemist would note of a host before its predicted voltage is used."""

import functools
import re

from pymatgen.core import Composition, Element

ELEMENTS = re.compile("[A-Z][a-z]?").findall


def note_hosts(hosts, y_train, ion):
    """Return what a chemist would note of each host; an empty text where there is nothing.

    Parameters
    ----------
    hosts : iterable of str
        Reduced formulas.
    y_train : pandas.Series
        Voltages of the training set, V, indexed by the reduced formula.
    ion : str
        The working ion.
    """
    trained = [set(ELEMENTS(host)) for host in y_train.index.unique()]
    seen = set().union(*trained)
    alloys = any(map(is_intermetallic, y_train.index.unique()))
    ranges = y_train.groupby(level=0).agg(["size", "min", "max"])
    known = {host: numbers for host, *numbers in ranges.itertuples()}
    texts = []
    for host in hosts:
        elements = ELEMENTS(host)
        found = note_elements(elements, ion, seen, alloys)
        if ion in elements:
            found.append(note_host(host, ion))
        if host in known:
            number, low, high = known[host]
            several = f" to {high:.2f} V ({number})"
            found.append(f"training set: {low:.2f}{several if number > 1 else ' V'}")
        texts.append("; ".join(found))
    return texts


def note_elements(elements, ion, seen, alloys):
    """Return the notes on the elements of a host.

    Parameters
    ----------
    elements : list of str
    ion : str
        The working ion.
    seen : set of str
        Elements of the training set.
    alloys : bool
        Whether the training set has hosts of metals alone.
    """
    metals = [element for element in elements if is_metal(element) and element != ion]
    found = []
    if unseen := sorted(set(elements) - seen):
        found.append(f"no training sample has {', '.join(unseen)}")
    if len(elements) == 1:
        found.append("a single element")
    elif len(metals) == len(elements) and not alloys:
        found.append("metals alone; no training sample is an alloy")
    if not metals:
        found.append(f"no metal but {ion}" if ion in elements else "no metal in it")
    elif not any(map(changes_charge, metals)):
        found.append("no metal in it changes its charge")
    return found


@functools.cache
def is_metal(element):
    """Return whether an element is a metal."""
    return Element(element).is_metal


def is_intermetallic(formula):
    """Return whether a host is of metals alone, among which Ge and Sb count here."""
    return all(is_metal(element) or element in ("Ge", "Sb") for element in ELEMENTS(formula))


@functools.cache
def changes_charge(metal):
    """Return whether a metal has more than one oxidation state in the ICSD, as pymatgen lists it.

    A list without any state, as of gold, says nothing and counts as several.
    """
    return len(Element(metal).icsd_oxidation_states) != 1


def note_host(formula, ion):
    """Return the note on a formula that holds the working ion."""
    left = {element: n for element, n in Composition(formula).items() if element.symbol != ion}
    note = f"holds {ion}: voltage for inserting more"
    return f"{note}; its host is {Composition(left).reduced_formula}" if left else note
