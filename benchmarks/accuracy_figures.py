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
        for place, model in enumerate(STYLES):
            row = rows[rows["model"] == model].iloc[0]
            ax.errorbar(row["mean"], place, xerr=row["std"], capsize=4, ms=8, **STYLES[model])
            ax.annotate(f"{row['mean']:.3f}", (row["mean"], place), (0, 8), **ABOVE)
        ax.set(title=name.rsplit(".", 1)[0], xlabel="MAE of the test set (V)")
        ax.set_yticks(range(len(STYLES)), STYLES)
        ax.set_ylim(-0.5, len(STYLES) - 0.3)
    figure.suptitle("Five folds by formula: mean ± SD")
    save(figure.savefig, path)
    return figure


ABOVE = {"textcoords": "offset points", "ha": "center"}


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
        rows = rows.assign(number=rows["formulas"].replace("all", "nan").astype(float))
        for model, style in STYLES.items():
            line = rows[rows["model"] == model].sort_values("number")
            places = range(len(line))
            ax.errorbar(places, line["mean"], yerr=line["std"], capsize=4, label=model, **style)
        ax.set_xticks(places, line["formulas"])
        ax.set(title=name.rsplit(".", 1)[0], xlabel="formulas in the training set")
    axes[0].set_ylabel("MAE of the test set (V), mean ± SD over five folds")
    axes[-1].legend()
    save(figure.savefig, path)
    return figure
