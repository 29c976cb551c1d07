"""What makes a run safe: whole files, one run per folder, a state from which it resumes."""

import contextlib
import os
import platform
import shlex
import subprocess
import tempfile
import zipfile
import zlib
from pathlib import Path

import numpy as np

from voltage_lab.messages import LabError, RunStopped, explain_os_error, first_line

STATE = "training.npz"  # the state of a training after its last completed epoch
LOG = "training.log"  # its losses, one line per epoch
CARD = "parameters.txt"  # the card of the run; it is there as long as it can be resumed


def save(write, path):
    """Write a file under another name, then rename it: a stop leaves no half file.

    Parameters
    ----------
    write : function
        Takes the path to write to.
    path : pathlib.Path

    Raises
    ------
    RunStopped
        If the system refuses, as a full disk does. A file that was there before stays.
    """
    part = path.with_name(f"{path.stem}.part{path.suffix}")
    with explain_os_error(path, RunStopped):
        try:
            write(part)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


def make_folder(path):
    """Make the folder of a run's files and return it; to fail now is better than in minutes."""
    if not str(path):
        raise LabError("--out is empty; give a folder")
    out = Path(path)
    if out.exists() and not out.is_dir():
        raise LabError(f"--out {out} is a file; give a folder")
    with explain_os_error(f"--out {out}"):
        out.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=out).close()
    return out


@contextlib.contextmanager
def lock_folder(out):
    """Keep a second run out of the folder of this one, until it ends, however it ends."""
    from filelock import FileLock, Timeout

    owner = out / ".run.owner"  # Windows lets nobody read the locked file itself
    lock = FileLock(out / ".run.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:  # an OSError, too
        writer = "another run"
        with contextlib.suppress(OSError):
            writer = owner.read_text(encoding="utf-8") or writer
        raise LabError(f"{writer} is writing to {out.resolve()}; wait, or give --out") from None
    except OSError as error:
        raise LabError(f"{out / '.run.lock'}: {error.strerror or first_line(error)}") from error
    try:
        with explain_os_error(owner, RunStopped):
            owner.write_text(f"process {os.getpid()} on {platform.node()}", encoding="utf-8")
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def explain_stop(out, arguments):
    """Where a run is stopped, say in one line what is saved and which command resumes it.

    Parameters
    ----------
    out : pathlib.Path
        Folder of the run.
    arguments : list of str
        The command line, from the script's name on.
    """
    card, before = out / CARD, None
    if card.exists() and "--resume" not in arguments:
        before = card.stat().st_mtime_ns  # of another run, until the search is completed
    try:
        yield
    except (KeyboardInterrupt, RunStopped) as stop:
        reason = "stopped" if isinstance(stop, KeyboardInterrupt) else first_line(stop)
        command = ["python", *(word for word in arguments if word != "--resume")]
        saved, remedy = "nothing is saved yet", "start again with"
        if card.exists() and card.stat().st_mtime_ns != before:
            epochs = saved_epochs(out)
            what = f"nn_raw.h5 and {epochs} epochs are" if epochs else "nn_raw.h5 is"
            saved, remedy = f"{what} saved in {out.resolve()}", "resume with"
            command.append("--resume")
        join = subprocess.list2cmdline if os.name == "nt" else shlex.join
        raise LabError(f"{reason}; {saved}; {remedy}: {join(command)}") from None


# ----------------------------------------------------------------------------------- the network
def save_network(model, path):
    """Save a network in Keras's .h5 format.

    The bytes are made in memory, because HDF5 itself may crash when the disk is full. Keras's
    public ``model.save`` takes only the name of a file; its own writer, used here, takes an open
    one. Once the lab saves ``.keras`` files, ``keras.saving.save_model`` replaces it.
    """
    import h5py
    from keras.src.legacy.saving.legacy_h5_format import save_model_to_hdf5

    with h5py.File(path.name, "w", driver="core", backing_store=False) as file:
        save_model_to_hdf5(model, file)
        file.flush()
        image = file.id.get_file_image()
    save(lambda part: part.write_bytes(image), path)


def load_network(path):
    """Load a network; `LabError` says in one line why it cannot be."""
    import keras

    try:
        return keras.models.load_model(path)
    except (OSError, ValueError, KeyError, TypeError) as error:  # h5py and Keras raise all four
        raise LabError(f"{path.name} cannot be read: {first_line(error)}") from error


# -------------------------------------------------------------------------- the state of training
def state(model):
    """Return all variables on which the next epoch depends: weights, Adam's, dropout's seeds.

    Keras's own BackupAndRestore leaves the seeds out and can be cut between its two files.
    """
    return [*model.variables, *model.optimizer.variables]


def save_state(model, completed, out):
    """Save the `state` of a network after so many epochs."""
    values = [variable.numpy() for variable in state(model)]
    save(lambda path: np.savez(path, completed, *values), out / STATE)


def read_state(out):
    """Return the completed epochs and the arrays of a saved `state`; 0 and none if there is none.

    Raises
    ------
    LabError
        If the file is damaged.
    """
    if not (out / STATE).exists():
        return 0, []
    try:
        with np.load(out / STATE) as saved:
            completed, *values = (saved[name] for name in saved.files)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise LabError(f"{STATE} cannot be read: {first_line(error)}") from error
    return int(completed), values


def saved_epochs(out):
    """Return how many epochs of a training are saved in a folder."""
    return read_state(out)[0]


def restore_state(model, out):
    """Put a compiled network into the saved `state`; cut the log to as many epochs.

    Returns
    -------
    int
        Completed epochs; 0 if no state is saved.

    Raises
    ------
    LabError
        If the state is damaged or of another network, or if the log lacks an epoch.
    """
    completed, values = read_state(out)
    if not completed:
        return 0
    variables = state(model)
    if [variable.shape for variable in variables] != [value.shape for value in values]:
        raise LabError(f"{STATE} is of another network than nn_raw.h5")
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    lines = read_log(out)[: completed + 1]
    numbers = [line.partition(",")[0] for line in lines]
    if numbers != ["epoch", *map(str, range(completed))]:
        raise LabError(f"{LOG} lacks some of the {completed} epochs in {STATE}")
    save(lambda path: path.write_text("".join(lines), encoding="utf-8"), out / LOG)
    return completed


def read_log(out):
    """Return the lines of a training's log."""
    with explain_os_error(LOG), open(out / LOG, encoding="utf-8", errors="replace") as file:
        return [f"{line}\n" for line in file.read().split()]


def log_epoch(epoch, logs, out):
    """Add the losses of an epoch to the log; the first epoch, 0, begins a new file.

    Parameters
    ----------
    epoch : int
    logs : dict
        Name of the loss to its value, V.
    out : pathlib.Path
        Folder of the run.
    """
    lines = ["epoch", *logs] if epoch == 0 else [], [epoch, *logs.values()]
    text = "".join(",".join(map(str, line)) + "\n" for line in lines if line)
    path = out / LOG
    with explain_os_error(path, RunStopped), open(path, "a" if epoch else "w") as file:
        file.write(text)
