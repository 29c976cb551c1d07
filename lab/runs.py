"""What keeps a run safe and repeatable: one line for what goes wrong, a card, a way to go on."""

import contextlib
import hashlib
import os
import platform
import re
import shlex
import subprocess
import sys
from concurrent.futures.process import BrokenProcessPool
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import h5py
import joblib
import numpy as np

import supplement

GROWN = supplement.DATA.with_name("2048e")  # the network grown too big
PACKAGES = ["tensorflow", "keras", "scikit-learn", "numpy", "pandas", "matminer"]


def run(main):
    """Run a script's `main`; what goes wrong becomes one line and exit status 1."""
    if hasattr(sys.stdout, "reconfigure"):  # not in an editor's console
        sys.stdout.reconfigure(errors="replace")  # a terminal without ± gets a question mark
    script = Path(sys.argv[0]).name
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(f"{script}: stopped")
    except Exception as error:
        theirs = type(error).__module__.startswith(("tensorflow", "distributed"))
        if not theirs and not isinstance(error, (ValueError, OSError, BrokenProcessPool)):
            raise
        sys.exit(f"{script}: {first_line(error)}")


def first_line(error):
    """Return the first line of an error's message, or its type where it has none."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def parameters(data, epochs):
    """Return the data's checksum, the settings and the versions of a run: a dict of texts."""
    with open(data, "rb") as file:
        checksum = hashlib.file_digest(file, "sha256").hexdigest()
    found = {
        "data": Path(data).name, "sha256": checksum, "target": supplement.TARGET,
        "seed": supplement.RSEED,
        "split": supplement.SPLIT, "test fraction": supplement.TEST_FRACTION,
        "search": supplement.SEARCH, "search epochs": supplement.SEARCH_EPOCHS,
        "folds": supplement.FOLDS, "max neurons": supplement.MAX_NEURONS,
        "dropout": supplement.DROPOUT, "batch": supplement.BATCH, "epochs": epochs,
        "python": platform.python_version(), **{name: version(name) for name in PACKAGES}}
    return {name: str(value) for name, value in found.items()}


def read_parameters(folder):
    """Return what `parameters` found in the run that wrote its outputs to `folder`."""
    lines = (folder / "parameters.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split(": ", 1) for line in lines)


def must_agree(then, now, names):
    """Raise ValueError unless the `parameters` of two runs agree in `names`."""
    for name in names:
        if then[name] != now[name]:
            raise ValueError(f"its {name} is {then[name]}, here it is {now[name]}")


@contextlib.contextmanager
def cluster(address):
    """Let a search run on the Dask cluster with the scheduler at `address`; None: on this machine.

    Raises ValueError if nobody answers there, or if its workers would not find the same network.
    """
    if address is None:
        yield
        return
    try:
        from distributed import Client
    except ImportError:
        raise ValueError("--scheduler needs Dask: python -m pip install distributed") from None
    try:
        if not re.fullmatch(r"[a-z]+://[^/]+:[0-9]+", address):  # half a client would complain
            raise ValueError(address)
        client = Client(address, timeout=10, set_as_default=False)
    except (OSError, TypeError, ValueError):
        raise ValueError(f"no Dask scheduler answers at {address}, as in tcp://host:8786") from None
    with client:
        check_workers(client)
        client.upload_file(supplement.__file__)  # the workers may stand in any folder
        with joblib.parallel_config("dask", client=client):
            yield


def check_workers(client):
    """Raise ValueError unless there are workers, of a thread each, with our libraries."""
    threads = client.nthreads()
    if not threads:
        raise ValueError("the Dask scheduler has no workers; start some: dask worker ADDRESS")
    for worker, number in threads.items():
        if number > 1:  # seeds and sessions are of a process: threads would mix them up
            raise ValueError(f"{worker} has {number} threads; start dask worker with --nthreads 1")
    for name in ["dask", "distributed", *PACKAGES]:
        try:
            found = client.run(version, name)
        except PackageNotFoundError:
            raise ValueError(f"a Dask worker lacks {name}") from None
        for worker, there in found.items():
            if there != version(name):
                raise ValueError(f"{worker} has {name} {there}, here it is {version(name)}")


@contextlib.contextmanager
def going_on(out):
    """Where the search or the training is stopped, say in a line what is saved and what to do."""
    try:
        yield
    except (KeyboardInterrupt, OSError, BrokenProcessPool) as stop:
        reason = "stopped" if isinstance(stop, KeyboardInterrupt) else first_line(stop)
        saved = "nothing is saved yet"
        if (out / "parameters.txt").exists():
            saved = f"nn_raw.h5 is saved in {out.resolve()}"
            if (out / "training.npz").exists():
                epochs = int(np.load(out / "training.npz")["arr_0"])
                saved = f"nn_raw.h5 and {epochs} epochs are saved in {out.resolve()}"
        again = [argument for argument in sys.argv if argument != "--resume"]
        join = subprocess.list2cmdline if os.name == "nt" else shlex.join
        command = join(["python", *again, "--resume"])
        sys.exit(f"load_NN.py: {reason}; {saved}; go on with: {command}")


def load_grown(now, out):
    """Load the network of ``2048e/`` to compare it, or say in a line why it cannot be.

    Parameters
    ----------
    now : dict
        The `parameters` of this run: the same rows must be training and test rows in both.
    out : str or Path
        The folder of this run; ``2048e/`` is not compared with itself.

    Returns
    -------
    dict
        ``{"2048e": keras.Model}`` or nothing.
    """
    if Path(out).resolve() == GROWN:
        return {}
    try:
        same_rows = ["sha256", "target", "seed", "split", "test fraction"]
        must_agree(read_parameters(GROWN), now, same_rows)
        (GROWN / "training.log").stat()  # the figure needs it
        return {"2048e": supplement.import_keras().models.load_model(GROWN / "nn_trained.h5")}
    except (OSError, ValueError, KeyError) as error:
        absent = isinstance(error, FileNotFoundError)
        print(f"2048e is left out: {'it is not here' if absent else first_line(error)}")
        return {}


def save_network(model, path):
    """Save a network in Keras's .h5 format by way of memory: on a full disk, HDF5 may crash."""
    from keras.src.legacy.saving.legacy_h5_format import save_model_to_hdf5

    with h5py.File(path.name, "w", driver="core", backing_store=False) as file:
        save_model_to_hdf5(model, file)
        file.flush()
        image = file.id.get_file_image()
    supplement.save(lambda part: part.write_bytes(image), path)


def state(model):
    """Return all that the next epoch depends on: weights, Adam's memory, seeds of the dropout.

    Keras's own BackupAndRestore leaves the seeds out and can be cut between its two files.
    """
    return [*model.variables, *model.optimizer.variables]


def save_state(model, done, out="."):
    """Save the `state` of a network after `done` epochs in ``training.npz``."""
    values = [variable.numpy() for variable in state(model)]
    supplement.save(lambda path: np.savez(path, done, *values), Path(out) / "training.npz")


def restore(X, out="."):
    """Take up the network of a run with the same settings and rows where it was stopped.

    Returns
    -------
    model : keras.Model
        That of ``nn_raw.h5``, in the state of ``training.npz`` if it is there.
    done : int
        Epochs that it has behind it; ``training.log`` is cut to as many rows.
    """
    keras = supplement.import_keras()
    raw, log = keras.models.load_model(Path(out) / "nn_raw.h5"), Path(out) / "training.log"
    neurons = [layer.units for layer in raw.layers if hasattr(layer, "units")][:-1]
    model, done = supplement.build_network(X, neurons, supplement.DROPOUT, supplement.RSEED), 0
    model.optimizer.build(model.trainable_variables)
    if Path(out, "training.npz").exists():
        saved = np.load(Path(out) / "training.npz")
        done, *values = (saved[name] for name in saved.files)
        for variable, value in zip(state(model), values, strict=True):
            variable.assign(value)
        lines = log.read_text().split()[:int(done) + 1]  # on Windows, every other line is empty
        if len(lines) <= done:
            raise ValueError(f"training.log lacks some of the {done} epochs in training.npz")
        supplement.save(lambda path: path.write_text("\n".join(lines) + "\n"), log)
    return model, int(done)
