"""What the voltages depend on: figures drawn from a run's table of results."""

import re

import numpy as np

from voltage_lab.checkpoint import save
from voltage_lab.figures import COLOURS, MARKS, make_axes, raise_top, select

# Along the periodic table; the groups of Sc and Zn keep their charge when lithium is inserted.
METALS = ("Ti V Cr Mn Fe Co Ni Cu", "Zr Nb Mo Tc Ru Rh Pd Ag", "Hf Ta W Re Os Ir Pt Au")
MIN_SAMPLES = 15  # of a metal that is shown
SERIES = [f"{metal}PO4" for metal in ("Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni")]  # hosts
# Of the samples of a series.
TRAINING_MARKS = {"marker": "_", "s": 120, "lw": 2, "color": "black", "zorder": 3}
TEST_MARKS = {"marker": "D", "s": 60, "ec": "black", "fc": "none", "zorder": 3}


def find_metal(formula):
    """Return the transition metal of a host, or None where there is none or more than one."""
    metals = set(re.findall("[A-Z][a-z]?", formula)) & set(" ".join(METALS).split())
    return metals.pop() if len(metals) == 1 else None


def plot_metals(results, unit, out):
    """Draw the voltages of both sets by the host's transition metal: ``metals.png``.

    Parameters and return value are those of `plot_parity`, without `floor`.
    """
    metals = results["formula"].map(find_metal)
    groups = {
        (metal, period): results[metals == metal]
        for period, row in enumerate(METALS)
        for metal in row.split()
        if (metals == metal).sum() >= MIN_SAMPLES
    }
    figure, (ax,) = make_axes(1, 9.2)
    ax.set(
        title=f"No metal has {MIN_SAMPLES} samples",
        xlabel="the host's only transition metal, and its number of samples in both sets",
        ylabel=f"voltage ({unit})",
        xticks=[],
    )
    if groups:
        ax.set_title(f"Voltages by metal, where there are {MIN_SAMPLES} samples or more")
        draw_metals(ax, groups, results.columns[3:])
    save(figure.savefig, out / "metals.png")
    return figure


def draw_metals(ax, groups, names):
    """Draw a box of the true and a mark of the predicted voltages of each metal."""
    places = [place + period for place, (_, period) in enumerate(groups)]  # gaps between periods
    true = [rows["voltage"] for rows in groups.values()]
    ax.boxplot(
        true,
        positions=places,
        widths=0.7,
        whis=(0, 100),
        patch_artist=True,
        tick_labels=[f"{metal}\n{len(rows)}" for (metal, _), rows in groups.items()],
        boxprops={"fc": "gainsboro"},
        medianprops={"color": "black", "lw": 3},
        label="true: range, middle half, median",
    )
    for shift, name in zip(np.linspace(-0.2, 0.2, len(names)), names, strict=True):
        ax.scatter(
            np.add(places, shift),
            [rows[name].median() for rows in groups.values()],
            s=30,
            color=COLOURS.get(name),
            ec="white",
            lw=0.8,
            marker=MARKS.get(name, "v"),
            label=f"{name}: median",
            zorder=3,
        )
    raise_top(ax, 0.1 * (1 + len(names) // 3))
    ax.legend(loc="upper right", ncols=3)


def plot_series(results, voltages, margins, coverage, unit, out):
    """Draw predicted and true voltages of a series of hosts, one graph per model: ``series.png``.

    Parameters
    ----------
    results : pandas.DataFrame
        As for `plot_parity`.
    voltages : dict
        Name of the model to its voltages of the hosts of `SERIES`, V.
    margins : pandas.DataFrame
        Of their prediction intervals, V, from `voltage_lab.intervals.find_margins`.
    coverage : float
        Of these intervals.
    unit : str
        Of the voltages, such as V vs. Li/Li⁺.
    out : pathlib.Path
        Folder of the picture.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = make_axes(len(voltages))
    metals = [host.removesuffix("PO4") for host in SERIES]
    for ax, (name, predicted) in zip(axes, voltages.items(), strict=True):
        label = f"predicted; bar: {100 * coverage:g}% prediction\ninterval of a new host"
        margin = margins[name]
        if margin.isna().all():
            label, margin = "predicted", None
        style = {"color": COLOURS.get(name), "marker": MARKS.get(name, "v"), "capsize": 4}
        ax.errorbar(metals, predicted, margin, label=label, **style)
        draw_samples(ax, results, margins.index, predicted)
        ax.set(
            title=f"{name}: hosts MPO₄",
            xlabel="M of the host MPO₄",
            ylabel=f"voltage ({unit})",
        )
        ax.legend(loc="upper left")
        ax.label_outer()
    raise_top(axes[-1], 0.36)  # of all
    save(figure.savefig, out / "series.png")
    return figure


def draw_samples(ax, results, hosts, predicted):
    """Draw the samples with some hosts, left of the predictions; the legend has their MAE."""
    for part, style in [("training", TRAINING_MARKS), ("test", TEST_MARKS)]:
        samples = select(results, part)
        samples = samples[samples["formula"].isin(hosts)]
        if len(samples):
            places = hosts.get_indexer(samples["formula"])
            error = np.abs(predicted[places] - samples["voltage"]).mean()
            words = f"{len(samples)} {part} sample{'s' * (len(samples) > 1)}: MAE {error:.2f} V"
            ax.scatter(places - 0.25, samples["voltage"], label=words, **style)
