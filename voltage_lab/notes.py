"""What a chemist would note of a host before its predicted voltage is used."""

import functools

import pandas as pd
from pymatgen.core import Composition, Element

from voltage_lab.domain import ELEMENTS, is_metal


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
    columns = checked[["Nearest", "Outside", "New kind"]]
    for host, nearest, outside, is_new_kind in columns.itertuples():
        notes = [note_working_ion(host, ion, samples)] if ion in ELEMENTS(host) else []
        if outside:
            notes.append(f"outside the applicability domain: {outside}; nearest: {nearest}")
        notes += note_elements(ELEMENTS(host), ion, said=is_new_kind)
        if host in trained:
            notes.append(f"in the training set, {describe_samples(trained[host])}")
        texts.append("; ".join(notes))
    return texts


def note_elements(elements, ion, said=False):
    """Return the note on the elements of a host, in a list; an empty list without one.

    Parameters
    ----------
    elements : list of str
    ion : str
        The working ion.
    said : bool, optional
        Whether it was said that the host is a single element, or without a metal, if it is.
    """
    if len(elements) == 1:
        return [] if said else ["a single element"]
    metals = [element for element in elements if is_metal(element) and element != ion]
    if not metals and ion in elements:
        return [f"no metal but {ion}"]
    if not metals:
        return [] if said else ["no metal in it"]
    return [] if any(map(changes_charge, metals)) else ["no metal in it changes its charge"]


@functools.cache
def changes_charge(metal):
    """Return whether a metal has more than one oxidation state in the ICSD, as pymatgen lists it.

    A list without any state, as of gold, says nothing and counts as several.
    """
    return len(Element(metal).icsd_oxidation_states) != 1


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
    if not left:
        return note
    host = Composition(left).reduced_formula
    known = f", {describe_samples(samples[host])}" if host in samples else ""
    return f"{note}; the host of {formula} is {host}{known}"


def describe_samples(voltages):
    """Return a text such as "3 samples, 3.38 to 3.43 V"."""
    number, low, high = len(voltages), min(voltages), max(voltages)
    return f"{number} samples, {low:.2f} to {high:.2f} V" if number > 1 else f"{low:.2f} V"
