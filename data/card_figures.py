"""The figures of the data card."""

from collections import Counter
from pathlib import Path

from pymatgen.core import Composition

from voltage_lab.checkpoint import save

FOLDER = Path(__file__).parent
DPI = 100
MIN_ROWS = 3  # of a metal, where voltages are drawn by metal
VOLTAGE_BIN = 0.5  # V, of the histogram of voltages
DIFFERENCE_BIN = 0.2  # V, of the histogram of differences
CLIP_V = 2  # V, larger differences are drawn as these


def metals(formula):
    """Return the symbols of a formula's metals other than lithium; antimony counts as one."""
    return [
        element.symbol
        for element in Composition(formula)
        if (element.is_metal or element.symbol == "Sb") and element.symbol != "Li"
    ]


def plot_groups(groups, name, title):
    """Draw groups of voltages, one line each: a stroke per electrode, a dot at the median.

    Parameters
    ----------
    groups : dict
        Label to voltages (pandas.Series, V), from bottom to top.
    name : str
        Of the file in `FOLDER`.
    title : str
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 0.22 * len(groups) + 1.1), layout="constrained")
    axes = figure.add_subplot(title=title, xlabel="average voltage (V vs. Li/Li⁺)")
    for height, voltages in enumerate(groups.values()):
        axes.plot(voltages, [height] * len(voltages), "|", color="0.6", markersize=8)
        axes.plot(voltages.median(), height, "o", color="black", markersize=4)
    labels = [f"{label} ({len(voltages)})" for label, voltages in groups.items()]
    axes.set_yticks(range(len(groups)), labels)
    axes.set_ylim(-0.8, len(groups) - 0.2)
    axes.grid(axis="x", color="0.9")
    save(lambda path: figure.savefig(path, dpi=DPI), FOLDER / name)


def plot_voltages(rows):
    """Draw the voltages of `rules.load_valid_rows` by prototype and by the host's only metal.

    Metals with fewer than `MIN_ROWS` rows are left out.
    """
    groups = sorted(rows.groupby("prototype")["voltage"], key=lambda group: group[1].median())
    plot_groups(dict(groups), "voltage_by_prototype.png", "Voltages by prototype")
    single = rows["host"].map(metals).where(lambda names: names.str.len() == 1).str[0]
    groups = sorted(
        (group for group in rows["voltage"].groupby(single) if len(group[1]) >= MIN_ROWS),
        key=lambda group: Composition(group[0]).elements[0].Z,
        reverse=True,
    )
    plot_groups(dict(groups), "voltage_by_metal.png", "Voltages by the only metal of the host")


def count_elements(hosts):
    """Return in how many hosts each element is, symbol to number."""
    return Counter(element.symbol for host in hosts for element in Composition(host))


def plot_elements(rows):
    """Draw how many rows have each element in their host: ``rows_by_element.png``."""
    from matplotlib import pyplot
    from pymatgen.util.plotting import periodic_table_heatmap

    axes = periodic_table_heatmap(
        count_elements(rows["host"]),
        cbar_label="rows (500 or more: darkest)",
        cbar_label_size=12,
        cmap_range=(0, 500),
        show_plot=False,
        cmap="YlGnBu",
        blank_color="whitesmoke",
        value_format="%d",
        readable_fontcolor=True,
        pymatviz=False,
    )
    save(lambda path: axes.figure.savefig(path, dpi=0.7 * DPI), FOLDER / "rows_by_element.png")
    pyplot.close(axes.figure)


def plot_electrodes(rows, same_host, same_reaction):
    """Draw computed voltages over the nearest of another table, and the differences.

    Parameters
    ----------
    rows : pandas.DataFrame
        From `rules.load_valid_rows`.
    same_host, same_reaction : pandas.Series
        From `check.nearest_voltages` (V).
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    other = same_reaction.dropna()
    edges = [step * VOLTAGE_BIN for step in range(-2, 15)]
    # A bin with a single electrode would disclose it, and the other table may be private.
    *_, bins = left.hist2d(other, rows["voltage"][other.index], edges, cmin=2, cmap="viridis_r")
    left.axline((0, 0), slope=1, color="black", linewidth=0.8)
    left.set(
        xlabel="nearest electrode of the other table (V vs. Li/Li⁺)",
        ylabel="computed (V vs. Li/Li⁺)",
        aspect="equal",
        title="Same reaction",
    )
    label = f"electrodes per {VOLTAGE_BIN} V × {VOLTAGE_BIN} V"
    figure.colorbar(bins, label=label, ticks=MaxNLocator(integer=True))
    edges = [step * DIFFERENCE_BIN for step in range(-10, 11)]
    grey, black = {"color": "0.6", "lw": 2}, {"color": "black"}
    for name, nearest, style in ("host", same_host, grey), ("reaction", same_reaction, black):
        differences = (rows["voltage"] - nearest).dropna().clip(-CLIP_V, CLIP_V)
        right.hist(differences, edges, histtype="step", label=f"same {name}", **style)
    right.set(
        xlabel=f"computed − nearest electrode (V), clipped at ±{CLIP_V} V",
        ylabel="electrodes",
        title="Difference to the nearest electrode",
    )
    right.legend()
    save(lambda path: figure.savefig(path, dpi=DPI), FOLDER / "against_other_table.png")
