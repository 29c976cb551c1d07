"""Find a network, train it, judge it beside a random forest: python load_NN.py"""

import argparse
import sys
import tempfile
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import supplement

# ------------------------------------------------- change these; --help lists all other settings
EPOCHS = 256  # 1 or more, times that the network sees all training rows; time grows with it
DATA = supplement.DATA  # the features file to learn from
OUT = "."  # folder for all that this script writes: the one you stand in
# ------------------------------------------------------------------------------------------------


def main():
    options = read_options()
    X, y = supplement.load_data(options.data)
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=out).close()  # to fail now is better than after minutes
    X_train, X_test, y_train, y_test = rows = supplement.split_data(X, y)
    for part, X in [("training", X_train), ("test", X_test)]:
        print(f"{len(X)} {part} rows of {X.index.nunique()} formulas")

    model = supplement.searchNN(X_train, y_train, out)
    network = supplement.trainNN(model, X_train, y_train, options.epochs, (X_test, y_test), out)
    forest = supplement.train_forest(X_train, y_train, out)

    models = {"forest": forest, "network": network}
    errors = supplement.evaluate(models, *rows)
    supplement.show(errors, "Errors on the same rows, MAE and RMSE in V")
    supplement.plot_parity(models, X_test, y_test, out)
    supplement.plot_errors(models, *rows, out)
    supplement.plot_learning(out)
    print(f"Models, training.log and figures are in {out.resolve()}")


def read_options():
    """Return the command line's options; those of supplement.py are set there."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.error = lambda message: sys.exit(f"load_NN.py: {message}; see --help")
    add = parser.add_argument
    add("--epochs", type=positive, default=EPOCHS, help="epochs of the training")
    add("--search", type=positive, default=supplement.SEARCH, help="networks the search tries")
    add("--search-epochs", type=positive, default=supplement.SEARCH_EPOCHS, help="epochs of each")
    add("--max-neurons", type=positive, default=supplement.MAX_NEURONS, help="neurons a layer")
    add("--seed", type=int, default=supplement.RSEED, help="of split, search and weights")
    add("--split", choices=["formula", "random"], default=supplement.SPLIT, help="of the rows")
    add("--data", default=DATA, help="features file, voltages in V against Li/Li+")
    add("--out", default=OUT, help="folder for all outputs")
    options = parser.parse_args()
    supplement.SEARCH, supplement.SEARCH_EPOCHS = options.search, options.search_epochs
    supplement.MAX_NEURONS, supplement.RSEED = options.max_neurons, options.seed
    supplement.SPLIT = options.split
    return options


def positive(text):
    """Return a whole number of 1 or more, for argparse."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return int(text)


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError, BrokenProcessPool) as error:
        sys.exit(f"load_NN.py: {str(error).splitlines()[0]}")
