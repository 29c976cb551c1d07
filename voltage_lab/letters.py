"""Letters that are typed in the place of others: CO for Co, C1 for Cl, Po for PO, O for 0.

Each is asked about only where the formula may be neutral as it is respelled, and where the letters
as they are typed are rare: carbonates, carbides such as LiC12 and iodides are read.
"""

import re

from voltage_lab.compounds import METALS, is_compound
from voltage_lab.grammar import EXAMPLE, shorten
from voltage_lab.messages import LabError

METAL = "(?:" + "|".join(sorted(METALS, key=len, reverse=True)) + ")(?![a-z])"
CAPITALS = rf"({METAL}[0-9./]* ?)(CO(?!3(?![0-9]))|NI|SI|SN|NB|CU|BI|IN)(?![a-z])"
# Not where all amounts are typed, also the 1, and not in front of O, H and N, as in an acetate.
CHLORINE = r"(?<=[A-Za-z0-9)\]])C1([1-9]?(?![0-9.])|[0-9]\.[0-9]+)(?!O4)(?![OHN](?![a-z]))"
PERCHLORATE = "(?<=[A-Za-z0-9)(])C1(?=O4)"
ONE = "(?<!C)1(?![0-9.])"
PHOSPHATE = r"(?<=[A-Za-z0-9)\](\[])Po(?=[34](?![0-9.]))"
ZERO = rf"({METAL}[0-9]* ?)O(?=\.[0-9])"
SIGNS = r"C1|Po|O\.|CO|NI|SI|SN|NB|CU|BI|IN"  # without any, nothing is asked
OXIDE = r"(?!Li|Na|K|Rb|Cs)[A-Z][a-z]?O\."  # its full stop may be the sign of an adduct


def check_spelling(text):
    """Raise LabError if letters of a text may be others.

    Parameters
    ----------
    text : str
        As `voltage_lab.notation.translate` gives it.
    """
    if not re.search(SIGNS, text):
        return
    for part in text.split("·"):
        part = re.sub("^[0-9./ ]+(?=[A-Z])", "", part).strip()
        check_second_capitals(part)
        check_chlorine(part)
        check_phosphate(part)
        check_decimals(part)


def check_second_capitals(text):
    """Raise LabError if two capitals behind a metal may be one symbol: LiCOO2, NaNIO2."""
    written, before = text, ""
    while written != before:  # behind the first pair there may be a second one
        before = written
        written = re.sub(CAPITALS, lambda match: match[1] + match[2].capitalize(), before)
    if written != text and is_compound(written.replace(" ", "")):
        pair = re.search(CAPITALS, text)[2]
        raise LabError(
            f"holds {pair}, with a capital {pair[1]}; if it is {pair.capitalize()}, write "
            f"{shorten(written) or EXAMPLE}; if not, write a space between {pair[0]} and {pair[1]}"
        )


def check_chlorine(text):
    """Raise LabError if the 1 of C1 may be the letter l: FeC13, Li6PS5C1, LiC1O4."""
    typed = re.search(CHLORINE, text)
    fluoride = re.sub(CHLORINE, r"F\1", text)  # with F in its place, which has one charge
    if typed and not re.search(ONE, text) and is_compound(fluoride.replace(" ", "")):
        written = re.sub(CHLORINE, r"Cl\1", text)
    else:
        written = re.sub(PERCHLORATE, "Cl", text)
        if written == text or not is_compound(written.replace(" ", "")):
            return
    raise LabError(
        f"holds C1; if its 1 is the letter l, write {shorten(written) or 'Cl'}; if not, write "
        "a space behind C"
    )


def check_phosphate(text):
    """Raise LabError if polonium may be P and O: LiFePo4."""
    written = re.sub(PHOSPHATE, "PO", text)
    if written != text and is_compound(written.replace(" ", "")):
        raise LabError(
            f"holds polonium, Po; if it is phosphate, write {shorten(written) or 'PO4'}; if not, "
            "write a space behind Po"
        )


def check_decimals(text):
    """Raise LabError if an O in front of a full stop may be a zero: LiNiO.5Mn1.5O4."""
    written = re.sub(ZERO, r"\g<1>0", text)
    if written == text or re.match(OXIDE, text) and text.count("O.") == 1:
        return
    if re.search("O(?![a-z])", re.sub("H2O|H2 O", "", written)) and is_compound(
        written.replace(" ", "")
    ):
        raise LabError(
            f"has O in front of a full stop; if its O is a zero, write {shorten(written) or '0.5'}"
            "; if not, write O0.5 for oxygen, or · for an adduct"
        )
