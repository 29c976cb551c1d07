"""The class, as a student does it: run, change, look, add a row, swap a line."""

import math
import os
import pickle
import pty
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import sklearn
from conftest import QUICK, ROOT, run
from sklearn.linear_model import Ridge
from sklearn.model_selection import train_test_split

import supplement
from lab import runs

README = (ROOT / "README.md").read_text("utf-8")
FOUR = ["NbSe2", "NbIr2", "NbRh2", "Nb3O8"]


def predictions(folder, *arguments, script="predict_RF.py"):
    """Run `predict_RF.py` and return its table."""
    done = run(folder, script, *arguments)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return pd.read_csv(folder / "predictions.csv", keep_default_na=False)


def swap(folder, name="nn_trained.h5"):
    """Do what the README says: put its lines where the forest is loaded."""
    lines = re.search(r"```python\n(    from keras.*?)```", README, re.DOTALL)[1]
    script = folder / "predict_RF.py"
    text, old = script.read_text("utf-8"), '    model = pickle.load(open("rf_model.pkl", "rb"))\n'
    assert text.count(old) == 1
    script.write_text(text.replace(old, lines.replace("nn_trained.h5", name)))


def polymorphs(folder, _, seed, __, split):
    """Count the test rows of a random split whose formula a training row has, as 197 of 435."""
    assert split == "random"
    hosts = supplement.load_data(folder / "Batteries_feat.json", check=0)[0].index
    train, test = train_test_split(hosts, test_size=0.2, random_state=seed)
    return f"{sum(host in set(train) for host in test)} of {len(test)}"


def one_line(done, said):
    """Assert that a script ended with one clear line and status 1."""
    assert done.returncode == 1, done
    assert said in done.stderr and done.stderr.count("\n") == 1, done.stderr


# ------------------------------------------------------------------------------ steps 1 to 3
def test_a_run_prints_three_tables_and_leaves_its_files(class_run):
    folder, done = class_run
    assert done.stderr == "" and "\x1b" not in done.stdout and "\r" not in done.stdout
    for word in ("training rows of", "worst of 1", "epoch 4 of 4", "training mean", "forest"):
        assert word in done.stdout
    for row in (" 2048e ", " floor ", "2048e: ", "network: "):
        assert sum(line.startswith(row) for line in done.stdout.splitlines()) == 1
    made = {"nn_raw.h5", "nn_trained.h5", "training.log", "rf_model.pkl", "parity.png"}
    made |= {"parameters.txt", "training.npz", "metals.png", "series.png"}
    names = {path.name for path in folder.iterdir()}
    assert made | {"errors.png", "learning.png"} <= names
    assert not [name for name in names if ".part" in name]
    assert len(pd.read_csv(folder / "training.log")) == 4


def test_the_same_seed_prints_the_same_and_another_does_not(class_run, lab):
    _, first = class_run
    here = lambda text: [line for line in text.splitlines() if " in /" not in line]  # noqa: E731
    script = (lab / "load_NN.py").read_text("utf-8")
    assert "\nEPOCHS = 128 " in script  # the student edits this
    (lab / "load_NN.py").write_text(script.replace("\nEPOCHS = 128 ", "\nEPOCHS = 4 "))
    again = run(lab, "load_NN.py", *QUICK[2:])
    assert again.returncode == 0 and here(again.stdout) == here(first.stdout)
    options = ["--seed", 7, "--split", "random"]
    other = run(lab, "load_NN.py", *QUICK, *options, "--out", "é è")
    assert other.returncode == 0 and here(other.stdout) != here(first.stdout)
    assert (lab / "é è" / "learning.png").exists() and other.stderr == ""
    assert "2048e is left out: its seed is 42, here it is 7\n" in other.stdout
    assert f"have the formula of {polymorphs(lab, *options)} test rows" in other.stdout
    assert "have the formula" not in first.stdout  # split by formula, none has
    assert len(predictions(lab / "é è", *options, script=lab / "predict_RF.py")) == 4
    one_line(run(lab / "é è", lab / "predict_RF.py"), "trained on other rows")


@pytest.mark.parametrize("epochs", ["2.5", "0"])
def test_an_edit_that_makes_no_sense_is_seen_at_once(lab, epochs):
    script = lab / "load_NN.py"
    script.write_text(script.read_text("utf-8").replace("\nEPOCHS = 128 ", f"\nEPOCHS = {epochs} "))
    done = run(lab, "load_NN.py")
    one_line(done, "is not a whole number")
    assert done.stdout == ""


def test_a_terminal_gets_a_bar_and_can_be_narrow(lab):
    parent, child = pty.openpty()  # the bar is drawn for terminals only, so the test must be one
    narrow = {"COLUMNS": "60", "LANG": "C", "TERM": "xterm", "LOKY_MAX_CPU_COUNT": "1"}
    process = subprocess.Popen(
        [sys.executable, "load_NN.py", *QUICK], cwd=lab, env=os.environ | narrow,
        stdin=child, stdout=child, stderr=child, start_new_session=True,
    )
    os.close(child)
    shown = b""
    try:
        while piece := os.read(parent, 4096):
            shown += piece
    except OSError:  # the terminal is gone: the script has ended
        pass
    assert process.wait() == 0
    assert b"100%" in shown and b"RandomizedSearchCV" in shown
    assert b"Traceback" not in shown and b"WARNING" not in shown
    assert (lab / "parity.png").exists()


# ----------------------------------------------------------------------------------- step 4
def test_the_four_hosts_get_a_voltage_an_interval_and_a_remark(trained):
    table = predictions(trained)
    assert list(table)[:3] == ["Id", "Reduced Formula", "Voltage"]
    assert list(table["Reduced Formula"]) == FOUR and table["Id"][0] == "mp-1025496"
    assert (table["Lower"] < table["Voltage"]).all() and (table["Voltage"] < table["Upper"]).all()


def test_a_row_added_is_predicted(trained):
    script = trained / "predict_RF.py"
    text = script.read_text("utf-8")
    script.write_text(text.replace("ROWS = [\n", 'ROWS = [\n    ("mine", "Fe1 P1 O4"),\n'))
    table = predictions(trained)
    assert list(table["Reduced Formula"]) == ["FePO4", *FOUR] and table["Id"][0] == "mine"


@pytest.mark.parametrize("model", ["forest", "network"])
def test_a_formula_alone_gets_the_voltage_that_it_has_in_a_list(trained, model):
    if model == "network":
        swap(trained)
    every = predictions(trained).set_index("Reduced Formula")["Voltage"]
    alone = predictions(trained, "O8 Nb3")
    assert list(alone["Reduced Formula"]) == ["Nb3O8"]
    assert alone["Voltage"][0] == pytest.approx(every["Nb3O8"], abs=2e-4)


def test_the_swap_of_the_readme_predicts_with_the_network(trained):
    forest = predictions(trained)["Voltage"]
    swap(trained)
    network = predictions(trained)
    import_keras = supplement.import_keras()
    model = import_keras.models.load_model(trained / "nn_trained.h5")
    X = supplement.featurize(FOUR)
    np.testing.assert_allclose(network["Voltage"], model.predict(X, verbose=0)[:, 0], atol=1e-4)
    assert not np.allclose(network["Voltage"], forest, atol=0.01)


def test_the_interval_holds_nine_of_ten_held_out_rows(trained, rows):
    X_train, X_test, _, y_test = supplement.split_data(*rows)
    table = predictions(trained, *X_test.index)
    forest = pickle.loads((trained / "rf_model.pkl").read_bytes())
    errors = sorted(np.abs(forest.predict(X_test) - y_test))
    width = (table["Upper"] - table["Voltage"]).to_numpy()
    np.testing.assert_allclose(width, errors[math.ceil(0.9 * (len(errors) + 1)) - 1], atol=2e-4)
    inside = (table["Lower"] <= y_test.to_numpy()) & (y_test.to_numpy() <= table["Upper"])
    assert 0.9 <= inside.mean() <= 0.9 + 2 / len(y_test)
    assert not table["Remark"].str.contains("training row,|training rows,").any()


def test_remarks_name_unseen_elements_and_training_rows(trained, rows):
    X_train, _, y_train, _ = supplement.split_data(*rows)
    known = X_train.index[0]
    table = predictions(trained, known, "U O2", "Po")
    voltages = y_train[y_train.index == known]
    assert f"{voltages.min():.2f}" in table["Remark"][0]
    assert table["Remark"][1].endswith("U") and table["Remark"][2].endswith("Po")


def test_tensorflow_is_not_imported_for_the_forest(trained):
    check = """import runpy, sys; sys.argv = ["predict_RF.py"]
runpy.run_path("predict_RF.py", run_name="__main__"); print("tensorflow" in sys.modules)"""
    done = run(trained, "-c", check)
    assert done.returncode == 0 and done.stdout.splitlines()[-1] == "False"


# ---------------------------------------------------------------------------------- bad input
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["NbSe2", "Xy2"], "row 2: 'Xy2' is wrong: Xy is not an element"),
        (["nbse2"], "row 1: 'nbse2' is not a formula"),
        (["NbSe2", "--data", "nowhere.json"], "nowhere.json"),
        (["NbSe2", "--seed", "7"], "trained on other rows"),
        (["NbSe2", "--seed", "x"], "invalid int value: 'x'"),
    ],
)
def test_bad_input_of_a_prediction_gets_one_line(trained, arguments, said):
    (trained / "predictions.csv").write_text("mine")
    one_line(run(trained, "predict_RF.py", *arguments), said)
    assert (trained / "predictions.csv").read_text("utf-8") == "mine"


def test_a_prediction_before_training_says_what_to_run(lab):
    said = "no model (its file is not in this folder); correct its name, or run python load_NN.py"
    one_line(run(lab, "predict_RF.py"), said)
    swap(lab)
    one_line(run(lab, "predict_RF.py"), said)


def test_an_empty_list_of_rows_gets_one_line(trained):
    script = trained / "predict_RF.py"
    script.write_text(re.sub(r"ROWS = \[.*?\n\]", "ROWS = []", script.read_text(), flags=re.DOTALL))
    one_line(run(trained, "predict_RF.py"), "no formula is given")


@pytest.mark.parametrize("content", [b"", b"no pickle"])
def test_a_broken_pickle_gets_one_line(trained, content):
    (trained / "rf_model.pkl").write_bytes(content)
    one_line(run(trained, "predict_RF.py"), "no model")


@pytest.mark.parametrize("wrong", [pd.DataFrame, {"a": 1}])
def test_a_pickle_that_is_no_model_gets_one_line(trained, wrong):
    (trained / "rf_model.pkl").write_bytes(pickle.dumps(wrong))
    one_line(run(trained, "predict_RF.py"), "the model takes None columns")


def test_another_model_is_used_with_a_word(trained, rows):
    X_train, X_test, y_train, y_test = supplement.split_data(*rows)
    (trained / "rf_model.pkl").write_bytes(pickle.dumps(Ridge().fit(X_train, y_train)))
    done = run(trained, "predict_RF.py")
    assert done.returncode == 0 and "does not say what it was trained on" in done.stdout


def test_an_untrained_network_is_pointed_out(trained):
    swap(trained, "nn_raw.h5")
    done = run(trained, "predict_RF.py")
    assert done.returncode == 0 and "Is it trained?" in done.stdout


@pytest.mark.parametrize("rows", ['"Nb1 Se2"', '("a", "NbSe2", 1)'])
def test_a_row_of_another_shape_gets_one_line(trained, rows):
    script = trained / "predict_RF.py"
    text = re.sub(r"ROWS = \[.*?\n\]", f"ROWS = [{rows}]", script.read_text(), flags=re.DOTALL)
    script.write_text(text)
    one_line(run(trained, "predict_RF.py"), "row 1")


def test_an_odd_id_is_printed_as_it_is(trained):
    script = trained / "predict_RF.py"
    script.write_text(script.read_text("utf-8").replace("mp-3368", "[/x] :smile:"))
    done = run(trained, "predict_RF.py", PYTHONIOENCODING="ascii")
    assert done.returncode == 0 and "[/x] :smile:" in done.stdout


def test_a_model_of_other_columns_gets_one_line(trained, rows):
    X, y = rows
    supplement.train_forest(X.iloc[:, :5], y, trained)
    one_line(run(trained, "predict_RF.py"), "takes 5 columns")
    runs.save_network(supplement.build_network(X.iloc[:, :5], (1, 1, 1)), trained / "few.h5")
    swap(trained, "few.h5")
    one_line(run(trained, "predict_RF.py"), "takes 5 columns")


def test_a_forest_of_another_scikit_learn_gets_one_line(trained):
    pickled = (trained / "rf_model.pkl").read_bytes()
    old = f"0{sklearn.__version__[1:]}"
    pickled = pickled.replace(sklearn.__version__.encode(), old.encode())
    (trained / "rf_model.pkl").write_bytes(pickled)
    done = run(trained, "predict_RF.py")
    one_line(done, f"from version {old} when using version {sklearn.__version__}")
    assert "run python load_NN.py here first" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--data", "nowhere.json"], "nowhere.json"),
        (["--dropout", "1"], "'1' is not a number from 0 to below 1"),
        (["--epochs", "0"], "'0' is not a whole number from 1"),
        (["--max-neurons", "many"], "'many' is not a whole number"),
        (["--split", "polymorph"], "invalid choice: 'polymorph'"),
        (["--out", "load_NN.py"], "load_NN.py"),
        (["--out", "/proc/nowhere"], "/proc/nowhere"),
    ],
)
def test_bad_input_of_a_run_gets_one_line_at_once(lab, arguments, said):
    before = sorted(lab.iterdir())
    done = run(lab, "load_NN.py", *arguments)
    one_line(done, said)
    assert done.stdout == "" and sorted(lab.iterdir()) == [*before, *lab.glob("__pycache__")]


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_to_gets_one_line(lab):
    (lab / "locked").mkdir(mode=0o500)
    one_line(run(lab, "load_NN.py", "--out", "locked"), "locked")


@pytest.mark.parametrize("script", ["load_NN.py", "predict_RF.py"])
def test_help_names_every_option_with_its_default(lab, script):
    text = run(lab, script, "--help").stdout
    options = {"load_NN.py": ["--epochs", "--search", "--search-epochs", "--max-neurons", "--out"]}
    for option in ["--seed", "--split", "--data", *options.get(script, [])]:
        assert option in text
    assert f"(default: {supplement.RSEED})" in text


def test_the_set_up_of_the_readme_is_what_ci_runs():
    command = re.search(r"```sh\n(python3 -m venv .*pytest)\n```", README)[1]
    found = re.search(r"command=\$\((.*)\)\n", (ROOT / ".ci" / "run").read_text("utf-8"))[1]
    ci = subprocess.run(["bash", "-c", found], cwd=ROOT, capture_output=True, text=True)
    assert ci.stdout.strip() == command
