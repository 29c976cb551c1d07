"""Train on all of the lab's table, evaluate on the electrodes of another one, by kind of host.

python benchmarks/transfer.py TABLE                   such as an export of the Materials Project
python benchmarks/transfer.py TABLE --data FILE       trained on FILE instead

The groups: hosts that the training table has; hosts with an element that none of its rows has;
intermetallic hosts, which are of metals alone and may have such an element, too; the rest. Then all
hosts by kind of anion, and by voltage.
"""

import argparse
import itertools
import sys
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import models
from host_groups import find_anion

import load_NN
import supplement
from voltage_lab import domain, ions, messages, settings
from voltage_lab.messages import LabError

EDGES = [-np.inf, 1, 3, 5, np.inf]  # V


def group_hosts(hosts, trained):
    """Return which hosts are in each group.

    Parameters
    ----------
    hosts, trained : pandas.Index
        Reduced formulas of the other table and of the table of the training.

    Returns
    -------
    pandas.DataFrame of bool, shape (n_hosts, 5)
        A column for each group.
    """
    seen = set(domain.ELEMENTS(" ".join(trained.unique())))
    elements = [set(domain.ELEMENTS(host)) for host in hosts]
    groups = {
        "host in the table": hosts.isin(trained),
        "unseen element": [bool(each - seen) for each in elements],
        "intermetallic": hosts.map(domain.is_intermetallic),
    }
    groups = pd.DataFrame(groups)
    return groups.assign(rest=~groups.any(axis=1), all=True)


def group_rows(y, y_train):
    """Return which rows are in each group: those of `group_hosts`, by anion, by voltage."""
    groups = group_hosts(y.index, y_train.index)
    anions = y.index.map(find_anion)
    for anion in sorted(set(anions) - {"intermetallic"}):
        groups[anion] = anions == anion
    for low, high in itertools.pairwise(EDGES):
        name = f"{low} to {high} V" if np.isfinite([low, high]).all() else f"above {low} V"
        name = f"below {high} V" if low == -np.inf else name
        groups[name] = y.between(low, high, inclusive="left").to_numpy()
    return groups


def tabulate_errors(predicted, y, y_train):
    """Return the MAE (V) of each model, of the mean and of the floor, and mean errors, by group.

    Parameters
    ----------
    predicted : dict
        Name of the model to its voltages, V.
    y, y_train : pandas.Series
        Voltages of the other table and of the training, V, indexed by host.
    """
    floor = y.groupby(level=0).transform("median")
    all_of_them = {"training mean": y_train.mean(), **predicted, "floor": floor.to_numpy()}
    errors = pd.DataFrame({name: each - y.to_numpy() for name, each in all_of_them.items()})
    means = errors[list(predicted)].add_suffix(" mean error")
    rows = [
        {
            "group": name,
            "rows": members.sum(),
            **errors[members].abs().mean(),
            **means[members].mean(),
        }
        for name, members in group_rows(y, y_train).items()
        if members.any()
    ]
    return pd.DataFrame(rows)


def main(arguments=None):
    """Train on one table, evaluate on another, print the errors by group."""
    parser = settings.Parser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("table", type=Path, help="electrodes to be predicted")
    parser.add_argument("--data", type=Path, default=supplement.DATA, help="table of the training")
    values = {**supplement.current_settings(), "EPOCHS": load_NN.EPOCHS}
    _, options = settings.read_arguments(parser, values, arguments)
    X, y = supplement.load_data(options.table)
    X_train, y_train = supplement.load_data(options.data)
    if y.name != y_train.name:
        units = ions.unit(y.name), ions.unit(y_train.name)
        raise LabError(f"{options.table} is in {units[0]}, {options.data} in {units[1]}")
    trained = models.train_lab_models(X_train, y_train)
    predicted = {name: supplement.predict(model, X) for name, model in trained.items()}
    table = tabulate_errors(predicted, y, y_train)
    messages.show(table, f"MAE (V) on {options.table.name}, trained on {options.data.name}")


if __name__ == "__main__":
    messages.report_errors()
    main()
