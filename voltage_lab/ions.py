"""The working ions of insertion electrodes, and the unit of a voltage against each of them."""

import re

# Charges (e) of the ions for which the Materials Project has insertion electrodes.
CHARGES = {"Li": 1, "Na": 1, "K": 1, "Rb": 1, "Cs": 1, "Mg": 2, "Ca": 2, "Zn": 2, "Y": 3, "Al": 3}
NAMES = dict(zip(CHARGES, "lithium sodium potassium rubidium caesium".split(), strict=False))
NAMES |= {"Mg": "magnesium", "Ca": "calcium", "Zn": "zinc", "Y": "yttrium", "Al": "aluminium"}
SYMBOLS = {word: ion for ion in CHARGES for word in (ion.lower(), NAMES[ion])}
OTHER_WORDS = {"v", "volt", "volts", "vs", "ion", "ions"}
SIGNS = {1: "⁺", 2: "²⁺", 3: "³⁺"}


def unit(ion):
    """Return the unit of a voltage, such as ``V vs. Na/Na⁺``."""
    return f"V vs. {ion}/{ion}{SIGNS[CHARGES[ion]]}"


def find_ion(text):
    """Return the working ion that a text names, as ``Na``, ``na+`` or ``V vs. Na/Na+`` do.

    None if it names no ion of `CHARGES`, or more than one.
    """
    words = set(re.findall("[a-z]+", str(text).lower())) - OTHER_WORDS
    symbols = {SYMBOLS.get(word) for word in words}
    return symbols.pop() if len(symbols) == 1 else None
