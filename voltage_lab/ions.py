"""The working ions of insertion electrodes, and the unit of a voltage against each of them."""

import re

CHARGES = {  # of the ions for which the Materials Project has insertion electrodes
    "Li": "⁺",
    "Na": "⁺",
    "K": "⁺",
    "Rb": "⁺",
    "Cs": "⁺",
    "Mg": "²⁺",
    "Ca": "²⁺",
    "Zn": "²⁺",
    "Y": "³⁺",
    "Al": "³⁺",
}


def unit(ion):
    """Return the unit of a voltage, such as ``V vs. Na/Na⁺``."""
    return f"V vs. {ion}/{ion}{CHARGES[ion]}"


def find_ion(text):
    """Return the working ion that a text names, as ``Na``, ``na+`` or ``V vs. Na/Na+`` do.

    None if it names no ion of `CHARGES`, or more than one.
    """
    words = re.findall("[a-z]+", str(text).lower().replace("vs", " "))
    symbols = {word.capitalize() for word in words} - {"V", "Volt", "Volts"}
    return symbols.pop() if len(symbols) == 1 and symbols <= set(CHARGES) else None
