"""Train on all of the lab's table, evaluate on the electrodes of another one, by kind of host.

python benchmarks/transfer.py TABLE                   such as an export of the Materials Project
python benchmarks/transfer.py TABLE --data FILE       trained on FILE instead

The groups: hosts that the training table has; hosts with an element that none of its rows has;
intermetallic hosts, which are of metals alone and may have such an element, too; the rest.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import models

import load_NN
import supplement
from voltage_lab import domain, ions, messages, settings
from voltage_lab.messages import LabError


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


def tabulate_errors(predicted, y, y_train):
    """Return the MAE (V) of each model, of the mean and of the floor, in each group.

    Parameters
    ----------
    predicted : dict
        Name of the model to its voltages, V.
    y, y_train : pandas.Series
        Voltages of the other table and of the training, V, indexed by host.
    """
    floor = y.groupby(level=0).transform("median")
    predicted = {"training mean": y_train.mean(), **predicted, "floor": floor.to_numpy()}
    errors = pd.DataFrame({name: np.abs(each - y.to_numpy()) for name, each in predicted.items()})
    groups = group_hosts(y.index, y_train.index).items()
    rows = [
        {"group": name, "rows": members.sum(), **errors[members].mean()}
        for name, members in groups
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
