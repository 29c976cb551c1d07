"""The voltage of a row of the raw table, and the rules by which a row is excluded.

The script that imports this module has the project's root in its search path.
"""

import pandas as pd
import raw_table
from scipy import constants

from voltage_lab.messages import explain_os_error

MAH_PER_MOL = constants.physical_constants["Faraday constant"][0] / 3.6  # of electrons
MIN_DISTANCE_RATIO = 0.65  # shortest distance over the sum of covalent radii; V=O has 0.72
MAX_VOLUME_CHANGE = 0.30  # fraction of the lithiated volume; beyond, it is another structure
MIN_BONDS_KEPT = 0.80  # fraction of the framework's bonds that the delithiated host still has
MIN_VOLTAGE = -2.0  # V vs. Li/Li⁺; below, it is no insertion electrode
MAX_VOLTAGE = 9.0  # V vs. Li/Li⁺; above, it is no insertion electrode


def voltage(raw):
    """Return the average insertion voltage of each row.

    V = -[E(lithiated) - E(host) - x E(Li)] / x

    Parameters
    ----------
    raw : pandas.DataFrame
        Columns energy_lithiated, energy_host (eV per cell), energy_li (eV per atom) and x (Li
        extracted from the cell).

    Returns
    -------
    pandas.Series
        V vs. Li/Li⁺, missing where an energy is.
    """
    reaction = raw["energy_lithiated"] - raw["energy_host"] - raw["x"] * raw["energy_li"]
    return (-reaction / raw["x"]).rename("voltage")


def volume_change(raw):
    """Return by which fraction of its lithiated volume a cell grows as lithium is extracted."""
    return raw["volume_host"] / raw["volume_lithiated"] - 1


# Name of the rule; function: raw table -> for each row, whether it breaks the rule.
RULES = {
    "not converged": lambda raw: ~raw["converged"].astype(bool),
    "interatomic distance too short": lambda raw: raw["shortest_ratio"] < MIN_DISTANCE_RATIO,
    "volume changed by more than 30 %": lambda raw: volume_change(raw).abs() > MAX_VOLUME_CHANGE,
    "framework bonds broken": lambda raw: raw["bonds_kept"] < MIN_BONDS_KEPT,
    "voltage outside -2..9 V": lambda raw: ~voltage(raw).between(MIN_VOLTAGE, MAX_VOLTAGE),
}


def broken_rules(raw):
    """Return the rule by which each row is excluded.

    Parameters
    ----------
    raw : pandas.DataFrame
        The columns of `raw_table.COLUMNS`.

    Returns
    -------
    pandas.Series
        Name of the first rule that a row breaks; an empty text for a row that breaks none.
    """
    broken = pd.Series("", index=raw.index, name="rule")
    for name, breaks in reversed(RULES.items()):
        broken[breaks(raw)] = name
    return broken


def valid_rows(raw):
    """Return the rows that break no rule."""
    return raw[broken_rules(raw) == ""]


def load_valid_rows(path=raw_table.PATH):
    """Read the rows of a raw table that break no rule.

    Parameters
    ----------
    path : str or Path, optional

    Returns
    -------
    pandas.DataFrame
        Indexed by id, with a further column voltage (V vs. Li/Li⁺).
    """
    with explain_os_error(path):
        raw = valid_rows(pd.read_csv(path, index_col="id"))
    return raw.assign(voltage=voltage(raw))
