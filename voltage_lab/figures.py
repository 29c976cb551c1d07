"""How well the models predict: figures drawn from a run's table of results."""

import textwrap

import numpy as np

from voltage_lab.checkpoint import save

# Okabe and Ito's, which colour-blind eyes can tell apart; marks and line widths tell them in grey.
COLOURS = {"forest": "#D55E00", "network": "#0072B2", "2048e": "#009E73"}
MARKS = {"forest": "s", "network": "o", "2048e": "^"}
# For a projector, sizes in pt; a legend is never crossed by what lies behind it.
STYLE = {"font.size": 12, "axes.titlesize": 12, "legend.fontsize": 11, "legend.framealpha": 1}
DPI = 170
CLIP_V = 2  # V, larger residuals are drawn as these
NEAR_V = 0.5  # V, the share of residuals within is in the legend
MAX_NAMED = 3  # formulas of the largest errors, named in the parity graph
MAX_LETTERS = 12  # of such a name
LINE_LETTERS = 44  # under a graph


def make_axes(number, width=4.6):
    """Return a figure and `number` axes in a row; it needs no display and opens no window."""
    import matplotlib
    from matplotlib.figure import Figure

    matplotlib.rcParams.update(STYLE)
    # "constrained" may cut the titles of square axes off.
    figure = Figure(figsize=(width * number, 5), layout="compressed", dpi=DPI)
    return figure, figure.subplots(1, number, sharex=True, sharey=True, squeeze=False)[0]


def raise_top(ax, share):
    """Raise the top of the y axis by a share of its height, so that a legend hides nothing."""
    low, high = ax.get_ylim()
    ax.set_ylim(top=high + share * (high - low))


def select(results, part):
    """Return the rows of one set of a table of results: "training" or "test"."""
    return results[results["set"] == part]


def plot_parity(results, floor, unit, out):
    """Draw predicted over true voltages of the test set, one graph per model: ``parity.png``.

    A formula has one predicted voltage but, where it has several samples, several true ones; a
    line joins them. The formulas of the largest errors are named.

    Parameters
    ----------
    results : pandas.DataFrame
        Columns formula, set, voltage (V) and one per model (V).
    floor : float
        The lowest MAE of the test set that any formula-only model can reach, V.
    unit : str
        Of the voltages, such as V vs. Li/Li⁺.
    out : pathlib.Path
        Folder of the picture.

    Returns
    -------
    matplotlib.figure.Figure
    """
    test = select(results, "test")
    figure, axes = make_axes(len(test.columns[3:]))
    for ax, name in zip(axes, test.columns[3:], strict=True):
        draw_parity(ax, test, name, floor, unit)
        ax.label_outer()
    limits = np.array([ax.dataLim.get_points() for ax in axes])
    limits = limits.min() - 0.2, limits.max() + 0.2
    for ax in axes:
        ax.set(xlim=limits, ylim=limits, box_aspect=1)
    save(figure.savefig, out / "parity.png")
    return figure


def draw_parity(ax, test, name, floor, unit):
    """Draw predicted over true voltages of one model, and a line for each formula."""
    true = test.groupby("formula")["voltage"]
    error = (test[name] - test["voltage"]).abs()
    ends = true.agg(["min", "max", "size"])
    ends["predicted"] = test.groupby("formula")[name].max()
    ends = ends[ends["size"] > 1]
    mean = test["voltage"].mean()
    ax.axline((mean, mean), slope=1, color="black", lw=1, label="predicted = true")
    style = {"color": "silver", "lw": 1.5, "label": "samples of one formula", "zorder": 0.5}
    ax.hlines(ends["predicted"], ends["min"], ends["max"], **style)
    ax.scatter(test["voltage"], test[name], s=16, alpha=0.6, color=COLOURS.get(name), lw=0)
    worst = test.assign(error=error).sort_values("error", ascending=False)
    names = number_points(ax, worst.drop_duplicates("formula")[:MAX_NAMED], name)
    names = textwrap.fill(f"largest errors: {names}", LINE_LETTERS)
    ax.set(
        title=f"{name}: MAE {error.mean():.2f} V (floor {floor:.2f} V)",
        xlabel=f"voltage of {len(test)} test samples ({unit})\n{names}",
        ylabel=f"predicted voltage ({unit})",
    )
    ax.legend(loc="upper left")


def number_points(ax, samples, name):
    """Ring and number the points of some samples; return the numbers with their formulas."""
    ax.scatter(samples["voltage"], samples[name], s=60, fc="none", ec="black", lw=1.2)
    texts = []
    for number, row in enumerate(samples.to_dict("records"), 1):
        place, above = (row["voltage"], row[name]), {"xytext": (0, 6), "ha": "center", "size": 11}
        ax.annotate(str(number), place, textcoords="offset points", **above)
        formula = row["formula"]
        short = formula if len(formula) <= MAX_LETTERS else f"{formula[: MAX_LETTERS - 3]}..."
        texts.append(f"{number}\N{NO-BREAK SPACE}{short}")
    return ", ".join(texts)


def plot_errors(results, out):
    """Draw the distribution of the residuals in both sets, one graph per model: ``errors.png``.

    Parameters and return value are those of `plot_parity`, without `floor` and `unit`.
    """
    names = results.columns[3:]
    figure, axes = make_axes(len(names))
    for ax, name in zip(axes, names, strict=True):
        draw_residuals(ax, results, name)
        ax.label_outer()
    raise_top(axes[-1], 0.4)  # of all
    save(figure.savefig, out / "errors.png")
    return figure


def draw_residuals(ax, results, name):
    """Draw the distribution of the residuals of one model in both sets."""
    edges = np.linspace(-CLIP_V, CLIP_V, 8 * CLIP_V + 1)
    outline = {"color": COLOURS.get(name), "histtype": "step", "lw": 2.5}
    for part, style in [("training", {"color": "silver"}), ("test", outline)]:
        samples = select(results, part)
        residuals = samples[name] - samples["voltage"]
        style["weights"] = np.full(len(samples), 100 / len(samples))
        near = (residuals.abs() <= NEAR_V).mean()
        style["label"] = f"{part} set, {len(samples)} samples:\n{near:.0%} within ±{NEAR_V} V"
        ax.hist(residuals.clip(-CLIP_V, CLIP_V), edges, **style)
    for edge in (-NEAR_V, NEAR_V):
        ax.axvline(edge, color="black", lw=1.5, ls=":")
    ax.set(
        title=f"{name}: errors on both sets",
        xlabel=f"predicted - true voltage (V), clipped at ±{CLIP_V} V",
        ylabel="share of the set (%)",
    )
    ax.legend(loc="upper left")
