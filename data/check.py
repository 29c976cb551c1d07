"""Compare the table with experiment, with the Materials Project and with itself.

    python data/check.py                                 with experiment; draws the pictures
    python data/check.py --materials-project FILE.json   and with the electrodes of a features file
    python data/check.py --recompute 20                  and rows drawn by a seed, with CHGNet anew
"""

import argparse
import multiprocessing
import sys
from pathlib import Path

import pandas as pd
import rules
from pymatgen.core import Composition

HERE = Path(__file__).parent
RAW = HERE / "Batteries_raw.csv"
MEASURED = HERE / "measured.csv"  # voltages of textbook electrodes and where they were read
SEED = 20  # of the rows that are recomputed
CAPACITY = 26801.4  # mAh/mol, one electron
SAME = 1.0  # mAh/g; two capacities within it are of the same amount of lithium
LIMITS = (0.40, 0.25, 0.02)  # V, what the three comparisons should stay within


def load(path=RAW):
    """Read the rows that the rules keep, by id, with a column voltage (V)."""
    raw = rules.keep(pd.read_csv(path, index_col="id"))
    return raw.assign(voltage=rules.voltage(raw))


def compare_with_experiment(rows):
    """Set computed beside measured average voltages.

    Returns
    -------
    pandas.DataFrame
        Columns computed, measured, difference (V) and reference, by id.
    """
    table = pd.read_csv(MEASURED, index_col="id")
    table.insert(0, "computed", rows["voltage"].reindex(table.index))
    table.insert(2, "difference", table["computed"] - table["measured"])
    return table


def framework(formula):
    """Return the reduced formula without its lithium."""
    whole = Composition(formula)
    return (whole - {"Li": whole["Li"]}).reduced_formula


def compare_with_electrodes(rows, path):
    """Set each row beside the nearest electrode of a features file.

    Two electrodes are of one host if the formulas of their hosts are equal. They are of one
    reaction if equal frameworks take up equal charge per gram; only then their voltages mean
    the same, as a file may name a host without the lithium that stays in it.

    Parameters
    ----------
    rows : pandas.DataFrame
        From `load`.
    path : str or Path
        JSON with the columns Reduced Formula, Average Voltage (V) and Capacity Grav (mAh/g).

    Returns
    -------
    pandas.DataFrame
        Columns host and reaction: the nearest voltage there (V), missing if there is none.
    """
    theirs = pd.read_json(path, orient="split")
    if lacking := {"Reduced Formula", "Average Voltage", "Capacity Grav"} - set(theirs):
        raise ValueError(f"{path} lacks {', '.join(sorted(lacking))}; give a features file")
    names = theirs["Reduced Formula"].map(lambda name: Composition(name).reduced_formula)
    frameworks = names.map(framework)
    table = pd.DataFrame(index=rows.index, columns=["host", "reaction"], dtype=float)
    for row in rows.itertuples():
        excess = theirs["Capacity Grav"] - row.x * CAPACITY / Composition(row.cell).weight
        alike = (frameworks == framework(row.cell)) & (excess.abs() <= SAME)
        for column, chosen in (("host", names == row.host), ("reaction", alike)):
            gaps = (theirs["Average Voltage"][chosen] - row.voltage).dropna()
            table.loc[row.Index, column] = row.voltage + min(gaps, key=abs, default=float("nan"))
    return table


def recompute(rows, count, jobs):
    """Relax rows drawn by a seed once more, in `jobs` processes.

    Returns
    -------
    pandas.DataFrame
        Columns computed, again and difference (V), by id.
    """
    import hosts
    import relax

    if count < 1:
        raise ValueError(f"--recompute must be 1 or more, not {count}")
    relax.check(argparse.Namespace(jobs=jobs, limit=None))
    drawn = rows.sample(count, random_state=SEED)
    pairs = [pair for pair in hosts.pairs(hosts.load_prototypes()) if pair[0]["id"] in drawn.index]
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        again = pd.DataFrame(relax.progress(pool.imap(relax.run_pair, pairs), len(pairs)))
    table = drawn[["voltage"]].set_axis(["computed"], axis=1)
    table["again"] = rules.voltage(again.set_index("id"))
    return table.assign(difference=table["again"] - table["computed"])


def metals(formula):
    """Return the symbols of a formula's metals other than lithium."""
    return [element.symbol for element in Composition(formula) if element.is_metal
            and element.symbol != "Li"]


def draw_groups(voltages, path, title):
    """Draw a line of strokes for each group, a dot at its median, and save the picture."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 0.22 * len(voltages) + 1.1), layout="constrained")
    axes = figure.add_subplot(title=title, xlabel="average voltage (V against Li/Li+)")
    for place, values in enumerate(voltages):
        axes.plot(values, [place] * len(values), "|", color="0.6", markersize=8)
        axes.plot(values.median(), place, "o", color="black", markersize=4)
    axes.set_yticks(range(len(voltages)),
                    [f"{name} ({len(values)})" for name, values in voltages.items()])
    axes.set_ylim(-0.8, len(voltages) - 0.2)
    axes.grid(axis="x", color="0.9")
    figure.savefig(path, dpi=100)


def draw(rows):
    """Draw the voltages by prototype and by metal."""
    groups = rows["voltage"].groupby(rows["prototype"]).apply(list).map(pd.Series)
    order = groups.map(lambda values: values.median()).sort_values().index
    draw_groups(groups[order], HERE / "voltage_by_prototype.png", "Voltage by prototype")
    single = rows["host"].map(metals).where(lambda names: names.str.len() == 1).dropna().str[0]
    groups = rows["voltage"].groupby(single).apply(list).map(pd.Series)
    order = sorted(groups.index, key=lambda name: Composition(name).elements[0].Z, reverse=True)
    draw_groups(groups[order], HERE / "voltage_by_metal.png", "Voltage of hosts with one metal")


def draw_electrodes(rows, nearest):
    """Draw our voltages over those of the other file, in squares, and how far they differ."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    found = nearest["reaction"].dropna()
    edges = [step / 4 for step in range(-4, 29)]
    *_, squares = left.hist2d(found, rows["voltage"][found.index], edges, cmin=1, cmap="viridis_r")
    left.axline((0, 0), slope=1, color="black", linewidth=0.8)
    left.set(xlabel="Materials Project, 2020 (V)", ylabel="computed here (V)", aspect="equal",
             title="The same reaction, in squares of 0.25 V")
    figure.colorbar(squares, label="rows", ticks=MaxNLocator(integer=True))
    edges = [step / 10 for step in range(-20, 21)]
    for column, color in (("host", "0.8"), ("reaction", "0.3")):
        gaps = (rows["voltage"] - nearest[column]).dropna().clip(-2, 2)
        right.hist(gaps, edges, color=color, label=f"same {column}")
    right.set(xlabel="computed here less Materials Project (V)", ylabel="rows",
              title="Another reaction has another voltage")
    right.legend()
    figure.savefig(HERE / "against_materials_project.png", dpi=100)


def verdict(name, differences, limit):
    """Print the mean absolute difference beside its limit (V); return whether it keeps it."""
    gaps = differences.dropna().abs()
    print(f"{name}: {len(gaps)}, mean absolute difference {gaps.mean():.3f} V, "
          f"median {gaps.median():.3f} V; limit {limit} V\n")
    return gaps.mean() <= limit


def report_electrodes(rows, nearest):
    """Print the differences to the other file's electrodes, for all and by prototype."""
    gaps = nearest.rsub(rows["voltage"], axis=0)  # ours less theirs
    groups = gaps.abs().groupby(rows["prototype"]).agg(["count", "mean"])
    groups = groups[groups["host", "count"] > 0].sort_values(("reaction", "mean"))
    print(groups.to_string(float_format="{:.2f}".format, na_rep="-"), "\n")
    verdict("rows of the same host", gaps["host"], LIMITS[1])
    verdict("rows of the same reaction", gaps["reaction"], LIMITS[1])
    nearest = gaps["reaction"].abs().groupby(rows["host"]).min()
    return verdict("hosts of the same reaction, nearest to nearest", nearest, LIMITS[1])


def compare(options):
    """Make the comparisons asked for; return whether each keeps its limit."""
    rows = load()
    table = compare_with_experiment(rows)
    print(table.drop(columns="reference").to_string(float_format="{:.2f}".format), "\n")
    holds = [verdict("textbook electrodes", table["difference"], LIMITS[0])]
    draw(rows)
    if options.materials_project:
        nearest = compare_with_electrodes(rows, options.materials_project)
        holds.append(report_electrodes(rows, nearest))
        draw_electrodes(rows, nearest)
    if options.recompute:
        table = recompute(rows, options.recompute, options.jobs)
        print(table.to_string(float_format="{:.4f}".format), "\n")
        holds.append(table["difference"].abs().max() <= LIMITS[2])
        print(f"recomputed: largest difference {table['difference'].abs().max():.4f} V")
    return all(holds)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--materials-project", type=Path, metavar="FILE", help="features file")
    parser.add_argument("--recompute", type=int, default=0, metavar="N", help="rows to relax anew")
    parser.add_argument("--jobs", type=int, default=1, help="processes of --recompute")
    options = parser.parse_args()
    try:
        kept = compare(options)
    except (ValueError, OSError, ImportError) as error:
        sys.exit(f"check.py: {str(error).splitlines()[0]}")
    except KeyboardInterrupt:
        sys.exit("check.py: stopped")
    sys.exit(0 if kept else "check.py: a limit is not kept")


if __name__ == "__main__":
    main()
