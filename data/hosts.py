"""The table of host prototypes, turned into pairs of cells: with the exchanged Li and without."""

import tomllib
import warnings
from itertools import combinations, permutations, product
from pathlib import Path

TABLE = Path(__file__).with_name("prototypes.toml")  # one table of numbers for each prototype
SYMPREC = 0.01  # angstrom; how far an atom may lie off its symmetric place in the table
SETTINGS = {"compound", "lattice", "lithium", "number", "sites", "source", "space_group",
            "substitute"}  # what the table of a prototype must hold, and nothing else
CATIONS = ("Li", "Kept", "M", "T")  # roles that begin so are cations, all others anions
NOT_ROLES = {"pairs", "ratio", "cell", "lithium"}  # what else a row of `substitute` may hold


def load_prototypes(path=TABLE):
    """Read the table of prototypes.

    Returns
    -------
    dict
        Name of the prototype to its settings, in the order of the file.

    Raises
    ------
    ValueError
        If a prototype lacks a setting or has an unknown one.
    """
    with open(path, "rb") as file:
        table = tomllib.load(file)
    for name, prototype in table.items():
        if wrong := SETTINGS ^ set(prototype):
            raise ValueError(f"{path}: [{name}]: missing or unknown: {', '.join(sorted(wrong))}")
    return table


def build(prototype):
    """Build the primitive cell of a prototype with Li on every exchangeable site.

    Returns
    -------
    pymatgen.core.Structure
        With a site property "role"; the exchangeable sites hold Li.
    """
    from pymatgen.core import Lattice, Structure

    roles, species, coords = zip(*prototype["sites"])
    species = ["Li" if role == "Li" else element for role, element in zip(roles, species)]
    with warnings.catch_warnings():  # pymatgen warns of every symbol that is not in full
        warnings.filterwarnings("ignore", "Full symbol not available")
        cell = Structure.from_spacegroup(
            prototype["space_group"], Lattice.from_parameters(*prototype["lattice"]), species,
            coords, site_properties={"role": list(roles)}, tol=SYMPREC,
        )
    primitive = cell.get_primitive_structure(tolerance=SYMPREC, use_site_props=True)
    return primitive.get_sorted_structure(key=lambda site: roles.index(site.properties["role"]))


def occupations(row):
    """List what a row of `substitute` puts on the roles.

    Returns
    -------
    list of dict
        Role to its elements and their shares, such as {"M": [("Fe", 1), ("Mn", 3)]}.
    """
    choices = {role: [[(element, 1)] for element in row[role].split()]
               for role in row if role not in NOT_ROLES}
    if "pairs" in row:
        metals, ratio = row["pairs"].split(), row["ratio"]
        order = combinations if ratio[0] == ratio[1] or len(metals) == 2 else permutations
        choices["M"] = [list(zip(two, ratio)) for two in order(metals, 2)]
    return [dict(zip(choices, values)) for values in product(*choices.values())]


def plan(table):
    """List all pairs that the table asks for.

    Returns
    -------
    list of dict
        For each pair: prototype, elements by role, repeats of the cell and both shares of Li.
    """
    return [
        {"prototype": name, "elements": elements, "cell": row.get("cell", [1, 1, 1]),
         "lithium": shares}
        for name, prototype in table.items()
        for row in prototype["substitute"]
        for elements in occupations(row)
        for shares in row.get("lithium", prototype["lithium"])
    ]


def spread(cell, sites, count):
    """Choose sites that lie far apart, always the same ones for the same cell.

    Parameters
    ----------
    cell : pymatgen.core.Structure
    sites : list of int
        Indices to choose from.
    count : float
        How many; must be a whole number within 1e-3.

    Returns
    -------
    list of int
    """
    if abs(count - round(count)) > 1e-3:
        raise ValueError(f"{count:.2f} of {len(sites)} sites is not a whole number")
    distance = cell.distance_matrix.round(2)  # rounded, so that equal distances are ties
    chosen = []
    while len(chosen) < round(count):
        rest = [site for site in sites if site not in chosen]
        # The nearest chosen neighbour decides; among ties the sum, then the first in the list.
        chosen.append(max(rest, key=lambda site: (
            min((distance[site, other] for other in chosen), default=0),
            sum(distance[site, other] for other in chosen), -site)))
    return chosen


def anions(cell):
    """Tell for each site whether it is an anion, by its role."""
    return [not site.properties["role"].startswith(CATIONS) for site in cell]


def radius(element, anion):
    """Mean ionic radius of an element as anion or as cation (angstrom); atomic, if unknown."""
    radii = [size for charge, size in element.ionic_radii.items() if (charge < 0) == anion]
    return sum(radii) / len(radii) if radii else element.atomic_radius


def mean_distance(cell):
    """Mean radius of the cations other than Li plus that of the anions (angstrom)."""
    groups = {True: [], False: []}
    for site, anion in zip(cell, anions(cell)):
        if site.properties["role"] != "Li":
            groups[anion].append(radius(site.specie, anion))
    return sum(sum(radii) / len(radii) for radii in groups.values())


def substitute(cell, elements):
    """Put elements on the sites of each role, in place, and scale the lattice to them.

    The lattice grows with the mean cation-anion distance that the ionic radii give, so that the
    relaxation starts near its end.

    Parameters
    ----------
    cell : pymatgen.core.Structure
    elements : dict
        One of `occupations`.
    """
    before = mean_distance(cell)
    for role, shares in elements.items():
        sites = [i for i, site in enumerate(cell) if site.properties["role"] == role]
        count = len(sites) / sum(share for _, share in shares)
        for element, share in shares:
            last = element == shares[-1][0]
            for site in sites if last else spread(cell, sites, count * share):
                cell.replace(site, element, properties={"role": role})
                sites = [other for other in sites if other != site]
    cell.scale_lattice(cell.volume * (mean_distance(cell) / before) ** 3)


def pair(base, task):
    """Make the lithiated cell and the empty host of one task.

    Parameters
    ----------
    base : pymatgen.core.Structure
        The prototype's cell from `build`.
    task : dict
        One of `plan`.

    Returns
    -------
    lithiated : pymatgen.core.Structure
    removed : list of int
        The sites of it that are empty in the host.
    """
    cell = base * task["cell"]
    substitute(cell, task["elements"])
    lithium = [i for i, site in enumerate(cell) if site.properties["role"] == "Li"]
    full, left = (len(lithium) * share for share in task["lithium"])
    filled = spread(cell, lithium, full)
    kept = spread(cell, filled, left)
    empty = [site for site in lithium if site not in filled]
    removed = [site - sum(e < site for e in empty) for site in filled if site not in kept]
    cell.remove_sites(empty)
    return cell, sorted(removed)


def formulas(task, lithiated, removed):
    """Name a pair and its formulas.

    Returns
    -------
    dict
        id (such as `olivine-LiFePO4`, or `layered-LiCoO2-to-LiCo2O4` where Li is left in the
        host), prototype, host and lithiated (reduced formulas), cell (formula of the whole
        lithiated cell), x (Li atoms exchanged in that cell).
    """
    full = lithiated.composition
    host = full - {"Li": len(removed)}
    name = f"{task['prototype']}-{full.reduced_formula}"
    if task["lithium"][1] > 0:
        name += f"-to-{host.reduced_formula}"
    return {
        "id": name, "prototype": task["prototype"], "host": host.reduced_formula,
        "lithiated": full.reduced_formula, "cell": full.formula.replace(" ", ""),
        "x": len(removed),
    }


def pairs(table):
    """Make every pair of cells of a table of prototypes.

    Yields
    ------
    row : dict
        From `formulas`.
    lithiated : pymatgen.core.Structure
    removed : list of int
        The sites of it that are empty in the host.
    """
    bases = {name: build(prototype) for name, prototype in table.items()}
    for task in plan(table):
        lithiated, removed = pair(bases[task["prototype"]], task)
        yield formulas(task, lithiated, removed), lithiated, removed
