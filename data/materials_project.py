"""Fetch the lithium insertion electrodes of today's Materials Project as a raw table.

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
import relax
import rules

OUT = Path(__file__).with_name("mp_raw.csv")
KEYS = "https://next-gen.materialsproject.org/api"  # where a key is made, and found again
FIELDS = ["average_voltage", "electrode_object", "material_ids"]  # of a document, all needed
PAGE = 100  # electrodes in a request; for more, the server may need longer than the client waits
WAIT = 15   # s for the server's first sign of life; the client alone would wait for minutes


def read_key():
    """Return the key from the environment; it is shown nowhere, not even a wrong one."""
    key = os.environ.get("MP_API_KEY", "").strip()
    if not key:
        raise ValueError(f"no key; make one at {KEYS}, then: export MP_API_KEY=...")
    if not re.fullmatch("[A-Za-z0-9]{32}", key):
        raise ValueError(f"MP_API_KEY is not a key of 32 letters and digits; yours is at {KEYS}")
    return key


def check_folder(out):
    """Refuse a file that cannot be written before minutes are spent on its rows."""
    try:
        tempfile.TemporaryFile(dir=out.parent).close()
    except OSError as error:
        raise ValueError(f"--out {out}: {error.strerror}") from None
    if out.is_dir():
        raise ValueError(f"--out {out} is a folder; name a file in it")


def explain(error, server):
    """Say in one line what went wrong between the client and the server."""
    status = re.search(r"(?:status code|too many) (\d+)", str(error))
    if status and status[1] in ("401", "403"):
        return f"the Materials Project refuses the key in MP_API_KEY; yours is at {KEYS}"
    if status:
        return f"the Materials Project answers with status {status[1]}; try again later"
    return f"no answer from {server}; check the network, or try again later"


def fetch(key):
    """Return the client's documents of all lithium insertion electrodes, with their `FIELDS`."""
    try:
        import requests
        from mp_api.client import MPRester
        from mp_api.client.core import MAPI_CLIENT_SETTINGS, MPRestError
    except ImportError:
        raise ImportError("needs mp-api: pip install -r data/requirements.txt") from None
    server = MAPI_CLIENT_SETTINGS.ENDPOINT
    try:
        requests.head(server, timeout=WAIT)
        with MPRester(key, mute_progress_bars=not sys.stderr.isatty()) as database:
            return database.materials.insertion_electrodes.search(
                working_ion="Li", fields=FIELDS, chunk_size=PAGE)
    except (requests.RequestException, MPRestError) as error:
        raise ConnectionError(explain(error, server)) from None


def electrode(document):
    """Return the raw table's row of an electrode, from its most and its least charged state.

    Their cells need not be of one size: the host is taken as often as the lithiated cell has it.
    """
    path = document.electrode_object
    charged, lithiated = path.fully_charged_entry, path.fully_discharged_entry
    host, cell = charged.composition, lithiated.composition
    times = (cell.num_atoms - cell["Li"]) / (host.num_atoms - host["Li"])
    row = {
        "id": f"{min(document.material_ids)}_Li", "host": host.reduced_formula,
        "lithiated": cell.reduced_formula, "cell": cell.formula.replace(" ", ""),
        "x": round(cell["Li"] - times * host["Li"], 6),
        "energy_lithiated": lithiated.energy, "energy_host": times * charged.energy,
        "energy_li": path.working_ion_entry.energy_per_atom,
    }
    with contextlib.suppress(AttributeError, ValueError):  # no structure, or no symmetry found
        row["volume_lithiated"] = lithiated.structure.volume
        row["volume_host"] = times * charged.structure.volume
        row["space_group"] = lithiated.structure.get_space_group_info(relax.SYMPREC)[0]
    return {name: round(row[name], digits) if digits and name in row else row.get(name, "")
            for name, digits in relax.COLUMNS.items()}


def collect(key):
    """Return the rows, the database's own voltages of them (V) and how many electrodes it has."""
    try:
        documents = fetch(key)
        kept = [document for document in documents
                if all(getattr(document, name, None) is not None for name in FIELDS)]
        if not kept:
            raise ValueError(f"no electrode has all of {', '.join(FIELDS)}")
        rows = [electrode(document) for document in kept]
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        cause = " ".join(str(error).split())[:80]
        raise ValueError(f"the Materials Project's answer is not what mp-api expects: {cause}; "
                         "a newer mp-api may help") from None
    return rows, [document.average_voltage for document in kept], len(documents)


def main():
    """Read the options, download, write the table in one step, say how it agrees."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=OUT, help="CSV file to write")
    out = parser.parse_args().out
    warnings.simplefilter("ignore")
    try:
        check_folder(out)
        rows, voltages, total = collect(read_key())
        relax.write_rows(rows, out)
    except (ValueError, OSError, ImportError) as error:
        sys.exit(f"materials_project.py: {error}")
    except KeyboardInterrupt:
        sys.exit("materials_project.py: stopped; nothing is written")
    off = (rules.voltage(pd.DataFrame(rows)) - voltages).abs().max()
    print(f"{out.name}: {len(rows)} of {total} electrodes, "
          f"their voltages within {off:.3f} V of the database's own")


if __name__ == "__main__":
    main()
