"""Tables as people have them: any CSV, columns by their usual names, working ions, bad rows."""

import codecs
import json
import shutil

import pandas as pd
import pytest
from conftest import QUICK, ROOT, assert_one_line, call, predict, settings
from oracles import assert_message

import load_NN
import supplement
from voltage_lab import columns, ions
from voltage_lab.files import read_file
from voltage_lab.messages import LabError
from voltage_lab.tables import read_hosts, read_samples
from voltage_lab.voltages import read_voltage

MP2024 = ROOT.parent / "shared" / "mp2024"
needs_mp2024 = pytest.mark.skipif(
    not MP2024.exists(), reason="the Materials Project's exports of 2024 are not here"
)


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a text or bytes to a file and returns its path."""

    def write(content, name="mine.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return write


def read(path, ion="any", bad_rows="refuse"):
    """Read a table with the lab's names of columns; return hosts to voltages, and the unit."""
    _, y = read_samples(path, "Average Voltage", "Reduced Formula", ion, bad_rows)
    return list(y.items()), ions.unit(y.name)


def refuse(path, *parts, **options):
    """Assert that a table is refused with one line that names the file and has some parts."""
    with pytest.raises(LabError) as error:
        read(path, **options)
    assert_message(error.value, str(path), *parts)


TWO = [("FePO4", 3.4), ("CoO2", -0.5)]
PLAIN = "Reduced Formula,Average Voltage\nFePO4,3.4\nCoO2,-0.5\n"
LITHIUM = "V vs. Li/Li⁺"


# ------------------------------------------------------------------------- separators, encodings
@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r"),
        PLAIN.replace("\n", "\n\n"),
        PLAIN.replace("\n", ",\n"),
        PLAIN.replace(",", "\t"),
        PLAIN.replace(",", " ; "),
        PLAIN.replace(",", ";").replace(".", ","),
        "sep=;\n" + PLAIN.replace(",", ";").replace(".", ","),
        "sep=,\n" + PLAIN,
        "# exported on a Monday; by me\n" + PLAIN,
        "SEP=;\n" + PLAIN.replace(",", ";"),
        PLAIN.replace(",", "\t").replace(".", ","),
        '"Reduced Formula","Average Voltage"\n"FePO4","3.4"\n"CoO2","-0.5"\n',
        '"note, long; longer",Reduced Formula,Average Voltage\n"a;b",FePO4,3.4\n,CoO2,-0.5\n',
        "Average Voltage,Reduced Formula\n3.40,Fe1 P1 O4\n-5e-1,Co2O4\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_table_is_read_whatever_stands_between_its_cells(write, text, encoding, capsys):
    assert read(write(text, encoding=encoding)) == (TWO, LITHIUM)
    assert capsys.readouterr().out == ""


def test_where_a_line_has_as_many_commas_they_do_not_separate(write):
    assert read(write("formula;Mean voltage, V\nFePO4;3,4\nCoO2;-0,5\n")) == (TWO, LITHIUM)


def test_windows_1252_is_told_by_its_name(write, capsys):
    path = write(PLAIN + "TiS2,2.1\n".replace("2.1", "2.1,25 °C"), encoding="cp1252")
    refuse(path, "line 4: 3 cells")
    path = write(PLAIN.replace("Voltage", "Voltage,Notiz für mich"), encoding="cp1252")
    assert read(path) == (TWO, LITHIUM)
    assert f"{path} is not UTF-8; it is read as Windows-1252\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "name", "reason"),
    [
        (b"PK\x03\x04\x14", "mine.xlsx", "is a spreadsheet, not text; save it as CSV UTF-8"),
        (b"PK\x03\x04\x14", "mine.csv", "is a spreadsheet, not text; save it as CSV UTF-8"),
        (b"\xd0\xcf\x11\xe0\xa1", "mine.xls", "is a spreadsheet, not text; save it as CSV UTF-8"),
        (b"\x1f\x8b\x08", "mine.csv.gz", "is compressed; unpack it"),
        (b"[]", "mine.json", "is cut short or not JSON"),
        (b"a,b\n\x81\x8d,1\n", "mine.csv", "is not text in UTF-8; save it as CSV UTF-8"),
        (PLAIN.encode("utf-16-le"), "mine.csv", "is not text in UTF-8; save it as CSV UTF-8"),
        (PLAIN.encode("utf-32"), "mine.csv", "is not text in UTF-8; save it as CSV UTF-8"),
        (codecs.BOM_UTF16_LE + b"a", "mine.csv", "is not text in UTF-8"),
        (b"", "mine.csv", "is empty; its first line should name the columns"),
        (b" \n \n", "mine.csv", "is empty; its first line should name the columns"),
        (PLAIN.replace("CoO2", '"CoO2').encode(), "mine.csv", "is a quote missing?"),
        (PLAIN[:32].encode(), "mine.csv", "has no rows"),
        (PLAIN.replace("3.4", "3,4").encode(), "mine.csv", "line 2: 3 cells, but line 1 names 2"),
    ],
)
def test_what_is_no_table_gets_one_line_that_says_what_to_do(write, content, name, reason):
    refuse(write(content, name), reason)


def test_a_list_of_documents_in_json_is_a_table(write):
    rows = [{"formula_charge": "FePO4", "average_voltage": 3.4, "working_ion": "Li"}]
    rows += [{"average_voltage": -0.5, "formula_charge": "CoO2", "working_ion": "Li", "more": []}]
    assert read(write(json.dumps(rows), "mp.json")) == (TWO, LITHIUM)
    assert read(write(json.dumps(rows), "mp.txt")) == (TWO, LITHIUM)
    answer = {"data": rows, "meta": {"total_doc": 2}}
    assert read(write(json.dumps(answer), "mp.json")) == (TWO, LITHIUM)
    lines = "\n".join(map(json.dumps, rows)) + "\n"
    assert read(write(lines, "mp.jsonl")) == (TWO, LITHIUM)
    assert read(write(pd.DataFrame(rows).to_json(), "mp.json")) == (TWO, LITHIUM)
    for index in (True, False):
        text = pd.DataFrame(rows).to_json(orient="split", index=index)
        assert read(write(text, "mp.json")) == (TWO, LITHIUM)
    lines = read_hosts(write("[Fe(CN)6]3\n{FeO}2\n", "hosts.txt"), "Reduced Formula")
    assert list(lines.index) == ["Fe(CN)6", "FeO"]


# ---------------------------------------------------------------------------------- the columns
@pytest.mark.parametrize(
    "formula", ["Reduced Formula", " reduced_formula", "FORMULA_CHARGE ", "Host"]
)
@pytest.mark.parametrize(
    "voltage",
    [
        *("average_voltage", "Voltage (V)", "AVERAGE VOLTAGE [volts]", "averageVoltage"),
        *("Voltage_V", "Voltage vs Li/Li+ (V)", "Voltage_vs_Li", "voltage_V_vs_Li", "Voltage in V"),
        *("Voltage / V", "Voltage V", "Voltage vs. Li/Li+", "Voltage (vs Li/Li+)"),
        *("Average Voltage (V vs. Li/Li+)", "Voltage [V vs Li]", "Voltage (V) vs Li/Li⁺"),
    ],
)
def test_columns_are_found_by_their_usual_names(write, formula, voltage, capsys):
    path = write(
        PLAIN.replace("Reduced Formula,Average Voltage", f"id,{formula},{voltage}")
        .replace("\nF", "\n1,F")
        .replace("\nC", "\n2,C")
    )
    assert read(path) == (TWO, LITHIUM)
    said = f"{path}: hosts in '{formula.strip()}', voltages in '{voltage}', {LITHIUM}\n"
    assert capsys.readouterr().out == said


@pytest.mark.parametrize(
    "host", ["Charged", "Host material", "formula_charge", "delithiated formula"]
)
def test_a_name_that_can_only_be_the_hosts_goes_before_another(write, host):
    path = write(f"Formula,{host},Voltage\nLiFePO4,FePO4,3.4\nLiCoO2,CoO2,-0.5\n")
    assert read(path)[0] == TWO


def test_the_host_is_the_charged_formula_of_the_materials_project(write):
    path = write(
        "formula_discharge,framework_formula,formula_charge,average_voltage\n"
        "Li2FeSiO4,FeSiO4,Li1FeSiO4,2.8\nLiCoO2,CoO2,Li0CoO2,3.9\n"
    )
    assert read(path)[0] == [("LiFeSiO4", 2.8), ("CoO2", 3.9)]


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("Fórmula,Voltagem", "lacks a column of formulas of hosts (reduced formula or formula ch"),
        ("Fórmula,Voltagem", "and a column of voltages (average voltage); its columns are 'Fórm"),
        ("Fórmula,Voltagem", "'Fórmula', 'Voltagem'"),
        ("formula_discharge,voltage", "lacks a column of formulas of hosts"),
        ("Formula (discharged),Voltage", "lacks a column of formulas of hosts"),
        ("Host (lithiated),Voltage", "lacks a column of formulas of hosts"),
        ("FePO4,3.4", "if these are data, add a first line with the names of the columns"),
        ("formula,voltage_mV", "the unit of 'voltage_mV' is not V against the metal"),
        ("formula,Voltage in mV", "the unit of 'Voltage in mV' is not V against the metal"),
        ("formula,Average voltage vs. SHE (V)", "is not V against the metal of a working ion"),
        ("formula,Voltage (max)", "lacks a column of voltages"),
        ("formula,energy", "lacks a column of voltages (average voltage); its columns are 'form"),
        ("formula,Voltage (mV)", "the unit of 'Voltage (mV)' is not V against the metal"),
        ("formula,Voltage (V vs. SHE)", "is not V against the metal of a working ion, such as V"),
        ("formula,voltage,Formula ", "has two columns for one thing, 'formula' and 'Formula'; rem"),
    ],
)
def test_missing_columns_and_other_units_are_named(write, header, reason):
    cells = ["FePO4", "3.4", "CoO2"][: header.count(",") + 1]
    refuse(write(f"{header}\n{','.join(cells)}\n"), reason)


def test_another_target_is_never_replaced_by_the_voltage(write):
    path = write("formula,capacity,voltage\nFePO4,1.7,3.4\n")
    _, y = read_samples(path, "Capacity", "Reduced Formula")
    assert list(y) == [1.7]
    with pytest.raises(LabError, match=r"lacks a column of voltages \(stability or average"):
        read_samples(path, "Stability", "Reduced Formula")


def test_of_many_columns_the_first_are_named():
    cells = pd.DataFrame(columns=[f"c{n}" for n in range(40)])
    with pytest.raises(LabError) as error:
        columns.find_host(cells, "mine.csv", "Reduced Formula")
    assert_message(error.value, "'c0'", "'c11' and 28 more")


# ------------------------------------------------------------------------------ the working ion
MIXED = "Reduced Formula,Working Ion,Average Voltage\nFePO4,Li,3.4\nFePO4,Na,3.0\nMnO2,Mg,2.1\n"


def test_several_working_ions_are_refused_or_one_is_chosen(write, capsys):
    path = write(MIXED + "CoO2,Li,3.9\n")
    for bad_rows in ("refuse", "skip"):
        refuse(path, "several working ions (rows: Li 2, Na 1, Mg 1); choose", bad_rows=bad_rows)
    refuse(path, "has no rows of a working ion K (rows: Li 2, Na 1, Mg 1); choose one", ion="K")
    assert read(path, "Li") == ([("FePO4", 3.4), ("CoO2", 3.9)], LITHIUM)
    assert read(path, "Na") == ([("FePO4", 3.0)], "V vs. Na/Na⁺")
    assert read(path, "Mg") == ([("MnO2", 2.1)], "V vs. Mg/Mg²⁺")
    assert "of its rows (Li 2, Na 1, Mg 1), those with Mg are read" in capsys.readouterr().out


@pytest.mark.parametrize(
    "name", ["Ion", "working_ion", "WORKING ION ", "workingIon", "Mobile Ion", "Carrier", "Íon"]
)
@pytest.mark.parametrize(
    ("cell", "unit"),
    [("Na", "Na/Na⁺"), ("Al3+", "Al/Al³⁺"), ("k", "K/K⁺"), ("sodium", "Na/Na⁺"), ("K-ion", "K/K⁺")],
)
def test_the_only_ion_of_a_table_is_that_of_its_voltages(write, name, cell, unit):
    path = write(f"formula,voltage,{name}\nFePO4,3.4,{cell}\nCoO2,-0.5,{cell}\n")
    assert read(path) == (TWO, f"V vs. {unit}")
    assert read(path, unit.split("/")[0]) == (TWO, f"V vs. {unit}")


def test_rows_of_an_element_that_is_no_working_ion_are_others(write):
    path = write("formula,voltage,ion\nFePO4,3.4,Li\nCoO2,-0.5,Li\nTiS2,2.0,Ag\n")
    refuse(path, "several working ions (rows: Li 2, Ag 1); choose one, as in --ion Li")
    assert read(path, "Li") == (TWO, LITHIUM)
    refuse(
        write("formula,voltage,ion\nTiS2,2.0,Ag\n"),
        "no rows of a working ion Li (rows: Ag 1)",
        ion="Li",
    )
    refuse(write("formula,voltage,ion\nTiS2,2.0,Ag\n"), "a working ion is one of Li, Na, K")


@pytest.mark.parametrize("name", ["cation", "anode", "metal"])
def test_a_column_of_ions_with_another_name_is_asked_about(write, name):
    path = write(f"formula,voltage,{name}\nFePO4,3.4,Li\nCoO2,-0.5,Na\n")
    for ion in ("any", "Na"):
        refuse(path, f"column '{name}' holds Li, Na; if these are working ions, name it", ion=ion)
    path = write(f"formula,voltage,{name}\nFePO4,3.4,Fe\nCoO2,-0.5,Co\n")
    assert read(path) == (TWO, LITHIUM)


def test_a_column_with_ion_in_its_name_is_none_if_it_holds_something_else(write):
    path = write("formula,voltage,cation radius,ion content\nFePO4,3.4,0.6,1\nCoO2,-0.5,0.5,2\n")
    assert read(path) == (TWO, LITHIUM)


def test_an_ion_in_the_unit_counts_and_must_agree(write):
    path = write("formula,Voltage (V vs. Na/Na+)\nFePO4,3.4\nCoO2,-0.5\n")
    assert read(path) == (TWO, "V vs. Na/Na⁺")
    refuse(path, "has no rows of a working ion Li (rows: Na 2)", ion="Li")
    path = write("ion,formula,Voltage (V vs Li/Li+)\nNa,FePO4,3.4\n")
    refuse(path, "the working ion is Na, but the voltages are vs. Li")
    refuse(path, "the working ion is Na, but the voltages are vs. Li", ion="Na")


def test_without_an_ion_a_table_is_of_lithium_or_of_what_is_asked_for(write):
    assert read(write(PLAIN))[1] == LITHIUM
    assert read(write(PLAIN), "Ca")[1] == "V vs. Ca/Ca²⁺"


@pytest.mark.parametrize("cell", ["", "Xx", "lithion", "Li/Na", "nan"])
def test_what_is_no_working_ion_is_refused_with_its_place(write, cell):
    path = write(f"formula,voltage,ion\nFePO4,3.4,Li\nCoO2,-0.5,{cell}\n")
    refuse(path, f"line 3: '{cell}' is no working ion; write one of Li, Na, K")
    assert read(path, bad_rows="skip") == (TWO[:1], LITHIUM)


@pytest.mark.parametrize(
    ("text", "ion"),
    [
        ("Li", "Li"),
        (" na+ ", "Na"),
        ("Mg²⁺", "Mg"),
        ("V vs. Zn/Zn2+", "Zn"),
        ("V", None),
        (3, None),
    ],
)
def test_an_ion_is_found_in_a_text(text, ion):
    assert ions.find_ion(text) == ion


def test_units_are_those_of_the_ions():
    assert [ions.unit(ion) for ion in ("Li", "Ca", "Y")] == [
        LITHIUM,
        "V vs. Ca/Ca²⁺",
        "V vs. Y/Y³⁺",
    ]
    assert all(ions.find_ion(ions.unit(ion)) == ion for ion in ions.CHARGES)


# ------------------------------------------------------------------------------------- bad rows
@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("\n\nReduced Formula,Average Voltage\n\nFePO4,3.4\n\nXxO2,3.0\n", 7),
        (PLAIN.replace("\n", "\r\n") + "XxO2,3.0\r\n", 4),
        ('note,formula,voltage\n"two\nlines",FePO4,3.4\nx,XxO2,3.9\n', 4),
        ('note,formula,voltage\n"two\r\n\r\nlines",FePO4,3.4\r\nx,XxO2,3.9\r\n', 5),
        ("sep=;\nformula;voltage\nXxO2;3,9\n", 3),
    ],
)
def test_the_line_of_an_error_is_that_of_the_file(write, text, line):
    refuse(write(text), f", line {line}: 'XxO2' is wrong: Xx is not an element")


def test_all_bad_rows_are_in_one_message_or_left_out(write, capsys):
    path = write(
        "Reduced Formula,Average Voltage\nFePO4,3.4\nXxO2,3.0\nCoO2,3.9\n"
        "Mn2O4,4.0 V\nTiS2,\nNbSe2,1.6\nVO2,2.5\n"
    )
    reasons = [
        "line 3: 'XxO2' is wrong: Xx is not an element",
        "line 5: voltage '4.0 V' has a unit; write the number of volts alone",
        "line 6: the voltage is empty; give one, or remove the row",
    ]
    refuse(path, *reasons, "(3 of 7 rows cannot be read); or leave them out: --bad-rows skip")
    kept = [("FePO4", 3.4), ("CoO2", 3.9), ("NbSe2", 1.6), ("VO2", 2.5)]
    assert read(path, bad_rows="skip") == (kept, LITHIUM)
    said = capsys.readouterr().out
    assert said.startswith(f"3 of 7 rows are left out: {path}, line 3: ")
    assert all(reason in said for reason in reasons)


def test_of_many_bad_rows_the_first_have_reasons_and_some_more_their_places(write):
    path = write(PLAIN + "".join(f"Xx{n},high\n" for n in range(1, 60)))
    refuse(path, "line 4: 'Xx1' ", " and ", "(59 of 61 rows cannot be read)")
    with pytest.raises(LabError, match="^[^\n]*Xx1.*line 15[^0-9].*more"):
        read(path)


def test_a_table_of_bad_rows_alone_is_refused_whatever_is_asked(write):
    path = write("formula,voltage\nXx,1\nFePO4,high\n")
    with pytest.raises(LabError, match=r"\(2 of 2 rows cannot be read\)$"):
        read(path, bad_rows="skip")


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("", "the voltage is empty; give one, or remove the row"),
        (None, "the voltage is empty; give one, or remove the row"),
        ("N/A", "voltage 'N/A' is no voltage; give one, or remove the row"),
        ("-", "voltage '-' is no voltage; give one, or remove the row"),
        (float("nan"), "voltage 'nan' is no voltage; give one, or remove the row"),
        ("3.4 V", "voltage '3.4 V' has a unit; write the number of volts alone"),
        ("3400mV", "voltage '3400mV' has a unit; write the number of volts alone"),
        ("\u22120.5", "has a minus sign that is no hyphen; write -0.5"),
        ("3,4", "voltage '3,4' has a comma; write 3.4"),
        ("3400", "voltage '3400' is not a voltage up to 100 V; give V, not mV"),
        ("-100.1", "voltage '-100.1' is not a voltage up to 100 V; give V, not mV"),
        ("inf", "voltage 'inf' is not a number"),
        ("1_0", "voltage '1_0' is not a number"),
        ("\u0663", "is not a number"),
        (True, "voltage 'True' is not a number"),
        ("3.4 (exp.)", "voltage '3.4 (exp.)' is not a number"),
        ("1.234,5", "has a range or an error; write one number"),
        ("03/abr", "is a date, as a spreadsheet may make of 3.4; write the number as text"),
        ("3-Apr", "is a date, as a spreadsheet may make of 3.4"),
        *((text, "has a range or an error") for text in ("3.4±0.1", "3.4(1)", "~3.4", "3.3-3.5")),
        ("3,4 V", "has a unit; write the number of volts alone"),
    ],
)
def test_what_is_no_voltage_has_its_own_reason(cell, reason):
    with pytest.raises(LabError) as error:
        read_voltage(cell)
    assert_message(error.value, reason)


@pytest.mark.parametrize(
    ("cell", "voltage"),
    [
        ("3.4", 3.4),
        (" -.5 ", -0.5),
        ("+1e-1", 0.1),
        (3, 3.0),
        (-100.0, -100.0),
        ("0", 0.0),
        ("2.", 2.0),
    ],
)
def test_a_voltage_is_read_as_it_is_written(cell, voltage):
    assert read_voltage(cell) == voltage


# ---------------------------------------------------------------------------------- the warning
def test_voltages_that_no_electrode_has_get_a_line(write, capsys):
    path = write(PLAIN + "N,12\n")
    assert read(path)[0][-1] == ("N2", 12.0)
    assert f"{path}: below -3 or above 9 V: 1, as 12.0 V\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("hosts", "ion", "warned"),
    [
        (["LiFePO4", "LiCoO2", "LiMn2O4"], "Li", True),
        (["LiFePO4", "LiCoO2", "MnO2"], "Li", False),
        (["NaFePO4"] * 9 + ["MnO2"], "Na", True),
        (["LiFePO4"] * 9 + ["MnO2"], "Na", False),
        (["NaFePO4"] * 8 + ["MnO2"], "Na", False),
        (["NbSe2", "ClO2"], "Li", False),
    ],
)
def test_a_table_of_lithiated_formulas_gets_a_warning(write, hosts, ion, warned, capsys):
    text = "".join(f"{host},{ion},3\n" for host in hosts)
    read(write(f"Reduced Formula,Ion,Average Voltage\n{text}"))
    holding = sum(ion in host for host in hosts)
    said = f"{holding} of {len(hosts)} formulas hold {ion}. A host is the charged electrode"
    assert (said in capsys.readouterr().out) == warned


# ----------------------------------------------------------------------------- the whole session
@pytest.fixture(scope="module")
def sodium(few, tmp_path_factory):
    """Return the folder of a run on sodium's electrodes of a mixed table, and what it printed."""
    folder = tmp_path_factory.mktemp("sodium")
    y = supplement.load_data(few, check=0)[1]
    rows = [(host, volts, ion) for host, volts in y.items() for ion in ("Na", "Li")]
    table = pd.DataFrame(rows, columns=["formula_charge", "average_voltage", "working_ion"])
    table["average_voltage"] -= 0.3 * (table["working_ion"] == "Na")
    table.to_csv(folder / "mixed.csv", index=False)
    shutil.copy(ROOT / "predict_RF.py", folder)
    done = call(load_NN.main, *QUICK, "--data", "mixed.csv", "--ion", "Na", folder=folder, TREES=3)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def test_a_table_runs_from_nothing_with_its_ion_on_every_output(sodium):
    folder, said = sodium
    assert "those with Na are read" in said
    assert "Average voltage (V vs. Na/Na⁺): MAE and RMSE in V on training and test set" in said
    assert "Li/Li" not in said
    results = pd.read_csv(folder / "results.csv")
    assert list(results)[:3] == ["formula", "set", "voltage (V vs. Na/Na⁺)"]
    assert "ION: Na\n" in (folder / "parameters.txt").read_text()


def test_the_ion_is_checked_at_prediction(sodium):
    folder, _ = sodium
    options = ["--data", "mixed.csv", "FePO4", "NaFePO4"]
    done = predict(folder, "--ion", "Na", *options)
    assert done.returncode == 0, done.stderr
    assert "V vs. Na/Na⁺; random forest, " in done.stdout
    assert "the host of NaFePO4 is FePO4" in " ".join(done.stdout.split())
    assert "Voltage (V vs. Na/Na⁺)" in pd.read_csv(folder / "predictions.csv")
    assert_one_line(predict(folder, *options), "several working ions")
    assert_one_line(predict(folder, "--ion", "Li", *options), "ION is Na there, Li here")


@pytest.mark.parametrize("name", ["results.csv", "search.csv", "errors.csv"])
def test_a_table_that_the_run_would_overwrite_is_refused(tmp_path, name):
    (tmp_path / name).write_text(PLAIN)
    done = call(load_NN.main, *QUICK, "--data", name, folder=tmp_path)
    assert_one_line(done, f"load_NN.py: --data {name} would be overwritten; give another --out")
    assert (tmp_path / name).read_text() == PLAIN


def test_formulas_of_a_file_are_predicted_with_its_own_columns(lab_run, tmp_path):
    folder = shutil.copytree(lab_run[0], tmp_path / "lab")
    table = "name;Host;Voltage\nmine;Fe1 P1 O4;3,4\nyours;Xx;\n;CoO2;\n"
    (folder / "hosts.csv").write_text(table)
    done = predict(folder, "--formulas", "hosts.csv")
    assert_one_line(done, "hosts.csv, line 3: 'Xx' is wrong")
    done = predict(folder, "--formulas", "hosts.csv", "--bad-rows", "skip")
    assert done.returncode == 0, done.stderr
    assert "1 of 3 rows are left out: hosts.csv, line 3: 'Xx'" in done.stdout
    saved = pd.read_csv(folder / "predictions.csv", dtype=str, keep_default_na=False)
    assert saved.iloc[:, :4].to_numpy().tolist() == [
        ["mine", "Fe1 P1 O4", "3.4", "FePO4"],
        ["yours", "Xx", "", ""],
        ["", "CoO2", "", "CoO2"],
    ]
    (folder / "hosts.txt").write_text("Fe1 P1 O4\n\n CoO2 \n")
    assert predict(folder, "--formulas", "hosts.txt").returncode == 0
    lines = pd.read_csv(folder / "predictions.csv")
    assert list(lines["Formula"]) == ["Fe1 P1 O4", "CoO2"]
    assert predict(folder, "Fe1 P1 O4", "CoO2").returncode == 0
    typed = pd.read_csv(folder / "predictions.csv")
    pd.testing.assert_frame_equal(lines.iloc[:, 1:], typed.iloc[:, 1:])
    assert list(saved.iloc[[0, 2], 4]) == [str(volts) for volts in typed.iloc[:, 2]]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--formulas", "none.csv"], "none.csv: No such file"),
        (["--formulas", "hosts.csv", "FePO4"], "give formulas, or --formulas with the name"),
        (["--formulas", "empty.txt"], "empty.txt is empty"),
        (["--formulas", "other.csv"], "other.csv lacks a column of formulas of hosts"),
        (["--formulas", "predictions.csv"], "would be overwritten; copy it under another name"),
        (["--formulas", "sodium.csv"], "V vs. Li/Li⁺, but rows are of Na, Mg; remove these"),
    ],
)
def test_a_file_of_formulas_that_cannot_be_used_gets_one_line(trained, arguments, reason):
    (trained / "hosts.csv").write_text("formula\nFePO4\n")
    (trained / "empty.txt").write_text("\n")
    (trained / "other.csv").write_text("a,b\n1,2\n")
    (trained / "sodium.csv").write_text("host,ion\nFePO4,Na\nFePO4,Na\nMnO2,Mg\nTiS2,Li\nCoO2,\n")
    assert_one_line(predict(trained, *arguments), reason)


# ------------------------------------------------------------------ the Materials Project's own
@needs_mp2024
@pytest.mark.parametrize(
    ("name", "number", "unit"), [("Li.csv", 2410, LITHIUM), ("Na.csv", 307, "V vs. Na/Na⁺")]
)
def test_exports_of_the_materials_project_are_read_as_they_are(name, number, unit):
    cells = read_file(MP2024 / name)
    read_cells, y = read_samples(MP2024 / name, "Average Voltage", "Reduced Formula")
    assert read_cells.equals(cells)
    assert (len(y), ions.unit(y.name)) == (number, unit)
    table = pd.read_csv(MP2024 / name)
    assert list(y) == list(table["average_voltage"])
    with settings(ION=name[:2]):
        X, _ = supplement.load_data(MP2024 / name)
    assert len(X) == number
    assert X.notna().all(axis=None)


def test_too_few_formulas_for_the_folds_end_in_one_line(tmp_path):
    text = "formula_charge,average_voltage\n" + "FePO4,3.4\n" * 6 + "CoO2,3.9\n" * 6
    (tmp_path / "two.csv").write_text(text)
    options = ["--data", "two.csv", "--split", "random", *QUICK]
    done = call(load_NN.main, *options, folder=tmp_path, FOLDS=3)
    assert_one_line(done, "2 formulas of the training set are too few for 3 folds; give a larger")
