"""The voltage of a row of the raw table, and the rules by which a row is left out."""

from scipy import constants

MAH_PER_MOL = constants.physical_constants["Faraday constant"][0] / 3.6  # of electrons
MIN_SHARE = 0.65          # shortest distance over the sum of covalent radii; V=O is 0.72
MAX_VOLUME_CHANGE = 0.30  # of the lithiated volume, when the Li leaves; beyond, another structure
MIN_BONDS = 0.80          # share of the framework's bonds that the empty host still has
MIN_VOLTAGE = -2.0        # V against Li/Li+; beyond, no electrode of the class is expected
MAX_VOLTAGE = 9.0         # V against Li/Li+


def voltage(raw):
    """Average insertion voltage of each row.

    V = -[E(lithiated) - E(host) - x E(Li)] / x

    Parameters
    ----------
    raw : pandas.DataFrame
        Columns energy_lithiated, energy_host (eV per cell), energy_li (eV per atom) and x (Li
        exchanged in the cell).

    Returns
    -------
    pandas.Series
        V against Li/Li+, missing where an energy is.
    """
    gain = raw["energy_lithiated"] - raw["energy_host"] - raw["x"] * raw["energy_li"]
    return (-gain / raw["x"]).rename("voltage")


def volume_change(raw):
    """Change of the volume when the lithium leaves, as a share of the lithiated cell's."""
    return raw["volume_host"] / raw["volume_lithiated"] - 1


# Name of the rule, and what tells (raw table in, one True or False a row out) that a row is out.
RULES = {
    "not converged": lambda raw: ~raw["converged"].astype(bool),
    "atoms closer than physics allows": lambda raw: raw["shortest_ratio"] < MIN_SHARE,
    "volume changed by more than 30 %": lambda raw: volume_change(raw).abs() > MAX_VOLUME_CHANGE,
    "framework lost": lambda raw: raw["bonds_kept"] < MIN_BONDS,
    "voltage outside -2..9 V": lambda raw: ~voltage(raw).between(MIN_VOLTAGE, MAX_VOLTAGE),
}


def excluded(raw):
    """Say for each row by which rule it is left out.

    Returns
    -------
    pandas.Series
        Name of the first rule that a row breaks; empty text for a row that is kept.
    """
    import pandas as pd

    reasons = pd.Series("", index=raw.index, name="excluded")
    for name, breaks in reversed(RULES.items()):
        reasons[breaks(raw)] = name
    return reasons


def keep(raw):
    """Return the rows that no rule leaves out."""
    return raw[excluded(raw) == ""]
