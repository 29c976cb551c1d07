"""The card of a run: with which data, settings and versions its files were made."""

import hashlib
import platform
from importlib.metadata import version
from pathlib import Path

from voltage_lab.checkpoint import CARD, save
from voltage_lab.messages import LabError, explain_os_error

PACKAGES = ["keras", "scikit-learn", "numpy", "pandas", "matminer", "pymatgen"]
SPLIT_SETTINGS = [
    *("sha256", "TARGET", "FORMULA", "ION"),
    *("RSEED", "SPLIT", "TEST_FRACTION"),
]
NOT_COMPARED = ["EPOCHS", "WORKERS", "COVERAGE", "BAD_ROWS"]  # no saved number depends on them


def versions():
    """Return the versions of Python and of the libraries that results depend on.

    TensorFlow is asked itself, because it is installed under several names.
    """
    import tensorflow

    own = {"python": platform.python_version(), "tensorflow": tensorflow.__version__}
    return own | {name: version(name) for name in PACKAGES}


def make_card(data, settings):
    """Return the card of a run: a dict of texts.

    Parameters
    ----------
    data : str or Path
        The table; its name and checksum are on the card.
    settings : dict
        Name to value.
    """
    with open(data, "rb") as file:
        checksum = hashlib.file_digest(file, "sha256").hexdigest()
    values = {"data": Path(data).name, "sha256": checksum, **settings}
    return {name: str(value) for name, value in values.items()}


def write_card(card, out):
    """Write a card to the folder of its run."""
    text = "".join(f"{name}: {value}\n" for name, value in card.items())
    save(lambda path: path.write_text(text, encoding="utf-8"), out / CARD)


def read_card(folder):
    """Read the card of the run in a folder; `LabError` if there is none or it is broken."""
    path = Path(folder) / CARD
    with explain_os_error(CARD):
        text = path.read_text(encoding="utf-8", errors="replace")
    lines = [line.split(": ", 1) for line in text.splitlines()]
    if any(len(line) != 2 for line in lines) or "sha256" not in dict(lines):
        raise LabError(f"{CARD} is not the card of a run")
    return dict(lines)


def differences(saved, current, names=None):
    """Return texts such as "RSEED is 7 there, 42 here" for what two cards do not share.

    Parameters
    ----------
    saved, current : dict
        The card of a run and that of the settings at hand.
    names : list of str, optional
        What to compare; by default all on which the numbers of a run depend.
    """
    names = names or [name for name in {**current, **saved} if name not in NOT_COMPARED]
    texts = []
    for name in names:
        values = [card.get(name, "not known") for card in (saved, current)]
        if values[0] != values[1]:
            text = "{} is {} there, {} here".format(name, *values)
            texts.append("the data file differs" if name == "sha256" else text)
    return texts
