"""The card of a run: with which data, settings and versions its files were made."""

import hashlib
import platform
from importlib.metadata import version
from pathlib import Path

from voltage_lab.checkpoint import save
from voltage_lab.messages import LabError, explain_os_error

CARD = "parameters.txt"
PACKAGES = ["keras", "scikit-learn", "numpy", "pandas", "matminer", "pymatgen"]
SPLIT_SETTINGS = ["sha256", "TARGET", "FORMULA", "RSEED", "SPLIT", "TEST_FRACTION"]
NOT_OF_THE_RESULT = ["EPOCHS", "WORKERS", "COVERAGE"]  # a run may resume with others of these


def versions():
    """Return the versions of Python and of the libraries that results depend on.

    TensorFlow is asked itself, because it is installed under several names.
    """
    import tensorflow

    found = {"python": platform.python_version(), "tensorflow": tensorflow.__version__}
    return found | {name: version(name) for name in PACKAGES}


def make_card(data, settings):
    """Return the card of a run: a dict of texts.

    Parameters
    ----------
    data : str or Path
        The feature file; its name and checksum are on the card.
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


def differences(there, here, names=None):
    """Return texts such as "RSEED is 7 there, 42 here" for what two cards do not share.

    Parameters
    ----------
    there, here : dict
        Cards.
    names : list of str, optional
        What to compare; by default all on which the numbers of a run depend.
    """
    names = names or [name for name in {**here, **there} if name not in NOT_OF_THE_RESULT]
    texts = [
        f"{name} is {there.get(name, 'not known')} there, {here.get(name, 'not known')} here"
        for name in names
        if there.get(name) != here.get(name)
    ]
    return ["the data file differs" if text.startswith("sha256") else text for text in texts]
