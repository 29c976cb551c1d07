"""The lab session, as a student does it: run, change, look, add a formula, swap a line."""

import os
import pickle
import pty
import re
import subprocess
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import sklearn
from conftest import QUICK, ROOT, assert_one_line, call, predict, run, start
from sklearn.linear_model import Ridge
from sklearn.model_selection import train_test_split

import load_NN
import supplement
from voltage_lab import checkpoint, messages

README = (ROOT / "README.md").read_text("utf-8")
FOUR = ["NbSe2", "NbIr2", "NbRh2", "Nb3O8"]
FOREST_LINE = 'model = pickle.load(open("rf_model.pkl", "rb"))\n'


def table(folder, *arguments, **values):
    """Run `predict_RF.py` and return its table."""
    done = predict(folder, *arguments, **values)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    texts = {"keep_default_na": False, "na_values": {"Lower": "", "Upper": ""}}
    predictions = pd.read_csv(Path(folder) / "predictions.csv", **texts)
    return predictions.rename(columns={"Voltage (V vs. Li/Li⁺)": "Voltage"})


def edit(path, old, new):
    """Replace a text that stands once in a file."""
    text = path.read_text("utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), "utf-8")


def swap(folder, name="nn_trained.h5"):
    """Do what the README says: paste its two lines at the margin, where the forest is loaded."""
    lines = re.search(r"```python\n(from keras.*?)```", README, re.DOTALL)[1]
    edit(folder / "predict_RF.py", FOREST_LINE, lines.replace("nn_trained.h5", name))


def printed(text):
    """Return the lines of a run that do not name its folder."""
    return [line for line in text.splitlines() if " in /" not in line]


# ------------------------------------------------------------------------------ steps 1 to 3
def test_a_run_prints_three_tables_and_leaves_its_files(lab_run):
    folder, done = lab_run
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
    assert "\r" not in done.stdout
    for words in ("training set: 2477 samples of 1864 formulas", "MAE in 2 folds", "epoch 4 of 4"):
        assert words in done.stdout
    for row in (" training mean ", " forest ", " 2048e ", " floor ", "2048e: ", "network: "):
        assert sum(line.startswith(row) for line in done.stdout.splitlines()) == 1
    files = {path.name for path in folder.iterdir()}
    expected = "nn_raw.h5 nn_trained.h5 rf_model.pkl parameters.txt training.log training.npz "
    expected += "parity.png errors.png learning.png metals.png series.png search.png "
    expected += "results.csv errors.csv search.csv .run.lock .run.owner predict_RF.py"
    assert files == set(expected.split())
    assert len(pd.read_csv(folder / "training.log")) == 4


def test_the_tables_of_a_run_are_those_of_its_models(lab_run, rows):
    folder, done = lab_run
    results = pd.read_csv(folder / "results.csv")
    results = results.rename(columns={"voltage (V vs. Li/Li⁺)": "voltage"})
    columns = ["formula", "set", "voltage", "forest", "network", "2048e", "larger error (V)"]
    assert list(results) == columns
    X_train, X_test, y_train, y_test = supplement.split_data(*rows)
    network = keras.models.load_model(folder / "nn_trained.h5")
    for part, X, y in [("training", X_train, y_train), ("test", X_test, y_test)]:
        table = results[results["set"] == part].sort_values(["formula", "voltage"])
        expected = pd.DataFrame({"formula": X.index, "voltage": y.to_numpy()})
        expected["network"] = network.predict(X.to_numpy("float32"), verbose=0)[:, 0]
        expected = expected.sort_values(["formula", "voltage"])
        assert list(table["formula"]) == list(expected["formula"])
        np.testing.assert_allclose(table["voltage"], expected["voltage"])
        np.testing.assert_allclose(table["network"], expected["network"], atol=1e-4)
    errors = pd.read_csv(folder / "errors.csv").set_index("model")
    test = results[results["set"] == "test"]
    mae = (test["network"] - test["voltage"]).abs().mean()
    assert errors.loc["network", "MAE test"] == pytest.approx(mae)
    assert f"{mae:.3f}" in next(x for x in done.stdout.splitlines() if x.startswith(" network "))
    log = pd.read_csv(folder / "training.log")
    assert log["val_loss"].iloc[-1] == pytest.approx(mae, abs=1e-4)


def test_the_worst_predictions_of_the_test_set_come_first(lab_run):
    rows = pd.read_csv(lab_run[0] / "results.csv")
    assert list(rows["set"]) == sorted(rows["set"])  # test, then training
    voltage, model = "voltage (V vs. Li/Li⁺)", ["forest", "network"]
    larger = [max(abs(row[name] - row[voltage]) for name in model) for _, row in rows.iterrows()]
    np.testing.assert_allclose(rows["larger error (V)"], larger)
    for _, part in rows.groupby("set"):
        assert part["larger error (V)"].is_monotonic_decreasing


def test_a_setting_that_is_not_the_default_is_printed(lab_run):
    settings = next(x for x in lab_run[1].stdout.splitlines() if x.startswith("settings: "))
    assert "SEARCH = 1 (default 20)" in settings
    assert "EPOCHS = 4 (default 128)" in settings
    assert "FOLDS = 2 (default 3)" in settings
    assert "RSEED" not in settings


def test_the_same_seed_prints_the_same_and_another_does_not(few, few_run, tmp_path, monkeypatch):
    monkeypatch.setattr(load_NN, "EPOCHS", 4)  # the student edits this
    again = call(load_NN.main, *QUICK[2:], "--data", few, folder=tmp_path, TREES=3)
    assert printed(again.stdout) == printed(few_run[1].stdout)
    options = ["--data", few, "--seed", 7, "--split", "random"]
    other = call(load_NN.main, *QUICK, *options, "--out", "é è", folder=tmp_path, TREES=3)
    assert other.returncode == 0, other.stderr
    assert other.stderr == ""
    assert printed(other.stdout) != printed(again.stdout)
    assert (tmp_path / "é è" / "learning.png").exists()
    said = "2048e is left out: the data file differs; RSEED is 42 there, 7 here; SPLIT is formula "
    assert said in other.stdout
    hosts = supplement.load_data(few, check=0)[0].index
    train, test = train_test_split(hosts, test_size=0.2, random_state=7)
    known = sum(host in set(train) for host in test)
    said = f"The formulas of {known} of {len(test)} test samples are in the training set."
    assert known > 0
    assert said in other.stdout
    assert "test samples are in" not in again.stdout  # split by formula, none is
    script = ROOT / "predict_RF.py"
    assert len(table(tmp_path / "é è", *options, script=script)) == 4
    done = predict(tmp_path / "é è", "--data", few, script=script)
    assert_one_line(done, "RSEED is 7 there, 42 here; SPLIT is random there, formula here")


@pytest.mark.parametrize("epochs", [2.5, 0, (1, 0), "128", True])
def test_an_edit_that_makes_no_sense_is_reported_at_once(epochs, tmp_path, monkeypatch):
    monkeypatch.setattr(load_NN, "EPOCHS", epochs)
    done = call(load_NN.main, folder=tmp_path)
    assert_one_line(done, "load_NN.py: EPOCHS = ")
    assert "is not allowed; give a whole number from 1" in done.stderr
    assert done.stdout == ""
    assert not list(tmp_path.iterdir())


def test_a_terminal_gets_one_bar_and_can_be_narrow(tmp_path, monkeypatch):
    parent, child = pty.openpty()  # the bar is drawn for terminals only, so the test must be one
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("LANG", "C")
    monkeypatch.setenv("TERM", "xterm")
    process = start(tmp_path, *QUICK, stdin=child, stdout=child, stderr=child)
    os.close(child)
    shown = b""
    try:
        while piece := os.read(parent, 4096):
            shown += piece
    except OSError:  # the terminal is gone: the script has ended
        pass
    assert process.wait() == 0
    assert b"search: 2 of 2 fits" in shown
    assert b"Traceback" not in shown
    assert b"WARNING" not in shown
    assert (tmp_path / "parity.png").exists()


# ----------------------------------------------------------------------------------- step 4
def test_predict_rf_is_short_and_flat():
    text = (ROOT / "predict_RF.py").read_text("utf-8")
    assert len(text.splitlines()) < 60
    assert f"\n{FOREST_LINE}" in text
    assert not re.search(r"^\s*(def|if|try|with|for|class)\b", text, re.MULTILINE)


def test_the_four_hosts_get_two_voltages_and_what_the_models_were_trained_on(trained, rows):
    _, _, y_train, _ = supplement.split_data(*rows)
    predicted = table(trained)
    columns = ["Id", "Reduced Formula", "Voltage", "Lower", "Upper", "Network", "Note"]
    assert list(predicted) == columns
    assert list(predicted["Reduced Formula"]) == FOUR
    assert predicted["Id"][0] == "mp-1025496"
    is_trained = predicted["Reduced Formula"].isin(y_train.index)
    assert list(predicted["Lower"].isna()) == list(is_trained)
    assert list(predicted["Note"].str.contains("in the training set, ")) == list(is_trained)


def test_new_hosts_get_an_interval_around_their_voltage(trained):
    predicted = table(trained, "Cr2O5", "VPO6")
    assert (predicted["Lower"] < predicted["Voltage"]).all()
    assert (predicted["Voltage"] < predicted["Upper"]).all()


def test_a_formula_added_is_predicted(trained):
    edit(trained / "predict_RF.py", "ROWS = [\n", 'ROWS = [\n    ("mine", "Fe1 P1 O4"),\n')
    predicted = table(trained)
    assert list(predicted["Reduced Formula"]) == ["FePO4", *FOUR]
    assert predicted["Id"][0] == "mine"


@pytest.mark.parametrize("model", ["forest", "network"])
def test_a_formula_alone_gets_the_voltage_that_it_has_in_a_list(trained, model):
    if model == "network":
        swap(trained)
    every = table(trained).set_index("Reduced Formula")["Voltage"]
    alone = table(trained, "O8 Nb3")
    assert list(alone["Reduced Formula"]) == ["Nb3O8"]
    assert alone["Voltage"][0] == pytest.approx(every["Nb3O8"], abs=2e-4)


def test_the_swap_of_the_readme_predicts_with_the_network(trained):
    forest = table(trained)["Voltage"]
    swap(trained)
    network = table(trained)["Voltage"]
    model = keras.models.load_model(trained / "nn_trained.h5")
    X = supplement.featurize(FOUR)
    np.testing.assert_allclose(network, model.predict(X, verbose=0)[:, 0], atol=1e-4)
    assert not np.allclose(network, forest, atol=0.01)


@pytest.mark.parametrize("model", ["forest", "network"])
def test_the_intervals_hold_nine_of_ten_formulas_of_the_test_set(trained, rows, model):
    if model == "network":
        swap(trained)
    _, X_test, _, y_test = supplement.split_data(*rows)
    predicted = table(trained, *X_test.index)
    assert not predicted["Note"].str.contains("in the training set").any()
    has = predicted["Lower"].notna().to_numpy()
    assert has.mean() > 0.97
    true = y_test.to_numpy()
    inside = ((predicted["Lower"] <= true + 1e-3) & (true - 1e-3 <= predicted["Upper"]))[has]
    weights = 1 / X_test.index[has].value_counts()[X_test.index[has]].to_numpy()
    assert 0.9 <= np.average(inside, weights=weights) <= 0.92


def test_the_column_of_the_other_model_has_its_voltages(trained):
    forest = table(trained, "Cr2O5", "FePO4")
    swap(trained)
    network = table(trained, "Cr2O5", "FePO4")
    np.testing.assert_allclose(forest["Network"], network["Voltage"], atol=2e-4)
    np.testing.assert_allclose(network["Forest"], forest["Voltage"], atol=2e-4)


def test_notes_name_unseen_elements_and_training_samples(trained, rows):
    _, _, y_train, _ = supplement.split_data(*rows)
    known = y_train.index[0]
    predicted = table(trained, known, "U O2", "Po")
    assert f"{y_train[y_train.index == known].min():.2f}" in predicted["Note"][0]
    assert predicted["Note"][1].startswith(
        "outside the applicability domain: no training sample has U; "
    )
    assert predicted["Note"][2].startswith(
        "outside the applicability domain: no training sample has Po; "
    )
    assert predicted["Lower"].isna().all()


@pytest.mark.parametrize("model", ["forest", "network"])
def test_a_prediction_says_nothing_that_is_not_meant(trained, model):
    if model == "network":
        swap(trained)
    done = run(trained, "predict_RF.py", PYTHONPATH=str(ROOT))
    assert (done.returncode, done.stderr) == (0, "")


def test_tensorflow_is_not_imported_where_there_is_no_network(trained):
    (trained / "nn_trained.h5").unlink()
    check = """import runpy, sys; sys.argv = ["predict_RF.py"]
runpy.run_path("predict_RF.py", run_name="__main__"); print("tensorflow" in sys.modules)"""
    done = run(trained, "-c", check, PYTHONPATH=str(ROOT))
    assert done.stdout.splitlines()[-1] == "False", done.stderr


# ---------------------------------------------------------------------------------- bad input
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["NbSe2", "Xy2"], "row 2: 'Xy2' is wrong: Xy is not an element"),
        (["nbse2"], "row 1: 'nbse2' is not a formula"),
        (["--data", "nowhere.json"], "nowhere.json"),
        (["--seed", "7"], "trained on another training set (RSEED is 42 there, 7 here)"),
        (["--split", "polymorph"], "--split polymorph is not allowed; give 'formula' or 'random'"),
        (["--sed", "7"], "unrecognized arguments: --sed"),
        ([""], "row 1: '' is not a formula"),
    ],
)
def test_bad_input_of_a_prediction_gets_one_line(trained, arguments, said):
    (trained / "predictions.csv").write_text("mine")
    assert_one_line(predict(trained, *arguments), said)
    assert (trained / "predictions.csv").read_text("utf-8") == "mine"


@pytest.mark.parametrize("model", ["forest", "network"])
def test_a_prediction_before_training_says_what_to_run(tmp_path, model):
    script = tmp_path / "predict_RF.py"
    script.write_text((ROOT / "predict_RF.py").read_text("utf-8"), "utf-8")
    if model == "network":
        swap(tmp_path)
    done = predict(tmp_path)
    said = "correct its name, or run python load_NN.py here first"
    assert_one_line(done, said)
    assert "predict_RF.py: no model (" in done.stderr


def test_a_process_ends_with_the_line_of_its_mistake(trained):
    done = run(trained, "predict_RF.py", "nbse2", PYTHONPATH=str(ROOT))
    assert_one_line(done, "predict_RF.py: row 1: 'nbse2' is not a formula")
    (trained / "rf_model.pkl").unlink()
    done = run(trained, "predict_RF.py", PYTHONPATH=str(ROOT))
    said = "predict_RF.py: no model (its file is not in the current directory); correct its name"
    assert_one_line(done, said)
    assert done.stdout == ""


def test_a_bug_of_ours_keeps_its_traceback(trained):
    edit(trained / "predict_RF.py", "supplement.predict_hosts(model", "int('bug')\n(model")
    done = run(trained, "predict_RF.py", PYTHONPATH=str(ROOT))
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback")
    assert "ValueError" in done.stderr


@pytest.mark.parametrize("error", [ValueError("x"), OSError("x"), KeyError("x"), RuntimeError("x")])
def test_only_a_mistake_becomes_a_line(error):
    assert messages.describe_error(error) is None
    assert messages.describe_error(messages.LabError("one\ntwo")) == "one"
    assert messages.describe_error(KeyboardInterrupt()) == "stopped"
    assert "fewer neurons" in messages.describe_error(MemoryError())


def test_an_empty_list_of_formulas_gets_one_line(trained):
    path = trained / "predict_RF.py"
    path.write_text(re.sub(r"ROWS = \[.*?\n\]", "ROWS = []", path.read_text(), flags=re.DOTALL))
    assert_one_line(predict(trained), "no formula is given")


@pytest.mark.parametrize("content", [b"", b"no pickle", b"\x80\x04c__main__\nmissing\n."])
def test_a_broken_pickle_gets_one_line(trained, content):
    (trained / "rf_model.pkl").write_bytes(content)
    assert_one_line(predict(trained), "no model (")


@pytest.mark.parametrize("wrong", [pd.DataFrame, {"a": 1}])
def test_a_pickle_that_is_no_model_gets_one_line(trained, wrong):
    (trained / "rf_model.pkl").write_bytes(pickle.dumps(wrong))
    assert_one_line(predict(trained), "what was loaded is no trained model")


def test_another_model_is_used_with_a_warning(trained, rows):
    X_train, _, y_train, _ = supplement.split_data(*rows)
    (trained / "rf_model.pkl").write_bytes(pickle.dumps(Ridge().fit(X_train, y_train)))
    done = predict(trained)
    assert done.returncode == 0
    assert "does not say what it was trained on" in done.stdout


def test_an_untrained_network_is_pointed_out(trained):
    swap(trained, "nn_raw.h5")
    done = predict(trained)
    assert done.returncode == 0
    assert "Is it trained?" in done.stdout


@pytest.mark.parametrize("row", ['"Nb1 Se2"', '("a", "NbSe2", 1)'])
def test_a_row_of_another_shape_gets_one_line(trained, row):
    path = trained / "predict_RF.py"
    text = re.sub(r"ROWS = \[.*?\n\]", f"ROWS = [{row}]", path.read_text(), flags=re.DOTALL)
    path.write_text(text)
    assert_one_line(predict(trained), "row 1")


def test_an_odd_id_is_printed_as_it_is(trained):
    edit(trained / "predict_RF.py", "mp-3368", "[/x] :smile:")
    done = predict(trained)
    assert "[/x] :smile:" in done.stdout


def test_a_model_of_other_columns_gets_one_line(trained, rows):
    X, y = rows
    supplement.train_forest(X.iloc[:, :5], y, trained)
    assert_one_line(predict(trained), "takes 5 columns")
    few = supplement.build_network(X.iloc[:, :5], (1, 1, 1))
    checkpoint.save_network(few, trained / "few.h5")
    swap(trained, "few.h5")
    assert_one_line(predict(trained), "takes 5 columns")


def test_a_forest_of_another_scikit_learn_version_gets_one_line(trained):
    pickled = (trained / "rf_model.pkl").read_bytes()
    old = f"0{sklearn.__version__[1:]}"
    pickled = pickled.replace(sklearn.__version__.encode(), old.encode())
    (trained / "rf_model.pkl").write_bytes(pickled)
    done = run(trained, "predict_RF.py", PYTHONPATH=str(ROOT))
    assert_one_line(done, "no model (it was made with another version of scikit-learn)")
    assert "run python load_NN.py here first" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--data", "nowhere.json"], "nowhere.json"),
        (["--dropout", "1"], "--dropout 1 is not allowed; give a number from 0 to below 1"),
        (["--epochs", "0"], "--epochs 0 is not allowed; give a whole number from 1"),
        (["--epochs", "2.5"], "--epochs 2.5 is not allowed; give a whole number"),
        (["--epochs", "1,000"], "--epochs 1,000 is not allowed; give a whole number"),
        (["--max-neurons", "many"], "--max-neurons many is not allowed"),
        (["--seed", "-1"], "--seed -1 is not allowed; give a whole number from 0"),
        (["--split", "polymorph"], "--split polymorph is not allowed"),
        (["--out", "file"], "--out file is a file"),
        (["--out", ""], "--out is empty; give a folder"),
        (["--out", "/proc/nowhere"], "--out /proc/nowhere"),
    ],
)
def test_bad_input_of_a_run_gets_one_line_at_once(tmp_path, arguments, said):
    (tmp_path / "file").write_text("mine")
    done = call(load_NN.main, *arguments, folder=tmp_path)
    assert_one_line(done, said)
    assert "epoch" not in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("TEST_FRACTION", 20), ("COVERAGE", 90), ("BATCH", 0), ("FOLDS", 1), ("SPLIT", "rows")],
)
def test_a_setting_out_of_its_range_gets_one_line(trained, name, value):
    for done in (
        call(load_NN.main, folder=trained, **{name: value}),
        predict(trained, **{name: value}),
    ):
        shown = repr(value) if isinstance(value, str) else value
        assert_one_line(done, f"{name} = {shown} is not allowed; give ")


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_to_gets_one_line(tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    assert_one_line(call(load_NN.main, "--out", "locked", folder=tmp_path), "locked")


def test_help_names_every_option_with_its_default():
    options = (
        "--epochs --search --search-epochs --max-neurons --dropout --seed --split --data --out"
    )
    for done, names in [
        (call(load_NN.main, "--help"), f"{options} --resume --scheduler"),
        (predict(ROOT, "--help"), "--seed --split --data"),
    ]:
        assert done.returncode == 0
        assert f"(default: {supplement.RSEED})" in done.stdout
        assert [name for name in names.split() if name not in done.stdout] == []


def test_the_set_up_of_the_readme_is_what_ci_runs():
    command = re.search(r"```sh\n(python3 -m venv .*pytest)\n```", README)[1]
    found = re.search(r"command=\$\((.*)\)\n", (ROOT / ".ci" / "run").read_text("utf-8"))[1]
    ci = subprocess.run(["bash", "-c", found], cwd=ROOT, capture_output=True, text=True)
    assert ci.stdout.strip() == command
