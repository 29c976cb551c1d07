"""What to write for a formula in which zeros are typed in the place of the letter O."""

import itertools
import re

from voltage_lab.adducts import list_readings
from voltage_lab.compounds import count_part, may_be_neutral
from voltage_lab.grammar import is_number, shorten, split_adducts, split_tokens
from voltage_lab.messages import LabError

MOST = 7  # zeros that are replaced, each or not
# A full stop that may be the sign of an adduct: not one after or before a 0.
STOP = r"(?<=[A-Za-z1-9)\]}])\.(?=[1-9A-Z(\[])|\.(?=0\.)"


class ZeroError(LabError):
    """A 0 that may be the letter O; `parse_formula` says what to write, or else to write O."""

    found, missing = "write {}", "write the letter O for oxygen"

    def __init__(self, before, after=""):
        super().__init__(before + self.missing + after)
        self.before, self.after = before, after

    def offer(self, text, read):
        """Return the error for a text, with the formula to write if there is one.

        Parameters
        ----------
        text : str
            As `voltage_lab.notation.translate` gives it.
        read : callable
            Returns the formula that a text is read as, or raises LabError.
        """
        written = find_letters(text, read) if shorten(text) else ""
        return LabError(self.before + self.found.format(written) + self.after) if written else self


class ZeroAmountError(ZeroError):
    """An amount of 0, which may be a letter."""

    found, missing = ", or write {} if its 0 is a letter", ""


def find_letters(text, read):
    """Return a text with the letter O in the place of the fewest zeros, or nothing.

    Only one that is read without a question and that is neutral. C0 may also be Co. A full stop
    becomes the sign of an adduct where it is asked about otherwise.

    Parameters
    ----------
    text, read
        As in `ZeroError.offer`.
    """
    water = re.sub(r"H20(?=$|[)\]}·.])", "H2O", text)
    if water != text:
        dotted = re.sub(STOP, "·", water)
        for written in (water, dotted):
            if is_whole_formula(written, read):
                return written
        if written := find_letters(water, read):
            return written
    decimals = {match.start() for match in re.finditer(r"0(?=\.[0-9])", text)}
    zeros = [match.start() for match in re.finditer("0", text)]
    if len(zeros) > MOST:
        zeros = [place for place in zeros if place not in decimals][:MOST]
    choices = [
        chosen for n in range(1, len(zeros) + 1) for chosen in itertools.combinations(zeros, n)
    ]
    choices.sort(key=lambda chosen: len(decimals.intersection(chosen)))
    for chosen in choices:
        for letters in list_letters(text, chosen):
            for written in dict.fromkeys([letters, re.sub(STOP, "·", letters)]):
                if is_whole_formula(written, read):
                    return written
    return ""


def list_letters(text, places):
    """Return the texts with O in these places, and before them those with o for C0 as well."""
    options = ["oO" if text[:place].endswith("C") else "O" for place in places]
    written = []
    for chosen in itertools.product(*options):
        letters = list(text)
        for place, letter in zip(places, chosen, strict=True):
            letters[place] = letter
        written.append("".join(letters))
    return written


def is_whole_formula(text, read):
    """Return whether a text is read, and each compound of it is neutral."""
    try:
        read(text)
        tokens = list_readings(split_tokens(text))[-1][0]
    except LabError:
        return False
    parts = [count_part(part[is_number(part[:1]) :]) for part in split_adducts(tokens)]
    several = [atoms for atoms in parts if len(atoms) > 1]
    return bool(several) and all(map(may_be_neutral, several))
