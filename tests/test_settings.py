"""Settings: each is checked by its name wherever it was given, and read as what was typed."""

import math
import pickle
from fractions import Fraction

import conftest
import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, assert_one_line, call, predict
from hypothesis import given
from hypothesis import strategies as st
from oracles import assert_message, try_examples

import load_NN
import supplement
from voltage_lab import settings
from voltage_lab.messages import LabError

DEFAULTS = {**supplement.current_settings(), "EPOCHS": load_NN.EPOCHS}
LOWEST = {"RSEED": 0, "SEARCH": 1, "SEARCH_EPOCHS": 1, "FOLDS": 2, "MAX_NEURONS": 1}
LOWEST |= {"WORKERS": 1, "BATCH": 1, "TREES": 1, "EPOCHS": 1}
PROPER = {"TEST_FRACTION": [0.01, 0.5, 0.99], "DROPOUT": [0, 0.0, 0.5, 0.99]}
PROPER |= {"COVERAGE": [0.01, 0.5, 0.995], "SPLIT": ["formula", "random"]}
PROPER |= {"TARGET": ["Average Voltage", "U"], "FORMULA": ["Reduced Formula", "host"]}
PROPER |= {name: [lowest, lowest + 1, 10**9 - 1] for name, lowest in LOWEST.items()}
NO_NUMBERS = [True, False, None, "formula", "2.5", "3", (1, 0), [3], {}, math.nan, math.inf, -1]
WRONG = {name: [*NO_NUMBERS, lowest - 1, 2.5, 3.0, 10**9] for name, lowest in LOWEST.items()}
WRONG |= {
    "TEST_FRACTION": [*NO_NUMBERS, 0, 1, 20, -0.1],
    "DROPOUT": [*NO_NUMBERS, 1, 20, -0.1],
    "COVERAGE": [*NO_NUMBERS, 0, 90, 1, 1.0],
    "SPLIT": ["Formula", "polymorph", "", True, 1, None, ("formula",)],
    "TARGET": ["", None, 1, True],
    "FORMULA": ["", None, 1, True],
}


def list_pairs(table):
    """Return (name, value) of a dict of lists."""
    return [(name, value) for name, values in table.items() for value in values]


# ----------------------------------------------------------------------------------- the rules
def test_every_setting_has_a_rule_whose_default_is_that_of_the_file():
    assert settings.RULES.keys() == DEFAULTS.keys()
    rules = {name: rule.default for name, rule in settings.RULES.items() if name != "WORKERS"}
    assert rules == {name: value for name, value in DEFAULTS.items() if name != "WORKERS"}
    assert settings.RULES["WORKERS"].default is None  # it depends on the machine
    for name, value in DEFAULTS.items():
        assert settings.check(name, value) == value
        assert type(value) is settings.RULES[name].kind


def test_settings_of_a_run_are_the_constants_of_the_file_and_nothing_else():
    text = (ROOT / "supplement.py").read_text("utf-8")
    block = text.split("# ------")[1].splitlines()[1:]
    assert [line.split(" = ")[0] for line in block] == list(supplement.current_settings())
    with conftest.settings(SEARCH=3):
        assert supplement.current_settings()["SEARCH"] == 3


@pytest.mark.parametrize(("name", "value"), list_pairs(PROPER))
def test_a_proper_value_is_kept_in_its_kind(name, value):
    checked = settings.check(name, value)
    assert checked == value
    assert type(checked) is settings.RULES[name].kind


@pytest.mark.parametrize(("name", "value"), list_pairs(WRONG))
def test_a_wrong_value_is_reported_by_name_with_what_would_be_right(name, value):
    with pytest.raises(LabError) as error:
        settings.check(name, value)
    assert_message(error.value, f"{name} = ", str(value)[:30], " is not allowed; give ")
    kind = settings.RULES[name].kind
    right = {int: f"from {LOWEST.get(name)} to 999999999, without", float: "point", str: "'"}
    assert right[kind] in str(error.value) or (kind is str and "text in quotes" in str(error.value))


def test_a_comma_in_a_number_is_reported_as_such():
    with pytest.raises(LabError, match=r"^EPOCHS = \(1, 0\) is not allowed; .* without a comma$"):
        settings.check("EPOCHS", (1, 0))  # EPOCHS = 1,000


def test_numbers_of_numpy_are_accepted_and_its_truth_values_are_not():
    for value in (np.int64(3), np.int32(3), np.uint8(3)):
        assert type(settings.check("EPOCHS", value)) is int
        assert settings.check("EPOCHS", value) == 3
    for value in (np.float64(0.25), np.float32(0.25)):
        assert type(settings.check("DROPOUT", value)) is float
        assert settings.check("DROPOUT", value) == 0.25
    for name, value in [("EPOCHS", np.True_), ("DROPOUT", np.False_), ("EPOCHS", np.float64(3))]:
        with pytest.raises(LabError, match=f"{name} = "):
            settings.check(name, value)
    for value in (np.float64("nan"), np.array([3]), pd.NA):
        with pytest.raises(LabError, match="DROPOUT = "):
            settings.check("DROPOUT", value)


def test_a_name_without_a_rule_may_have_any_value():
    assert settings.check("MINE", (1, 0)) == (1, 0)


# ------------------------------------------------------------------------------------- changes
def test_changes_are_exactly_what_differs_from_the_defaults():
    assert settings.changes(DEFAULTS) == []
    assert settings.changes(DEFAULTS | {"WORKERS": 17, "MINE": 1}) == []
    other = {"SEARCH": 8, "SPLIT": "random", "EPOCHS": 4}
    expected = ["SPLIT = random (default formula)", "SEARCH = 8 (default 20)"]
    assert settings.changes(DEFAULTS | other) == [*expected, "EPOCHS = 4 (default 128)"]
    for name, values in PROPER.items():
        if name != "WORKERS":
            (value, *_) = (value for value in values if value != DEFAULTS[name])
            said = f"{name} = {value} (default {DEFAULTS[name]})"
            assert settings.changes(DEFAULTS | {name: value}) == [said]
    assert settings.changes({}) == []


# ---------------------------------------------------------------------------- the command line
def read(*arguments, **values):
    """Read arguments as `load_NN.py` does; return the settings."""
    parser = settings.make_parser("", DEFAULTS | values, *settings.OPTIONS)
    return settings.read_arguments(parser, DEFAULTS | values, [*arguments])[0]


OPTIONS = {
    "--epochs": "EPOCHS",
    "--search": "SEARCH",
    "--search-epochs": "SEARCH_EPOCHS",
    "--max-neurons": "MAX_NEURONS",
    "--dropout": "DROPOUT",
    "--seed": "RSEED",
    "--split": "SPLIT",
    "--ion": "ION",
    "--bad-rows": "BAD_ROWS",
}
TEXTS = ("--split", "--ion", "--bad-rows")
TYPED = [
    *(("--dropout", text, 0.2) for text in (".2", "0.2", "0.20", "+.2")),
    *(("--dropout", text, 0.0) for text in ("0", "0.", "0.0")),
    *((option, "7", 7) for option in OPTIONS if option not in ("--dropout", *TEXTS)),
    *(("--seed", "0", 0), ("--epochs", "007", 7), ("--epochs", "999999999", 999999999)),
    *(("--split", "random", "random"), ("--split", "formula", "formula")),
    *(("--ion", "Na", "Na"), ("--ion", "any", "any"), ("--bad-rows", "skip", "skip")),
]


@pytest.mark.parametrize(("option", "typed", "value"), TYPED)
def test_a_typed_value_is_read_as_it_is_meant_and_changes_its_setting_alone(option, typed, value):
    assert {name: settings.OPTIONS[name][0] for name in settings.OPTIONS} == OPTIONS
    values = read(option, typed)
    assert values == DEFAULTS | {OPTIONS[option]: value}
    assert type(values[OPTIONS[option]]) is type(value)
    assert read(f"{option}={typed}") == values


@pytest.mark.parametrize(
    ("option", "typed"),
    [
        *(("--epochs", text) for text in ("1,000", "2.5", "1e3", "1_000", "0", "-1", "many")),
        *(("--epochs", text) for text in ("3.0", "nan", "1000000000", "9" * 30, "", " ", "0x10")),
        *(("--dropout", text) for text in ("1", "0,2", "-.1", "20", "2e-1", "nan", "none", ".")),
        *(("--seed", text) for text in ("x", "7.0", "-7", "\u0663")),
        *(("--split", text) for text in ("polymorph", "Random", "1", "")),
        *(("--ion", text) for text in ("na", "Fe", "Li+", "")),
        *(("--bad-rows", text) for text in ("no", "yes", "")),
        *(("--max-neurons", "0"), ("--search", "0"), ("--search-epochs", "0.5")),
    ],
)
def test_a_typed_value_that_is_not_allowed_is_reported_with_its_option(option, typed):
    with pytest.raises(LabError) as error:
        read(option, typed)
    words = settings.RULES[OPTIONS[option]].allowed
    assert_message(error.value, typed)
    assert str(error.value).startswith(f"{option} ")
    assert str(error.value).endswith(f" is not allowed; give {words}")


@try_examples(200)
@given(
    option=st.sampled_from(["--epochs", "--dropout", "--seed"]),
    typed=st.one_of(
        st.text("0123456789+-.,e_ ", max_size=6),
        st.integers().map(str),
        st.floats().map(str),
        st.decimals(0, 1, places=3).map(str),
        st.text(st.characters(exclude_categories=["C", "Z"])),
    ).filter(lambda text: text != "--"),  # Python's argparse drops it
)
def test_any_typed_text_is_read_as_the_number_that_it_is_or_refused(option, typed):
    name = OPTIONS[option]
    try:
        value = read(f"{option}={typed}")[name]
    except LabError as error:
        line = str(error)
        assert line.startswith(f"{option} ")
        assert not is_plain_number(typed, name)
    else:
        assert value == float(Fraction(typed))


def is_plain_number(typed, name):
    """Return whether a text is a number in plain digits that the setting may have."""
    if not (typed.isascii() and typed.replace(".", "", 1).isdigit()):
        return False
    if name == "DROPOUT":
        return Fraction(typed) < 1
    return typed.isdigit() and LOWEST[name] <= int(typed) < 10**9


@pytest.mark.parametrize("arguments", [["--epochs"], ["--nonsense"], ["3"], ["--resume=1"]])
def test_a_wrong_command_line_gets_one_line(arguments, tmp_path):
    done = call(load_NN.main, "--data", "nowhere.json", *arguments, folder=tmp_path)
    assert_one_line(done, "load_NN.py: ")
    assert done.stderr.endswith("; see --help\n")
    assert done.stdout == ""


def test_help_shows_the_settings_as_they_stand_in_the_scripts(capsys):
    with pytest.raises(SystemExit) as stop:
        read("--help", EPOCHS=77, DROPOUT=0.35)
    assert stop.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    for option, name in OPTIONS.items():
        value = {"EPOCHS": 77, "DROPOUT": 0.35}.get(name, DEFAULTS[name])
        words = settings.OPTIONS[option][1]
        assert f"{option} VALUE {words} (default: {value})" in text


# ---------------------------------------------------------------------- edits in the scripts
@pytest.mark.parametrize(
    ("edit", "said"),
    [
        ({"SEARCH": 2.5}, "2.5"),
        ({"MAX_NEURONS": (1, 0)}, "(1, 0)"),
        ({"TEST_FRACTION": 20}, "20"),
        ({"COVERAGE": 90}, "90"),
        ({"SPLIT": "polymorph"}, "polymorph"),
        ({"TREES": 0}, "0"),
        ({"WORKERS": 0}, "0"),
        ({"TARGET": None}, "None"),
    ],
)
def test_an_edit_in_supplement_is_reported_by_its_name_at_once(edit, said, tmp_path):
    (name,) = edit
    for done in (
        call(load_NN.main, "--data", "nowhere.json", folder=tmp_path, **edit),
        predict(tmp_path, script=ROOT / "predict_RF.py", **edit),
    ):
        assert_one_line(done, f": {name} = ")
        assert said in done.stderr
        assert " --" not in done.stderr
        assert done.stdout == ""
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value", [2.5, 0, (1, 0), "128", True])
@pytest.mark.parametrize("arguments", [[], ["--epochs", "4"]])
def test_an_edit_in_load_nn_is_reported_by_its_name_at_once(
    value, arguments, tmp_path, monkeypatch
):
    monkeypatch.setattr(load_NN, "EPOCHS", value)
    done = call(load_NN.main, "--data", "nowhere.json", *arguments, folder=tmp_path)
    assert_one_line(done, "load_NN.py: EPOCHS = ")
    assert str(value) in done.stderr
    assert "--epochs" not in done.stderr
    assert done.stdout == ""
    assert not list(tmp_path.iterdir())


def test_a_run_prints_the_settings_that_differ_and_uses_them(tmp_path, monkeypatch):
    monkeypatch.setattr(load_NN, "EPOCHS", 9)
    options = ["--seed", "7", "--dropout", ".1", "--data", "nowhere.json"]
    done = call(load_NN.main, *options, folder=tmp_path, FOLDS=3, COVERAGE=0.8)
    said = ["RSEED = 7 (default 42)", "DROPOUT = 0.1 (default 0.2)", "TREES = 30 (default 300)"]
    said += ["COVERAGE = 0.8 (default 0.9)", "EPOCHS = 9 (default 128)"]
    assert done.stdout == f"settings: {', '.join(said)}\n"
    with conftest.settings():
        _, epochs = load_NN.read_options(options)
        assert (epochs, supplement.RSEED, supplement.DROPOUT) == (9, 7, 0.1)
        assert supplement.current_settings() == {
            name: value
            for name, value in (DEFAULTS | {"RSEED": 7, "DROPOUT": 0.1}).items()
            if name != "EPOCHS"
        }
    assert supplement.current_settings() == {
        name: value for name, value in DEFAULTS.items() if name != "EPOCHS"
    }
    assert call(load_NN.main, *options[-2:], folder=tmp_path, TREES=300, FOLDS=3).stdout == (
        "settings: EPOCHS = 9 (default 128)\n"
    )


def test_predict_rf_reads_seed_and_split_and_has_no_other_settings(tmp_path, monkeypatch):
    used = []

    def predict_hosts(model, rows, data):
        used.append((model, rows, data, supplement.RSEED, supplement.SPLIT))

    monkeypatch.setattr(supplement, "predict_hosts", predict_hosts)
    (tmp_path / "rf_model.pkl").write_bytes(pickle.dumps("a model"))
    script = ROOT / "predict_RF.py"
    arguments = ["FePO4", "CoO2", "--seed", "7", "--split", "random", "--data", "mine.json"]
    rows = [("1", "FePO4"), ("2", "CoO2")]
    for words in (arguments, arguments[:2]):
        assert predict(tmp_path, *words, script=script).returncode == 0
    assert used == [
        ("a model", rows, "mine.json", 7, "random"),
        ("a model", rows, supplement.DATA, 42, "formula"),
    ]
    done = predict(tmp_path, "--split", "polymorph", script=script)
    assert_one_line(done, "predict_RF.py: --split ")
    assert "is not allowed; give 'formula' or 'random'" in done.stderr
    assert_one_line(predict(tmp_path, "--epochs", "4", script=script), "--epochs")
    assert len(used) == 2
