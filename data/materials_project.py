"""Fetch the insertion electrodes of the current Materials Project as a raw table.

    export MP_API_KEY=...                     your own: https://next-gen.materialsproject.org/api
    python data/materials_project.py                                   writes data/mp_raw.csv
    python data/features.py data/mp_raw.csv --out mp_feat.json         what the lab reads
    python data/materials_project.py --ion Na                          writes data/mp_raw_Na.csv

On Windows, the first line is: set MP_API_KEY=... in the Command Prompt, and in PowerShell:
$env:MP_API_KEY="..."

The columns are those of Batteries_raw.csv; what the database does not say stays empty.
"""

import argparse
import contextlib
import math
import os
import re
import sys
import tempfile
import warnings
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import cells
import raw_table
import rules

from voltage_lab import ions, messages, settings
from voltage_lab.messages import LabError

OUT = Path(__file__).with_name("mp_raw.csv")  # of lithium; mp_raw_Na.csv and so on of other ions
KEYS = "https://next-gen.materialsproject.org/api"  # page on which a key is made and shown
OTHER_NAMES = ("PMG_MAPI_KEY", "MAPI_KEY", "MP_KEY", "MATERIALS_PROJECT_API_KEY")  # of variables
PYMATGEN_FILES = (".config/.pmgrc.yaml", ".pmgrc.yaml")  # in the home folder; they may hold a key
FIELDS = ["average_voltage", "electrode_object", "material_ids"]  # of a document, all needed
BROKEN = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)  # in one document
PAGE = 100  # electrodes per request; for more, the server may take longer than the client waits
SECONDS_TO_ANSWER = 15  # of the server; the client alone would wait for minutes


def set_command(system):
    """Return the command that sets the key on a system, which is named as in `os.name`."""
    if system == "nt":
        return 'set MP_API_KEY=... (in PowerShell: $env:MP_API_KEY="...")'
    return "export MP_API_KEY=..."


def find_other_key():
    """Return where else a key seems to be, such as "MAPI_KEY is set"; an empty text if nowhere."""
    for name in OTHER_NAMES:
        if os.environ.get(name, "").strip():
            return f"{name} is set"
    for name in PYMATGEN_FILES:
        with contextlib.suppress(OSError, UnicodeDecodeError):
            text = (Path.home() / name).read_text(encoding="utf-8")
            if line := re.search(r"^(PMG_)?MAPI_KEY\s*:\s*\S", text, re.M):
                return f"{line[0].partition(':')[0].strip()} is in ~/{name}"
    return ""


def read_key():
    """Return the key from the environment; no message shows it, not even a wrong one."""
    key = os.environ.get("MP_API_KEY", "").strip()
    if not key:
        command = set_command(os.name)
        if other := find_other_key():
            hint = f"but {other}; if that key is one of {KEYS}, then"
            raise LabError(f"no key in MP_API_KEY, {hint}: {command}")
        raise LabError(f"no key; make one at {KEYS}, then: {command}")
    if not re.fullmatch("[A-Za-z0-9]{32}", key):
        raise LabError(f"MP_API_KEY is not a key of 32 letters and digits; yours is at {KEYS}")
    return key


def check_writable(out):
    """Raise LabError if a file cannot be written, before minutes are spent on its rows."""
    with messages.explain_os_error(f"--out {out}"):
        tempfile.TemporaryFile(dir=out.parent).close()
    if out.is_dir():
        raise LabError(f"--out {out} is a folder; name a file in it")


def explain_failure(error, server, ion):
    """Return one line on what went wrong between the client and the server."""
    if re.search("status code 422|does not support the request", str(error)):  # the latter: 400
        return (
            f"the Materials Project refuses the request for electrodes of {ion}; "
            "it may not know this working ion, or a newer mp-api may help"
        )
    status = re.search(r"(?:status code|too many) (\d+)", str(error))
    if status and status[1] in ("401", "403"):
        return f"the Materials Project refuses the key in MP_API_KEY; yours is at {KEYS}"
    if status:
        return f"the Materials Project answers with status {status[1]}; try again later"
    return f"no answer from {server}; check the network, or try again later"


def fetch_documents(key, ion):
    """Fetch all insertion electrodes of a working ion.

    The client would read a whole page of documents by the fields of its first one, and would fail
    with any of them. So it is asked for the documents as they were sent.

    Parameters
    ----------
    key : str
        Of the Materials Project.
    ion : str
        Symbol of the working ion.

    Returns
    -------
    list of dict
        The documents with their `FIELDS`, unread.

    Raises
    ------
    LabError
        If the client is not installed, the server does not answer, or answers something else.
    """
    try:
        import requests
        from mp_api.client import MPRester
        from mp_api.client.core import MAPI_CLIENT_SETTINGS, MPRestError
    except ImportError:
        raise LabError("needs mp-api: pip install -r data/requirements.txt") from None
    server = MAPI_CLIENT_SETTINGS.ENDPOINT
    try:
        requests.head(server, timeout=SECONDS_TO_ANSWER)
        quiet = not sys.stderr.isatty()
        with MPRester(key, mute_progress_bars=quiet, use_document_model=False) as database:
            return database.materials.insertion_electrodes.search(
                working_ion=ion, fields=FIELDS, chunk_size=PAGE
            )
    except (requests.RequestException, MPRestError) as error:
        raise LabError(explain_failure(error, server, ion)) from None
    except (AttributeError, LookupError, TypeError, ValueError) as error:  # the client's parser
        raise LabError(unexpected(" ".join(str(error).split())[:80])) from None


def unexpected(cause):
    """Return the line for an answer that the client cannot read."""
    return (
        f"the Materials Project's answer is not what mp-api expects: {cause}; "
        "a newer mp-api may help"
    )


def read_document(document, ion):
    """Read what a row needs from a document of the database.

    Parameters
    ----------
    document : dict
        From `fetch_documents`.
    ion : str
        Symbol of the working ion.

    Returns
    -------
    dict
        id; voltage, the database's own (V); energy_ion (eV per atom); host and lithiated, the
        electrode's most and least charged state: dict from `read_state`.

    Raises
    ------
    ArithmeticError, AttributeError, LookupError, TypeError, ValueError
        If the document is incomplete, or no electrode of this ion.
    """
    from emmet.core.electrode import InsertionElectrodeDoc

    read = InsertionElectrodeDoc.model_validate({name: document[name] for name in FIELDS})
    electrode = read.electrode_object
    metal = electrode.working_ion_entry
    host = read_state(electrode.fully_charged_entry, ion)
    lithiated = read_state(electrode.fully_discharged_entry, ion)
    if metal.composition.chemical_system != ion:
        raise ValueError(f"the metal of {ion} is {metal.composition}")
    if host["framework"].reduced_formula != lithiated["framework"].reduced_formula:
        raise ValueError("the two states have different frameworks")
    if not math.isfinite(read.average_voltage + metal.energy_per_atom):
        raise ValueError("a number is missing")
    return {
        "id": f"{min(read.material_ids)}_{ion}",
        "voltage": read.average_voltage,
        "energy_ion": metal.energy_per_atom,
        "host": host,
        "lithiated": lithiated,
    }


def read_state(entry, ion):
    """Read one state of an electrode, with or without its working ions.

    Returns
    -------
    dict
        cell and framework, which is the cell without the ion (pymatgen.core.Composition); ions in
        the cell; energy (eV per cell); structure (pymatgen.core.Structure or None).
    """
    cell, energy = entry.composition, entry.energy
    framework = cell - {ion: cell[ion]}
    if not framework.num_atoms or not math.isfinite(energy):
        raise ValueError("no atoms but those of the ion, or no energy")
    state = {"cell": cell, "framework": framework, "ions": cell[ion], "energy": energy}
    return state | {"structure": getattr(entry, "structure", None)}


def make_row(known, ion):
    """Return the raw table's row of an electrode, from its most and its least charged state.

    Their cells may differ in size: the host is taken as often as the lithiated cell has it.

    Parameters
    ----------
    known : dict
        From `read_document`.
    ion : str
        Symbol of the working ion.
    """
    host, lithiated = known["host"], known["lithiated"]
    times = lithiated["framework"].num_atoms / host["framework"].num_atoms
    row = {
        "id": known["id"],
        "host": host["cell"].reduced_formula,
        "lithiated": lithiated["cell"].reduced_formula,
        "cell": lithiated["cell"].formula.replace(" ", ""),
        "working_ion": ion,
        "x": round(lithiated["ions"] - times * host["ions"], 6),
        "energy_lithiated": lithiated["energy"],
        "energy_host": times * host["energy"],
        "energy_li": known["energy_ion"],
    }
    if structure := lithiated["structure"]:
        row["volume_lithiated"] = structure.volume
        with contextlib.suppress(ValueError):  # spglib finds no symmetry
            row["space_group"] = structure.get_space_group_info(cells.SYMPREC)[0]
    if structure := host["structure"]:
        row["volume_host"] = times * structure.volume
    return raw_table.round_row(row)


def collect_rows(documents, ion):
    """Turn the documents that are complete into rows.

    Parameters
    ----------
    documents : list of dict
        From `fetch_documents`.
    ion : str
        Symbol of the working ion.

    Returns
    -------
    rows : list of dict
        With the columns of `raw_table.COLUMNS`.
    voltages : list of float
        The database's own average voltages (V).

    Raises
    ------
    LabError
        If there is no document, or none that is complete.
    """
    if not documents:
        raise LabError(f"the Materials Project has no insertion electrodes of {ion}")
    rows, voltages = [], []
    for document in documents:
        try:
            known = read_document(document, ion)
        except BROKEN:
            continue  # counted in the last line
        row = make_row(known, ion)
        if row["x"] > 0:
            rows.append(row)
            voltages.append(known["voltage"])
    if not rows:
        raise LabError(unexpected(f"none of {len(documents):,} documents is complete"))
    return rows, voltages


def describe_rows(rows, voltages, total, ion):
    """Return how many documents became rows, and how their voltages agree with the database's."""
    difference = (rules.voltage(pd.DataFrame(rows)) - voltages).abs().max()
    line = (
        f"{len(rows):,} of {total:,} electrodes of {ion}, "
        f"their voltages within {difference:.3f} V of the database's own"
    )
    if omitted := total - len(rows):
        documents = "1 document is" if omitted == 1 else f"{omitted:,} documents are"
        line += f"; {documents} incomplete or contradictory and left out"
    return line


def main(arguments=None):
    """Fetch the electrodes, write the table in one step, say how its voltages agree."""
    parser = settings.Parser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--ion", default="Li", choices=ions.CHARGES, help="working ion (default: %(default)s)"
    )
    parser.add_argument("--out", type=Path, help="CSV file to write")
    options = parser.parse_args(arguments)
    ion = options.ion
    out = options.out or (OUT if ion == "Li" else OUT.with_stem(f"{OUT.stem}_{ion}"))
    check_writable(out)
    key = read_key()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the client's advice
            documents = fetch_documents(key, ion)
            rows, voltages = collect_rows(documents, ion)
    except KeyboardInterrupt:
        raise LabError("stopped; nothing is written") from None
    raw_table.write_rows(rows, out)
    print(f"{out.name}: {describe_rows(rows, voltages, len(documents), ion)}")


if __name__ == "__main__":
    messages.report_errors()
    main()
