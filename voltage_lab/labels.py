"""Texts that are more or less than a formula: charges, variables, ranges, dashes, signs."""

import re

from voltage_lab.abbreviations import check_names
from voltage_lab.compounds import NONMETALS, is_compound
from voltage_lab.grammar import EXAMPLE, SYMBOL, shorten
from voltage_lab.messages import LabError
from voltage_lab.structures import DASH, check_formulas, check_structures

SIX = "(?:Cr|Mo|W|Mn|Fe|Ru|Re|Os|Te|U)"  # elements with a state VI, which are in no iodide
INSIDE = rf"(?:{SYMBOL}|[0-9./()\[\]{{}}_ ])+"
ENDS = "(?:" + "|".join(sorted(NONMETALS, key=len, reverse=True)) + ")"
# Behind a space and in front of a symbol, not behind a metal, which it is the amount of; V 205 is
# how such an amount is written.
TYPED_APART = "[1-9]0([1-9]+[A-Z]|H(?![0-9a-z]))"
SPACED_AMOUNT = rf"(?:{ENDS}|[0-9)\]}}])( +)(?!{TYPED_APART})[0-9]+(?:[./][0-9]+)?(?=[A-Z])"
# What is looked for in a text before variables, and what after them, each with its message.
NUMBER_SIGNS = {
    r"(?<=[\w)\]}]) ?(?:\([0-9]+\)|\[[0-9]+\])": (
        "has a number alone in brackets, as of an uncertainty or a reference; write the formula "
        "without it"
    ),
    r"[A-Za-z0-9)\]}] *: *[A-Z]": (
        "has a colon; write a dopant with its amount, as in Sr0.99La0.01TiO3"
    ),
    r"_\{[0-9]+·": (
        "has a middle dot in a subscript; write decimals with a full stop, as in Li0.5CoO2"
    ),
    r"[0-9] *, *[0-9]": "has a decimal comma; write decimals with a full stop, as in Li0.5CoO2",
    r"[(\[{][^)\]}]*,": (
        "has elements that share a site; write an amount for each, as in (Mn0.5Fe0.5)PO4"
    ),
    r"[,;:=]|->|→": "is more than a formula; write one formula at a time",
    r"[0-9][eE][+-]?[0-9]": "has an exponent; write the amount in full, as in Li0.5CoO2",
}
SIGNS = {
    rf"[0-9] *(?:{DASH}|~|…|\.\.+) *[0-9]": (
        "has a range of amounts; write one amount, that of the host, as in Li0.5CoO2"
    ),
    rf"[+^⁰¹²³⁴-⁹⁺⁻₊₋]|{DASH} *(?:$|[ )\]}}])": "has a charge; write no charges, as in Fe2(SO4)3",
    DASH: "has a dash; write one formula, and no negative amounts",
    rf"II|IV|[(\[][IV]+[)\]]|{SIX}VI(?![a-z])|VV(?=[A-Z])": (
        "may hold an oxidation state; write none, or I1 and V1 for the elements"
    ),
    "CI(?![a-z])": "holds CI, a capital I; chlorine is Cl: write Cl, or C1 I1 for the elements",
}
# In a text whose symbols are replaced by |, so that Pu and Cm are no variables.
VARIABLE = r"(?<![A-Za-zα-ω])(?:[xyzδεXYZ]|(?<!\|)[nmuw])(?![a-zα-ωA-Z])"


def check_text(text):
    """Raise LabError if a text has a meaning of its own, or signs that no formula has.

    Parameters
    ----------
    text : str
        As `voltage_lab.notation.translate` gives it.
    """
    check_names(text)
    check_signs_around(text)
    check_parts(text)
    check_structures(text)
    rest = re.sub(SYMBOL, "|", text)
    if re.search("^[a-z]|[a-z]{3,}|[A-Z][a-z]{2,}", rest):
        raise LabError(f"is not a formula; a symbol begins with a capital letter: {EXAMPLE}")
    find_sign(text, NUMBER_SIGNS)
    if re.search(VARIABLE, rest):
        raise LabError("has a variable such as x; write a number for it, as in Li0.5CoO2")
    find_sign(text, SIGNS)
    if " " in text:
        check_formulas(text)


def check_signs_around(text):
    """Raise LabError if quotes, an equals sign or punctuation are around a formula."""
    written = text.strip("\"'`“”‘’«»=:;, ")
    if written != text and re.fullmatch(r"[A-Z0-9(\[][A-Za-z0-9()\[\]{}._ ·/]*", written):
        raise LabError(f"has signs around the formula; write {shorten(written) or 'it alone'}")


def check_parts(text):
    """Raise LabError if a dash or a space stands where · does: CuSO4-5H2O, CuSO4 5H2O."""
    dash = re.search(rf"(?<=[\w)\]}}]) *{DASH} *(?=[0-9./]*[A-Z(\[])", text)
    if dash and len(re.findall("[A-Z]", text[dash.end() :])) > 1:
        front = re.sub("^[0-9./ ]+", "", text[: dash.start()])
        written = re.sub(rf" *{DASH} *", "·", text)
        if is_compound(front) and re.fullmatch(INSIDE, written.replace("·", " ")):
            written = shorten(written) or "MnO2·H2O"
            raise LabError(f"has a dash; between the parts of a compound, write ·: {written}")
    space = " " in text and re.fullmatch(rf"([A-Z][^ ·]*) ([0-9][0-9./]* ?{INSIDE})", text)
    if space and re.search("[A-Z].*[A-Z]", space[1]) and re.search("[A-Z]", space[2]):
        water = re.fullmatch("[0-9./ ]+(?:H2O|H_{2}O)", space[2])
        nonmetal = re.search("[a-z]?[A-Z][a-z]?$", space[1]) and is_compound(space[1] + "1")
        if water and nonmetal or re.search("[0-9}]$", space[1]) and is_compound(space[1]):
            raise_adduct(text, space.start(2) - 1)
    for amount in re.finditer(SPACED_AMOUNT, text):
        front, behind = text[: amount.start(1)], text[amount.end() :]
        glued = re.search(r"[A-Za-z)\]}][0-9_]", text)  # else a page has a space before each amount
        if re.search("[A-Z].*[A-Z]", front) and (
            glued or is_compound(front) and is_compound(behind)
        ):
            raise_adduct(text, amount.start(1))


def raise_adduct(text, place):
    """Raise LabError for a space in front of a number, at a place of a text."""
    written = f"{text[:place].rstrip()}·{text[place:].lstrip()}"
    written = re.sub(SPACED_AMOUNT, lambda found: found[0].replace(found[1], "·"), written)
    raise LabError(
        "has two amounts after each other, or an adduct behind a space; write · in front of an "
        f"adduct: {shorten(written) or 'MnO2·H2O'}"
    )


def find_sign(text, messages):
    """Raise LabError with the message of the first pattern that a text has."""
    for pattern, message in messages.items():
        if re.search(pattern, text):
            raise LabError(message)
