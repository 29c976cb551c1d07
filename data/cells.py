"""The relaxation of a pair of cells by CHGNet, and what is measured on the relaxed cells."""

import contextlib
import functools

import hosts

CHGNET_WEIGHTS = "0.3.0"  # version; another one gives another table
MAX_FORCE = 0.1  # eV/angstrom, at the end; 0.05 doubles the time and changes about 0.01 V
MAX_STEPS = 150  # of a relaxation; a cell that needs more counts as not converged
DISPLACEMENT = 0.03  # angstrom, SD of the random displacement that breaks a cell's symmetry
SEED = 7  # of that displacement
SYMPREC = 0.1  # angstrom, tolerance of the space group of the relaxed lithiated cell
NEIGHBOUR_RANGE = 4.0  # angstrom; no bond is longer
BOND_RATIO = 1.25  # over the sum of covalent radii; a cation and an anion below it are bonded
MAX_STRETCH = 1.25  # over the length in the lithiated cell; a bond above it is broken


@functools.cache
def load_calculator():
    """Return CHGNet as a calculator of ASE, on one thread; loaded once per process."""
    import torch
    from chgnet.model import CHGNet
    from chgnet.model.dynamics import CHGNetCalculator

    torch.set_num_threads(1)  # one process per core is faster than one process on all cores
    torch.set_flush_denormal(True)  # numbers below 1e-38 took a third of the time
    with contextlib.redirect_stdout(None):  # CHGNet prints two lines
        model = CHGNet.load(model_name=CHGNET_WEIGHTS, use_device="cpu").requires_grad_(False)
        return CHGNetCalculator(model, use_device="cpu", on_isolated_atoms="error")


@functools.cache
def lithium_energy():
    """Return the energy of bcc lithium, relaxed with the same model (eV per atom)."""
    from ase.build import bulk
    from pymatgen.io.ase import AseAtomsAdaptor

    cell = AseAtomsAdaptor.get_structure(bulk("Li", cubic=True))
    return relax_cell(cell)["energy"] / len(cell)


def relax_cell(cell):
    """Relax the lattice and the atoms of a cell.

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
    # Without it there is no Jahn-Teller distortion: LiMn2O4 is 0.13 V lower.
    atoms.rattle(DISPLACEMENT, seed=SEED)
    atoms.calc = load_calculator()
    optimizer = FIRE(FrechetCellFilter(atoms), logfile=None)
    converged = optimizer.run(fmax=MAX_FORCE, steps=MAX_STEPS)
    return {
        "cell": Structure(atoms.cell[:], cell.species, atoms.get_scaled_positions(wrap=False)),
        "energy": float(atoms.get_potential_energy()),
        "force": float((atoms.get_forces() ** 2).sum(axis=1).max() ** 0.5),
        "steps": optimizer.get_number_of_steps(),
        "converged": bool(converged),
    }


def shortest_distance(*cells):
    """Return the shortest interatomic distance in any of the cells.

    Parameters
    ----------
    *cells : pymatgen.core.Structure

    Returns
    -------
    distance : float
        angstrom
    ratio : float
        The smallest distance over the sum of the two covalent radii; it may be another pair's.
    """
    from ase.data import covalent_radii

    distances, ratios = [], []
    for cell in cells:
        radii = covalent_radii[list(cell.atomic_numbers)]
        first, second, _, lengths = cell.get_neighbor_list(NEIGHBOUR_RANGE)
        distances += list(lengths)
        ratios += list(lengths / (radii[first] + radii[second]))
    return min(distances), min(ratios)


def bonds_kept(lithiated, host, kept, anions):
    """Return which fraction of the framework's cation-anion bonds is left without the lithium.

    A bond is kept if it is at most `MAX_STRETCH` times as long as in the lithiated cell. Bonds of
    lithium are not counted.

    Parameters
    ----------
    lithiated, host : pymatgen.core.Structure
        Relaxed cells; the host's atoms are those of `kept`, in that order.
    kept : list of int
        Sites of the lithiated cell that the host has.
    anions : list of bool
        For each site of the lithiated cell, whether it is an anion.
    """
    import numpy as np
    from ase.data import covalent_radii

    host_site = {site: i for i, site in enumerate(kept)}
    radii = covalent_radii[list(lithiated.atomic_numbers)]
    unbroken = []
    neighbours = lithiated.get_neighbor_list(NEIGHBOUR_RANGE)
    for first, second, image, length in zip(*neighbours, strict=True):
        cation = not anions[first] and lithiated[first].specie.symbol != "Li"
        if cation and anions[second] and length < BOND_RATIO * (radii[first] + radii[second]):
            ends = host.frac_coords[host_site[first]], host.frac_coords[host_site[second]] + image
            after = np.linalg.norm(host.lattice.get_cartesian_coords(ends[1] - ends[0]))
            unbroken.append(after < MAX_STRETCH * length)
    return sum(unbroken) / len(unbroken) if unbroken else 0.0


def relax_pair(start, extracted):
    """Relax a lithiated cell and, from its result, the host without the sites `extracted`.

    Parameters
    ----------
    start : pymatgen.core.Structure
        From `hosts.make_pairs`, with roles.
    extracted : list of int
        Li sites.

    Returns
    -------
    dict
        The columns of the raw table that are computed: all but names, formulas and reason.
    """
    lithiated = relax_cell(start)
    host_start = lithiated["cell"].copy()
    host_start.remove_sites(extracted)
    host = relax_cell(host_start)
    cells = lithiated["cell"], host["cell"]
    kept = [i for i in range(len(start)) if i not in set(extracted)]
    distance, ratio = shortest_distance(*cells)
    row = {
        "space_group": lithiated["cell"].get_space_group_info(symprec=SYMPREC)[0],
        "energy_li": lithium_energy(),
        "converged": lithiated["converged"] and host["converged"],
        "shortest_distance": distance,
        "shortest_ratio": ratio,
        "bonds_kept": bonds_kept(*cells, kept, hosts.anion_flags(start)),
    }
    for name, result in (("lithiated", lithiated), ("host", host)):
        row |= {f"{key}_{name}": result[key] for key in ("energy", "steps", "force")}
        row[f"volume_{name}"] = result["cell"].volume
    return row
