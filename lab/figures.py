"""What a run shows: tables in the terminal and figures in files."""

import re
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


# Okabe and Ito's, which colour-blind eyes can tell apart; marks and line widths tell them in grey.
COLOURS = {"forest": "#D55E00", "network": "#0072B2", "2048e": "#009E73"}
MARKS = {"forest": "s", "network": "o", "2048e": "^"}
# For a projector, sizes in pt; a legend is never crossed by what lies behind it.
LOOK = {"font.size": 12, "axes.titlesize": 12, "legend.fontsize": 11, "legend.framealpha": 1}
CUT = 2  # V, larger residuals are drawn as these
NEAR = 0.5  # V, the share of residuals within is told
# Along the periodic table; the groups of Sc and Zn keep their charge when lithium comes.
METALS = ("Ti V Cr Mn Fe Co Ni Cu", "Zr Nb Mo Tc Ru Rh Pd Ag", "Hf Ta W Re Os Ir Pt Au")
FEWEST = 15  # rows that a metal needs to be shown
SERIES = ("Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni")  # the metals M of the hosts MPO4
SEEN = {"marker": "_", "s": 200, "lw": 2, "color": "black", "zorder": 3}  # training rows among them
HELD_OUT = {"marker": "D", "s": 60, "ec": "black", "fc": "white", "zorder": 3}  # test rows


def panels(number, width=4.6):
    """Return a figure and `number` axes side by side; it needs no display and opens no window."""
    import matplotlib
    from matplotlib.figure import Figure

    matplotlib.rcParams.update(LOOK)
    # "constrained" may cut the titles of square panels off.
    figure = Figure(figsize=(width * number, 5), layout="compressed", dpi=170)
    return figure, figure.subplots(1, number, sharex=True, sharey=True, squeeze=False)[0]


def make_room(ax, share):
    """Raise the top of the y axis by a share of its height, so that a legend hides nothing."""
    low, high = ax.get_ylim()
    ax.set_ylim(top=high + share * (high - low))


def plot_parity(models, X, y, out="."):
    """Draw predicted against true voltages of the rows X, y in ``parity.png``, a panel a model.

    A formula has one predicted voltage but, where it has several rows, several true ones; a line
    joins them. No model can be better than the floor: a formula's median for all of its rows.
    """
    figure, axes = panels(len(models))
    floor = np.abs(y - y.groupby(level=0).transform("median")).mean()
    for ax, (name, model) in zip(axes, models.items(), strict=True):
        rows = pd.DataFrame({"true": y, "guess": supplement.predict(model, X)})
        ends = rows.groupby(level=0).agg(["min", "max", "size"])
        ends = ends[ends["true", "size"] > 1]
        ax.axline((y.mean(), y.mean()), slope=1, color="black", lw=1, label="predicted = true")
        ax.hlines(ends["guess", "max"], ends["true", "min"], ends["true", "max"],
                  color="dimgrey", lw=1, label="rows of one formula")
        ax.scatter(y, rows["guess"], s=16, alpha=0.6, color=COLOURS.get(name), lw=0)
        off = np.abs(rows["guess"] - y).mean()
        ax.set(title=f"{name}: {off:.2f} V off on average,\n{floor:.2f} V is the floor",
               xlabel=f"voltage of {len(y)} test rows (V)", ylabel="predicted voltage (V)")
        ax.legend(loc="upper left")
        ax.label_outer()
    limits = np.array([ax.dataLim.get_points() for ax in axes])
    limits = limits.min() - 0.2, limits.max() + 0.2
    for ax in axes:
        ax.set(xlim=limits, ylim=limits, box_aspect=1)
    supplement.save(figure.savefig, Path(out) / "parity.png")
    return figure


def plot_errors(models, X_train, X_test, y_train, y_test, out="."):
    """Draw how the residuals of training and test rows spread in ``errors.png``."""
    figure, axes = panels(len(models))
    for ax, (name, model) in zip(axes, models.items(), strict=True):
        for rows, X, y, style in [
            ("training", X_train, y_train, {"color": "silver"}),
            ("test", X_test, y_test, {"color": COLOURS.get(name), "histtype": "step", "lw": 2.5})]:
            off = supplement.predict(model, X) - y
            ax.hist(off.clip(-CUT, CUT), np.linspace(-CUT, CUT, 8 * CUT + 1),
                    weights=np.full(len(y), 100 / len(y)), label=f"{len(y)} {rows} rows", **style)
        for edge in (-NEAR, NEAR):
            ax.axvline(edge, color="black", lw=1.5, ls=":")
        share, side = (off.abs() <= NEAR).mean(), "high" if off.mean() > 0 else "low"
        ax.set(title=f"{name}: {share:.0%} of test rows within {NEAR} V,\n"
                     f"in the mean {abs(off.mean()):.2f} V too {side}",
               xlabel=f"predicted - true voltage (V), cut at ±{CUT} V",
               ylabel="share of the rows (%)")
        ax.legend(loc="upper left")
        ax.label_outer()
    make_room(ax, 0.2)  # in all panels
    supplement.save(figure.savefig, Path(out) / "errors.png")
    return figure


def plot_learning(models, grown, out="."):
    """Draw the losses of the networks among `models`, by epoch, in ``learning.png``."""
    from matplotlib.ticker import LogLocator, NullFormatter

    figure, (ax,) = panels(1, 7)
    titles = []
    for name, folder, width in [("network", out, 2.5), ("2048e", grown, 1)]:
        if name not in models:
            continue
        log = pd.read_csv(Path(folder) / "training.log", index_col="epoch").dropna(axis=1)
        for column, rows, line in [("loss", "training", "-"), ("val_loss", "test", "--")]:
            if column in log:
                best, end = log[column].argmin(), log[column].iloc[-1]
                ax.plot(log.index + 1, log[column], line, color=COLOURS[name], lw=width,
                        marker=MARKS[name], ms=9, mec="black", markevery=[best],
                        label=f"{name}, {rows} rows")
                found = f"lowest {log[column].min():.3f} V (epoch {log.index[best] + 1})"
                found = f"{name}, {rows} rows: {found}, at the end {end:.3f} V"
        titles.append(found)
    ax.set(title="\n".join(titles), xlabel="epoch (mark: lowest error of a line)",
           ylabel="mean absolute error (V)", xscale="log", yscale="log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5, 7)))
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter(NullFormatter())
    if titles:
        ax.legend(loc="upper right", handlelength=3.5)
    supplement.save(figure.savefig, Path(out) / "learning.png")
    return figure


def metal(formula):
    """Return the transition metal of a host, or None where there is none or more than one."""
    found = set(re.findall("[A-Z][a-z]?", formula)) & set(" ".join(METALS).split())
    return found.pop() if len(found) == 1 else None


def plot_metals(models, X_train, X_test, y_train, y_test, out="."):
    """Draw the voltages of all rows by the host's transition metal in ``metals.png``."""
    X, y = pd.concat([X_train, X_test]), pd.concat([y_train, y_test])
    found = y.index.map(metal).to_numpy()
    groups = {(key, period): y[found == key] for period, keys in enumerate(METALS)
              for key in keys.split() if (found == key).sum() >= FEWEST}
    figure, (ax,) = panels(1, 9.2)
    ax.set(title=f"No metal has {FEWEST} rows", ylabel="voltage (V)", xticks=[],
           xlabel="the host's only transition metal, and its number of training and test rows")
    if groups:
        places = [place + period for place, (_, period) in enumerate(groups)]  # gaps between
        ax.boxplot(list(groups.values()), positions=places, widths=0.7, whis=(0, 100),
                   tick_labels=[f"{key}\n{len(rows)}" for (key, _), rows in groups.items()],
                   boxprops={"fc": "gainsboro"}, medianprops={"color": "black", "lw": 3},
                   patch_artist=True, label="rows: all, half (box), median")
        shifts = np.linspace(-0.2, 0.2, len(models))
        for shift, (name, model) in zip(shifts, models.items(), strict=True):
            guess = supplement.predict(model, X)
            ax.scatter(np.add(places, shift), [np.median(guess[found == key]) for key, _ in groups],
                       s=50, color=COLOURS.get(name), ec="white", marker=MARKS.get(name, "v"),
                       label=f"{name}, median", zorder=3)
        spread = np.median([np.subtract(*rows.quantile([0.75, 0.25])) for rows in groups.values()])
        ends = sorted((rows.median(), key) for (key, _), rows in groups.items())
        low, high = (f"{volts:.1f} V ({key})" for volts, key in (ends[0], ends[-1]))
        ax.set_title(f"Medians go from {low} to {high}; "
                     f"half of a metal's rows span about {spread:.1f} V")
        make_room(ax, 0.1 * (1 + len(models) // 3))
        ax.legend(loc="upper right", ncols=3)
    supplement.save(figure.savefig, Path(out) / "metals.png")
    return figure


def interval(errors):
    """Return the distance, V, within which `COVERAGE` of the held-out rows' errors lie.

    So does the error of a new formula like them, with that chance: split conformal prediction,
    Lei et al., J. Am. Stat. Assoc. 113, 1094 (2018).
    """
    rank = int(np.ceil((len(errors) + 1) * supplement.COVERAGE))
    return float(np.sort(errors)[min(rank, len(errors)) - 1])


def plot_series(models, X_train, X_test, y_train, y_test, out="."):
    """Draw predicted and true voltages of the hosts MPO4 in ``series.png``, a panel a model."""
    X = supplement.featurize([f"{symbol}PO4" for symbol in SERIES])
    figure, axes = panels(len(models))
    share = f"{supplement.COVERAGE:.0%}"
    for ax, (name, model) in zip(axes, models.items(), strict=True):
        guess = supplement.predict(model, X)
        width = interval(np.abs(supplement.predict(model, X_test) - y_test))
        ax.errorbar(SERIES, guess, width, color=COLOURS.get(name), marker=MARKS.get(name, "v"),
                    capsize=4, label=f"predicted; {share} of test\nrows within ±{width:.2f} V")
        found = []
        for rows, y, style in [("training", y_train, SEEN), ("test", y_test, HELD_OUT)]:
            y = y[y.index.isin(X.index)]
            if len(y):
                places = X.index.get_indexer(y.index)
                number = f"{len(y)} {rows} row{'s' * (len(y) > 1)}"
                ax.scatter(places, y, label=number, **style)
                found.append(f"{np.abs(guess[places] - y).mean():.2f} V off on {number}")
        ax.set(title=f"{name}: " + ",\n".join(found or ["no row has these hosts"]),
               xlabel="M of the host MPO₄", ylabel="voltage (V)")
        ax.legend(loc="upper left")
        ax.label_outer()
    make_room(ax, 0.36)  # in all panels
    supplement.save(figure.savefig, Path(out) / "series.png")
    return figure
