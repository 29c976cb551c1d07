"""The settings: what each may be, where it differs from its default, and the command line."""

import argparse
import numbers
import re
from typing import NamedTuple

from voltage_lab.ions import CHARGES
from voltage_lab.messages import LabError, quote


class Rule(NamedTuple):
    """What a setting may be."""

    default: object  # as the lab is given away; None where it depends on the machine
    kind: type
    allowed: str  # in words, for the message
    fits: object  # function: a value of that kind -> bool


def integer(default, lowest):
    """Return the rule of a whole number from `lowest` on."""
    words = f"a whole number from {lowest} to 999999999, without a comma"
    return Rule(default, int, words, lambda value: lowest <= value < 10**9)


def between(default, words, fits):
    """Return the rule of a number within limits."""
    return Rule(default, float, f"a number {words}, with a decimal point", fits)


def text(default, *choices):
    """Return the rule of a text: one of `choices`, or any if there are none."""
    words = " or ".join(map(repr, choices)) or "a text in quotes"
    return Rule(default, str, words, lambda value: value in choices if choices else bool(value))


RULES = {
    "RSEED": integer(42, 0),
    "SPLIT": text("formula", "formula", "random"),
    "TEST_FRACTION": between(0.2, "above 0 and below 1", lambda value: 0 < value < 1),
    "SEARCH": integer(20, 1),
    "SEARCH_EPOCHS": integer(32, 1),
    "FOLDS": integer(3, 2),
    "MAX_NEURONS": integer(200, 1),
    "DROPOUT": between(0.2, "from 0 to below 1", lambda value: 0 <= value < 1),
    "WORKERS": integer(None, 1),
    "BATCH": integer(64, 1),
    "TREES": integer(300, 1),
    "COVERAGE": between(0.9, "above 0 and below 1", lambda value: 0 < value < 1),
    "TARGET": text("Average Voltage"),
    "FORMULA": text("Reduced Formula"),
    "ION": text("any", "any", *CHARGES),
    "BAD_ROWS": text("refuse", "refuse", "skip"),
    "EPOCHS": integer(128, 1),
}
OPTIONS = {  # option: the setting that it changes, and its help
    "--epochs": ("EPOCHS", "epochs of the training"),
    "--search": ("SEARCH", "networks that the search tries"),
    "--search-epochs": ("SEARCH_EPOCHS", "epochs that each of them trains"),
    "--max-neurons": ("MAX_NEURONS", "largest number of neurons in a layer"),
    "--dropout": ("DROPOUT", "share of the neurons that a training step leaves out"),
    "--seed": ("RSEED", "seed of split, search and weights"),
    "--split": ("SPLIT", "formula, or random: the bad example"),
    "--ion": ("ION", "working ion whose rows are read, such as Na; any: the only one"),
    "--bad-rows": ("BAD_ROWS", "refuse: stop at rows that cannot be read; skip: leave them out"),
}


def check(name, value, place=None):
    """Return a setting's value in its kind, or raise `LabError` if it is not allowed.

    Parameters
    ----------
    name : str
        Name of the setting; one without a rule may have any value.
    value : object
        What was given.
    place : str, optional
        How it was given, such as ``--epochs 2.5``; by default ``NAME = value``.
    """
    if name not in RULES:
        return value
    rule = RULES[name]
    kinds = {int: numbers.Integral, float: numbers.Real, str: str}
    if isinstance(value, bool) or not isinstance(value, kinds[rule.kind]) or not rule.fits(value):
        given = (
            place or f"{name} = {quote(value) if isinstance(value, str) else quote(value)[1:-1]}"
        )
        raise LabError(f"{given} is not allowed; give {rule.allowed}")
    return rule.kind(value)


def changes(settings):
    """Return texts such as ``SEARCH = 8 (default 20)`` for settings that are not the default."""
    rules = {name: RULES[name] for name in settings if name in RULES}
    return [
        f"{name} = {settings[name]} (default {rule.default})"
        for name, rule in rules.items()
        if rule.default is not None and settings[name] != rule.default
    ]


def number(typed):
    """Return a typed number as int or float; any other text as it is."""
    if re.fullmatch(r"[+-]?[0-9]{1,15}", typed):
        return int(typed)
    if re.fullmatch(r"[+-]?([0-9]+\.[0-9]*|\.[0-9]+)", typed):
        return float(typed)
    return typed


class Parser(argparse.ArgumentParser):
    """A parser of the command line whose mistakes are `LabError`."""

    def error(self, message):
        """Raise what argparse would print."""
        raise LabError(f"{message}; see --help")


def make_parser(description, settings, *options):
    """Return a parser with some of `OPTIONS`; its help shows the settings as they are."""
    parser = Parser(description=description)
    for option in options:
        name, words = OPTIONS[option]
        help_text = f"{words} (default: %(default)s)"
        parser.add_argument(
            option, dest=name, default=settings[name], metavar="VALUE", help=help_text
        )
    return parser


def read_arguments(parser, settings, arguments=None):
    """Read a command line and check all settings, those in the scripts and those typed.

    Parameters
    ----------
    parser : Parser
        From `make_parser`.
    settings : dict
        Name to value, as they stand in the scripts.
    arguments : list of str, optional
        Of the command line; by default those that the script was started with.

    Returns
    -------
    settings : dict
        With the values of the options instead of those in the scripts.
    options : argparse.Namespace
        The other options.

    Raises
    ------
    LabError
        For the first value that is not allowed, with its name or its option.
    """
    others = vars(parser.parse_args(arguments))
    settings = {name: check(name, value) for name, value in settings.items()}
    for option, (name, _) in OPTIONS.items():
        typed = others.pop(name, None)
        typed = "--" if typed == [] else typed  # as argparse reads --epochs=--
        if isinstance(typed, str):
            value = typed if RULES[name].kind is str else number(typed)
            shown = typed if typed.isprintable() and len(typed) < 40 else quote(typed)
            settings[name] = check(name, value, f"{option} {shown}")
    return settings, argparse.Namespace(**others)
