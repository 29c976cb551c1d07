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
NEAR_V = 0.5  # V, the share of residuals within is in the legend
MAX_NAMED = 3  # formulas of the largest errors, named in the parity graph


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


def plot_search(out):
    """Draw the MAE of all candidates of a search over their neurons: ``search.png``.

    One graph per layer, and one for the narrowest of the three; bars are the SD over folds.

    Parameters
    ----------
    out : pathlib.Path
        Folder of ``search.csv`` and of the picture.

    Returns
    -------
    matplotlib.figure.Figure
    """
    candidates = pd.read_csv(out / "search.csv")
    layers = candidates.filter(like="layer_")
    figure, axes = make_axes(layers.shape[1] + 1, 3.1)
    neurons = {f"layer {name[-1]}": layers[name] for name in layers}
    neurons["narrowest layer"] = layers.min(axis=1)
    style = {"fmt": "o", "ms": 6, "capsize": 3, "lw": 1, "color": COLOURS["network"]}
    for ax, (title, number) in zip(axes, neurons.items(), strict=True):
        ax.errorbar(number, candidates["MAE (V)"], candidates["SD over folds (V)"], **style)
        ax.set(title=title, xlabel="neurons", ylabel="MAE; bar: SD over folds (V)")
        ax.label_outer()
    figure.suptitle(f"The {len(candidates)} candidates of the search")
    save(figure.savefig, out / "search.png")
    return figure


def plot_parity(results, unit, out):
    """Draw predicted over true voltages of the test set, one graph per model: ``parity.png``.

    A formula has one predicted voltage but, where it has several samples, several true ones; a
    line joins them. The formulas of the largest errors are named. The floor is the lowest MAE that
    any formula-only model can reach: with the median of each formula.

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
    error = (test[name] - test["voltage"]).abs()
    ends = true.agg(["min", "max", "size"])
    ends["predicted"] = test.groupby("formula")[name].max()
    ends = ends[ends["size"] > 1]
    mean = test["voltage"].mean()
    ax.axline((mean, mean), slope=1, color="black", lw=1, label="predicted = true")
    style = {"color": "silver", "lw": 1.5, "label": "samples of one formula", "zorder": 0.5}
    ax.hlines(ends["predicted"], ends["min"], ends["max"], **style)
    ax.scatter(test["voltage"], test[name], s=16, alpha=0.6, color=COLOURS.get(name), lw=0)
    name_worst(ax, test.assign(error=error), name)
    ax.set(
        title=f"{name}: MAE {error.mean():.2f} V (floor {floor:.2f} V)",
        xlabel=f"voltage of {len(test)} test samples ({unit})",
        ylabel=f"predicted voltage ({unit})",
    )
    ax.legend(loc="upper left")


def name_worst(ax, test, name):
    """Mark the largest errors of a model, and write the formulas of these points beside them."""
    worst = test.sort_values("error", ascending=False).drop_duplicates("formula")[:MAX_NAMED]
    ax.scatter(worst["voltage"], worst[name], s=60, fc="none", ec="black", lw=1.2)
    left, height = np.inf, -np.inf
    for row in worst.sort_values(name).to_dict("records"):
        near = abs(row["voltage"] - left) < 1.5  # V, a long formula; 0.35 V, a line of text
        left, height = row["voltage"], max(row[name], height + 0.35) if near else row[name]
        side = ("left", 0.16) if left < test["voltage"].max() - 1.5 else ("right", -0.16)
        ax.text(left + side[1], height, row["formula"], ha=side[0], va="center", size=11)


def plot_errors(results, out):
    """Draw the distribution of the residuals in both sets, one graph per model: ``errors.png``.

    Parameters and return value are those of `plot_parity`; differences have no reference.
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
        title=f"{name}: error of both sets",
        xlabel=f"predicted - true voltage (V), clipped at ±{CLIP_V} V",
        ylabel="share of the set (%)",
    )
    ax.legend(loc="upper left")


def plot_learning(folders, floors, out):
    """Draw the losses of networks by epoch: ``learning.png``.

    Parameters
    ----------
    folders : dict
        Name of a network to the folder with its ``training.log``.
    floors : dict
        Set, "training" or "test", to the lowest MAE that any formula-only model can reach, V.
    out : pathlib.Path
        Folder of the picture.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib.ticker import LogLocator, NullFormatter

    figure, (ax,) = make_axes(1, 9.2)
    for name, folder in folders.items():
        draw_losses(ax, name, folder)
    for (part, floor), line in zip(floors.items(), ("-", "--"), strict=True):
        ax.axhline(floor, color="dimgrey", ls=line, lw=1.5, label=f"floor, {part} set")
    ax.set(
        title="MAE by epoch; mark: the lowest of each line",
        xlabel="epoch (log scale)",
        ylabel="MAE, log scale (V)",
        xscale="log",
        yscale="log",
    )
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5, 7)))
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter(NullFormatter())
    ax.legend(loc="upper right", handlelength=3.5)
    save(figure.savefig, out / "learning.png")
    return figure


def draw_losses(ax, name, folder):
    """Draw the losses of one network by epoch; the marks of the test set are hollow."""
    log = pd.read_csv(folder / LOG, index_col="epoch")
    colour = COLOURS.get(name)
    for column, part, line in [("loss", "training", "-"), ("val_loss", "test", "--")]:
        if column in log:
            style = {
                "color": colour,
                "lw": 1 if name == "2048e" else 2.5,
                "marker": MARKS.get(name),
            }
            style |= {"ms": 8, "mec": colour, "mfc": colour if part == "training" else "white"}
            style |= {"markevery": [log[column].argmin()], "mew": 2, "zorder": 3}
            ax.plot(log.index + 1, log[column], line, label=f"{name}, {part} set", **style)
