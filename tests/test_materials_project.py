"""Electrodes of the current Materials Project: the real client and a server of our own."""

import importlib.util
import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import features
import materials_project
import pandas as pd
import pytest
from conftest import ROOT, assert_one_line, call, run

import supplement

SCRIPT = ROOT / "data" / "materials_project.py"
KEY = "abcdefghij0123456789ABCDEFGHIJkl"  # has the form of a key and opens nothing
COPIES = 120  # of one electrode: more than a request brings
needs_client = pytest.mark.skipif(
    not importlib.util.find_spec("mp_api"), reason="only who has a key installs mp-api"
)


def entry(cell, energy, name, correction=0.0):
    """Make the entry of a cell as the database has it; both energies in eV per cell."""
    from pymatgen.entries.computed_entries import ComputedStructureEntry

    return ComputedStructureEntry(
        cell,
        energy,
        correction,
        entry_id=f"{name}-GGA+U",
        data={"material_id": name, "volume": cell.volume},
    )


def document(*entries):
    """Make an electrode's document as the database builds it, in the form of its answers."""
    from emmet.core.electrode import InsertionElectrodeDoc
    from emmet.core.utils import jsanitize
    from pymatgen.entries.computed_entries import ComputedEntry

    lithium = ComputedEntry("Li2", -3.8, data={"material_id": "mp-135"})  # -1.9 eV per atom
    made = InsertionElectrodeDoc.from_entries(entries, lithium).model_dump()
    return jsanitize(made) | {"material_ids": [each.data["material_id"] for each in entries]}


@pytest.fixture(scope="session")
def documents():
    """Make an electrode in two steps of cells of three sizes, and many that keep some Li."""
    from pymatgen.core import Lattice, Structure

    full = Structure.from_spacegroup(
        "R-3m",
        Lattice.hexagonal(2.8, 14.1),
        ["Li", "Co", "O"],
        [[0, 0, 0.5], [0, 0, 0], [0, 0, 0.24]],
    )  # Li3Co3O6
    empty = full.copy().remove_species(["Li"]).get_primitive_structure()  # CoO2
    half = full.get_primitive_structure() * (2, 1, 1)  # Li2Co2O4
    half.remove_sites([next(i for i, site in enumerate(half) if site.specie.symbol == "Li")])
    steps = document(
        entry(full, -70.0, "mp-22526", -2.0),
        entry(half, -41.8, "mp-9"),
        entry(empty, -17.0, "mvc-5", -0.5),
    )
    manganese = [cell.copy() for cell in (full, half)]
    for cell in manganese:
        cell.replace_species({"Co": "Mn"})
    kept = document(entry(manganese[0], -73.8, "mp-40"), entry(manganese[1], -45.2, "mp-41"))
    return [steps] + [kept | {"material_ids": [f"mp-{1000 + i}"]} for i in range(COPIES)]


class Answers(BaseHTTPRequestHandler):
    """Answer as the API does: its heartbeat to anybody, electrodes to who has the key."""

    def do_HEAD(self):
        self.answer(200, {})

    def do_GET(self):
        address = urlsplit(self.path)
        if address.path == "/heartbeat":
            versions = {"version": "0.87.3", "db_version": "2026.9.1"}
            self.answer(200, {"status": "OK", "access_controlled_batch_ids": []} | versions)
            return
        self.server.asked.append((self.path, self.headers["X-API-KEY"]))
        if self.server.status == 200:
            assert address.path == "/materials/insertion_electrodes/"
            self.answer(200, self.find(parse_qs(address.query)))
        else:
            message = f"no {self.headers['X-API-KEY']} here"
            self.answer(self.server.status, {"message": message})

    def find(self, query):
        """Return a page of the documents, with the fields that are asked for."""
        query = {name: values[0] for name, values in query.items()}
        assert query["working_ion"] == "Li"
        documents, fields = self.server.documents, query["_fields"].split(",")
        first = int(query.get("_skip", 0))
        page = documents[first : first + int(query["_limit"])]
        data = [{name: doc[name] for name in fields if name in doc} for doc in page]
        return {"data": data, "meta": {"total_doc": len(documents)}}

    def answer(self, status, body):
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    """Start the server; `asked` will hold the requests for electrodes and their keys."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        server.documents, server.status, server.asked = [], 200, []
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a folder with the table of an earlier run, in which the client finds its home."""
    (tmp_path / "mp.csv").write_text("earlier\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("MP_API_KEY", KEY)
    return tmp_path


def address(server):
    """Return the address of a server, or one at which nobody listens."""
    return f"http://127.0.0.1:{server.server_port if server else 9}/"


def fetch(folder, server=None):
    """Call the script in `folder`; whatever happens, the key is not shown afterwards."""
    if importlib.util.find_spec("mp_api"):
        from mp_api.client import core

        core.MAPI_CLIENT_SETTINGS.ENDPOINT = address(server)
        core.MAPI_CLIENT_SETTINGS.LOG_FILE = folder / "log.yaml"
    done = call(materials_project.main, "--out", "mp.csv", folder=folder)
    assert_key_is_hidden(done, folder)
    return done


def assert_key_is_hidden(done, folder):
    """Assert that neither the output nor any file of a folder has the key."""
    key = os.environ["MP_API_KEY"]
    files = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    texts = [done.stdout, done.stderr, *(content.decode(errors="replace") for content in files)]
    assert not key or not any(key in text for text in texts)


def assert_failed(done, folder, said):
    """Assert that there is one line, and that the earlier table is all there is."""
    assert_one_line(done, said)
    assert done.stdout == ""
    assert done.stderr.startswith("materials_project.py: ")
    assert (folder / "mp.csv").read_text() == "earlier\n"
    assert not list(folder.glob("*.part"))


@needs_client
def test_electrodes_become_a_raw_table_that_the_lab_can_use(server, documents, folder):
    server.documents = documents
    assert documents[0]["num_steps"] == 2
    done = run(folder, SCRIPT, "--out", "mp.csv", MP_API_ENDPOINT=address(server))
    assert_key_is_hidden(done, folder)
    assert (done.returncode, done.stderr) == (0, "")
    said = "mp.csv: 121 of 121 electrodes, their voltages within 0.000 V of the database's own\n"
    assert done.stdout == said
    assert len(server.asked) == 2
    assert {key for _, key in server.asked} == {KEY}
    raw = pd.read_csv(folder / "mp.csv", index_col="id")
    assert list(raw) == list(pd.read_csv(ROOT / "data" / "Batteries_raw.csv", index_col="id"))
    steps, kept = raw.loc["mp-9_Li"], raw.loc["mp-1000_Li"]
    assert (steps["host"], steps["cell"], steps["x"]) == ("CoO2", "Li3Co3O6", 3)
    assert (kept["host"], kept["cell"], kept["x"]) == ("LiMn2O4", "Li3Mn3O6", 1.5)
    assert steps["space_group"] == "R-3m"
    assert steps["volume_host"] == steps["volume_lithiated"]
    assert raw[["converged", "force_host", "steps_host", "bonds_kept"]].isna().all(axis=None)

    made = call(features.main, "mp.csv", "--out", "feat.json", folder=folder)
    assert (made.returncode, made.stderr) == (0, "")
    X, y = supplement.load_data(folder / "feat.json")
    assert len(X) == 121
    # By hand: -(-72 - 3 * -17.5 - 3 * -1.9) / 3 and -(-73.8 - 1.5 * -45.2 - 1.5 * -1.9) / 1.5
    assert y["CoO2"] == pytest.approx(4.6)
    assert y["LiMn2O4"].tolist() == pytest.approx([2.1] * COPIES)


@needs_client
def test_an_incomplete_electrode_is_left_out(server, documents, folder):
    server.documents = [documents[1], documents[2] | {"electrode_object": None}]
    done = fetch(folder, server)
    assert done.returncode == 0
    assert "1 of 2 electrodes" in done.stdout
    assert len(pd.read_csv(folder / "mp.csv")) == 1


@needs_client
@pytest.mark.parametrize("status", [401, 403, 502])
def test_a_server_that_refuses_gets_one_line(server, folder, status):
    server.status = status
    assert_failed(
        fetch(folder, server), folder, "status 502" if status == 502 else "refuses the key"
    )
    assert server.asked[0][1] == KEY


@needs_client
@pytest.mark.parametrize("lack", ["electrode_object", "stable_entries", "all"])
def test_an_answer_without_the_fields_gets_one_line(server, documents, folder, lack):
    short = json.loads(json.dumps(documents[0]))
    (short["electrode_object"] if lack == "stable_entries" else short).pop(lack, None)
    server.documents = [] if lack == "all" else [short]
    assert_failed(fetch(folder, server), folder, "answer is not what mp-api expects")


@needs_client
def test_without_a_server_there_is_one_line(folder):
    assert_failed(fetch(folder), folder, "no answer from http://127.0.0.1:")


def test_without_the_client_the_line_says_what_to_install(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "mp_api", None)
    monkeypatch.setitem(sys.modules, "mp_api.client", None)
    done = call(materials_project.main, "--out", "mp.csv", folder=folder)
    assert_failed(done, folder, "needs mp-api: pip install -r data/requirements.txt")


@pytest.mark.parametrize("key", ["", "half-a-key"])
def test_no_key_or_half_a_key_gets_one_line(folder, monkeypatch, key):
    monkeypatch.setenv("MP_API_KEY", key)
    said = "is not a key of 32 letters and digits" if key else "no key; make one at https://"
    assert_failed(fetch(folder), folder, said)


def test_without_a_key_a_process_ends_in_one_line(folder):
    done = run(folder, SCRIPT, "--out", "mp.csv", MP_API_KEY="")
    assert_failed(done, folder, "no key; make one at https://")


def test_ctrl_c_leaves_the_earlier_table(folder, monkeypatch):
    def interrupt(key):
        raise KeyboardInterrupt

    monkeypatch.setattr(materials_project, "fetch_documents", interrupt)
    assert_failed(fetch(folder), folder, "stopped; nothing is written")


@pytest.mark.parametrize("out", ["nowhere/mp.csv", "mp.csv/mp.csv", "."])
def test_a_file_that_cannot_be_written_gets_one_line(folder, out):
    done = call(materials_project.main, "--out", out, folder=folder)
    assert_failed(done, folder, f"--out {out}")
