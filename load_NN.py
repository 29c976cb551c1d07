"""Find a network, train it, compare it with a random forest."""

import sys
from pathlib import Path

import supplement
from voltage_lab import (
    card,
    checkpoint,
    figures,
    intervals,
    ions,
    learning,
    messages,
    predictors,
    settings,
    trends,
)
from voltage_lab.messages import LabError

# ------------------------------------------------- change these; --help lists the other settings
EPOCHS = 128  # 1 or more, passes of the training over the training set; time grows with it
DATA = supplement.DATA  # the table to learn from
OUT = "."  # folder for all that this script writes: the current directory
# ------------------------------------------------------------------------------------------------
TABLES = [
    "search.csv",
    "results.csv",
    "errors.csv",
    "training.log",
]  # of `OUT`; a run overwrites them


def main(arguments=None):
    """Run the lab session's script with the arguments of a command line."""
    options, epochs = read_options(arguments)
    X, y = supplement.load_data(options.data)
    out = checkpoint.make_folder(options.out)
    keep_oversized(out, options.resume)
    if Path(options.data).resolve() in [(out / name).resolve() for name in TABLES]:
        raise LabError(f"--data {options.data} would be overwritten; give another --out")
    split = supplement.split_data(X, y)
    command = [sys.argv[0], *(sys.argv[1:] if arguments is None else arguments)]
    with checkpoint.lock_folder(out), checkpoint.explain_stop(out, command):
        run(options, epochs, split, out)


def run(options, epochs, split, out):
    """Search, train, evaluate; all files go to the folder `out`."""
    X_train, X_test, y_train, y_test = split
    for name, X in [("training", X_train), ("test", X_test)]:
        print(f"{name} set: {len(X)} samples of {X.index.nunique()} formulas", flush=True)

    unit = ions.unit(y_train.name)
    values = {**supplement.current_settings(), "EPOCHS": epochs, "ION": y_train.name}
    current = {**card.make_card(options.data, values), **card.versions()}
    model = find_network(options, current, X_train, y_train, out)
    network = supplement.trainNN(
        model, X_train, y_train, epochs, (X_test, y_test), out, options.resume
    )
    forest = supplement.train_forest(X_train, y_train, out)

    models = {"forest": forest, "network": network}
    folders = {"network": out}
    if out.resolve() != supplement.OVERSIZED and (oversized := load_oversized(current)):
        models["2048e"], folders["2048e"] = oversized, supplement.OVERSIZED
    results = supplement.tabulate_results(models, *split)
    errors = supplement.evaluate(results)
    ranked = rank_errors(results).rename(columns={"voltage": f"voltage ({unit})"})
    checkpoint.save(lambda path: ranked.to_csv(path, index=False), out / "results.csv")
    checkpoint.save(lambda path: errors.to_csv(path, index=False), out / "errors.csv")
    draw_figures(results, errors, folders, unit, out)
    draw_series(results, models, split, unit, out)
    messages.show(errors, f"Average voltage ({unit}): MAE and RMSE in V on training and test set")
    report_sizes(models, len(y_train))
    report_known_formulas(results)
    print(f"Models, tables, training.log and figures are in {out.resolve()}")


def read_options(arguments):
    """Read the command line, set what it changes in `supplement`, return options and epochs."""
    values = {**supplement.current_settings(), "EPOCHS": EPOCHS}
    parser = settings.make_parser(__doc__, values, *settings.OPTIONS)
    parser.add_argument("--data", default=DATA, help="table to learn from (default: %(default)s)")
    parser.add_argument("--out", default=OUT, help="folder of all outputs (default: %(default)s)")
    parser.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="Dask scheduler whose workers search, such as tcp://host:8786",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="resume the stopped run in the folder of --out after its last completed epoch",
    )
    values, options = settings.read_arguments(parser, values, arguments)
    if changes := settings.changes(values):
        print(f"settings: {', '.join(changes)}", flush=True)
    epochs = values.pop("EPOCHS")
    for name, value in values.items():
        setattr(supplement, name, value)
    return options, epochs


def find_network(options, current, X, y, out):
    """Search for a network, or load the one of the run that is resumed.

    ``parameters.txt``, the card, is in the folder as long as ``nn_raw.h5`` is that of its settings.
    """
    if options.resume:
        try:
            if reasons := card.differences(card.read_card(out), current):
                raise LabError(f"{'; '.join(reasons)}; set that back, or leave out --resume")
            if (completed := checkpoint.saved_epochs(out)) > int(current["EPOCHS"]):
                raise LabError(f"{completed} epochs are completed; give as many EPOCHS or more")
            model = checkpoint.load_network(out / "nn_raw.h5")
        except LabError as error:
            raise LabError(f"no run in {out.resolve()} to resume: {error}") from None
    else:
        if not checkpoint.saved_epochs(out):
            (out / card.CARD).unlink(missing_ok=True)
        model = supplement.searchNN(X, y, out, options.scheduler)
        for name in (card.CARD, checkpoint.STATE):  # of a run before, which could be resumed so far
            (out / name).unlink(missing_ok=True)
    card.write_card(current, out)
    if (out / "search.csv").exists():
        learning.plot_search(out)
    return model


def keep_oversized(out, resume):
    """Raise LabError where a run would overwrite the network of ``2048e/``."""
    is_stopped = resume and checkpoint.saved_epochs(out)  # a run there that has a state
    if out.resolve() == supplement.OVERSIZED and (out / card.CARD).exists() and not is_stopped:
        given = f"--out {out} has the network that others are compared with"
        raise LabError(f"{given}; give another folder")


def load_oversized(current):
    """Load the network of ``2048e/`` if it has the same training set; say why not."""
    folder = supplement.OVERSIZED
    try:
        if reasons := card.differences(card.read_card(folder), current, card.SPLIT_SETTINGS):
            raise LabError("; ".join(reasons))
        checkpoint.read_log(folder)  # a figure shows it
        return checkpoint.load_network(folder / "nn_trained.h5")
    except LabError as error:
        print(f"2048e is left out: {error}")
        return None


def draw_figures(results, errors, folders, unit, out):
    """Draw four figures of the session; the search has drawn its own."""
    both = results.drop(columns="2048e", errors="ignore")
    floor = errors[errors["model"] == "floor"].iloc[0]
    figures.plot_parity(both, floor["MAE test"], unit, out)
    figures.plot_errors(both, out)
    trends.plot_metals(both, unit, out)
    floors = {"training": floor["MAE train"], "test": floor["MAE test"]}
    learning.plot_learning(folders, floors, out)


def draw_series(results, models, split, unit, out):
    """Draw the predictions of a series of hosts, with their intervals."""
    X, test = supplement.featurize(trends.SERIES), results[results["set"] == "test"]
    names = [name for name in models if name != "2048e"]
    voltages = {name: supplement.predict(models[name], X) for name in names}
    errors = {name: (test[name] - test["voltage"]).abs() for name in names}
    coverage = supplement.COVERAGE
    margins, *_ = intervals.find_margins(X, split, errors, coverage, supplement.RSEED)
    trends.plot_series(results, voltages, margins, coverage, unit, out)


def rank_errors(results):
    """Return the table of results with the larger error of forest and network, worst first."""
    errors = results[["forest", "network"]].sub(results["voltage"], axis=0).abs().max(axis=1)
    ranked = results.assign(**{"larger error (V)": errors})
    return ranked.sort_values(["set", "larger error (V)"], ascending=[True, False])


def report_sizes(models, samples):
    """Say how large each network is compared with the training set."""
    for name, model in models.items():
        if hasattr(model, "count_params"):
            size = f"{predictors.list_neurons(model)} neurons, {model.count_params():,} weights"
            print(f"{name}: {size}, {samples:,} samples in the training set")


def report_known_formulas(results):
    """Give the MAE for formulas of the test set that are, or are not, in the training set."""
    test = results[results["set"] == "test"]
    known = test["formula"].isin(results["formula"][results["set"] == "training"])
    if known.any():
        print(f"The formulas of {known.sum()} of {len(test)} test samples are in the training set.")
        for name in results.columns[3:]:
            errors = (test[name] - test["voltage"]).abs()
            in_both, in_test = errors[known].mean(), errors[~known].mean()
            print(f"{name}: MAE {in_both:.3f} V for these, {in_test:.3f} V for the others")


if __name__ == "__main__":
    messages.report_errors()
    main()
