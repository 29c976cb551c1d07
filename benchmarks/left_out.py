"""Leave kinds of hosts and elements out of the training: what is flagged, and how errors grow.

python benchmarks/left_out.py               Batteries_feat.json
python benchmarks/left_out.py --data FILE   another table

First, one kind of hosts after the other is left out: which share of it is outside the applicability
domain of what is left? Single elements are all that have features. Then, one element after the
other is left out: what is the error on its samples, by their distance to what is left?
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from pymatgen.core import Element

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from host_groups import find_anion

import supplement
from voltage_lab import domain, messages, settings

TREES = 50  # fewer than in the lab: there is one training for each element
EDGES = [0, 0.1, 0.2, 0.3, 0.5, 0.75, 1, np.inf]  # of the distances that share a line


def featurize_elements():
    """Return the features of all elements that have some."""
    tables = []
    for element in Element:
        try:
            tables.append(supplement.featurize([element.symbol]))
        except messages.LabError:
            continue
    return pd.concat(tables)


def measure_flags(X, y):
    """Return which share of each kind is outside the applicability domain if the kind is left out.

    Returns
    -------
    pandas.DataFrame
        Flagged: the share that is outside for any reason; as its kind is what no training sample
        is of, this is all of it. Far: the share that is outside by its distance alone. False
        alarms: the share of a test set of the other kinds that is outside.
    """
    is_single = X.index.map(lambda formula: len(set(domain.ELEMENTS(formula))) == 1)
    kinds = X.index.map(find_anion).where(~is_single, "single element")
    rows = []
    for kind in sorted(set(kinds) | {"single element"}):
        left_out = X[kinds == kind] if kind != "single element" else featurize_elements()
        X_train, X_test, *_ = supplement.split_data(X[kinds != kind], y[kinds != kind])
        outside, alarms = (
            domain.check_hosts(hosts, X_train)["Outside"] for hosts in (left_out, X_test)
        )
        shares = [outside != "", outside.str.contains("far from"), alarms != ""]
        rows.append((kind, len(left_out), *(share.mean() for share in shares)))
    columns = ["left out", "samples", "flagged", "far", "false alarms"]
    return pd.DataFrame(rows, columns=columns)


def measure_errors(X, y):
    """Return distance and error (V) of the samples with an element, each element left out once."""
    from sklearn.ensemble import ExtraTreesRegressor

    elements = X.index.map(lambda formula: set(domain.ELEMENTS(formula)))
    tables = []
    for element in sorted(set().union(*elements)):
        has = elements.map(lambda each, element=element: element in each).to_numpy(bool)
        if has.all():
            continue
        trees = ExtraTreesRegressor(TREES, random_state=supplement.RSEED, n_jobs=-1)
        errors = np.abs(trees.fit(X[~has], y[~has]).predict(X[has]) - y[has])
        distance = domain.find_neighbors(X[has], X[~has])[1]
        tables.append(pd.DataFrame({"distance": distance, "error": errors.to_numpy()}))
    return pd.concat(tables, ignore_index=True)


def summarize_errors(errors):
    """Return samples, MAE and the error that nine of ten stay below, by distance."""
    groups = errors.groupby(pd.cut(errors["distance"], EDGES), observed=True)["error"]
    table = groups.agg(["size", "mean", lambda values: values.quantile(0.9)])
    table.columns = ["samples", "MAE (V)", "90% below (V)"]
    return table.rename_axis("distance").reset_index().astype({"distance": str})


def main(arguments=None):
    """Print both tables for the table of a command line."""
    parser = settings.Parser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=supplement.DATA, help="table")
    _, options = settings.read_arguments(parser, supplement.current_settings(), arguments)
    X, y = supplement.load_data(options.data)
    messages.show(measure_flags(X, y), "Share outside the applicability domain")
    messages.show(summarize_errors(measure_errors(X, y)), "One element left out at a time")


if __name__ == "__main__":
    messages.report_errors()
    main()
