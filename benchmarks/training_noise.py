"""Measure how far the errors of a network vary from one training to the next.

python benchmarks/training_noise.py                 seeds 1 to 10: a quarter of an hour
python benchmarks/training_noise.py --runs 3        seeds 1 to 3

The test set and the neurons stay those of the runs in ``2048e/README.md``. A seed samples the first
weights, the neurons that dropout leaves out, and the order of the batches.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import load_NN
import supplement
from voltage_lab import messages, settings, training
from voltage_lab.messages import LabError

# Neurons and dropout, as the searches of these runs selected them.
NETWORKS = {
    "default": ((152, 131, 150), 0.2),
    "more neurons": ((386, 192, 956), 0.2),
    "no dropout": ((190, 190, 175), 0.0),
}


def train_network(X, y, neurons, dropout, epochs, seed):
    """Train a network, with the seed's first weights, dropout and batches; return it."""
    network = supplement.build_network(X, neurons, dropout, seed)
    training.run_epochs(network, X, y, epochs, supplement.BATCH, seed)
    return network


def summarize(rows):
    """Return mean and SD over the seeds of the errors of each network, V.

    Parameters
    ----------
    rows : list of dict
        Columns network, seed, MAE train and MAE test.

    Returns
    -------
    pandas.DataFrame
        One row per network, in the order of `rows`.
    """
    errors = pd.DataFrame(rows).groupby("network", sort=False)
    table = errors.agg(
        **{
            "MAE train": ("MAE train", "mean"),
            "SD train": ("MAE train", "std"),
            "MAE test": ("MAE test", "mean"),
            "SD test": ("MAE test", "std"),
        }
    )
    return table.reset_index()


def main(arguments=None):
    """Train each network with each seed; print the summary after each seed's last network."""
    parser = settings.Parser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=10, metavar="N", help="seeds 1 to N")
    parser.add_argument("--epochs", type=int, default=load_NN.EPOCHS, help="(default: %(default)s)")
    options = parser.parse_args(arguments)
    if options.runs < 1 or options.epochs < 1:
        raise LabError(f"--runs {options.runs}, --epochs {options.epochs}; give 1 or more")
    X_train, X_test, y_train, y_test = supplement.split_data(*supplement.load_data(supplement.DATA))
    rows = []
    for seed in range(1, options.runs + 1):
        for name, (neurons, dropout) in NETWORKS.items():
            network = train_network(X_train, y_train, neurons, dropout, options.epochs, seed)
            sets = {"train": (X_train, y_train), "test": (X_test, y_test)}
            errors = {
                f"MAE {part}": np.abs(supplement.predict(network, X) - y).mean()
                for part, (X, y) in sets.items()
            }
            rows.append({"network": name, "seed": seed, **errors})
        print(f"seed {seed} of {options.runs}", flush=True)
    messages.show(summarize(rows), f"MAE (V): mean and SD of {options.runs} trainings")


if __name__ == "__main__":
    messages.report_errors()
    main()
