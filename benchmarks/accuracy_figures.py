"""The figures of the accuracy benchmark."""

from voltage_lab.checkpoint import save
from voltage_lab.figures import COLOURS, make_axes

STYLES = {
    "forest": {"color": COLOURS["forest"], "marker": "s"},
    "network": {"color": COLOURS["network"], "marker": "o"},
    "scikit-learn": {"color": "0.6", "marker": "^"},
    "XGBoost": {"color": "0.4", "marker": "v"},
    "CatBoost": {"color": "0.1", "marker": "D"},
}  # the models that are drawn; the mean of the training set would shrink all others


ABOVE = {"textcoords": "offset points", "ha": "center"}  # a number above its mark


def average(results, keys):
    """Return mean and SD over folds of the MAE of the models drawn, split by formula (V)."""
    shown = results[results["model"].isin(STYLES) & (results["split"] == "formula")]
    return shown.groupby(keys, sort=False)["MAE test"].agg(["mean", "std"]).reset_index()


def plot_models(results, path):
    """Draw the MAE of every model, trained on all formulas: one graph per table.

    Parameters
    ----------
    results : pandas.DataFrame
        From `accuracy.read_results`.
    path : pathlib.Path
        Of the picture.
    """
    errors = average(results[results["formulas"] == "all"], ["data", "model"])
    figure, axes = make_axes(errors["data"].nunique())
    for ax, (name, rows) in zip(axes, errors.groupby("data", sort=False), strict=True):
        for row in rows.itertuples():
            place = list(STYLES).index(row.model)
            ax.errorbar(row.mean, place, xerr=row.std, capsize=4, ms=8, **STYLES[row.model])
            ax.annotate(f"{row.mean:.3f}", (row.mean, place), (0, 8), **ABOVE)
        ax.set(title=name.rsplit(".", 1)[0], xlabel="MAE of the test set (V)")
        ax.set_yticks(range(len(STYLES)), STYLES)
        ax.set_ylim(-0.5, len(STYLES) - 0.3)
    figure.suptitle("Mean ± SD over the folds, split by formula")
    save(figure.savefig, path)
    return figure


def plot_formulas(results, path):
    """Draw how the MAE falls with the number of training formulas: one graph per table.

    Parameters and return value are those of `plot_models`.
    """
    several = results.groupby("data")["formulas"].transform("nunique") > 1
    errors = average(results[several], ["data", "formulas", "model"])
    if errors.empty:
        return None
    figure, axes = make_axes(errors["data"].nunique(), 6)
    for ax, (name, rows) in zip(axes, errors.groupby("data", sort=False), strict=True):
        labels = [*sorted(set(rows["formulas"]) - {"all"}, key=int), "all"]
        for model, line in rows.groupby("model", sort=False):
            style = {"capsize": 4, "label": model, **STYLES[model]}
            places = line["formulas"].map(labels.index)
            line = line.assign(place=places).sort_values("place")
            ax.errorbar(line["place"], line["mean"], yerr=line["std"], **style)
        ax.set_xticks(range(len(labels)), labels)
        ax.set(title=name.rsplit(".", 1)[0], xlabel="formulas in the training set")
    axes[0].set_ylabel("MAE of the test set (V), mean ± SD over the folds")
    axes[-1].legend()
    save(figure.savefig, path)
    return figure
