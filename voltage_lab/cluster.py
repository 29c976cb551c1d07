"""Where the fits of a search run: worker processes here, or a Dask cluster; and how far it is."""

import contextlib
import hashlib
import importlib
import re
import shutil
import signal
import sys
import tempfile
import threading
import uuid
import zipfile
from multiprocessing import resource_tracker
from pathlib import Path

import joblib

from voltage_lab.card import versions
from voltage_lab.messages import LabError, RunStopped, first_line


@contextlib.contextmanager
def run_fits(workers, first=int, address=None, files=()):
    """Let joblib fit in worker processes of this machine or of a Dask cluster.

    Parameters
    ----------
    workers : int
        Processes on this machine.
    first : function, optional
        Called in them when they have started.
    address : str, optional
        Of a Dask scheduler, whose workers are used instead.
    files : list of Path
        Modules and packages that the workers of a cluster get.

    Raises
    ------
    RunStopped
        If a worker process dies or the cluster does.
    LabError
        If there is no such cluster, or if its workers would not find the same network.
    """
    from concurrent.futures.process import BrokenProcessPool

    try:
        if address is None:
            start_workers(workers, first)
            yield
        else:
            with connect(address) as client, tempfile.TemporaryDirectory() as folder:
                if files:
                    client.upload_file(str(pack(files, Path(folder))))
                check_workers(client, [file.stem for file in files])
                with joblib.parallel_config("dask", client=client):
                    yield
    except BrokenProcessPool as error:
        raise RunStopped(first_line(error)) from error
    except Exception as error:
        if not type(error).__module__.startswith("distributed"):
            raise
        raise RunStopped(f"the Dask cluster failed: {first_line(error)}") from error


def start_workers(number, first):
    """Start worker processes that Ctrl-C does not reach: this process ends them.

    What `first` needs is loaded from then on, so that loky, which ends a worker that has grown
    much since its first task, does not count it. Windows cannot block signals.
    """
    if number > 1 and hasattr(signal, "pthread_sigmask"):
        with hold_ctrl_c():
            joblib.Parallel(number)(joblib.delayed(first)() for _ in range(number))


@contextlib.contextmanager
def hold_ctrl_c():
    """Deliver a Ctrl-C of the block when it ends, and never to the processes started in it.

    They inherit the signals that are blocked in this thread. The system then gives Ctrl-C to
    another thread, such as one of NumPy's. Python still calls the handler, in the main thread: so
    the handler waits, too.
    """
    resource_tracker.ensure_running()  # unblocks Ctrl-C when it starts
    held, handler = [], None
    if threading.current_thread() is threading.main_thread():  # no other may set a handler
        handler = signal.signal(signal.SIGINT, lambda *_: held.append(True))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if handler:
            signal.signal(signal.SIGINT, handler)
        if held:
            signal.raise_signal(signal.SIGINT)


# ------------------------------------------------------------------------------------- the cluster
def connect(address):
    """Return a client of the Dask scheduler at an address such as ``tcp://host:8786``."""
    try:
        from distributed import Client
    except ImportError:
        raise LabError("--scheduler needs Dask: python -m pip install distributed") from None
    try:
        if not re.fullmatch(r"[a-z]+://[^/]+:[0-9]+", address):  # half a client would complain
            raise ValueError(address)
        return Client(address, timeout=10, set_as_default=False)
    except (OSError, TypeError, ValueError):
        raise LabError(f"no Dask scheduler answers at {address}, as in tcp://host:8786") from None


def pack(files, folder):
    """Put modules and packages into a zip file, from which Python can import them.

    Its name is that of its content, because a worker keeps what it has imported from a name.
    """
    sources = [
        (source, file.parent)
        for file in files
        for source in ([file] if file.is_file() else sorted(file.glob("*.py")))
    ]
    content = b"".join(source.read_bytes() for source, _ in sources)
    path = folder / f"lab-{hashlib.sha256(content).hexdigest()[:12]}.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for source, parent in sources:
            archive.write(source, source.relative_to(parent))
    return path


def import_modules(names):
    """Import modules by their names and return the versions of the libraries."""
    for name in names:
        importlib.import_module(name)
    return versions()


def check_workers(client, names):
    """Raise LabError unless there are workers, of one thread each, with the versions used here."""
    threads = client.nthreads()
    if not threads:
        raise LabError("the Dask scheduler has no workers; start some: dask worker ADDRESS")
    for worker, number in threads.items():
        if number > 1:  # Keras's seeds are of a process; two fits in one would mix them
            raise LabError(f"{worker} has {number} threads; start dask worker with --nthreads 1")
    try:
        versions_of = client.run(import_modules, names)
    except ImportError as error:  # also a package without metadata
        raise LabError(f"a Dask worker lacks {error.name}") from None
    for worker, installed in versions_of.items():
        for name, version in versions().items():
            if installed[name] != version:
                raise LabError(f"{worker} has {name} {installed[name]}, here it is {version}")


# ------------------------------------------------------------------------------------ the progress
@contextlib.contextmanager
def progress_bar(total, shown=True):
    """Draw how many of the fits are scored and how long the others take; only on a terminal.

    Yields
    ------
    str or None
        A folder in which each fit that is scored leaves a file: see `report_fit`. None where
        no bar is drawn.
    """
    if not (shown and sys.stdout.isatty()):
        yield None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    folder, ended = tempfile.mkdtemp(), threading.Event()
    words = f"search: {{task.completed}} of {total} fits,"
    with Progress(TextColumn(words), TimeRemainingColumn(), TextColumn("left"), BarColumn()) as bar:
        task = bar.add_task("", total=total)

        def follow():
            while not ended.wait(0.5):
                bar.update(task, completed=len(list(Path(folder).iterdir())))

        follower = threading.Thread(target=follow, daemon=True)
        follower.start()
        try:
            yield folder
            bar.update(task, completed=total)
        finally:
            ended.set()
            follower.join()
            shutil.rmtree(folder, ignore_errors=True)


def report_fit(folder):
    """Leave a file in the folder of a `progress_bar`, if there is one."""
    if folder is not None:
        (Path(folder) / uuid.uuid4().hex).touch()
