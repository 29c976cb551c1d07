"""Evaluate forest and network on five test sets instead of one, by formula and at random.

python benchmarks/accuracy.py                          Batteries_feat.json
python benchmarks/accuracy.py FILE.json [MORE.json]    other tables

Every fold is a run as ``load_NN.py`` has it. Its errors are added to ``accuracy.csv`` at once. The
same command resumes a stopped run, and prints what is there. After a setting was changed, delete
``accuracy.csv``.
"""

import argparse
import contextlib
import io
import sys
import tempfile
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import load_NN
import supplement
from voltage_lab import card, checkpoint, messages, settings

RESULTS = Path(__file__).with_name("accuracy.csv")
TEST_SETS = 5  # 2 or more; each sample is in one of them


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


def evaluate_fold(X_train, X_test, y_train, y_test):
    """Search, train and evaluate; return the table of `supplement.evaluate`."""
    with tempfile.TemporaryDirectory() as out, contextlib.redirect_stdout(io.StringIO()):
        model = supplement.searchNN(X_train, y_train, out)
        network = supplement.trainNN(model, X_train, y_train, load_NN.EPOCHS, out=out)
        forest = supplement.train_forest(X_train, y_train, out)
    models = {"forest": forest, "network": network}
    results = supplement.tabulate_results(models, X_train, X_test, y_train, y_test)
    return supplement.evaluate(results)


def read_results():
    """Return the errors in ``accuracy.csv``; an empty table where there is none."""
    if not RESULTS.exists():
        return pd.DataFrame(columns=["data", "sha256", "split", "fold"])
    return pd.read_csv(RESULTS, dtype={"sha256": str})  # a checksum may be of digits only


def add_missing_folds(path):
    """Evaluate all folds of a table that are not in ``accuracy.csv`` yet."""
    X, y = supplement.load_data(path)
    checksum = card.make_card(path, {})["sha256"][:8]
    for split, fold, train, test in split_folds(X):
        place = {"data": path.name, "sha256": checksum, "split": split, "fold": fold}
        saved = read_results()
        if (saved[list(place)] == list(place.values())).all(axis=1).any():
            continue
        errors = evaluate_fold(X.iloc[train], X.iloc[test], y.iloc[train], y.iloc[test])
        table = pd.concat([pd.DataFrame(place, errors.index), errors.round(4)], axis=1)
        save_results(pd.concat([saved, table]) if len(saved) else table)
        print(f"{path.name}, split {split}, fold {fold} of {TEST_SETS}", flush=True)


def save_results(table):
    """Write ``accuracy.csv``."""
    checkpoint.save(lambda path: table.to_csv(path, index=False), RESULTS)


def summarize(results):
    """Return MAE and RMSE on the test sets, V: mean and SD over folds, as texts."""
    groups = results.groupby(["data", "sha256", "split", "model"], sort=False)
    table = groups.size().rename("folds").reset_index().drop(columns="sha256")
    table["data"] = table["data"].str.removesuffix(".json")
    for column in ["MAE test", "RMSE test"]:
        pairs = zip(groups[column].mean(), groups[column].std(), strict=True)
        table[column] = [f"{mean:.3f} ± {deviation:.3f}" for mean, deviation in pairs]
    return table


def main(arguments=None):
    """Evaluate the tables of a command line; print all that is in ``accuracy.csv``."""
    parser = settings.Parser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = [supplement.DATA]
    parser.add_argument("data", nargs="*", type=Path, default=default, help="tables")
    values = {**supplement.current_settings(), "EPOCHS": load_NN.EPOCHS}
    _, options = settings.read_arguments(parser, values, arguments)
    for path in options.data:
        add_missing_folds(path)
    title = f"Errors on the test set, V: mean ± SD over {TEST_SETS} folds"
    messages.show(summarize(read_results()), title)


if __name__ == "__main__":
    messages.report_errors()
    main()
