"""The voltage of a row of the raw table, and the rules by which a row is excluded.

The script that imports this module has the project's root in its search path.
"""

import pandas as pd
import raw_table
from scipy import constants

from voltage_lab import ions

MAH_PER_MOL = constants.physical_constants["Faraday constant"][0] / 3.6  # of electrons
MIN_DISTANCE_RATIO = 0.65  # shortest distance over the sum of covalent radii; V=O has 0.72
MAX_VOLUME_CHANGE = 0.30  # fraction of the lithiated volume; beyond, it is another structure
MIN_BONDS_KEPT = 0.80  # fraction of the framework's bonds that the delithiated host still has
MIN_VOLTAGE = -2.0  # V vs. the metal of the working ion; below, it is no insertion electrode
MAX_VOLTAGE = 9.0  # V vs. the metal of the working ion; above, it is no insertion electrode


def count_electrons(raw):
    """Return how many electrons each row's reaction transfers per cell: x for Li, 2 x for Mg.

    Parameters
    ----------
    raw : pandas.DataFrame
        Columns x and working_ion; without the latter, the ion is lithium.
    """
    return raw["x"] * (raw["working_ion"].map(ions.CHARGES) if "working_ion" in raw else 1)


def voltage(raw):
    """Return the average insertion voltage of each row.

    V = -[E(lithiated) - E(host) - x E(ion)] / n, with n electrons, which are x for lithium.

    Parameters
    ----------
    raw : pandas.DataFrame
        Columns energy_lithiated, energy_host (eV per cell), energy_li (eV per atom of the working
        ion's metal), x (working ions extracted from the cell) and, unless it is Li, working_ion.

    Returns
    -------
    pandas.Series
        V vs. the metal of the working ion, missing where an energy is.
    """
    reaction = raw["energy_lithiated"] - raw["energy_host"] - raw["x"] * raw["energy_li"]
    return (-reaction / count_electrons(raw)).rename("voltage")


def volume_change(raw):
    """Return by which fraction of its volume a cell grows as the working ion is extracted."""
    return raw["volume_host"] / raw["volume_lithiated"] - 1


def not_converged(raw):
    """Return for each row whether its relaxation is said not to have converged.

    A row that does not say it is kept, as all rows of the Materials Project.
    """
    return ~raw_table.as_truth(raw["converged"], "the raw table").fillna(True).astype(bool)


# Name of the rule; function: raw table -> for each row, whether it breaks the rule.
RULES = {
    "not converged": not_converged,
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
        Indexed by id, with a further column voltage (V vs. the metal of the working ion).

    Raises
    ------
    LabError
        If the file cannot be read or is no raw table.
    """
    raw = valid_rows(raw_table.read_table(path).set_index("id"))
    return raw.assign(voltage=voltage(raw))
