"""Measure how many voltages lie within the prediction intervals, and what is flagged.

python benchmarks/interval_coverage.py                          five folds of Batteries_feat.json
python benchmarks/interval_coverage.py --data FILE --on TABLE   trained on FILE, new hosts of TABLE

In each fold, half of the held-out formulas calibrate the intervals, the other half is evaluated;
then the halves swap. With ``--on``, the test set calibrates, and hosts that FILE has are left out.
Every training adds its samples to ``interval_samples.csv``; the same command resumes a stopped run.
After a setting or a table was changed, delete that file. ``interval_coverage.csv`` has the shares
in groups of samples, which are drawn in ``interval_coverage.png``.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import accuracy
import coverage_figures
import models
from host_groups import group_samples

import load_NN
import supplement
from voltage_lab import card, checkpoint, intervals, messages, settings
from voltage_lab.messages import LabError

SAMPLES = Path(__file__).with_name("interval_samples.csv")
RESULTS = Path(__file__).with_name("interval_coverage.csv")
PLACE = ["data", "sha256", "on", "on sha256", "fold"]  # columns that tell the trainings apart
MODELS = ["forest", "network"]


def evaluate_intervals(trained, split, X, y):
    """Return the samples of X that are not trained on, with errors and margins (V) of the models.

    Parameters
    ----------
    trained : dict
        Name to model.
    split : tuple
        ``X_train, X_test, y_train, y_test``; the test set calibrates.
    X, y : pandas.DataFrame, pandas.Series
        Of the samples to be evaluated.

    Returns
    -------
    pandas.DataFrame
        Formula, voltage (V), distance, and outside: whether it is outside the applicability
        domain. For each model, "error", "margin" (NaN outside the domain), and "constant": the
        margin of intervals that are equally wide for all samples, as the whole test set has them.

    Raises
    ------
    LabError
        If the test set has too few formulas for any interval.
    """
    X_train, X_test, _, y_test = split
    errors = {
        name: np.abs(supplement.predict(model, X_test) - y_test) for name, model in trained.items()
    }
    level, seed = supplement.COVERAGE, supplement.RSEED
    margins, checked, number = intervals.find_margins(X, split, errors, level, seed)
    if not intervals.are_enough(number, level):
        raise LabError(
            f"{number} formulas are too few to calibrate an interval; give a larger table"
        )
    table = pd.DataFrame({"formula": X.index, "voltage": y.to_numpy()})
    table["distance"] = checked["Distance"].to_numpy()
    table["outside"] = checked["Outside"].to_numpy() != ""
    for name, model in trained.items():
        table[f"{name} error"] = np.abs(supplement.predict(model, X) - y.to_numpy())
        table[f"{name} margin"] = margins[name].to_numpy()
        constant = intervals.quantile_by_formula(errors[name], X_test.index, level)
        table[f"{name} constant"] = constant
    return table[~table["formula"].isin(X_train.index)]


def evaluate_fold(X, y, train, test):
    """Train on a fold, and evaluate both halves of its held-out formulas, each with the other."""
    from sklearn.model_selection import GroupKFold

    trained = models.train_lab_models(X.iloc[train], y.iloc[train])
    halves = GroupKFold(2, shuffle=True, random_state=supplement.RSEED)
    tables = []
    for one, other in halves.split(test, groups=X.index[test]):
        split = (X.iloc[train], X.iloc[test[one]], y.iloc[train], y.iloc[test[one]])
        tables.append(evaluate_intervals(trained, split, X.iloc[test[other]], y.iloc[test[other]]))
    return pd.concat(tables)


def evaluate_transfer(X, y, other):
    """Train on the training set of a table, evaluate on the new hosts of the table `other`."""
    X_other, y_other = supplement.load_data(other)
    new = ~X_other.index.isin(X.index)
    if not new.any():
        raise LabError(f"{other} has no host that the table of the training lacks")
    split = supplement.split_data(X, y)
    trained = models.train_lab_models(split[0], split[2])
    return evaluate_intervals(trained, split, X_other[new], y_other[new])


def list_trainings(X, y, other):
    """Yield the fold, 0 where another table is evaluated, and a function that evaluates it."""
    if other:
        yield 0, lambda: evaluate_transfer(X, y, other)
        return
    for split, fold, train, test in accuracy.split_folds(X):
        if split == "formula":
            yield fold, lambda train=train, test=test: evaluate_fold(X, y, train, test)


def checksum(path):
    """Return the beginning of a file's checksum."""
    return card.make_card(path, {})["sha256"][:8]


def add_samples(path, other):
    """Add the samples of all trainings that are not in ``interval_samples.csv`` yet."""
    X, y = supplement.load_data(path)
    files = [part for file in (path, other or path) for part in (file.name, checksum(file))]
    for fold, evaluate in list_trainings(X, y, other):
        place = dict(zip(PLACE, [*files, fold], strict=True))
        saved = read_samples()
        if (saved[PLACE] == list(place.values())).all(axis=1).any():
            continue
        table = evaluate().assign(**place)
        table = pd.concat([saved, table]) if len(saved) else table
        checkpoint.save(lambda file, table=table: table.to_csv(file, index=False), SAMPLES)
        print(f"{path.name}, on {place['on']}, fold {fold}", flush=True)


def read_samples():
    """Return the samples in ``interval_samples.csv``; an empty table where there is none."""
    if not SAMPLES.exists():
        return pd.DataFrame(columns=PLACE)
    texts = dict.fromkeys(["sha256", "on sha256", "formula"], str)
    return pd.read_csv(SAMPLES, dtype=texts, keep_default_na=False, na_values=[""])


def summarize(samples):
    """Return coverage and mean margin of the samples within the domain, by group and model.

    Each formula has the same weight, as in the calibration. Of a table that was changed, the
    latest version is taken.

    Returns
    -------
    pandas.DataFrame
        Margins in V; "ratio" is that of the mean margin to the one of the constant intervals;
        "outside" is the share of all samples that are outside the applicability domain.
    """
    rows = []
    versions = samples.groupby(["data", "on"])[["sha256", "on sha256"]].transform("last")
    samples = samples[(samples[["sha256", "on sha256"]] == versions).all(axis=1)]
    for place, table in samples.groupby(PLACE[:-1], sort=False):
        inside = table[~table["outside"]].reset_index(drop=True)
        for group, members in group_samples(inside).items():
            row = dict(zip(PLACE, place, strict=False)) | {"outside": table["outside"].mean()}
            rows.append(row | {"group": group, **average(inside[members])})
    return pd.DataFrame(rows).drop(columns=["sha256", "on sha256"])


def average(samples):
    """Return number, coverage, mean margin (V) and its ratio to the constant one, by model."""
    counts = samples["formula"].map(samples["formula"].value_counts())
    numbers = {"formulas": samples["formula"].nunique()}
    for name in MODELS:
        margin, constant = samples[f"{name} margin"], samples[f"{name} constant"]
        covered = samples[f"{name} error"] <= margin
        numbers[f"{name} coverage"] = np.average(covered, weights=1 / counts)
        numbers[f"{name} margin"] = np.average(margin, weights=1 / counts)
        mean = np.average(constant, weights=1 / counts)
        numbers[f"{name} ratio"] = numbers[f"{name} margin"] / mean
    return numbers


def add_saved(new):
    """Return the rows of ``interval_coverage.csv`` of other tables, and then new ones."""
    if not RESULTS.exists():
        return new
    saved = pd.read_csv(RESULTS)
    known = pd.MultiIndex.from_frame(new[["data", "on"]])
    others = saved[~pd.MultiIndex.from_frame(saved[["data", "on"]]).isin(known)]
    return pd.concat([others, new], ignore_index=True)


def format_table(table):
    """Return rows of `summarize` with short names of columns: coverage, margin (V), ratio."""
    shown = table[["group", "formulas"]].copy()
    for name, blank in zip(MODELS, ("", " "), strict=True):
        shown[name] = table[f"{name} coverage"].map("{:.0%}".format)
        shown[f"margin{blank}"] = table[f"{name} margin"]
        shown[f"ratio{blank}"] = table[f"{name} ratio"]
    return shown


def main(arguments=None):
    """Evaluate the intervals on a command line's tables; print and draw all that is there."""
    parser = settings.Parser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=supplement.DATA, help="table of the training")
    parser.add_argument("--on", type=Path, help="another table, whose new hosts are evaluated")
    values = {**supplement.current_settings(), "EPOCHS": load_NN.EPOCHS}
    _, options = settings.read_arguments(parser, values, arguments)
    add_samples(options.data, options.on)
    new = summarize(read_samples())
    for (data, on), table in new.groupby(["data", "on"], sort=False):
        title = f"{100 * supplement.COVERAGE:g}% intervals, trained on {data}, evaluated on {on}"
        messages.show(format_table(table), title, 2)
        share = f"{table['outside'].iloc[0]:.1%} of the samples"
        print(f"{share} are outside the applicability domain")
    results = add_saved(new)
    checkpoint.save(lambda path: results.round(4).to_csv(path, index=False), RESULTS)
    coverage_figures.plot_coverage(results, supplement.COVERAGE, RESULTS.with_suffix(".png"))


if __name__ == "__main__":
    messages.report_errors()
    main()
