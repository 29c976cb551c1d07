"""Compare the voltages of the raw table with experiment and with other electrodes.

    python data/check.py                           with measured voltages
    python data/check.py --electrodes FILE.json    and with the electrodes of a feature file
    python data/check.py --draw                    and draw the figures of the data card

The exit status is 1 if the voltages differ by more than a limit.
"""

import argparse
import sys
from pathlib import Path

import pandas as pd
from pymatgen.core import Composition

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import card_figures
import rules

import supplement
from voltage_lab import domain, messages, settings
from voltage_lab.files import as_numbers, read_file
from voltage_lab.messages import LabError
from voltage_lab.tables import read_formulas

MEASURED = Path(__file__).with_name("measured.csv")  # textbook electrodes, with references
CAPACITY_TOLERANCE = 0.51  # mAh/g; a file may have whole numbers
MIN_ROWS_PRINTED = 5  # of a prototype; the mean of fewer would show single rows of the other file
MAX_MEASURED = 0.40  # V, limit of the mean absolute difference to experiment
MAX_ELECTRODES = 0.25  # V, limit of the mean absolute difference to the nearest electrode


def report_differences(name, differences, limit=None):
    """Print the mean and the mean absolute difference (V); return whether the latter is in limit.

    Parameters
    ----------
    name : str
        What is compared.
    differences : pandas.Series
        Voltage of the raw table minus the other (V).
    limit : float, optional
        Of the mean absolute difference (V); without one, it is only printed.
    """
    mean_absolute = differences.abs().mean()
    judged = f", limit {limit:.2f} V" if limit else ""
    print(
        f"{name}: {len(differences)}, mean difference {differences.mean():.2f} V, "
        f"mean absolute difference {mean_absolute:.3f} V{judged}\n"
    )
    return limit is None or mean_absolute <= limit


# --------------------------------------------------------------------------- with experiment
def compare_measured(rows):
    """Print computed and measured average voltages; return whether they keep to the limit.

    Parameters
    ----------
    rows : pandas.DataFrame
        From `rules.load_valid_rows`.

    Raises
    ------
    LabError
        If a measured electrode is not among them.
    """
    with messages.explain_os_error(MEASURED):
        table = pd.read_csv(MEASURED, index_col="id")
    if missing := set(table.index) - set(rows.index):
        raise LabError(f"the raw table has no {', '.join(sorted(missing))}")
    table.insert(0, "computed", rows["voltage"].reindex(table.index))
    table.insert(2, "difference", table["computed"] - table["measured"])
    print(table.drop(columns="reference").to_string(float_format="{:.2f}".format), "\n")
    return report_differences("measured electrodes", table["difference"], MAX_MEASURED)


# --------------------------------------------------------------------- with other electrodes
def framework(formula):
    """Return the reduced formula without its lithium."""
    composition = Composition(formula)
    return (composition - {"Li": composition["Li"]}).reduced_formula


def read_electrodes(path):
    """Read the electrodes of a feature file.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    pandas.DataFrame
        Columns host, framework (reduced formulas), voltage (V), capacity (mAh/g).

    Raises
    ------
    LabError
        If the file cannot be read, lacks these columns, holds what is not a formula or has
        electrodes of another ion.
    """
    table = read_file(path)
    names = {"voltage": supplement.TARGET, "capacity": "Capacity Grav"}
    if missing := {supplement.FORMULA, *names.values()} - set(table):
        raise LabError(f"{path} lacks {', '.join(sorted(missing))}; give a feature file")
    ions = table.get("Ion", pd.Series("Li", table.index)).fillna("Li")
    for row, ion in ions[ions != "Li"].items():
        raise LabError(f"{path}, {row}, Ion: {messages.quote(ion)}; only Li can be compared")
    texts = table[supplement.FORMULA].astype(str)
    hosts, reasons = read_formulas(texts)
    messages.report_places(reasons, len(texts), path)
    numbers = {name: as_numbers(table[column]) for name, column in names.items()}
    reduced = hosts.map(lambda host: Composition(host).reduced_formula)
    return pd.DataFrame({"host": reduced, "framework": hosts.map(framework), **numbers}).dropna()


def nearest_voltages(rows, electrodes):
    """Find the nearest voltage of another table's electrodes to each row's.

    Two electrodes have the same host if the formulas of their hosts are equal. They have the same
    reaction if equal frameworks insert equal charge per gram; only then do their voltages mean
    the same, as a table may give a host's formula with more or less lithium than stays in it.

    Parameters
    ----------
    rows : pandas.DataFrame
        From `rules.load_valid_rows`.
    electrodes : pandas.DataFrame
        From `read_electrodes`.

    Returns
    -------
    pandas.DataFrame
        Columns host and reaction: the nearest voltage of those with the same host, the same
        reaction (V); missing if there is none.
    """
    by_host = dict(list(electrodes.groupby("host")))
    by_framework = dict(list(electrodes.groupby("framework")))
    none = electrodes[:0]
    table = []
    for row in rows.itertuples():
        capacity = row.x * rules.MAH_PER_MOL / Composition(row.cell).weight  # mAh/g
        same_framework = by_framework.get(framework(row.cell), none)
        same_charge = (same_framework["capacity"] - capacity).abs() <= CAPACITY_TOLERANCE
        same_host = by_host.get(row.host, none)
        table.append(
            {
                "host": nearest(same_host["voltage"], row.voltage),
                "reaction": nearest(same_framework["voltage"][same_charge], row.voltage),
            }
        )
    return pd.DataFrame(table, index=rows.index)


def nearest(values, value):
    """Return that of some values which is nearest to a value; NaN if there are none."""
    return min(values, key=lambda other: abs(other - value), default=float("nan"))


def compare_electrodes(rows, voltages):
    """Print the differences to `nearest_voltages`, by prototype.

    Returns
    -------
    bool
        Whether those of the same reaction keep to the limit.

    Raises
    ------
    LabError
        If there are none.
    """
    differences = voltages.rsub(rows["voltage"], axis=0)
    if differences["reaction"].isna().all():
        raise LabError("no electrode of the other file is of the same reaction as one of the lab")
    groups = differences.abs().groupby(rows["prototype"]).agg(["count", "mean"])
    groups = groups[groups["reaction", "count"] >= MIN_ROWS_PRINTED]
    groups = groups.sort_values(("reaction", "mean"))
    print(groups.to_string(float_format="{:.2f}".format, na_rep="-"), "\n")
    reaction = differences["reaction"].dropna()
    hosts = rows["host"][reaction.index].nunique()
    print(f"{hosts} hosts have an electrode of the same reaction")
    report_differences("rows of the same host", differences["host"].dropna())
    alloys = rows["host"][reaction.index].map(domain.is_intermetallic).astype(bool)
    if alloys.any():
        report_differences("intermetallic hosts, same reaction", reaction[alloys])
    return report_differences("rows of the same reaction", reaction, MAX_ELECTRODES)


def main(arguments=None):
    """Make the comparisons asked for; raise LabError if one does not keep to its limit."""
    parser = settings.Parser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--electrodes", type=Path, metavar="FILE", help="feature file")
    parser.add_argument("--draw", action="store_true", help="draw figures in the script's folder")
    options = parser.parse_args(arguments)
    rows = rules.load_valid_rows()
    kept = [compare_measured(rows)]
    if options.electrodes:
        voltages = nearest_voltages(rows, read_electrodes(options.electrodes))
        kept.append(compare_electrodes(rows, voltages))
    if options.draw:
        card_figures.plot_voltages(rows)
        card_figures.plot_elements(rows)
        if options.electrodes:
            card_figures.plot_electrodes(rows, voltages["host"], voltages["reaction"])
    if not all(kept):
        raise LabError("a limit is not kept")


if __name__ == "__main__":
    messages.report_errors()
    main()
