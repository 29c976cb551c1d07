"""Compare forest and network on five test sets instead of one, split by formula and at random.

    python folds/compare.py                          Batteries_feat.json
    python folds/compare.py FILE.json [MORE.json]    other features files

Every fold is a run as `load_NN.py` has it, search, training, forest, but that the loss of its test
rows is not logged; to log it rounds the weights otherwise. Its errors are added to
results.csv at once; the same command goes on where it was stopped, and prints what is there. After
a setting is changed, results.csv is to be deleted.
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
from lab import figures, runs

RESULTS = Path(__file__).with_name("results.csv")
PARTS = 5  # test sets; each row is in one of them


def splits(X):
    """Yield the name of a split, the number of the fold, its training and its test rows."""
    from sklearn.model_selection import GroupKFold, KFold

    for name, splitter in {"formula": GroupKFold, "random": KFold}.items():
        folds = splitter(PARTS, shuffle=True, random_state=supplement.RSEED)
        groups = X.index if name == "formula" else None
        for fold, (train, test) in enumerate(folds.split(X, groups=groups), 1):
            yield name, fold, train, test


def judge(X, y, train, test):
    """Search, train and judge on one fold; return the table of `supplement.evaluate`."""
    rows = X.iloc[train], X.iloc[test], y.iloc[train], y.iloc[test]
    with tempfile.TemporaryDirectory() as out, contextlib.redirect_stdout(io.StringIO()):
        model = supplement.searchNN(rows[0], rows[2], out)
        network = supplement.trainNN(model, rows[0], rows[2], load_NN.EPOCHS, out=out)
        forest = supplement.train_forest(rows[0], rows[2], out)
    return supplement.evaluate({"forest": forest, "network": network}, *rows)


def read():
    """Return the results so far; a checksum of digits only is a text, too."""
    return pd.read_csv(RESULTS, dtype={"sha256": str})


def compare(path):
    """Judge all folds of a features file that are not in `RESULTS` yet."""
    X, y = supplement.load_data(path)
    for split, fold, train, test in splits(X):
        checksum = runs.parameters(path, load_NN.EPOCHS)["sha256"][:8]
        place = {"data": path.name, "sha256": checksum, "split": split, "fold": fold}
        done = read() if RESULTS.exists() else pd.DataFrame(columns=list(place))
        if not (done[list(place)] == list(place.values())).all(axis=1).any():
            table = judge(X, y, train, test).round(4)
            for column, value in reversed(list(place.items())):
                table.insert(0, column, value)
            rows = pd.concat([done, table]) if len(done) else table
            supplement.save(lambda part, rows=rows: rows.to_csv(part, index=False), RESULTS)
            print(f"{path.name}, {split} split, fold {fold} of {PARTS}", flush=True)


def summary(results):
    """Return MAE and RMSE on test rows, in V: mean and standard deviation of the folds."""
    groups = results.groupby(["data", "sha256", "split", "model"], sort=False)
    table = groups.size().rename("folds").reset_index().drop(columns="sha256")
    table["data"] = table["data"].str.removesuffix(".json")
    for column in ("MAE test", "RMSE test"):
        mean, spread = groups[column].mean().to_numpy(), groups[column].std().to_numpy()
        table[column] = [f"{m:.3f} ± {s:.3f}" for m, s in zip(mean, spread)]
    return table


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="*", type=Path, default=[supplement.DATA])
    files = parser.parse_args().data
    for path in files:
        compare(path)
    results = read()
    title = f"Errors on test rows in V, mean ± deviation of {PARTS} folds"
    figures.show(summary(results), title)


if __name__ == "__main__":
    runs.run(main)
