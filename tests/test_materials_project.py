"""Electrodes of the current Materials Project: the real client and a server of our own."""

import importlib.util
import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import features
import materials_project
import pandas as pd
import pytest
import rules
from conftest import ROOT, assert_one_line, call, run

import supplement
from voltage_lab.messages import LabError

SCRIPT = ROOT / "data" / "materials_project.py"
KEY = "abcdefghij0123456789ABCDEFGHIJkl"  # has the form of a key and opens nothing
ROWS = [
    dict.fromkeys(materials_project.raw_table.COLUMNS, "")
    | {"id": "mp-1", "x": 1, "energy_lithiated": -5.0, "energy_host": 0.0, "energy_li": -2.0}
    | {"working_ion": "Li"}
]
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


def document(*entries, ion="Li"):
    """Make an electrode's document as the database builds it, in the form of its answers."""
    from emmet.core.electrode import InsertionElectrodeDoc
    from emmet.core.utils import jsanitize
    from pymatgen.entries.computed_entries import ComputedEntry

    metal = ComputedEntry(f"{ion}2", -3.8, data={"material_id": "mp-135"})  # -1.9 eV per atom
    made = InsertionElectrodeDoc.from_entries(entries, metal).model_dump()
    return jsanitize(made) | {"material_ids": [each.data["material_id"] for each in entries]}


@pytest.fixture
def documents(answer):
    """Return the documents of `answer`, which the client may change as it reads them."""
    return json.loads(answer)


@pytest.fixture(scope="session")
def answer():
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
    copies = [kept | {"material_ids": [f"mp-{1000 + i}"]} for i in range(COPIES)]
    return json.dumps([steps, *copies])


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
        self.server.ions.append(query["working_ion"])
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
        server.documents, server.status, server.asked, server.ions = [], 200, [], []
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
    for name in materials_project.OTHER_NAMES:
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def address(server):
    """Return the address of a server, or one at which nobody listens."""
    return f"http://127.0.0.1:{server.server_port if server else 9}/"


def fetch(folder, server=None, *options):
    """Call the script in `folder`; whatever happens, the key is not shown afterwards."""
    if importlib.util.find_spec("mp_api"):
        from mp_api.client import core

        core.MAPI_CLIENT_SETTINGS.ENDPOINT = address(server)
        core.MAPI_CLIENT_SETTINGS.LOG_FILE = folder / "log.yaml"
    done = call(materials_project.main, "--out", "mp.csv", *options, folder=folder)
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
    numbers = "121 of 121 electrodes of Li, their voltages within 0.000 V of the database's own"
    assert done.stdout == f"mp.csv: {numbers}\n"
    assert server.ions == ["Li", "Li"]
    assert {key for _, key in server.asked} == {KEY}
    raw = pd.read_csv(folder / "mp.csv", index_col="id")
    assert list(raw) == list(pd.read_csv(ROOT / "data" / "Batteries_raw.csv", index_col="id"))
    steps, kept = raw.loc["mp-9_Li"], raw.loc["mp-1000_Li"]
    assert (steps["host"], steps["cell"], steps["x"]) == ("CoO2", "Li3Co3O6", 3)
    assert (kept["host"], kept["cell"], kept["x"]) == ("LiMn2O4", "Li3Mn3O6", 1.5)
    assert steps["space_group"] == "R-3m"
    assert steps["volume_host"] == steps["volume_lithiated"]
    assert (raw["working_ion"] == "Li").all()
    assert raw[["converged", "force_host", "steps_host", "bonds_kept"]].isna().all(axis=None)

    made = call(features.main, "mp.csv", "--out", "feat.json", folder=folder)
    assert (made.returncode, made.stderr) == (0, "")
    X, y = supplement.load_data(folder / "feat.json")
    assert len(X) == 121
    # By hand: -(-72 - 3 * -17.5 - 3 * -1.9) / 3 and -(-73.8 - 1.5 * -45.2 - 1.5 * -1.9) / 1.5
    assert y["CoO2"] == pytest.approx(4.6)
    assert y["LiMn2O4"].tolist() == pytest.approx([2.1] * COPIES)


def metal_document(ion, name):
    """Make the document of an electrode CoO2 that inserts two ions into four formula units."""
    from pymatgen.core import Lattice, Structure

    full = Structure.from_spacegroup(
        "R-3m", Lattice.hexagonal(2.8, 14.1), [ion, "Co", "O"], [[0, 0, 0.5], [0] * 3, [0, 0, 0.24]]
    )
    empty = full.copy().remove_species([ion])
    return document(entry(full, -70.0, name), entry(empty, -52.5, "mp-77"), ion=ion)


@needs_client
@pytest.mark.parametrize(("ion", "electrons", "volts"), [("Na", 3, 3.93333), ("Mg", 6, 1.96667)])
def test_another_ion_has_its_own_rows_ids_and_voltage(server, folder, ion, electrons, volts):
    server.documents = [metal_document(ion, "mp-12")]
    done = fetch(folder, server, "--ion", ion)
    assert (done.returncode, done.stderr) == (0, "")
    line = f"mp.csv: 1 of 1 electrodes of {ion}, their voltages within 0.000 V of the database's"
    assert done.stdout.startswith(line)
    assert server.ions == [ion]
    [row] = pd.read_csv(folder / "mp.csv").to_dict("records")
    assert (row["id"], row["working_ion"], row["x"]) == (f"mp-12_{ion}", ion, 3)
    assert (row["host"], row["cell"]) == ("CoO2", f"{ion}3Co3O6")
    assert row["energy_li"] == -1.9
    # By hand: -(-70 + 52.5 + 3 * 1.9) / n; a magnesium ion takes two electrons.
    [voltage] = rules.load_valid_rows(folder / "mp.csv")["voltage"]
    assert voltage == pytest.approx(volts, abs=1e-5)
    assert rules.count_electrons(pd.DataFrame([row])).tolist() == [electrons]


def test_the_file_of_another_ion_has_its_name(folder, monkeypatch):
    monkeypatch.setattr(materials_project, "OUT", folder / "mp.csv")
    monkeypatch.setattr(materials_project, "fetch_documents", lambda key, ion: [ion])
    monkeypatch.setattr(materials_project, "collect_rows", lambda documents, ion: (ROWS, [3.0]))
    for options, name in (["--ion", "Na"], "mp_Na.csv"), ([], "mp.csv"):
        assert call(materials_project.main, *options).stdout.startswith(f"{name}: 1 of 1 elec")
        assert pd.read_csv(folder / name)["id"].tolist() == ["mp-1"]


@pytest.mark.parametrize("ion", ["Xx", "na", "sodium", "F", "Ne", "Li,Na", ""])
def test_what_is_no_working_ion_gets_one_line(folder, ion):
    said = f"argument --ion: invalid choice: {ion!r} (choose from"
    assert_failed(fetch(folder, None, "--ion", ion), folder, said)


@needs_client
def test_an_ion_without_electrodes_gets_one_line(server, folder):
    done = fetch(folder, server, "--ion", "Cs")
    assert_failed(done, folder, "the Materials Project has no insertion electrodes of Cs")


def broken(name, documents):
    """Return a document that is broken in one way; the others are as they were."""
    good = json.loads(json.dumps(documents[0]))
    electrode = good["electrode_object"]
    first, last = electrode["stable_entries"][0], electrode["stable_entries"][-1]
    if name in good:
        return good | {name: None}
    if name == "no field":
        del good["average_voltage"]
    elif name == "no list of entries":
        del electrode["stable_entries"]
    elif name == "no entries":
        electrode["stable_entries"] = []
    elif name == "no energy":
        first["energy"] = None
    elif name == "energy of no number":
        first["energy"] = "low"
    elif name == "host without atoms":
        alone = {"sites": [site for site in last["structure"]["sites"] if site["label"] == "Li"]}
        for key in ("structure", "composition"):
            first[key] = last[key] | alone if key == "structure" else {"Li": 3.0}
    elif name == "nothing is inserted":
        electrode["stable_entries"] = [first, first]
    elif name == "two frameworks":
        other = documents[1]["electrode_object"]["stable_entries"]
        electrode["stable_entries"] = [first, other[-1]]
    elif name == "metal of another ion":
        electrode["working_ion_entry"]["composition"] = {"Na": 2.0}
    return "no document" if name == "a text" else good


BROKEN = [
    "no field",  # as the first one: the client's reader would drop the field of all others
    "average_voltage",
    "electrode_object",
    "material_ids",
    "no list of entries",
    "no entries",
    "no energy",
    "energy of no number",
    "host without atoms",
    "nothing is inserted",
    "two frameworks",
    "metal of another ion",
    "a text",
]


@needs_client
def test_broken_documents_are_left_out_and_counted(server, documents, folder):
    server.documents = [*(broken(name, documents) for name in BROKEN), documents[1]]
    done = fetch(folder, server)
    assert (done.returncode, done.stderr) == (0, "")
    assert "mp.csv: 1 of 14 electrodes of Li, " in done.stdout
    assert done.stdout.endswith("; 13 documents are incomplete or contradictory and left out\n")
    assert pd.read_csv(folder / "mp.csv")["id"].tolist() == ["mp-1000_Li"]


@needs_client
@pytest.mark.parametrize("name", BROKEN)
def test_if_no_document_is_complete_there_is_one_line(documents, name):
    said = "none of 1 documents is complete"
    with pytest.raises(LabError, match=said):
        materials_project.collect_rows([broken(name, documents)], "Li")
    assert len(materials_project.collect_rows(documents[:1], "Li")[0]) == 1


@needs_client
def test_a_mistake_of_ours_in_a_row_is_not_taken_for_a_broken_document(documents, monkeypatch):
    monkeypatch.setattr(materials_project.raw_table, "round_row", {}.__getitem__)
    with pytest.raises((KeyError, TypeError)):
        materials_project.collect_rows(documents[:1], "Li")


@needs_client
@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "refuses the key"),
        (403, "refuses the key"),
        (400, "refuses the request for electrodes of Li; it may not know this working ion"),
        (422, "refuses the request for electrodes of Li; it may not know this working ion"),
        (502, "status 502"),
    ],
)
def test_a_server_that_refuses_gets_one_line(server, folder, status, said):
    server.status = status
    assert_failed(fetch(folder, server), folder, said)
    assert server.asked[0][1] == KEY


@needs_client
@pytest.mark.parametrize("lack", ["electrode_object", "stable_entries"])
def test_an_answer_without_the_fields_gets_one_line(server, documents, folder, lack):
    short = documents[0]
    (short["electrode_object"] if lack == "stable_entries" else short).pop(lack)
    server.documents = [short]
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


@pytest.mark.parametrize("name", materials_project.OTHER_NAMES)
def test_a_key_under_another_name_is_hinted_at_and_not_shown(folder, monkeypatch, name):
    monkeypatch.setenv("MP_API_KEY", "")
    monkeypatch.setenv(name, KEY)
    done = fetch(folder)
    assert_failed(done, folder, f"no key in MP_API_KEY, but {name} is set; if that key is one of ")
    assert KEY not in done.stderr


@pytest.mark.parametrize("file", materials_project.PYMATGEN_FILES)
@pytest.mark.parametrize("name", ["PMG_MAPI_KEY", "MAPI_KEY"])
def test_a_key_in_a_file_of_pymatgen_is_hinted_at_and_not_shown(folder, monkeypatch, file, name):
    monkeypatch.setenv("MP_API_KEY", "")
    (folder / file).parent.mkdir(exist_ok=True)
    (folder / file).write_text(f"PMG_VASP_PSP_DIR: /potcars\n{name}: {KEY}\n")
    done = fetch(folder)
    assert_failed(done, folder, f"no key in MP_API_KEY, but {name} is in ~/{file}; if that key")
    assert KEY not in done.stderr


@pytest.mark.parametrize(
    ("system", "command"),
    [
        ("posix", "then: export MP_API_KEY=..."),
        ("nt", 'then: set MP_API_KEY=... (in PowerShell: $env:MP_API_KEY="...")'),
    ],
)
def test_the_line_gives_the_command_of_the_system(folder, monkeypatch, system, command):
    # `os` as Windows would have it, for this module alone; no real Windows is asked.
    monkeypatch.setattr(materials_project, "os", SimpleNamespace(name=system, environ={}))
    with pytest.raises(LabError) as error:
        materials_project.read_key()
    assert str(error.value).endswith(command)


def test_without_a_key_a_process_ends_in_one_line(folder):
    done = run(folder, SCRIPT, "--out", "mp.csv", MP_API_KEY="")
    assert_failed(done, folder, "no key; make one at https://")


def test_ctrl_c_leaves_the_earlier_table(folder, monkeypatch):
    def interrupt(key, ion):
        raise KeyboardInterrupt

    monkeypatch.setattr(materials_project, "fetch_documents", interrupt)
    assert_failed(fetch(folder), folder, "stopped; nothing is written")


@pytest.mark.parametrize("out", ["nowhere/mp.csv", "mp.csv/mp.csv", "."])
def test_a_file_that_cannot_be_written_gets_one_line(folder, out):
    done = call(materials_project.main, "--out", out, folder=folder)
    assert_failed(done, folder, f"--out {out}")
