"""How a network was found and trained: figures drawn from a run's search and logs."""

import pandas as pd

from voltage_lab.checkpoint import LOG, save
from voltage_lab.figures import COLOURS, MARKS, make_axes


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
    figure.suptitle(f"Candidates of the search: {len(candidates)}")
    save(figure.savefig, out / "search.png")
    return figure


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
    from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

    figure, (ax,) = make_axes(1, 10)
    for name, folder in folders.items():
        draw_losses(ax, name, folder)
    for (part, floor), line in zip(floors.items(), ("-", "--"), strict=True):
        if floor > 0:  # a logarithmic axis has no 0
            ax.axhline(floor, color="dimgrey", ls=line, lw=1.5, label=f"floor, {part} set")
    ax.set(
        title="MAE by epoch; mark: the lowest of each line",
        xlabel="epoch (log scale)",
        ylabel="MAE, log scale (V)",
        xscale="log",
        yscale="log",
    )
    low, high = ax.get_ylim()
    wide = high > 10 * low  # else, a logarithmic axis may have no number at all
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5, 7)) if wide else MaxNLocator(5))
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter(NullFormatter())
    ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), handlelength=3.5)  # hides nothing
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
