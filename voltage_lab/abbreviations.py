"""What stands in a cell and is no formula: abbreviations, names, empty cells and their errors."""

import re
from fractions import Fraction

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
    "NFPP": "Na4Fe3(PO4)2(P2O7)",
    "NVPOF": "Na3V2(PO4)2F3",
    "NVOPF": "Na3V2(PO4)2O2F",
    "NFO": "NaFeO2",
    "NNO": "NaNiO2",
    "NCO": "NaCoO2",
    "LiFSI": "LiN(SO2F)2",
    "NaFSI": "NaN(SO2F)2",
    "KFSI": "KN(SO2F)2",
    "LiBOB": "LiB(C2O4)2",
}
# Classes of materials, polymers, and abbreviations of several formulas.
NAMES = set("NVPO NVO KVO NFS PB PBA PAN PANI SPAN NASICON COF MOF".split())
CELLS = r"#[A-Z/0]+[!?]?|NA|N/A|n/a|TRUE|FALSE|NULL|[Tt]rue|[Ff]alse|[Nn]ull"


def check_names(text):
    """Raise LabError for an empty cell, the error of a spreadsheet, a name or an abbreviation."""
    if text == "NaN":
        raise LabError("may be an empty cell; write Na1 N1 for the elements")
    if re.fullmatch(CELLS, text):
        raise LabError("is an empty cell or an error of a spreadsheet; write a formula in its cell")
    if ratio := re.fullmatch("(NMC|NCM)[ -]?([1-9])([1-9])([1-9])", text):  # NMC811
        raise LabError(f"is an abbreviation; write the formula, as in {write_nmc(*ratio.groups())}")
    if text in ABBREVIATIONS:
        raise LabError(f"is an abbreviation; write the formula, as in {ABBREVIATIONS[text]}")
    if text in NAMES:
        spaced = " ".join(f"{letter}1" for letter in text)
        elements = f", or {spaced} for the elements" if text == "PB" else ""
        raise LabError(f"is an abbreviation; write the formula{elements}")
    if text.endswith("HCF") and text.isalpha():  # hexacyanoferrates
        raise LabError("is an abbreviation; write the formula, as in Cu3[Fe(CN)6]2 or KFe[Fe(CN)6]")
    if re.search("(?:TM|RE)(?=[A-Z])", text):
        raise LabError(
            "has TM or RE for any of several metals; write the formula of one, as in MnO2"
        )


def write_nmc(name, *digits):
    """Return the formula of an oxide such as NMC811, whose digits are in the order of its name."""
    total = sum(map(int, digits))
    ratios = (f"0.{digit}" if total == 10 else str(Fraction(int(digit), total)) for digit in digits)
    of_letter = dict(zip(name, ratios, strict=True))
    return f"LiNi{of_letter['N']}Mn{of_letter['M']}Co{of_letter['C']}O2"
