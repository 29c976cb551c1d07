"""Find a network, train it, judge it beside a random forest."""

import argparse
import re
import sys
import tempfile
from pathlib import Path

import numpy as np

import supplement
from lab import figures, runs

# ------------------------------------------------- change these; --help lists the other settings
EPOCHS = 128  # 1 or more, times that the network sees all training rows; time grows with it
DATA = supplement.DATA  # the features file to learn from
OUT = "."  # folder for all that this script writes: the one you stand in
# ------------------------------------------------------------------------------------------------


def main():
    options = read_options()
    X, y = supplement.load_data(options.data)
    out = make_folder(options.out)
    X_train, X_test, y_train, y_test = rows = supplement.split_data(X, y)
    for part, X in [("training", X_train), ("test", X_test)]:
        print(f"{len(X)} {part} rows of {X.index.nunique()} formulas", flush=True)

    settings = runs.parameters(options.data, options.epochs)
    with runs.going_on(out):
        model, done = find_network(options, settings, X_train, y_train, out)
        held_out = X_test, y_test
        network = supplement.trainNN(model, X_train, y_train, options.epochs, held_out, out, done)
        forest = supplement.train_forest(X_train, y_train, out)

        models = {"forest": forest, "network": network}
        figures.plot_parity(models, X_test, y_test, out)
        figures.plot_errors(models, *rows, out)
        figures.plot_metals(models, *rows, out)
        figures.plot_series(models, *rows, out)
        models |= runs.load_grown(settings, out)
        figures.plot_learning(models, runs.GROWN, out)
    errors = supplement.evaluate(models, *rows)
    figures.show(errors, "Errors on the same rows, MAE and RMSE in V")
    tell_sizes(models, len(y_train))
    tell_seen(models, *rows)
    print(f"Models, training.log and figures are in {out.resolve()}")


def make_folder(path):
    """Make the folder of the outputs; to fail now is better than after minutes."""
    out = Path(path)
    if out.exists() and not out.is_dir():
        raise ValueError(f"--out {out} is a file; give a folder")
    out.mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=out).close()
    return out


def find_network(options, now, X, y, out):
    """Search; with --resume, take up a stopped run. Return the network and its finished epochs.

    ``parameters.txt`` is there as long as ``nn_raw.h5`` is that of these settings.
    """
    card = out / "parameters.txt"
    if options.resume and card.exists():
        try:
            same = [name for name in now if name != "epochs"]
            runs.must_agree(runs.read_parameters(out), now, same)
            model, done = runs.restore(X, out)
        except Exception as error:  # another run, or a file that is lost: the way out is the same
            reason = f"the run in {out} cannot go on: {runs.first_line(error)}"
            raise ValueError(f"{reason}; leave out --resume") from None
        if done > options.epochs:
            raise ValueError(f"--epochs {options.epochs} is less than the {done} that are done")
        print(f"{done} of {options.epochs} epochs are done", flush=True)
    else:
        card.unlink(missing_ok=True)
        with runs.cluster(options.scheduler):
            model, done = supplement.searchNN(X, y, out), 0
        (out / "training.npz").unlink(missing_ok=True)
    text = "".join(f"{name}: {value}\n" for name, value in now.items())
    supplement.save(lambda path: path.write_text(text, encoding="utf-8"), card)
    return model, done


def tell_sizes(models, rows):
    """Say how large each network is beside the number of rows that it has learned."""
    for name, model in models.items():
        if hasattr(model, "count_params"):
            neurons = [str(layer.units) for layer in model.layers if hasattr(layer, "units")]
            size = f"{'-'.join(neurons[:-1])} neurons, {model.count_params():,} weights"
            print(f"{name}: {size}, {rows:,} training rows")


def tell_seen(models, X_train, X_test, _, y_test):
    """Say how far off each model is where the training rows have the formula of a test row."""
    seen = X_test.index.isin(X_train.index)
    if seen.any():
        print(f"The training rows have the formula of {seen.sum()} of {len(seen)} test rows.")
        for name, model in models.items():
            off = np.abs(supplement.predict(model, X_test) - y_test)
            there, elsewhere = off[seen].mean(), off[~seen].mean()
            print(f"{name}: {there:.3f} V off there, {elsewhere:.3f} V elsewhere")


def read_options():
    """Return the command line's options; those of supplement.py are set there."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.error = lambda message: sys.exit(f"load_NN.py: {message}; see --help")
    for name, default, text in [
        ("--epochs", EPOCHS, "times the training sees all training rows"),
        ("--search", supplement.SEARCH, "networks the search tries"),
        ("--search-epochs", supplement.SEARCH_EPOCHS, "epochs each of them trains"),
        ("--max-neurons", supplement.MAX_NEURONS, "most neurons a layer may get"),
    ]:  # a default that is text is checked like one that is typed
        parser.add_argument(name, type=whole, default=str(default), metavar="N", help=text)
    add = parser.add_argument
    add("--dropout", type=share, default=str(supplement.DROPOUT), metavar="P",
        help="share of the neurons that a training step leaves out")
    add("--seed", type=int, default=str(supplement.RSEED), metavar="N",
        help="whole number that split, search and weights are drawn by")
    add("--split", choices=["formula", "random"], default=supplement.SPLIT,
        help="formula: no formula in both training and test rows; random: the bad example")
    add("--data", default=DATA, help="features file, voltages in V against Li/Li+")
    add("--out", default=OUT, help="folder for all outputs")
    add("--scheduler", metavar="ADDRESS",
        help="Dask scheduler whose workers search, such as tcp://host:8786; None: this machine")
    add("--resume", action="store_true",
        help="go on with the stopped run in the folder of the outputs, after its last epoch")
    options = parser.parse_args()
    supplement.SEARCH, supplement.SEARCH_EPOCHS = options.search, options.search_epochs
    supplement.MAX_NEURONS, supplement.RSEED = options.max_neurons, options.seed
    supplement.SPLIT, supplement.DROPOUT = options.split, options.dropout
    return options


def whole(text):
    """Return a whole number of 1 or more; argparse prints what is wrong."""
    if not re.fullmatch("[0-9]{1,9}", text) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to 999999999")
    return int(text)


def share(text):
    """Return a number from 0 to below 1; argparse prints what is wrong."""
    if not re.fullmatch(r"0(\.[0-9]+)?", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to below 1")
    return float(text)


if __name__ == "__main__":
    runs.run(main)
