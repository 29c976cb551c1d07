"""What a chemist would note of a host before its predicted voltage is used."""

import functools

import pandas as pd
from pymatgen.core import Composition, Element

from voltage_lab.domain import ELEMENTS, is_intermetallic, is_metal

COLUMNS = ["Nearest", "Outside", "New kind"]  # of what `voltage_lab.domain.check_hosts` returns


def note_hosts(checked, y_train, y_test, ion):
    """Return what a chemist would note of each host, the gravest first.

    Parameters
    ----------
    checked : pandas.DataFrame
        From `voltage_lab.domain.check_hosts`.
    y_train, y_test : pandas.Series
        Voltages, V, indexed by the reduced formula.
    ion : str
        The working ion.

    Returns
    -------
    list of str
        An empty text where nothing was found.
    """
    trained = y_train.groupby(level=0).agg(list).to_dict()
    samples = pd.concat([y_train, y_test]).groupby(level=0).agg(list).to_dict()
    texts = []
    for host, nearest, outside, is_new_kind in checked[COLUMNS].itertuples():
        notes = [note_working_ion(host, ion, samples)] if ion in ELEMENTS(host) else []
        if outside:
            notes.append(f"outside the applicability domain: {outside}; nearest: {nearest}")
        notes += note_elements(host, ion, said=is_new_kind)
        if host in trained:
            notes.append(f"in the training set, {describe_samples(trained[host])}")
        texts.append("; ".join(notes))
    return texts


def note_elements(host, ion, said=False):
    """Return the note on the elements of a host, in a list; an empty list without one.

    Parameters
    ----------
    host, ion : str
        Formulas of the host and of the working ion.
    said : bool, optional
        Whether it was said that the host is a single element, or without a metal, if it is.
    """
    elements = ELEMENTS(host)
    if len(elements) == 1:
        return [] if said else ["a single element"]
    metals = [element for element in elements if is_metal(element) and element != ion]
    if not metals and ion in elements:
        return [f"no metal but {ion}"]
    if not metals:
        return [] if said else ["no metal in it"]
    if is_intermetallic(host):  # without ions
        return []
    if not is_balanced(host):
        return ["no usual oxidation states balance its charge"]
    return [] if any(map(changes_charge, metals)) else ["no metal in it changes its charge"]


def is_balanced(host):
    """Return whether oxidation states that the ICSD has, as pymatgen lists them, balance a host.

    Atoms of one element may have several states. Where no state is listed, it is assumed.
    """
    lowest = highest = 0
    for element, number in Composition(host).items():
        states = element.icsd_oxidation_states or element.common_oxidation_states
        if not states:
            return True
        lowest, highest = lowest + number * min(states), highest + number * max(states)
    return lowest <= 0 <= highest


@functools.cache
def changes_charge(metal):
    """Return whether a metal may take another charge when the working ion is inserted.

    Those of the groups of Li, Be, Sc, Zn and Al, lanthanides among them, do not if they have a
    single common oxidation state, as pymatgen lists it.
    """
    element = Element(metal)
    is_main = element.group in (1, 2, 3, 12, 13) and not element.is_actinoid
    return not is_main or len(element.common_oxidation_states) > 1


def note_working_ion(formula, ion, samples):
    """Return the note on a formula that contains the working ion.

    Parameters
    ----------
    formula, ion : str
    samples : dict
        Host to the voltages of its samples, V.
    """
    note = f"contains {ion}: voltage for inserting more"
    left = {element: n for element, n in Composition(formula).items() if element.symbol != ion}
    if len(left) < 2:  # no host, as N of Li3N
        return note
    host = Composition(left).reduced_formula
    known = f", {describe_samples(samples[host])}" if host in samples else ""
    return f"{note}; the host of {formula} is {host}{known}"


def describe_samples(voltages):
    """Return a text such as "3 samples, 3.38 to 3.43 V"."""
    number, low, high = len(voltages), min(voltages), max(voltages)
    return f"{number} samples, {low:.2f} to {high:.2f} V" if number > 1 else f"{low:.2f} V"
