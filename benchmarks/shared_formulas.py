"""What a random split hides: the same test samples, with and without their formulas in training.

python benchmarks/shared_formulas.py                 half a minute
python benchmarks/shared_formulas.py --repeats 10    more of them

Each repeat samples half of the formulas that have several samples. One sample of each is in the
test set. A forest is trained twice, on as many samples: once with the other samples of these
formulas, as after a random split, once with samples of other formulas in their places, as after a
split by formula.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import supplement
from voltage_lab import messages, settings
from voltage_lab.messages import LabError

TREES = 100  # of each forest, fewer than in the lab: two forests per repeat


def sample_sets(formulas, seed):
    """Sample a test set, and two training sets of the same size.

    Parameters
    ----------
    formulas : pandas.Index, shape (n_samples,)
    seed : int

    Returns
    -------
    test : numpy.ndarray of int, shape (n_test,)
        Places of one sample of each of half of the formulas that have several.
    shared, new : numpy.ndarray of int, shape (n_training,)
        Places of a training set with the other samples of these formulas, and of one without.

    Raises
    ------
    LabError
        If fewer than two formulas have several samples, or these are most of the table.
    """
    rng = np.random.default_rng(seed)
    several = formulas[formulas.duplicated()].unique()
    chosen = rng.choice(several, len(several) // 2, replace=False)
    places = rng.permutation(len(formulas))
    is_chosen, is_first = formulas[places].isin(chosen), ~formulas[places].duplicated()
    test, siblings = places[is_chosen & is_first], places[is_chosen & ~is_first]
    new = places[~is_chosen]
    if not len(test) or len(siblings) >= len(new):
        raise LabError(
            f"{len(several)} of {formulas.nunique()} formulas have several samples; the comparison "
            "needs 2 or more, and as many samples of other formulas"
        )
    return test, np.concatenate([siblings, new[len(siblings) :]]), new


def compare_sets(X, y, seed):
    """Return the MAE (V) of the forest on one test set after training with each training set."""
    from sklearn.metrics import mean_absolute_error

    test, *sets = sample_sets(X.index, seed)
    errors = []
    with tempfile.TemporaryDirectory() as out:
        for places in sets:
            forest = supplement.train_forest(X.iloc[places], y.iloc[places], out)
            errors.append(mean_absolute_error(y.iloc[test], forest.predict(X.iloc[test])))
    return {"test samples": len(test), "shared": errors[0], "new": errors[1]}


def main(arguments=None):
    """Repeat the comparison with one seed after the other; print all and the mean."""
    parser = settings.Parser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default=supplement.DATA, help="table (default: %(default)s)")
    parser.add_argument("--ion", default=supplement.ION, help="working ion (default: %(default)s)")
    parser.add_argument(
        "--repeats", type=int, default=3, metavar="N", help="(default: %(default)s)"
    )
    options = parser.parse_args(arguments)
    if options.repeats < 1:
        raise LabError(f"--repeats {options.repeats}; give 1 or more")
    supplement.TREES = TREES
    supplement.ION = settings.check("ION", options.ion, f"--ion {options.ion}")
    X, y = supplement.load_data(options.data)
    rows = [compare_sets(X, y, supplement.RSEED + number) for number in range(options.repeats)]
    table = pd.DataFrame(rows).assign(difference=lambda errors: errors["new"] - errors["shared"])
    table.insert(0, "repeat", [str(number) for number in range(1, len(table) + 1)])
    mean = table.mean(numeric_only=True).to_dict() | {"repeat": "mean"}
    table = pd.concat([table, pd.DataFrame([mean])]).astype({"test samples": int})
    messages.show(
        table, "Forest, MAE of the test set (V): test formulas shared with the training set, or new"
    )


if __name__ == "__main__":
    messages.report_errors()
    main()
