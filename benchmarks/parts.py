"""Leave out one part of the network at a time, to see what each contributes.

python benchmarks/parts.py                Batteries_feat.json
python benchmarks/parts.py TABLE [MORE]   other tables

Five-fold cross-validation by formula within the training set of ``load_NN.py``: its test set is not
used. All networks have the same widths and epochs.
"""

import argparse
import contextlib
import sys
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import load_NN
import supplement
from voltage_lab import messages, settings, training

NEURONS = [190, 190, 175]
FOLDS = 5
BUILD, COMPILE = supplement.build_network, supplement.compile_network  # the lab's own


def one_input(X):
    """Return one bin per feature instead of the quartile bins: its mean, three SD wide each way."""
    margin = 3 * X.std(ddof=0).to_numpy()[None]
    return X.mean().to_numpy()[None], np.where(margin > 0, margin, np.inf)


def compile_without_ema(network):
    """Give a network Adam without the averages of its weights, in place."""
    network.compile("adam", "mean_absolute_error", steps_per_execution=64)


def compile_squared(network):
    """Give a network the mean squared error as its loss, in place."""
    COMPILE(network)
    network.compile(network.optimizer, "mean_squared_error", steps_per_execution=64)


def build_with_fixed_inputs(*arguments):
    """Build a network whose encoded inputs keep their first weight."""
    network = BUILD(*arguments)
    [layer] = [layer for layer in network.layers if layer.name.startswith("einsum_dense")]
    layer.trainable = False
    supplement.compile_network(network)
    return network


VARIANTS = {  # what is replaced in `supplement`
    "as build_network makes it": {},
    "one input per feature instead of quartile bins": {"quartile_bins": one_input},
    "inputs times 0.05 instead of learned weights": {"build_network": build_with_fixed_inputs},
    "without dropout": {"DROPOUT": 0.0},
    "last weights instead of their average": {"compile_network": compile_without_ema},
    "mean squared error as loss": {"compile_network": compile_squared},
}


def train(X, y):
    """Return a network that is trained on X, y."""
    import keras

    keras.backend.clear_session()
    network = supplement.build_network(X, NEURONS, supplement.DROPOUT, supplement.RSEED)
    training.run_epochs(network, X, y, load_NN.EPOCHS, supplement.BATCH, supplement.RSEED)
    return network


def cross_validate(X, y, replaced):
    """Return the mean MAE (V) over folds, with some names of `supplement` replaced."""
    from sklearn.model_selection import GroupKFold

    errors = []
    with contextlib.ExitStack() as stack:
        for name, value in replaced.items():
            stack.enter_context(mock.patch.object(supplement, name, value))
        for fit, test in GroupKFold(FOLDS, shuffle=True, random_state=0).split(X, groups=X.index):
            network = train(X.iloc[fit], y.iloc[fit])
            errors.append(np.abs(supplement.predict(network, X.iloc[test]) - y.iloc[test]).mean())
    return np.mean(errors)


def main(arguments=None):
    """Print the MAE of each variant on the tables of a command line."""
    parser = settings.Parser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="*", type=Path, default=[supplement.DATA], help="tables")
    values = {**supplement.current_settings(), "EPOCHS": load_NN.EPOCHS}
    _, options = settings.read_arguments(parser, values, arguments)
    table = pd.DataFrame({"network": list(VARIANTS)})
    for path in options.data:
        X, _, y, _ = supplement.split_data(*supplement.load_data(path))
        table[path.name] = np.nan
        for place, (name, replaced) in enumerate(VARIANTS.items()):
            table.loc[place, path.name] = cross_validate(X, y, replaced)
            print(f"{path.name}: {name} {table.loc[place, path.name]:.3f} V", flush=True)
    messages.show(table, f"MAE (V), {FOLDS} folds of the training set, {NEURONS} neurons")


if __name__ == "__main__":
    messages.report_errors()
    main()
