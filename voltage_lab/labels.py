"""Texts that are more or less than a formula: abbreviations, labels, charges, variables, ranges."""

import re
from fractions import Fraction

from voltage_lab.grammar import EXAMPLE, SYMBOLS, shorten
from voltage_lab.messages import LabError

ABBREVIATIONS = {
    "LFP": "LiFePO4",
    "LMP": "LiMnPO4",
    "LCP": "LiCoPO4",
    "LCO": "LiCoO2",
    "LNO": "LiNiO2",
    "LMO": "LiMn2O4",
    "LNMO": "LiNi0.5Mn1.5O4",
    "LTO": "Li4Ti5O12",
    "LVP": "Li3V2(PO4)3",
    "LVPF": "LiVPO4F",
    "LMFP": "LiMn0.6Fe0.4PO4",
    "NMC": "LiNi1/3Mn1/3Co1/3O2",
    "NCM": "LiNi1/3Mn1/3Co1/3O2",
    "NCA": "LiNi0.8Co0.15Al0.05O2",
    "NVP": "Na3V2(PO4)3",
    "NVPF": "Na3V2(PO4)2F3",
    "NFP": "NaFePO4",
    "NMO": "NaMnO2",
    "NTP": "NaTi2(PO4)3",
    "KVPF": "KVPO4F",
    "LLZO": "Li7La3Zr2O12",
}
SYMBOL = "(?:" + "|".join(sorted(SYMBOLS, key=len, reverse=True)) + ")"
DASHES = "-\N{HYPHEN}\N{NON-BREAKING HYPHEN}\N{EN DASH}\N{EM DASH}\N{MINUS SIGN}"
DASH = f"[{DASHES}]"
# As in P2-NaMnO2, 1T-TaS2, LT-LiCoO2, β-MnO2, βMnO2, o-LiMnO2
STRUCTURE = (
    rf"^ *(?:[0-9]?[A-Z][0-9]?|[A-Z]{{2}}|[a-zα-ω]|[a-z]{{2,}}) *{DASH} *(?=[A-Z])"
    "|^[α-ω] *(?=[A-Z])"
)
STACKING = "([OPT][1-3]) +(?=(?:Li|Na|K)[^ ]*[A-Z])"  # as in P2 Na0.67MnO2, where P is no element
# What is looked for in a text before variables, and what after them, each with its message.
NUMBER_SIGNS = {
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
    r"II|IV|[(\[][IV]+[)\]]": (
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
    rest = re.sub(SYMBOL, "|", text)
    if re.search(STRUCTURE, text):
        raise LabError("begins with the label of a structure; write the formula alone")
    if re.search("^[a-z]|[a-z]{3,}|[A-Z][a-z]{2,}", rest):
        raise LabError(f"is not a formula; a symbol begins with a capital letter: {EXAMPLE}")
    find_sign(text, NUMBER_SIGNS)
    if re.search(VARIABLE, rest):
        raise LabError("has a variable such as x; write a number for it, as in Li0.5CoO2")
    find_sign(text, SIGNS)


def find_sign(text, messages):
    """Raise LabError with the message of the first pattern that a text has."""
    for pattern, message in messages.items():
        if re.search(pattern, text):
            raise LabError(message)


def check_names(text):
    """Raise LabError for an empty cell, an abbreviation, and the name of a polymorph."""
    if text == "NaN":
        raise LabError("may be an empty cell; write Na1 N1 for the elements")
    if ratio := re.fullmatch("(NMC|NCM)[ -]?([1-9])([1-9])([1-9])", text):  # NMC811
        raise LabError(f"is an abbreviation; write the formula, as in {write_nmc(*ratio.groups())}")
    if text in ABBREVIATIONS:
        raise LabError(f"is an abbreviation; write the formula, as in {ABBREVIATIONS[text]}")
    if label := re.match(STACKING, text):
        rest = shorten(text[label.end() :])
        raise LabError(
            f"begins with {label[1]}, which may be the name of a structure; write "
            f"{rest or 'the formula alone'}, or no space behind {label[1]} if it has these elements"
        )
    if re.search(r"[\w)\]}] *\((?:[A-Z]|[a-z]+)\)$", text) and not text.endswith(("(I)", "(V)")):
        raise LabError(
            "ends in what may be the name of a polymorph; write the formula without it, or "
            "without brackets around it if it is an element"
        )


def write_nmc(name, *digits):
    """Return the formula of an oxide such as NMC811, whose digits are in the order of its name."""
    total = sum(map(int, digits))
    ratios = (f"0.{digit}" if total == 10 else str(Fraction(int(digit), total)) for digit in digits)
    of_letter = dict(zip(name, ratios, strict=True))
    return f"LiNi{of_letter['N']}Mn{of_letter['M']}Co{of_letter['C']}O2"
