"""The ways to write a formula, as one: subscripts, LaTeX, HTML, fractions, signs of adducts."""

import html
import re
import unicodedata

from voltage_lab.grammar import EXAMPLE
from voltage_lab.messages import LabError

SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉ₓ", "0123456789x")
DOTS = "·•∙⋅‧・ꞏ･"  # all are typed as the sign between a compound and its adduct
# Soft hyphen, zero width spaces and joiners, marks of direction; none that reverses the text.
INVISIBLE = re.compile("[\u00ad\u061c\u200b-\u200f\u202a-\u202c\u2060\u2066-\u2069\ufeff]")
WIDE = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}  # full-width ASCII
SIMILAR = str.maketrans("∕․", "/.") | WIDE
TAGS = r"(?i)</?(?:b|i|u|em|strong|span|font|p|div|td)\b[^<>]*>"
TIMES = "*×"  # never decimal points
LATEX_NAMES = {
    r"\cdot": "·",
    r"\bullet": "·",
    r"\times": "×",
    r"\,": " ",
    r"\;": " ",
    r"\ ": " ",
    r"\{": "{",
    r"\}": "}",
    r"\(": "",
    r"\)": "",
}
# Capital and small letters of other alphabets, and the Latin ones that they look like.
LOOK_ALIKES = dict(
    zip(
        "АВЕКМНОРСТХУІаеосрхуіΑΒΕΖΗΙΚΜΝΟΡΤΥΧονι",
        "ABEKMHOPCTXYIaeocpxyiABEZHIKMNOPTYXovi",
        strict=True,
    )
)
READABLE = re.compile(r"[A-Za-z0-9()\[\]{}. ·_/]")


def translate(text):
    """Return a formula in the one notation of `voltage_lab.grammar`.

    Parameters
    ----------
    text : str
        A formula as it was typed or copied.

    Returns
    -------
    str
        Of letters, digits, brackets, full stops, single spaces and middle dots. ``_{4}`` is an
        amount that was typed as a subscript. Characters that cannot be read are unchanged.
    """
    if "&" in text:
        text = html.unescape(text)
    text = INVISIBLE.sub("", text).translate(SIMILAR)
    text = translate_html(text) if "<" in text else text
    text = translate_latex(text)
    text = re.sub(f"[₀-₉]+(?:[./⁄{DOTS}][₀-₉]+)?", lambda match: f"_{{{match[0]}}}", text)
    text = text.translate(SUBSCRIPTS)
    text = re.sub("([0-9]*)([¼-¾⅐-⅞])", translate_fraction, text).replace("⁄", "/")
    text = re.sub("[\t\r\n]+$|^[\t\r\n]+|\t", " ", text)
    text = "".join(" " if unicodedata.category(letter) == "Zs" else letter for letter in text)
    text = re.sub(f"[{DOTS}]", "·", text)
    text = re.sub(rf" *[{re.escape(TIMES)}] *", " · ", text)
    text = re.sub(r"_\{ *([^{}]*?) *\}", translate_subscript, text)
    text = re.sub(r"_([0-9])", r"\1", text)
    return re.sub(" +", " ", translate_adducts(text)).strip()


def translate_html(text):
    """Return a text without the tags of HTML."""
    text = re.sub(r"(?i)<sub\b[^<>]*> *(.*?) *</sub>", r"_{\1}", text)
    text = re.sub(r"(?i)<sup\b[^<>]*> *(.*?) *</sup>", r"^{\1}", text)
    return re.sub(TAGS, "", text)


def translate_adducts(text):
    """Return a text with x as a sign of water as a middle dot, and its brackets left out."""
    water = r"([0-9][0-9./]* *H2O|[0-9][0-9./]* *H_?\{?2\}?O)"
    text = re.sub(rf"(?<=[0-9)\]}} ]) *[xX] *(?={water})", " · ", text)
    return re.sub(r"· ?\(([0-9][0-9./]* ?[A-Z][^()]*)\)(?=$|[ ·])", r"·\1", text)


def translate_latex(text):
    """Return a text without the commands of LaTeX."""
    if "\\" not in text and "$" not in text:
        return text
    text = re.sub(r"\\(?:left|right)(?![A-Za-z])", "", text)
    text = re.sub(r"\\[td]?frac\{([0-9]+)\}\{([0-9]+)\}", r"\1/\2", text)
    for command, sign in LATEX_NAMES.items():
        text = text.replace(command, sign)
    inside = r"\{((?:[^{}]|\{[^{}]*\})*)\}"  # with subscripts in braces
    text = re.sub(rf"\\(?:math\w+|text\w*|mbox|ce|ch|rm|operatorname) *{inside}", r"\1", text)
    text = re.sub(r"\\rm\b ?", "", text)
    text = re.sub("[{] *([·×]) *[}]", r"\1", text)
    return re.sub(r"\$_([0-9.]+)\$", r"_{\1}", text).replace("$", "")


def translate_subscript(match):
    """Return a number as a subscript, and what is no number without its braces."""
    number = re.fullmatch(r"[0-9]+([./·][0-9]+)?", match[1])
    return match[0].replace(" ", "") if number else match[1] or match[0]


def translate_fraction(match):
    """Return ½ as 1/2, and 1½ as 3/2."""
    top, bottom = map(int, unicodedata.normalize("NFKC", match[2]).split("⁄"))
    return f"{int(match[1] or 0) * bottom + top}/{bottom}"


def check_letters(text):
    """Raise LabError at the first character that is in no formula, with its name.

    Parameters
    ----------
    text : str
        As `translate` gives it.
    """
    letter = next((letter for letter in text if not READABLE.match(letter)), None)
    if letter is None:
        return
    name = unicodedata.name(letter, f"the character U+{ord(letter):04X}")
    normal = unicodedata.normalize("NFKC", letter)
    latin = LOOK_ALIKES.get(letter, normal if re.fullmatch("[A-Za-z0-9]", normal) else "")
    if latin:
        raise LabError(f"holds {name}, which looks like {latin}; write {latin} in its place")
    sign = f" ({letter})" if letter.isascii() and letter.isprintable() else ""
    raise LabError(f"holds {name}{sign}, which is in no formula; {EXAMPLE}")
