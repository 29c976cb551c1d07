"""Compare the table with experiment, with other electrodes and with itself.

    python data/check.py                           with measured voltages
    python data/check.py --electrodes FILE.json    and with the electrodes of a features file
    python data/check.py --recompute 20            and rows drawn by a seed, relaxed anew (CHGNet)
    python data/check.py --draw                    and draw the pictures of the data card
"""

import argparse
import multiprocessing
import sys
from pathlib import Path

import pandas as pd
import relax
import rules
from pymatgen.core import Composition

HERE = Path(__file__).resolve().parent
MEASURED = HERE / "measured.csv"  # voltages of textbook electrodes and where they were read
SEED = 20  # of the rows that are recomputed
SAME = 0.51  # mAh/g; the class's file of 2020 has its capacities in whole numbers
FEW = 5  # rows; of fewer, a prototype's mean says little and shows single rows of the other file
MEASURED_LIMIT = 0.40  # V, mean absolute difference to experiment
ELECTRODES_LIMIT = 0.25  # V, mean absolute difference to the nearest electrode
AGAIN_LIMIT = 0.02  # V, largest difference of a recomputed row


def load(path=relax.RAW):
    """Read the rows that the rules keep, by id, with a column voltage (V)."""
    raw = rules.keep(pd.read_csv(path, index_col="id"))
    return raw.assign(voltage=rules.voltage(raw))


def verdict(name, gaps, limit):
    """Print how far voltages differ (V, ours less theirs); return whether the mean keeps to it."""
    print(f"{name}: {len(gaps)}, mean difference {gaps.mean():.2f} V, "
          f"mean absolute difference {gaps.abs().mean():.3f} V, limit {limit:.2f} V\n")
    return gaps.abs().mean() <= limit


# --------------------------------------------------------------------------- with experiment
def compare_measured(rows):
    """Set computed beside measured average voltages; return whether they keep to the limit."""
    table = pd.read_csv(MEASURED, index_col="id")
    if lacking := set(table.index) - set(rows.index):
        raise ValueError(f"{relax.RAW.name} has no {', '.join(sorted(lacking))}")
    table.insert(0, "computed", rows["voltage"].reindex(table.index))
    table.insert(2, "difference", table["computed"] - table["measured"])
    print(table.drop(columns="reference").to_string(float_format="{:.2f}".format), "\n")
    return verdict("measured electrodes", table["difference"], MEASURED_LIMIT)


# --------------------------------------------------------------------- with other electrodes
def framework(formula):
    """Return the reduced formula without its lithium."""
    whole = Composition(formula)
    return (whole - {"Li": whole["Li"]}).reduced_formula


def read_electrodes(path):
    """Read host, framework, voltage (V) and capacity (mAh/g) from a features file."""
    sys.path.insert(0, str(HERE.parent))
    import supplement
    from lab.formulas import parse_formula, read_table

    table = read_table(path)
    names = {"voltage": supplement.TARGET, "capacity": "Capacity Grav"}
    if lacking := {supplement.FORMULA, *names.values()} - set(table):
        raise ValueError(f"{path} lacks {', '.join(sorted(lacking))}; give a features file")
    formulas = {text: parse_formula(text, f"{row} of {path}")
                for row, text in table[supplement.FORMULA].astype(str).items()}
    hosts = table[supplement.FORMULA].astype(str).map(formulas)
    numbers = {name: pd.to_numeric(table[column], errors="coerce")
               for name, column in names.items()}
    return pd.DataFrame({"host": hosts.map(lambda name: Composition(name).reduced_formula),
                         "framework": hosts.map(framework), **numbers}).dropna()


def nearest(rows, electrodes):
    """Find the nearest voltage of another table's electrodes to each row's.

    Two electrodes are of one host if the formulas of their hosts are equal. They are of one
    reaction if equal frameworks take up equal charge per gram; only then their voltages mean
    the same, as a table may name a host with more or less lithium than stays in it.

    Parameters
    ----------
    rows : pandas.DataFrame
        From `load`.
    electrodes : pandas.DataFrame
        From `read_electrodes`.

    Returns
    -------
    pandas.DataFrame
        Columns host and reaction: the nearest voltage there (V), missing if there is none.
    """
    table = pd.DataFrame(index=rows.index, columns=["host", "reaction"], dtype=float)
    for row in rows.itertuples():
        excess = electrodes["capacity"] - row.x * rules.MAH_PER_MOL / Composition(row.cell).weight
        alike = (electrodes["framework"] == framework(row.cell)) & (excess.abs() <= SAME)
        for column, chosen in (("host", electrodes["host"] == row.host), ("reaction", alike)):
            gaps = electrodes["voltage"][chosen] - row.voltage
            table.loc[row.Index, column] = row.voltage + min(gaps, key=abs, default=float("nan"))
    return table


def compare_electrodes(rows, found):
    """Print the differences to `nearest`, by prototype; return whether they keep to the limit."""
    gaps = found.rsub(rows["voltage"], axis=0)
    if gaps["reaction"].isna().all():
        raise ValueError("no electrode of the other file is of the same reaction as one here")
    groups = gaps.abs().groupby(rows["prototype"]).agg(["count", "mean"])
    groups = groups[groups["reaction", "count"] >= FEW].sort_values(("reaction", "mean"))
    print(groups.to_string(float_format="{:.2f}".format, na_rep="-"), "\n")
    reaction = gaps["reaction"].dropna()
    print(f"{rows['host'][reaction.index].nunique()} hosts have an electrode of the same reaction")
    verdict("rows of the same host", gaps["host"].dropna(), ELECTRODES_LIMIT)
    return verdict("rows of the same reaction", reaction, ELECTRODES_LIMIT)


# --------------------------------------------------------------------------------- with itself
def compare_again(rows, count, jobs):
    """Relax rows drawn by a seed once more; return whether each keeps to the limit."""
    import hosts

    drawn = rows.sample(count, random_state=SEED)
    pairs = [pair for pair in hosts.pairs(hosts.load_prototypes()) if pair[0]["id"] in drawn.index]
    again = pd.DataFrame(relax.results(pairs, jobs)).set_index("id")
    energies = ["energy_lithiated", "energy_host", "energy_li", "x"]
    again = again[energies].apply(pd.to_numeric, errors="coerce")  # a failed row has none
    table = pd.DataFrame({"computed": drawn["voltage"], "again": rules.voltage(again)})
    table["difference"] = table["again"] - table["computed"]
    print(table.to_string(float_format="{:.4f}".format), "\n")
    print(f"recomputed: {count}, largest difference {table['difference'].abs().max():.4f} V, "
          f"limit {AGAIN_LIMIT:.2f} V\n")
    return (table["difference"].abs() <= AGAIN_LIMIT).all()


# ----------------------------------------------------------------------------------- pictures
def metals(formula):
    """Return the symbols of a formula's metals other than lithium; antimony counts as one."""
    return [element.symbol for element in Composition(formula)
            if (element.is_metal or element.symbol == "Sb") and element.symbol != "Li"]


def draw_groups(groups, name, title):
    """Draw a line of strokes for each of the groups of voltages (V), a dot at its median."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 0.22 * len(groups) + 1.1), layout="constrained")
    axes = figure.add_subplot(title=title, xlabel="average voltage (V against Li/Li+)")
    for place, values in enumerate(groups.values()):
        axes.plot(values, [place] * len(values), "|", color="0.6", markersize=8)
        axes.plot(values.median(), place, "o", color="black", markersize=4)
    axes.set_yticks(range(len(groups)), [f"{key} ({len(group)})" for key, group in groups.items()])
    axes.set_ylim(-0.8, len(groups) - 0.2)
    axes.grid(axis="x", color="0.9")
    figure.savefig(HERE / name, dpi=100)


def draw(rows):
    """Draw the voltages by prototype and by metal."""
    groups = sorted(rows.groupby("prototype")["voltage"], key=lambda group: group[1].median())
    draw_groups(dict(groups), "voltage_by_prototype.png", "Fluorides high, nitrides low")
    single = rows["host"].map(metals).where(lambda names: names.str.len() == 1).str[0]
    groups = sorted(rows["voltage"].groupby(single),
                    key=lambda group: Composition(group[0]).elements[0].Z, reverse=True)
    draw_groups(dict(groups), "voltage_by_metal.png", "From Ti to Ni the voltage rises")


def draw_electrodes(rows, found):
    """Draw our voltages over the nearest of the other table, in squares, and the differences."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    theirs = found["reaction"].dropna()
    edges = [step / 2 for step in range(-2, 15)]
    # A square with a single row would give that row of the other table away.
    ours = rows["voltage"][theirs.index]
    *_, squares = left.hist2d(theirs, ours, edges, cmin=2, cmap="viridis_r")
    left.axline((0, 0), slope=1, color="black", linewidth=0.8)
    left.set(xlabel="nearest electrode of the other table (V)", ylabel="computed here (V)",
             aspect="equal", title="Same reaction")
    figure.colorbar(squares, label="rows in a square of 0.5 V", ticks=MaxNLocator(integer=True))
    edges = [step / 5 for step in range(-10, 11)]
    for column, style in (("host", {"color": "0.6", "lw": 2}), ("reaction", {"color": "black"})):
        gaps = (rows["voltage"] - found[column]).dropna().clip(-2, 2)
        right.hist(gaps, edges, histtype="step", label=f"same {column}", **style)
    right.set(xlabel="computed here less the other table (V), cut at ±2 V", ylabel="rows",
              title="Difference by what is the same")
    right.legend()
    figure.savefig(HERE / "against_other_table.png", dpi=100)


def compare(options):
    """Make the comparisons asked for; return whether each keeps to its limit."""
    rows = load()
    if options.recompute is not None:
        if not 1 <= options.recompute <= len(rows):
            raise ValueError(f"--recompute {options.recompute}: give 1 to {len(rows)}")
        relax.check(options)
    kept = [compare_measured(rows)]
    if options.electrodes:
        found = nearest(rows, read_electrodes(options.electrodes))
        kept.append(compare_electrodes(rows, found))
    if options.recompute is not None:
        kept.append(compare_again(rows, options.recompute, options.jobs))
    if options.draw:
        draw(rows)
        if options.electrodes:
            draw_electrodes(rows, found)
    return all(kept)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--electrodes", type=Path, metavar="FILE", help="features file")
    parser.add_argument("--recompute", type=int, metavar="N", help="rows to relax anew")
    parser.add_argument("--jobs", type=int, default=1, help="processes of --recompute")
    parser.add_argument("--draw", action="store_true", help="draw the pictures beside this script")
    options = parser.parse_args()
    try:
        kept = compare(options)
    except OSError as error:
        sys.exit(f"check.py: {error.filename}: {error.strerror}")
    except (ValueError, ImportError) as error:
        sys.exit(f"check.py: {(str(error) or type(error).__name__).splitlines()[0]}")
    except (KeyboardInterrupt, multiprocessing.TimeoutError):
        sys.exit("check.py: stopped")
    sys.exit(0 if kept else "check.py: a limit is not kept")


if __name__ == "__main__":
    main()
