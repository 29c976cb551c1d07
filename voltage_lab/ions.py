"""The working ions of insertion electrodes, and the unit of a voltage against each of them."""

import re

# Charges (e) of the ions for which the Materials Project has insertion electrodes.
CHARGES = {"Li": 1, "Na": 1, "K": 1, "Rb": 1, "Cs": 1, "Mg": 2, "Ca": 2, "Zn": 2, "Y": 3, "Al": 3}
SIGNS = {1: "⁺", 2: "²⁺", 3: "³⁺"}


def unit(ion):
    """Return the unit of a voltage, such as ``V vs. Na/Na⁺``."""
    return f"V vs. {ion}/{ion}{SIGNS[CHARGES[ion]]}"


def find_ion(text):
    """Return the working ion that a text names, as ``Na``, ``na+`` or ``V vs. Na/Na+`` do.

    None if it names no ion of `CHARGES`, or more than one.
    """
    words = re.findall("[a-z]+", str(text).lower())
    symbols = {word.capitalize() for word in words} - {"V", "Volt", "Volts", "Vs"}
    return symbols.pop() if len(symbols) == 1 and symbols <= set(CHARGES) else None
