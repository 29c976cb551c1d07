"""Letters and zeros that are typed in the place of others, and what to type."""

import re

from voltage_lab.compounds import count_part, may_be_neutral
from voltage_lab.grammar import EXAMPLE, SYMBOLS, Token, shorten, write_tokens
from voltage_lab.messages import LabError

RADIOACTIVE = set("Tc Pm Po At Rn Fr Ra Ac Th Pa U".split())  # improbable where others fit


def check_capitals(text):
    """Raise LabError if capitals are no symbols, but are with second letters that are small."""
    if re.search("[a-z]", text) or set(re.findall("[A-Z]", text)) <= SYMBOLS:
        return
    written = re.sub("[A-Z]+", lambda run: spell(run[0]), text)
    if not set(re.findall("[A-Z][a-z]?", written)) <= SYMBOLS:
        return
    remedy = f"write {written}" if shorten(written) else EXAMPLE
    raise LabError(
        f"has capitals for small letters; the second letter of a symbol is small: {remedy}"
    )


def spell(letters):
    """Return capitals as the most probable symbols, or unchanged if they cannot be symbols."""
    best = {len(letters): (0, 0, "")}  # by the first letter: radioactive symbols, symbols, text
    for start in reversed(range(len(letters))):
        ways = []
        for end in (start + 1, start + 2):
            symbol = letters[start:end].capitalize()
            if end in best and symbol in SYMBOLS:
                unlikely, number, rest = best[end]
                ways.append((unlikely + (symbol in RADIOACTIVE), number + 1, symbol + rest))
        if ways:
            best[start] = min(ways)
    return best[0][2] if 0 in best else letters


def check_zeros(tokens):
    """Raise LabError if a 0 may be the letter O: Co02, V205, LiMn204.

    A zero inside an amount is asked about in a compound without oxygen whose charges would add up
    to zero if it were O. V10 and Nb20 are read, as is an amount behind a space or in a subscript.
    """
    for place, token in enumerate(tokens):
        if token.kind in ("number", "subscript") and re.match("0[0-9]", token.text):
            text = write_tokens([*tokens[:place], token._replace(kind="number", text="")])
            written = shorten(f"{text}O{token.text[1:]}{write_tokens(tokens[place + 1 :])}")
            good = written and token.text[1] != "0" and place
            raise LabError(
                "has an amount that begins with 0; oxygen is the letter O: write "
                + (written if good else "CoO2, not Co02")
            )
    for part in split_adducts(tokens):
        if "O" not in [token.text for token in part]:
            for place, token in enumerate(part):
                if token.kind == "number" and not token.spaced:
                    check_inner_zeros(part, place)
    if re.search(r"[·(\[{]H20(?=[·)\]}]|$)|^H20·", re.sub("·[0-9./]+", "·", write_tokens(tokens))):
        raise LabError("holds H20; water has the letter O: write H2O")


def split_adducts(tokens):
    """Return the tokens of each compound between middle dots, without its coefficient."""
    parts = [[]]
    for token in tokens:
        if token.kind == "dot":
            parts.append([])
        elif token.kind != "number" or parts[-1]:
            parts[-1].append(token)
    return parts


def check_inner_zeros(tokens, place):
    """Raise LabError if a zero inside the amount at a place may be O."""
    text = tokens[place].text
    for zero in re.finditer("0(?=[1-9][0-9]*$)", text):
        amount, rest = text[: zero.start()], text[zero.end() :]
        if not re.fullmatch(r"[1-9][0-9]*|[0-9]+\.[0-9]*[1-9]|[0-9]+/[1-9][0-9]*", amount):
            continue
        oxygen = [Token("number", amount), Token("symbol", "O"), Token("number", rest)]
        oxide = [*tokens[:place], *oxygen, *tokens[place + 1 :]]
        if may_be_neutral(count_part(oxide)):
            written = shorten(write_tokens(oxide)) or "the letter O"
            raise LabError(
                f"has an amount of {shorten(text) or 'many digits'}; if its 0 is oxygen, write "
                f"{written}; if not, write a space in front of the amount"
            )


def suggest_letter(tokens, symbol):
    """Return what to write if the amount 0 of an element is the letter o or O."""
    letter = "o" if f"{symbol}o" in SYMBOLS - RADIOACTIVE else "O"
    written, number = re.subn(f"{symbol}0(?![0-9.])", symbol + letter, write_tokens(tokens))
    return f", or {written} if its 0 is a letter" if number and shorten(written) else ""
