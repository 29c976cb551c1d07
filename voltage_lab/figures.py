"""How well the models predict and learn: figures drawn from a run's table of results."""

import numpy as np
import pandas as pd

from voltage_lab.checkpoint import LOG, save

# Okabe and Ito's, which colour-blind eyes can tell apart; marks and line widths tell them in grey.
COLOURS = {"forest": "#D55E00", "network": "#0072B2", "2048e": "#009E73"}
MARKS = {"forest": "s", "network": "o", "2048e": "^"}
# For a projector, sizes in pt; a legend is never crossed by what lies behind it.
STYLE = {"font.size": 12, "axes.titlesize": 12, "legend.fontsize": 11, "legend.framealpha": 1}
DPI = 170
CLIP_V = 2  # V, larger residuals are drawn as these
NEAR_V = 0.5  # V, the share of residuals within is in the title


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


def plot_parity(results, unit, out):
    """Draw predicted over true voltages of the test set, one graph per model: ``parity.png``.

    A formula has one predicted voltage but, where it has several samples, several true ones; a
    line joins them. The floor is the lowest MAE that any formula-only model can reach: with the
    median of each formula.

    Parameters
    ----------
    results : pandas.DataFrame
        Columns formula, set, voltage (V) and one per model (V).
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
        draw_parity(ax, test, name, unit)
        ax.label_outer()
    limits = np.array([ax.dataLim.get_points() for ax in axes])
    limits = limits.min() - 0.2, limits.max() + 0.2
    for ax in axes:
        ax.set(xlim=limits, ylim=limits, box_aspect=1)
    save(figure.savefig, out / "parity.png")
    return figure


def draw_parity(ax, test, name, unit):
    """Draw predicted over true voltages of one model, and a line for each formula."""
    true = test.groupby("formula")["voltage"]
    floor = (test["voltage"] - true.transform("median")).abs().mean()
    error = (test[name] - test["voltage"]).abs().mean()
    ends = true.agg(["min", "max", "size"])
    ends["predicted"] = test.groupby("formula")[name].max()
    ends = ends[ends["size"] > 1]
    mean = test["voltage"].mean()
    ax.axline((mean, mean), slope=1, color="black", lw=1, label="predicted = true")
    style = {"color": "dimgrey", "lw": 1, "label": "samples of one formula"}
    ax.hlines(ends["predicted"], ends["min"], ends["max"], **style)
    ax.scatter(test["voltage"], test[name], s=16, alpha=0.6, color=COLOURS.get(name), lw=0)
    ax.set(
        title=f"{name}: MAE {error:.2f} V,\nlowest possible (floor) {floor:.2f} V",
        xlabel=f"voltage of {len(test)} test samples ({unit})",
        ylabel=f"predicted voltage ({unit})",
    )
    ax.legend(loc="upper left")


def plot_errors(results, out):
    """Draw the distribution of the residuals in both sets, one graph per model: ``errors.png``.

    Parameters and return value are those of `plot_parity`; differences have no reference.
    """
    names = results.columns[3:]
    figure, axes = make_axes(len(names))
    for ax, name in zip(axes, names, strict=True):
        draw_residuals(ax, results, name)
        ax.label_outer()
    raise_top(axes[-1], 0.2)  # of all
    save(figure.savefig, out / "errors.png")
    return figure


def draw_residuals(ax, results, name):
    """Draw the distribution of the residuals of one model in both sets."""
    edges = np.linspace(-CLIP_V, CLIP_V, 8 * CLIP_V + 1)
    outline = {"color": COLOURS.get(name), "histtype": "step", "lw": 2.5}
    residuals = {}
    for part, style in [("training", {"color": "silver"}), ("test", outline)]:
        samples = select(results, part)
        residuals[part] = samples[name] - samples["voltage"]
        style["weights"] = np.full(len(samples), 100 / len(samples))
        style["label"] = f"{part} set, {len(samples)} samples"
        ax.hist(residuals[part].clip(-CLIP_V, CLIP_V), edges, **style)
    for edge in (-NEAR_V, NEAR_V):
        ax.axvline(edge, color="black", lw=1.5, ls=":")
    share = (residuals["test"].abs() <= NEAR_V).mean()
    ax.set(
        title=f"{name}: {share:.0%} of the test set within {NEAR_V} V,\n"
        f"mean error {residuals['test'].mean():+.2f} V",
        xlabel=f"predicted - true voltage (V), clipped at ±{CLIP_V} V",
        ylabel="share of the set (%)",
    )
    ax.legend(loc="upper left")


def plot_learning(folders, out):
    """Draw the losses of networks by epoch: ``learning.png``.

    Parameters
    ----------
    folders : dict
        Name of a network to the folder with its ``training.log``.
    out : pathlib.Path
        Folder of the picture.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib.ticker import LogLocator, NullFormatter

    figure, (ax,) = make_axes(1, 7)
    titles = [draw_losses(ax, name, folder) for name, folder in folders.items()]
    ax.set(
        title="\n".join(titles),
        xlabel="epoch (mark: lowest error of a line)",
        ylabel="mean absolute error (V)",
        xscale="log",
        yscale="log",
    )
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5, 7)))
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter(NullFormatter())
    if ax.lines:
        ax.legend(loc="upper right", handlelength=3.5)
    save(figure.savefig, out / "learning.png")
    return figure


def draw_losses(ax, name, folder):
    """Draw the losses of one network by epoch; return what its title says."""
    log = pd.read_csv(folder / LOG, index_col="epoch")
    title = f"{name}: no losses"
    for column, part, line in [("loss", "training", "-"), ("val_loss", "test", "--")]:
        if column in log:
            best, end = log[column].argmin(), log[column].iloc[-1]
            style = {"color": COLOURS.get(name), "lw": 1 if name == "2048e" else 2.5}
            style |= {"marker": MARKS.get(name), "ms": 9, "mec": "black", "markevery": [best]}
            ax.plot(log.index + 1, log[column], line, label=f"{name}, {part} set", **style)
            lowest = f"lowest {log[column].min():.3f} V (epoch {log.index[best] + 1})"
            title = f"{name}, {part} set: {lowest}, at the end {end:.3f} V"
    return title
