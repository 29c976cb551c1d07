"""What a run shows: tables in the terminal and figures in files."""

from pathlib import Path

import numpy as np
import pandas as pd

import supplement


def show(table, title, digits=3):
    """Print a table, floats with `digits` decimals; plain text where no terminal reads it."""
    from rich import box, console
    from rich.table import Table

    grid = Table(*table.columns, title=title, title_justify="left", box=box.SIMPLE_HEAD,
                 padding=(0, 1, 0, 0), title_style="bold")
    grid.columns[0].no_wrap = True  # a narrow terminal folds the others
    for row in table.itertuples(index=False):
        grid.add_row(*(f"{x:.{digits}f}" if isinstance(x, float) else str(x) for x in row))
    console.Console(markup=False, emoji=False, highlight=False).print(grid)


# Okabe and Ito's, which colour-blind eyes can tell apart.
COLOURS = {"forest": "#D55E00", "network": "#0072B2", "2048e": "#009E73"}


def panels(number):
    """Return a figure and `number` axes side by side; it needs no display and opens no window."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.6 * number, 4.4), layout="constrained", dpi=170)
    return figure, figure.subplots(1, number, sharex=True, sharey=True, squeeze=False)[0]


def plot_parity(models, X, y, out="."):
    """Draw predicted against true voltages of the rows X, y in ``parity.png``, a panel a model."""
    figure, axes = panels(len(models))
    for ax, (name, model) in zip(axes, models.items(), strict=True):
        guess = supplement.predict(model, X)
        ax.axline((y.mean(), y.mean()), slope=1, color="grey", zorder=0)
        ax.scatter(y, guess, s=12, alpha=0.6, color=COLOURS.get(name))
        ax.set(title=f"{name}: {np.abs(guess - y).mean():.2f} V off on average", box_aspect=1,
               xlabel=f"voltage of {len(y)} test rows (V)", ylabel="predicted voltage (V)")
        ax.label_outer()
    supplement.save(figure.savefig, Path(out) / "parity.png")


def plot_errors(models, X_train, X_test, y_train, y_test, out="."):
    """Draw how the residuals of training and test rows spread in ``errors.png``."""
    figure, axes = panels(len(models))
    for ax, (name, model) in zip(axes, models.items(), strict=True):
        for rows, X, y, style in [
            ("training", X_train, y_train, {"color": "silver"}),
            ("test", X_test, y_test, {"color": COLOURS.get(name), "histtype": "step", "lw": 2})]:
            off = (supplement.predict(model, X) - y).clip(-3, 3)
            ax.hist(off, np.linspace(-3, 3, 25), weights=np.full(len(y), 100 / len(y)),
                    label=f"{len(y)} {rows} rows", **style)
        ax.set(title=name, xlabel="predicted - true voltage (V), cut at ±3 V",
               ylabel="share of the rows (%)")
        ax.legend()
        ax.label_outer()
    supplement.save(figure.savefig, Path(out) / "errors.png")


def plot_learning(models, grown, out="."):
    """Draw the losses of the networks among `models`, by epoch, in ``learning.png``."""
    from matplotlib.ticker import LogLocator, NullFormatter

    figure, (ax,) = panels(1)
    titles = []
    for name, folder in {"network": Path(out), "2048e": grown}.items():
        if name in models:
            log = pd.read_csv(folder / "training.log", index_col="epoch")
            for column, rows, line in [("loss", "training", "-"), ("val_loss", "test", "--")]:
                if column in log:
                    label = f"{name}, {rows} rows"
                    ax.plot(log.index + 1, log[column], line, color=COLOURS[name], label=label)
                    best = f"at epoch {log[column].idxmin() + 1}, {log[column].min():.3f} V"
                    found = f"{label}: {log[column].iloc[-1]:.3f} V at the end; {best}"
            titles.append(found)
    ax.set_title("\n".join(titles), fontsize="small")
    ax.set(xlabel="epoch", ylabel="mean absolute error (V)", xscale="log", yscale="log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5, 7)))
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter(NullFormatter())
    ax.legend()
    supplement.save(figure.savefig, Path(out) / "learning.png")
