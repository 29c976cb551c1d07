"""Fetch the lithium insertion electrodes of the current Materials Project as a raw table.

    export MP_API_KEY=...                     your own: https://next-gen.materialsproject.org/api
    python data/materials_project.py                                   writes data/mp_raw.csv
    python data/features.py data/mp_raw.csv --out mp_feat.json         what the lab reads

The columns are those of Batteries_raw.csv; what the database does not say stays empty.
"""

import argparse
import contextlib
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

from voltage_lab import messages, settings
from voltage_lab.messages import LabError

OUT = Path(__file__).with_name("mp_raw.csv")
KEYS = "https://next-gen.materialsproject.org/api"  # page on which a key is made and shown
FIELDS = ["average_voltage", "electrode_object", "material_ids"]  # of a document, all needed
PAGE = 100  # electrodes per request; for more, the server may take longer than the client waits
SECONDS_TO_ANSWER = 15  # of the server; the client alone would wait for minutes


def read_key():
    """Return the key from the environment; no message shows it, not even a wrong one."""
    key = os.environ.get("MP_API_KEY", "").strip()
    if not key:
        raise LabError(f"no key; make one at {KEYS}, then: export MP_API_KEY=...")
    if not re.fullmatch("[A-Za-z0-9]{32}", key):
        raise LabError(f"MP_API_KEY is not a key of 32 letters and digits; yours is at {KEYS}")
    return key


def check_writable(out):
    """Raise LabError if a file cannot be written, before minutes are spent on its rows."""
    with messages.explain_os_error(f"--out {out}"):
        tempfile.TemporaryFile(dir=out.parent).close()
    if out.is_dir():
        raise LabError(f"--out {out} is a folder; name a file in it")


def explain_failure(error, server):
    """Return one line on what went wrong between the client and the server."""
    status = re.search(r"(?:status code|too many) (\d+)", str(error))
    if status and status[1] in ("401", "403"):
        return f"the Materials Project refuses the key in MP_API_KEY; yours is at {KEYS}"
    if status:
        return f"the Materials Project answers with status {status[1]}; try again later"
    return f"no answer from {server}; check the network, or try again later"


def fetch_documents(key):
    """Fetch all lithium insertion electrodes.

    Parameters
    ----------
    key : str
        Of the Materials Project.

    Returns
    -------
    list
        The client's documents, with their `FIELDS`.

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
        with MPRester(key, mute_progress_bars=not sys.stderr.isatty()) as database:
            return database.materials.insertion_electrodes.search(
                working_ion="Li", fields=FIELDS, chunk_size=PAGE
            )
    except (requests.RequestException, MPRestError) as error:
        raise LabError(explain_failure(error, server)) from None
    except (AttributeError, LookupError, TypeError, ValueError) as error:  # the client's parser
        raise LabError(unexpected(" ".join(str(error).split())[:80])) from None


def unexpected(cause):
    """Return the line for an answer that the client cannot read."""
    return (
        f"the Materials Project's answer is not what mp-api expects: {cause}; "
        "a newer mp-api may help"
    )


def make_row(document):
    """Return the raw table's row of an electrode, from its most and its least charged state.

    Their cells may differ in size: the host is taken as often as the lithiated cell has it.
    """
    electrode = document.electrode_object
    charged, discharged = electrode.fully_charged_entry, electrode.fully_discharged_entry
    host, lithiated = charged.composition, discharged.composition
    times = (lithiated.num_atoms - lithiated["Li"]) / (host.num_atoms - host["Li"])
    row = {
        "id": f"{min(document.material_ids)}_Li",
        "host": host.reduced_formula,
        "lithiated": lithiated.reduced_formula,
        "cell": lithiated.formula.replace(" ", ""),
        "x": round(lithiated["Li"] - times * host["Li"], 6),
        "energy_lithiated": discharged.energy,
        "energy_host": times * charged.energy,
        "energy_li": electrode.working_ion_entry.energy_per_atom,
    }
    if structure := getattr(discharged, "structure", None):
        row["volume_lithiated"] = structure.volume
        with contextlib.suppress(ValueError):  # spglib finds no symmetry
            row["space_group"] = structure.get_space_group_info(cells.SYMPREC)[0]
    if structure := getattr(charged, "structure", None):
        row["volume_host"] = times * structure.volume
    return raw_table.round_row(row)


def collect_rows(key):
    """Fetch the electrodes and turn those with all `FIELDS` into rows.

    Returns
    -------
    rows : list of dict
        With the columns of `raw_table.COLUMNS`.
    voltages : list of float
        The database's own average voltages (V).
    total : int
        How many electrodes the database has.
    """
    documents = fetch_documents(key)
    complete = [
        document
        for document in documents
        if all(getattr(document, name, None) is not None for name in FIELDS)
    ]
    if not complete:
        raise LabError(unexpected(f"no electrode has all of {', '.join(FIELDS)}"))
    rows = [make_row(document) for document in complete]
    return rows, [document.average_voltage for document in complete], len(documents)


def main(arguments=None):
    """Fetch the electrodes, write the table in one step, say how its voltages agree."""
    parser = settings.Parser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=OUT, help="CSV file to write")
    out = parser.parse_args(arguments).out
    check_writable(out)
    key = read_key()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the client's advice
            rows, voltages, total = collect_rows(key)
    except KeyboardInterrupt:
        raise LabError("stopped; nothing is written") from None
    raw_table.write_rows(rows, out)
    difference = (rules.voltage(pd.DataFrame(rows)) - voltages).abs().max()
    print(
        f"{out.name}: {len(rows)} of {total} electrodes, "
        f"their voltages within {difference:.3f} V of the database's own"
    )


if __name__ == "__main__":
    messages.report_errors()
    main()
