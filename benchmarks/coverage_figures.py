"""The figure of the interval benchmark."""

from voltage_lab.checkpoint import save
from voltage_lab.figures import COLOURS, MARKS, make_axes

MIN_FORMULAS = 15  # of a group that is drawn: in a smaller one, a share says little


def plot_coverage(results, coverage, path):
    """Draw the coverage of each group of samples: one graph per pair of tables.

    Parameters
    ----------
    results : pandas.DataFrame
        From `interval_coverage.summarize`.
    coverage : float
        That of the intervals, if they hold.
    path : pathlib.Path
        Of the picture.

    Returns
    -------
    matplotlib.figure.Figure
    """
    tables = list(results.groupby(["data", "on"], sort=False))
    groups = list(dict.fromkeys(results["group"][results["formulas"] >= MIN_FORMULAS]))[::-1]
    figure, axes = make_axes(len(tables), 7)
    for ax, ((data, on), rows) in zip(axes, tables, strict=True):
        rows = rows[rows["formulas"] >= MIN_FORMULAS]
        places = rows["group"].map(groups.index)
        ax.axvline(coverage, color="black", lw=1)
        for shift, name in ((0.12, "forest"), (-0.12, "network")):
            style = {"color": COLOURS[name], "marker": MARKS[name], "label": name, "s": 50}
            ax.scatter(rows[f"{name} coverage"], places + shift, **style)
        names = [table.rsplit(".", 1)[0] for table in (data, on)]
        ax.set(title=" → ".join(dict.fromkeys(names)), xlim=(0, 1.02), xlabel="coverage")
        ax.set_yticks(range(len(groups)), groups)
        ax.grid(axis="y", alpha=0.4)
        ax.label_outer()
    axes[0].legend(loc="lower left")
    figure.suptitle(f"Share of new formulas within their {100 * coverage:g}% prediction interval")
    save(figure.savefig, path)
    return figure
