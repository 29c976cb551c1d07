"""Relax every host with and without its lithium by CHGNet and write what was found.

    python data/relax.py --jobs 2

One row for each pair of cells goes to Batteries_raw.csv the moment it is done. The run may be
stopped at any time; the same command goes on where it was.
"""

import argparse
import contextlib
import csv
import functools
import importlib.util
import multiprocessing
import os
import random
import signal
import sys
import time
import warnings
from pathlib import Path

import hosts

RAW = Path(__file__).with_name("Batteries_raw.csv")
MODEL = "0.3.0"      # version of the CHGNet weights; another one gives another table
FMAX = 0.1           # eV/angstrom, largest force at the end; 0.05 doubles the time for ~0.01 V
RATTLE = 0.03        # angstrom, standard deviation of a push that lets a cell leave its symmetry
MAX_STEPS = 150      # relaxation steps; a cell that needs more counts as not converged
SYMPREC = 0.1        # angstrom, for the space group of the relaxed lithiated cell
BOND = 1.25          # times the sum of covalent radii; cation and anion within it are bonded
STRETCH = 1.25       # times its length in the lithiated cell; a longer bond counts as broken
SEED = 7             # of that push, and of the order of the pairs: a cut run is a fair sample
PATIENCE = 3600      # s without a new row, after which a process counts as lost
REPORT = 25          # rows between two lines of progress when the output is not a terminal
COLUMNS = {          # column of the raw table: decimals kept, None for text and whole numbers
    "id": None, "prototype": None, "host": None, "lithiated": None, "cell": None,
    "space_group": None, "x": None, "energy_lithiated": 6, "energy_host": 6, "energy_li": 6,
    "volume_lithiated": 3, "volume_host": 3, "steps_lithiated": None, "steps_host": None,
    "converged": None, "force_lithiated": 4, "force_host": 4, "shortest_distance": 3,
    "shortest_ratio": 3, "bonds_kept": 3, "reason": None,
}


@functools.cache
def calculator():
    """Load CHGNet once for each process, on one thread."""
    import torch
    from chgnet.model import CHGNet
    from chgnet.model.dynamics import CHGNetCalculator

    torch.set_num_threads(1)  # one process a core is faster than one process on all
    torch.set_flush_denormal(True)  # a third of the time went into numbers below 1e-38
    with contextlib.redirect_stdout(None):  # CHGNet greets with two lines
        model = CHGNet.load(model_name=MODEL, use_device="cpu").requires_grad_(False)
        return CHGNetCalculator(model, use_device="cpu", on_isolated_atoms="error")


@functools.cache
def lithium_energy():
    """Energy of bcc lithium, relaxed with the same model (eV per atom)."""
    from ase.build import bulk
    from pymatgen.io.ase import AseAtomsAdaptor

    cell = AseAtomsAdaptor.get_structure(bulk("Li", cubic=True))
    return relax(cell)["energy"] / len(cell)


def relax(cell):
    """Relax a cell and its atoms.

    Parameters
    ----------
    cell : pymatgen.core.Structure

    Returns
    -------
    dict
        cell; energy (eV, whole cell); force (largest on an atom, eV/angstrom); steps; converged.
    """
    from ase.filters import FrechetCellFilter
    from ase.optimize import FIRE
    from pymatgen.core import Structure

    atoms = cell.to_ase_atoms()
    atoms.rattle(RATTLE, seed=SEED)  # else no Jahn-Teller distortion: 0.13 V less in LiMn2O4
    atoms.calc = calculator()
    optimizer = FIRE(FrechetCellFilter(atoms), logfile=None)
    converged = optimizer.run(fmax=FMAX, steps=MAX_STEPS)
    return {
        "cell": Structure(atoms.cell[:], cell.species, atoms.get_scaled_positions(wrap=False)),
        "energy": float(atoms.get_potential_energy()),
        "force": float((atoms.get_forces() ** 2).sum(axis=1).max() ** 0.5),
        "steps": optimizer.get_number_of_steps(), "converged": bool(converged),
    }


def shortest(*cells):
    """Shortest distance in any of the cells: angstrom, and as a share of the covalent radii."""
    from ase.data import covalent_radii

    pairs = []
    for cell in cells:
        radii = covalent_radii[list(cell.atomic_numbers)]
        first, second, _, lengths = cell.get_neighbor_list(4.0)
        pairs += zip(lengths, lengths / (radii[first] + radii[second]))
    return min(length for length, _ in pairs), min(share for _, share in pairs)


def bonds_kept(lithiated, host, left, anions):
    """Share of the framework's cation-anion bonds that survive taking the lithium out.

    Parameters
    ----------
    lithiated, host : pymatgen.core.Structure
        Relaxed cells; the host's atoms are those of `left`, in that order.
    left : list of int
        Sites of the lithiated cell that the host keeps.
    anions : list of bool
        For each site of the lithiated cell, whether it is an anion.
    """
    import numpy as np
    from ase.data import covalent_radii

    place = {site: i for i, site in enumerate(left)}
    radii = covalent_radii[list(lithiated.atomic_numbers)]
    kept = []
    for a, b, image, length in zip(*lithiated.get_neighbor_list(4.0)):
        metal = not anions[a] and lithiated[a].specie.symbol != "Li"
        if metal and anions[b] and length < BOND * (radii[a] + radii[b]):
            step = host.frac_coords[place[b]] + image - host.frac_coords[place[a]]
            after = np.linalg.norm(host.lattice.get_cartesian_coords(step))
            kept.append(after < STRETCH * length)
    return sum(kept) / len(kept) if kept else 0.0


def describe(start, removed):
    """Relax a lithiated cell and, from there, its host, without the sites `removed`.

    Returns
    -------
    dict
        What the raw table holds of them beyond the formulas.
    """
    full = relax(start)
    host = full["cell"].copy()
    host.remove_sites(removed)
    empty = relax(host)
    left = [i for i in range(len(start)) if i not in set(removed)]
    distance, share = shortest(full["cell"], empty["cell"])
    row = {
        "space_group": full["cell"].get_space_group_info(symprec=SYMPREC)[0],
        "energy_li": lithium_energy(),
        "converged": full["converged"] and empty["converged"],
        "shortest_distance": distance, "shortest_ratio": share,
        "bonds_kept": bonds_kept(full["cell"], empty["cell"], left, hosts.anions(start)),
    }
    for name, result in (("lithiated", full), ("host", empty)):
        row |= {f"{key}_{name}": result[key] for key in ("energy", "steps", "force")}
        row[f"volume_{name}"] = result["cell"].volume
    return row


def run_pair(pair):
    """Make the row of one pair; an error becomes the row's reason."""
    warnings.simplefilter("ignore")
    row, lithiated, removed = pair
    try:
        row |= describe(lithiated, removed)
        row["reason"] = "" if row["converged"] else f"more than {MAX_STEPS} steps"
    except Exception as error:  # one cell that the model cannot bear must not end the run
        row |= {"converged": False, "reason": " ".join(f"{type(error).__name__}: {error}".split())}
    return {key: round(row[key], digits) if digits and key in row else row.get(key, "")
            for key, digits in COLUMNS.items()}


def read_rows(path=RAW):
    """Read the rows written so far; a last line that was cut off is left out."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    rows = list(csv.DictReader(lines))
    return [row for row in rows if None not in row and None not in row.values()]


def write_rows(rows, path=RAW):
    """Write all rows, sorted by id, in one step: the old file stays whole until the end."""
    part = path.with_suffix(".part")
    with open(part, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(sorted(rows, key=lambda row: row["id"]))
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def todo(names, rows):
    """Make the pairs of the named prototypes (all, if none) that have no row, in seeded order."""
    table = hosts.load_prototypes()
    if unknown := set(names) - set(table):
        raise ValueError(f"no prototype {', '.join(sorted(unknown))}; known: {', '.join(table)}")
    done = {row["id"] for row in rows}
    wanted = {name: table[name] for name in names or table}
    pairs = [pair for pair in hosts.pairs(wanted) if pair[0]["id"] not in done]
    random.Random(SEED).shuffle(pairs)
    return pairs


def progress(results, total):
    """Pass the results on and show how far the run is and how long the rest takes."""
    if sys.stderr.isatty():
        from tqdm import tqdm

        yield from tqdm(results, total=total, unit="pair", smoothing=0)
        return
    start = time.monotonic()
    for count, row in enumerate(results, 1):
        yield row
        if count % REPORT == 0 or count == total:
            rest = (time.monotonic() - start) / count * (total - count) / 60
            print(f"{count} of {total} pairs, {rest:.0f} min left", file=sys.stderr, flush=True)


def results(pairs, jobs):
    """Relax the pairs in `jobs` processes; yield each row as soon as it is done."""
    os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}  # read by the new processes
    # Ctrl-C is for this process alone; it then ends the others.
    pool = multiprocessing.get_context("spawn").Pool(
        jobs, initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_IGN))
    with pool:
        rows = pool.imap_unordered(run_pair, pairs)
        yield from progress(iter(lambda: rows.next(PATIENCE), None), len(pairs))


def run(pairs, jobs):
    """Relax the pairs and append each row to the raw table."""
    with open(RAW, "a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        for row in results(pairs, jobs):
            writer.writerow(row)
            file.flush()


def check(options):
    """Refuse to start with numbers that make no sense or without the model."""
    for name in ("jobs", "limit"):
        value = getattr(options, name, None)  # check.py has no --limit
        if value is not None and value < 1:
            raise ValueError(f"--{name} must be 1 or more, not {value}")
    for package in ("ase", "chgnet", "torch"):
        if not importlib.util.find_spec(package):
            raise ImportError(f"needs {package}: pip install -r data/requirements.txt")


def main():
    """Read the options, do what is left to do, leave a sorted table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--jobs", type=int, default=os.cpu_count(),
                        help="processes (default: all cores)")
    parser.add_argument("--prototypes", default="", help="only these, such as olivine,spinel")
    parser.add_argument("--limit", type=int, help="stop after so many new pairs")
    options = parser.parse_args()
    try:
        check(options)
        import fcntl  # not on Windows

        lock = os.open(RAW.parent, os.O_RDONLY)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # two runs would spoil each other's rows
        rows = read_rows()
        pairs = todo([name for name in options.prototypes.split(",") if name], rows)
        write_rows(rows)
        run(pairs[:options.limit], options.jobs)
        write_rows(read_rows())
    except BlockingIOError:
        sys.exit(f"another run is writing {RAW}")
    except (ValueError, OSError, ImportError) as error:
        sys.exit(f"relax.py: {error}")
    except (KeyboardInterrupt, multiprocessing.TimeoutError):
        sys.exit("stopped; the same command goes on from here")


if __name__ == "__main__":
    main()
