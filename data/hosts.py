"""The table of host prototypes, turned into pairs of cells: lithiated, and with Li extracted.

The script that imports this module has the project's root in its search path.
"""

import itertools
import tomllib
import warnings
from pathlib import Path

from voltage_lab.messages import LabError, explain_os_error

TABLE = Path(__file__).with_name("prototypes.toml")  # one section for each prototype
SYMPREC = 0.01  # angstrom; tolerance of the atoms' symmetry in that table
PROTOTYPE_KEYS = {  # all that a prototype's section must hold, and all that it may hold
    "compound",
    "lattice",
    "lithium",
    "number",
    "sites",
    "source",
    "space_group",
    "substitute",
}
CATION_ROLES = ("Li", "Kept", "M", "T")  # roles that begin so are cations, all others anions
NOT_ROLES = {"pairs", "ratio", "cell", "lithium"}  # other keys of a row of `substitute`


def load_prototypes(path=TABLE):
    """Read the table of prototypes.

    Parameters
    ----------
    path : str or Path, optional
        A TOML file; the first lines of ``prototypes.toml`` describe it.

    Returns
    -------
    dict
        Name of the prototype to its section (a dict), in the order of the file.

    Raises
    ------
    LabError
        If the file cannot be read, or if a prototype lacks a key or has an unknown one.
    """
    with explain_os_error(path), open(path, "rb") as file:
        try:
            table = tomllib.load(file)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise LabError(f"{path} is not a TOML file: {error}") from None
    for name, prototype in table.items():
        if wrong := PROTOTYPE_KEYS ^ set(prototype):
            raise LabError(f"{path}: [{name}]: missing or unknown: {', '.join(sorted(wrong))}")
    return table


def build_cell(prototype):
    """Build the primitive cell of a prototype.

    Parameters
    ----------
    prototype : dict
        One of `load_prototypes`.

    Returns
    -------
    pymatgen.core.Structure
        With a site property "role"; every exchangeable site holds Li.
    """
    from pymatgen.core import Lattice, Structure

    roles, species, coords = zip(*prototype["sites"], strict=True)
    species = ["Li" if role == "Li" else name for role, name in zip(roles, species, strict=True)]
    with warnings.catch_warnings():  # pymatgen warns of every abbreviated symbol
        warnings.filterwarnings("ignore", "Full symbol not available")
        cell = Structure.from_spacegroup(
            prototype["space_group"],
            Lattice.from_parameters(*prototype["lattice"]),
            species,
            coords,
            site_properties={"role": list(roles)},
            tol=SYMPREC,
        )
    primitive = cell.get_primitive_structure(tolerance=SYMPREC, use_site_props=True)
    return primitive.get_sorted_structure(key=lambda site: roles.index(site.properties["role"]))


def occupations(row):
    """Return all occupations that a row of `substitute` asks for.

    Parameters
    ----------
    row : dict
        Role to elements (a text such as "Fe Mn"); or ``pairs`` and ``ratio`` for role M.

    Returns
    -------
    list of dict
        Role to its elements and their ratio, such as {"M": [("Fe", 1), ("Mn", 3)]}.
    """
    choices = {
        role: [[(element, 1)] for element in row[role].split()]
        for role in row
        if role not in NOT_ROLES
    }
    if "pairs" in row:
        metals, ratio = row["pairs"].split(), row["ratio"]
        symmetric = ratio[0] == ratio[1] or len(metals) == 2
        select = itertools.combinations if symmetric else itertools.permutations
        choices["M"] = [list(zip(two, ratio, strict=True)) for two in select(metals, 2)]
    products = itertools.product(*choices.values())
    return [dict(zip(choices, elements, strict=True)) for elements in products]


def list_tasks(table):
    """List all pairs that a table of prototypes asks for.

    Parameters
    ----------
    table : dict
        From `load_prototypes`.

    Returns
    -------
    list of dict
        For each pair: prototype (name), elements (one of `occupations`), cell (repeats along the
        axes), lithium (fraction of the exchangeable sites with Li: lithiated, delithiated).
    """
    return [
        {
            "prototype": name,
            "elements": elements,
            "cell": row.get("cell", [1, 1, 1]),
            "lithium": fractions,
        }
        for name, prototype in table.items()
        for row in prototype["substitute"]
        for elements in occupations(row)
        for fractions in row.get("lithium", prototype["lithium"])
    ]


def distant_sites(cell, sites, count):
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

    Raises
    ------
    LabError
        If `count` is not a whole number.
    """
    if abs(count - round(count)) > 1e-3:
        raise LabError(f"{count:.2f} of {len(sites)} sites is not a whole number")
    distance = cell.distance_matrix.round(2)  # angstrom; rounded, so that equal distances tie
    chosen = []

    def remoteness(site):
        """Distance to the nearest chosen site; if equal, their sum, then the order of sites."""
        distances = [distance[site, other] for other in chosen]
        return min(distances, default=0), sum(distances), -site

    while len(chosen) < round(count):
        chosen.append(max((site for site in sites if site not in chosen), key=remoteness))
    return chosen


def anion_flags(cell):
    """Return for each site of a cell whether its role is that of an anion: list of bool."""
    return [not site.properties["role"].startswith(CATION_ROLES) for site in cell]


def mean_radius(element, anion):
    """Return the mean radius of an element's ions (angstrom); the atom's, if none is known.

    Parameters
    ----------
    element : pymatgen.core.Element
    anion : bool
        Whether the ions are its anions or its cations.
    """
    radii = [size for charge, size in element.ionic_radii.items() if (charge < 0) == anion]
    return sum(radii) / len(radii) if radii else element.atomic_radius


def bond_length(cell):
    """Return the mean radius of a cell's cations other than Li plus that of its anions."""
    radii = {True: [], False: []}
    for site, anion in zip(cell, anion_flags(cell), strict=True):
        if site.properties["role"] != "Li":
            radii[anion].append(mean_radius(site.specie, anion))
    return sum(sum(group) / len(group) for group in radii.values())


def substitute_elements(cell, elements):
    """Put elements on the sites of each role, in place, and scale the lattice to them.

    The lattice grows with `bond_length`, so that the relaxation starts near its end.

    Parameters
    ----------
    cell : pymatgen.core.Structure
    elements : dict
        One of `occupations`.
    """
    before = bond_length(cell)
    for role, ratios in elements.items():
        sites = [i for i, site in enumerate(cell) if site.properties["role"] == role]
        unit = len(sites) / sum(ratio for _, ratio in ratios)
        for element, ratio in ratios:
            last = element == ratios[-1][0]
            for site in sites if last else distant_sites(cell, sites, unit * ratio):
                cell.replace(site, element, properties={"role": role})
                sites = [other for other in sites if other != site]
    cell.scale_lattice(cell.volume * (bond_length(cell) / before) ** 3)


def make_pair(base, task):
    """Make the lithiated cell of a task and say which Li is extracted from it.

    Parameters
    ----------
    base : pymatgen.core.Structure
        The prototype's cell from `build_cell`.
    task : dict
        One of `list_tasks`.

    Returns
    -------
    lithiated : pymatgen.core.Structure
    extracted : list of int
        Its Li sites that the delithiated host lacks.
    """
    cell = base * task["cell"]
    substitute_elements(cell, task["elements"])
    lithium = [i for i, site in enumerate(cell) if site.properties["role"] == "Li"]
    counts = [len(lithium) * fraction for fraction in task["lithium"]]
    filled = distant_sites(cell, lithium, counts[0])
    kept = distant_sites(cell, filled, counts[1])
    vacant = [site for site in lithium if site not in filled]
    # Without the vacant sites, those behind them move up.
    extracted = [site - sum(v < site for v in vacant) for site in filled if site not in kept]
    cell.remove_sites(vacant)
    return cell, sorted(extracted)


def describe_pair(task, lithiated, extracted):
    """Return the name and the formulas of a pair.

    Returns
    -------
    dict
        id (such as `olivine-LiFePO4`, or `layered-LiCoO2-to-Li(CoO2)2` if the delithiated host
        keeps some Li), prototype, host and lithiated (reduced formulas), cell (formula of the
        whole lithiated cell), working_ion (Li), x (Li atoms extracted from that cell).
    """
    lithiated = lithiated.composition
    host = lithiated - {"Li": len(extracted)}
    name = f"{task['prototype']}-{lithiated.reduced_formula}"
    if task["lithium"][1] > 0:
        name += f"-to-{host.reduced_formula}"
    return {
        "id": name,
        "prototype": task["prototype"],
        "host": host.reduced_formula,
        "lithiated": lithiated.reduced_formula,
        "cell": lithiated.formula.replace(" ", ""),
        "working_ion": "Li",
        "x": len(extracted),
    }


def make_pairs(table):
    """Make every pair of cells that a table of prototypes asks for.

    Parameters
    ----------
    table : dict
        From `load_prototypes`, or a part of it.

    Yields
    ------
    row : dict
        From `describe_pair`.
    lithiated : pymatgen.core.Structure
    extracted : list of int
        Its Li sites that the delithiated host lacks.
    """
    bases = {name: build_cell(prototype) for name, prototype in table.items()}
    for task in list_tasks(table):
        lithiated, extracted = make_pair(bases[task["prototype"]], task)
        yield describe_pair(task, lithiated, extracted), lithiated, extracted
