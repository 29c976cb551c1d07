"""The name of a structure beside a formula, and several formulas in one text."""

import re

from voltage_lab.compounds import is_compound
from voltage_lab.grammar import shorten
from voltage_lab.messages import LabError

DASHES = "-\N{HYPHEN}\N{NON-BREAKING HYPHEN}\N{EN DASH}\N{EM DASH}\N{MINUS SIGN}"
DASH = f"[{DASHES}]"
STACKING = "[OPT][1-3]"  # of layered oxides and sulfides: O3, P2
# As in P2-NaMnO2, 1T-TaS2, LT-LiCoO2, β-MnO2, βMnO2, o-LiMnO2, 2H MoS2
IN_FRONT = (
    rf"^ *(?:[0-9]?[A-Z][0-9]?|[A-Z]{{2}}|[a-zα-ω]|[a-z]{{2,}}) *{DASH} *(?=[A-Z])"
    "|^[α-ω] *(?=[A-Z])|^[1-6][HTR]'? (?=[A-Z])"
)
# A letter, a word, a stacking, a polytype, a space group: TiO2(B), VO2(M), FePO4 (P3_121)
NAME = f"[A-Z]|[a-z]+|{STACKING}|[1-6][HTR]|[PIFCRAB](?:[-1-6_/mnabcd]|_{{[1-5]}}){{2,}}"
BEHIND = rf"[\w)\]}}] *(?:\( ?(?:{NAME}) ?\)|\[ ?(?:{NAME}) ?\])$"


def check_structures(text):
    """Raise LabError if a text may begin or end with the name of a structure.

    A name without a dash or brackets is one only beside a whole compound: O3 Fe2 and VPO4 F are
    read, O3 CoO2 and TiO2 B are not.
    """
    if re.search(IN_FRONT, text):
        raise LabError("begins with the label of a structure; write the formula alone")
    if re.search(BEHIND, text) and not text.endswith(("(I)", "(V)")):
        raise LabError(
            "ends in what may be the name of a polymorph; write the formula without it, or "
            "without brackets around it if it is an element"
        )
    if (label := re.match(f"({STACKING})( ?)(?=[A-Z])", text)) and has_stacking(
        label[1], text[label.end() :], bool(label[2])
    ):
        rest = shorten(text[label.end() :]) or "the formula alone"
        raise LabError(
            f"begins with {label[1]}, which may be the name of a structure; write {rest}, or "
            f"{label[1]} behind the metals if it has these elements"
        )
    label = re.fullmatch(rf"([^ ]*(?:O|S|Se|Te)[0-9.]*) ({STACKING}|B)", text)
    if label and is_compound(label[1]):
        raise LabError(
            f"ends in {label[2]}, which may be the name of a structure; write "
            f"{shorten(label[1]) or 'the formula alone'}, or no space in front of {label[2]} "
            "if it has these elements"
        )


def has_stacking(label, rest, spaced):
    """Return whether a text begins with the stacking of a layered compound, and not with elements.

    Parameters
    ----------
    label : str
        O3, P2 or the like.
    rest : str
        The text behind it.
    spaced : bool
        Whether a space is between them.
    """
    alkali = re.match("(?:Li|Na|K)[^ ]*[A-Z]", rest)
    if spaced:
        return bool(alkali) or is_compound(rest)
    return is_compound(rest, metals=2 if alkali else 1) and (bool(alkali) or label[0] == "O")


def check_formulas(text):
    """Raise LabError if a text has several formulas: FePO4 CoO2, but not Fe2 (PO4)3 or Li FePO4."""
    for compound in text.split("·"):
        parts = [part for part in compound.split(" ") if is_compound(part)]
        if len(parts) > 1 and re.search("[0-9]", compound):
            raise LabError(
                f"has several formulas, as {shorten(parts[0]) or 'the first'} and "
                f"{shorten(parts[1]) or 'the next'}; write one formula at a time, or · between "
                "the parts of one compound"
            )
