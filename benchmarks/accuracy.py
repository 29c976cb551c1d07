"""Compare the lab's models with gradient boosting on five test sets.

python benchmarks/accuracy.py                          Batteries_feat.json
python benchmarks/accuracy.py TABLE [MORE]             other tables
python benchmarks/accuracy.py TABLE --random           split at random, too
python benchmarks/accuracy.py TABLE --formulas 100     trained on so many formulas, too

Every fold is a run as ``load_NN.py`` has it. Its errors are added to ``accuracy.csv`` at once. The
same command resumes a stopped run, prints what is there, and draws ``accuracy.png`` and
``formulas.png``. After a setting or a table was changed, delete ``accuracy.csv``.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import accuracy_figures
import models

import load_NN
import supplement
from voltage_lab import card, checkpoint, messages, settings
from voltage_lab.messages import LabError

RESULTS = Path(__file__).with_name("accuracy.csv")
TEST_SETS = 5  # 2 or more; each sample is in one of them
PLACE = ["data", "sha256", "split", "fold", "formulas"]  # columns that tell the trainings apart


def split_folds(X):
    """Yield the folds of the split by formula, then of the random one.

    Yields
    ------
    split : str
        "formula" or "random".
    fold : int
        From 1.
    train, test : numpy.ndarray of int
        Positions in X of the samples of both sets.
    """
    from sklearn.model_selection import GroupKFold, KFold

    for split, splitter in {"formula": GroupKFold, "random": KFold}.items():
        folds = splitter(TEST_SETS, shuffle=True, random_state=supplement.RSEED)
        groups = X.index if split == "formula" else None
        for fold, (train, test) in enumerate(folds.split(X, groups=groups), 1):
            yield split, fold, train, test


def list_trainings(X, random, sizes):
    """Yield the folds with all formulas, then with some: ``(split, fold, formulas, train, test)``.

    Parameters
    ----------
    X : pandas.DataFrame
        Features, indexed by formula.
    random : bool
        Whether the folds of the random split are among them.
    sizes : list of int
        Numbers of training formulas. Those of a smaller number are among those of a larger one.
    """
    for split, fold, train, test in split_folds(X):
        if random or split == "formula":
            yield split, fold, "all", train, test
    for split, fold, train, test in split_folds(X):
        formulas = X.index[train].unique()
        order = np.random.default_rng([supplement.RSEED, fold]).permutation(formulas)
        for size in sizes:
            if split == "formula":
                yield split, fold, str(size), train[X.index[train].isin(order[:size])], test


def check_sizes(X, sizes):
    """Raise LabError for a number of formulas that no training set of X can be reduced to."""
    most = min(X.index[train].nunique() for split, *_, train, _ in split_folds(X)) - 1
    for size in sizes:
        if not supplement.FOLDS <= size <= most:
            raise LabError(f"--formulas {size}; give numbers from {supplement.FOLDS} to {most}")


def evaluate_training(X_train, X_test, y_train, y_test):
    """Train all models and return the table of `supplement.evaluate`."""
    trained = models.train_boosting(X_train, y_train) | models.train_lab_models(X_train, y_train)
    results = supplement.tabulate_results(trained, X_train, X_test, y_train, y_test)
    return supplement.evaluate(results)


def read_results():
    """Return the errors in ``accuracy.csv``; an empty table where there is none."""
    if not RESULTS.exists():
        return pd.DataFrame(columns=PLACE)
    return pd.read_csv(RESULTS, dtype={"sha256": str, "formulas": str})


def add_missing_trainings(path, random, sizes):
    """Evaluate all trainings on a table that are not in ``accuracy.csv`` yet."""
    X, y = supplement.load_data(path)
    check_sizes(X, sizes)
    checksum = card.make_card(path, {})["sha256"][:8]
    for split, fold, formulas, train, test in list_trainings(X, random, sizes):
        place = dict(zip(PLACE, (path.name, checksum, split, fold, formulas), strict=True))
        saved = read_results()
        if (saved[PLACE] == list(place.values())).all(axis=1).any():
            continue
        errors = evaluate_training(X.iloc[train], X.iloc[test], y.iloc[train], y.iloc[test])
        table = pd.concat([pd.DataFrame(place, errors.index), errors.round(4)], axis=1)
        save_results(pd.concat([saved, table]) if len(saved) else table)
        print(f"{path.name}, split {split}, fold {fold}, {formulas} formulas", flush=True)


def save_results(table):
    """Write ``accuracy.csv``."""
    checkpoint.save(lambda path: table.to_csv(path, index=False), RESULTS)


def select_latest(results):
    """Return the rows of the latest version of each table, which has another checksum."""
    return results[results["sha256"] == results.groupby("data")["sha256"].transform("last")]


def summarize(results):
    """Return MAE and RMSE on the test sets, V: mean and SD over folds, as texts."""
    groups = results.groupby(["data", "sha256", "split", "formulas", "model"], sort=False)
    table = groups.size().rename("folds").reset_index().drop(columns="sha256")
    table["data"] = table["data"].str.rsplit(".", n=1).str[0]
    for column in ["MAE test", "RMSE test"]:
        pairs = zip(groups[column].mean(), groups[column].std(), strict=True)
        table[column] = [f"{mean:.3f} ± {deviation:.3f}" for mean, deviation in pairs]
    return table


def main(arguments=None):
    """Evaluate the tables of a command line; print and draw all that is in ``accuracy.csv``."""
    parser = settings.Parser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = [supplement.DATA]
    parser.add_argument("data", nargs="*", type=Path, default=default, help="tables")
    parser.add_argument("--random", action="store_true", help="split at random, too")
    sizes = {"nargs": "+", "type": int, "default": [], "metavar": "N"}
    parser.add_argument("--formulas", help="numbers of training formulas", **sizes)
    values = {**supplement.current_settings(), "EPOCHS": load_NN.EPOCHS}
    _, options = settings.read_arguments(parser, values, arguments)
    for path in options.data:
        add_missing_trainings(path, options.random, options.formulas)
    results = select_latest(read_results())
    title = f"Errors on the test set, V: mean ± SD over {TEST_SETS} folds"
    messages.show(summarize(results), title)
    accuracy_figures.plot_models(results, RESULTS.with_name("accuracy.png"))
    accuracy_figures.plot_formulas(results, RESULTS.with_name("formulas.png"))


if __name__ == "__main__":
    messages.report_errors()
    main()
