"""The models that predict: what they are, on what they were trained, which other one there is."""

import pickle
from pathlib import Path

import numpy as np

from voltage_lab.card import SPLIT_SETTINGS, differences, read_card
from voltage_lab.checkpoint import load_network
from voltage_lab.messages import LabError, first_line


def describe_model(model):
    """Return what a model is, such as "network, 190-190-175 neurons"."""
    kind = type(model).__name__
    if kind == "RandomForestRegressor":
        return f"random forest, {len(model.estimators_)} trees"
    if hasattr(model, "layers") and (neurons := list_neurons(model)):
        return f"network, {neurons} neurons"
    return kind


def list_neurons(network):
    """Return the neurons of a network's layers as a text, such as "190-190-175"."""
    neurons = [str(layer.units) for layer in network.layers if hasattr(layer, "units")]
    return "-".join(neurons[:-1])


def check_model(model, number, quartiles, card):
    """Raise LabError unless a model can predict: it takes the features, and its error is known.

    Parameters
    ----------
    model : object
    number : int
        Of the features.
    quartiles : numpy.ndarray, shape (n,)
        Middles of the quartile bins, of the training set at hand.
    card : dict
        Of the settings at hand; what differs on the card in the current directory is named.
    """
    taken = getattr(model, "input_shape", (getattr(model, "n_features_in_", None),))[-1]
    if taken is None:
        raise LabError("what was loaded is no trained model; load one that load_NN.py has saved")
    if taken != number:
        raise LabError(f"the model takes {taken} columns, but there are {number} features")
    check_training_set(model, quartiles, card)


def is_of_training_set(model, quartiles):
    """Return whether a model was scaled to quartile bins; None where it does not say.

    The network's scaling and an attribute of the forest hold the middles of the bins of the
    features that they were trained on.
    """
    scalings = [layer.mean for layer in getattr(model, "layers", []) if hasattr(layer, "mean")]
    trained = next(iter(scalings), getattr(model, "quartiles_", None))
    if np.size(trained) != len(quartiles):  # not one of ours
        return None
    return np.allclose(np.ravel(trained), quartiles, rtol=1e-3)


def check_training_set(model, quartiles, card):
    """Raise LabError if a model was trained on another training set or ion than those at hand.

    Its scaling tells the training set; the card in the current directory has the working ion.
    """
    if (same := is_of_training_set(model, quartiles)) is None:
        print("This model does not say what it was trained on: if on the test set, its")
        print("interval is too narrow.")
        return
    try:
        saved = read_card(".")
    except LabError:  # there is none
        saved = {}
    same_ion = saved.get("ION", card.get("ION")) == card.get("ION")  # hosts may be the same
    if not same_ion or not same:
        reasons = differences(saved, card, SPLIT_SETTINGS) if saved else []
        known = f" ({'; '.join(reasons)})" if reasons else ""
        raise LabError(
            f"the model was trained on another training set{known}, so its error is not known; "
            "give the --data, --seed and --split of its training, or train it again"
        )


def report_worse_than_mean(errors, y_train, y_test):
    """Say so if the absolute errors (V) on the test set are worse than those of the mean."""
    if errors.mean() > np.abs(y_test - y_train.mean()).mean():
        print("This model is worse than the mean of the training set. Is it trained?")


def load_other(model, quartiles):
    """Load the network for a forest, the forest for a network, from the current directory.

    Returns
    -------
    object or None
        None if there is no file, or if it cannot be used: a line says why.
    """
    name = "rf_model.pkl" if hasattr(model, "layers") else "nn_trained.h5"
    if not Path(name).exists():
        return None
    try:
        other = load_forest(Path(name)) if name.endswith(".pkl") else load_network(Path(name))
    except LabError as error:
        print(f"{error}; it is left out")
        return None
    if not (same := is_of_training_set(other, quartiles)):
        said = (
            "does not say what it was trained on" if same is None else "is of other training data"
        )
        print(f"{name} {said}; it is left out")
        return None
    return other


def load_forest(path):
    """Unpickle a forest; `LabError` says in one line why it cannot be."""
    broken = (OSError, EOFError, ValueError, LookupError, TypeError, AttributeError, ImportError)
    try:
        return pickle.loads(path.read_bytes())
    except (pickle.UnpicklingError, Warning, *broken) as error:
        raise LabError(f"{path.name} cannot be read: {first_line(error)}") from error
