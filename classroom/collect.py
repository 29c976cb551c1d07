"""Bring the results of a lab session together: a table and a figure of all students' runs.

python classroom/collect.py FOLDER [MORE]

Each folder is one of a student, with the files ``errors.csv`` and ``parameters.txt`` of a run of
``load_NN.py``. The table is printed and saved in ``collected.csv``, and drawn in ``collected.png``,
both in the current directory. A folder that cannot be read is left out; a line says why.
"""

import argparse
import sys
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from voltage_lab import card, checkpoint, messages, settings
from voltage_lab.figures import COLOURS, MARKS, make_axes
from voltage_lab.messages import LabError

MODELS = ["forest", "network"]
OUT = Path("collected.csv")


def read_run(folder):
    """Return the row of one run: its folder, seed, changed settings, data, and errors (V).

    Raises
    ------
    LabError
        If the folder lacks a file of a completed run.
    """
    saved = card.read_card(folder)
    with messages.explain_os_error(folder / "errors.csv"):
        errors = pd.read_csv(folder / "errors.csv")
    if not {"model", "MAE test"} <= set(errors) or not {"RSEED", "sha256"} <= set(saved):
        raise LabError("its errors.csv and parameters.txt are not those of a completed run")
    errors = pd.to_numeric(errors.set_index("model")["MAE test"], "coerce").reindex(MODELS)
    if errors.isna().any():
        raise LabError("its errors.csv lacks a number; another program may have saved it anew")
    values = {name: settings.number(text) for name, text in saved.items() if name != "ION"}
    seed = values.pop("RSEED")
    row = {"folder": str(folder), "seed": seed, "settings": "; ".join(settings.changes(values))}
    return row | {"data": saved["sha256"][:8]} | errors.to_dict()


def read_runs(folders):
    """Return the rows of all runs; say which folders are left out.

    Raises
    ------
    LabError
        If none can be read.
    """
    rows = []
    for folder in {folder.resolve(): folder for folder in folders}.values():  # each once
        try:
            rows.append(read_run(folder))
        except ValueError as error:  # a LabError, or of pandas
            print(f"{folder} is left out: {messages.first_line(error)}")
    if not rows:
        raise LabError("no folder has the errors.csv and parameters.txt of a completed run")
    return pd.DataFrame(rows)


def plot_runs(runs, path):
    """Draw the MAE of both models of each run, joined by a line, and mean and SD over the runs.

    Parameters
    ----------
    runs : pandas.DataFrame
        From `read_runs`.
    path : pathlib.Path
        Of the picture.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, (ax,) = make_axes(1, 6)
    ax.plot(MODELS, runs[MODELS].T, color="silver", lw=1, zorder=1)
    for place, name in enumerate(MODELS):
        style = {"color": COLOURS[name], "marker": MARKS[name], "zorder": 3}
        ax.scatter([name] * len(runs), runs[name], s=25, alpha=0.6, **style)
        mean, deviation = runs[name].mean(), runs[name].std(ddof=1)
        shift = 0.15 * (2 * place - 1)
        label = f"{name}: {mean:.3f}" + (f" ± {deviation:.3f} V" if len(runs) > 1 else " V")
        ax.errorbar(
            place + shift, mean, deviation, ms=10, mec="black", capsize=6, label=label, **style
        )
    ax.set(
        xlim=(-0.5, 1.5), ylabel="MAE of the test set (V)", title=f"{count_runs(runs)}, mean ± SD"
    )
    ax.legend()
    checkpoint.save(figure.savefig, path)
    return figure


def count_runs(runs):
    """Return a text such as "2 runs"."""
    return f"{len(runs)} run{'s' * (len(runs) > 1)}"


def main(arguments=None):
    """Collect the runs of the folders on a command line."""
    parser = settings.Parser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="+", type=Path, help="folders of runs of load_NN.py")
    runs = read_runs(parser.parse_args(arguments).folders)
    checkpoint.save(lambda path: runs.to_csv(path, index=False), OUT)
    names = pd.Series([Path(folder).resolve().name for folder in runs["folder"]])
    shown = runs.assign(folder=names) if names.is_unique else runs  # ana/seed7 and bia/seed7
    shown = shown.drop(columns="data") if runs["data"].nunique() == 1 else shown
    messages.show(shown, "MAE of the test set (V) of each run")
    if runs["data"].nunique() > 1:
        raise LabError("these runs are of different data, as the column shows: no mean is given")
    plot_runs(runs, OUT.with_suffix(".png"))
    summary = runs[MODELS].agg(["mean", "std", "min", "max"]).T.rename_axis("model").reset_index()
    summary = summary.rename(columns={"std": "SD", "min": "lowest", "max": "highest"})
    messages.show(summary, f"MAE of the test set (V), {count_runs(runs)}")


if __name__ == "__main__":
    messages.report_errors()
    main()
