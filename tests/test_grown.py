"""The network that is too big on purpose, and the comparison over folds: what their cards say."""

import json
import re
import shutil
import sys

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

import supplement
from lab import runs
from lab.formulas import read_table

sys.path.insert(0, str(ROOT / "folds"))
import compare

GROWN = ROOT / "2048e"


def numbers(text):
    """Return all decimal numbers of a text."""
    return [float(number) for number in re.findall(r"-?\d+\.\d+", text)]


@pytest.fixture(scope="module")
def now():
    """Return the parameters of a default run."""
    return runs.parameters(supplement.DATA, 128)


# ------------------------------------------------------------------------------------- 2048e/
def test_the_grown_network_fits_the_default_data_and_seed(now):
    found = runs.load_grown(now, ROOT)
    assert list(found) == ["2048e"]
    then = dict(line.split(": ", 1) for line in (GROWN / "parameters.txt").read_text().splitlines())
    assert list(then) == list(now)
    assert (then["epochs"], then["max neurons"], then["dropout"]) == ("2048", "1000", "0.0")
    assert re.search(r"^[0-9a-f]{64}", then["sha256"])
    card = (ROOT / "data" / "README.md").read_text("utf-8")
    assert f"{then['sha256']}  Batteries_feat.json" in card


def test_its_card_has_the_errors_of_its_network(now, rows):
    parts = supplement.split_data(*rows)
    models = runs.load_grown(now, ROOT)
    table = supplement.evaluate(models, *parts).set_index("model").loc["2048e"]
    card = (GROWN / "README.md").read_text("utf-8")
    printed = next(line for line in card.splitlines() if line.startswith(" 2048e "))
    np.testing.assert_allclose(numbers(printed)[:6], table.astype(float), atol=6e-4)
    assert f"{models['2048e'].count_params():,} weights" in card
    log = pd.read_csv(GROWN / "training.log")
    assert log["val_loss"].iloc[-1] == pytest.approx(table["MAE test"], abs=1e-4)


def test_its_training_error_goes_on_falling_and_its_test_error_does_not():
    log = pd.read_csv(GROWN / "training.log")
    assert list(log["epoch"]) == list(range(2048))
    smooth = log.rolling(50, center=True).mean()
    best = smooth["val_loss"].idxmin()
    assert 128 < best < 1024  # then it goes the other way
    late = log[-100:].mean()
    assert late["loss"] < 0.85 * smooth["loss"][best]
    assert late["val_loss"] > 1.02 * smooth["val_loss"][best]
    means = [log["loss"][start : start + 256].mean() for start in range(0, 2048, 256)]
    assert means == sorted(means, reverse=True)


def test_the_folder_is_small_and_complete():
    names = ["README.md", "learning.png", "nn_raw.h5", "nn_trained.h5"]
    names += ["parameters.txt", "training.log"]
    assert all((GROWN / name).stat().st_size for name in names)
    assert sum((GROWN / name).stat().st_size for name in names) < 25e6


@pytest.mark.parametrize(
    ("name", "other"), [("sha256", "0" * 64), ("seed", "7"), ("split", "random")]
)
def test_a_network_of_other_rows_is_left_out_with_the_reason(now, capsys, name, other):
    assert runs.load_grown(now | {name: other}, ROOT) == {}
    printed = capsys.readouterr().out
    assert printed == f"2048e is left out: its {name} is {now[name]}, here it is {other}\n"


def test_a_run_into_its_own_folder_is_not_compared_with_itself(now, capsys):
    assert runs.load_grown(now, GROWN) == {} and capsys.readouterr().out == ""


@pytest.mark.parametrize("broken", ["parameters.txt", "nn_trained.h5"])
@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe: no"])
def test_a_broken_folder_is_left_out_with_one_line(
    now, tmp_path, monkeypatch, capsys, broken, content
):
    for name in ("parameters.txt", "training.log", "nn_trained.h5"):
        shutil.copy(GROWN / name, tmp_path)
    (tmp_path / broken).unlink()
    if content is not None:
        (tmp_path / broken).write_bytes(content)
    monkeypatch.setattr(runs, "GROWN", tmp_path)
    assert runs.load_grown(now, ROOT) == {}
    assert re.fullmatch("2048e is left out: .+\n", capsys.readouterr().out)


def test_a_folder_without_its_log_is_left_out(now, tmp_path, monkeypatch, capsys):
    for name in ("parameters.txt", "nn_trained.h5"):
        shutil.copy(GROWN / name, tmp_path)
    monkeypatch.setattr(runs, "GROWN", tmp_path)
    assert runs.load_grown(now, ROOT) == {}
    assert capsys.readouterr().out == "2048e is left out: it is not here\n"


# ------------------------------------------------------------------------------------- folds/
def test_the_card_of_the_folds_has_what_the_results_say():
    table = compare.summary(pd.read_csv(compare.RESULTS))
    card = (ROOT / "folds" / "README.md").read_text("utf-8")
    for row in table.itertuples(index=False):
        line = rf"{row.data} +{row.split} +{row.model} .*{row[-2]} +{row[-1]}"
        assert re.search(line, card), row
    assert set(table["folds"]) == {compare.PARTS}


def test_the_network_is_as_good_as_the_forest_on_new_formulas():
    results = pd.read_csv(compare.RESULTS)
    means = results[results["split"] == "formula"].groupby(["data", "model"])
    means = means[["MAE test", "RMSE test"]].mean().unstack("model")
    assert (means["MAE test"]["network"] <= means["MAE test"]["forest"]).all()
    assert (means["RMSE test"]["network"] <= 1.02 * means["RMSE test"]["forest"]).all()


def test_every_row_is_a_test_row_once_and_no_formula_on_both_sides(rows):
    seen = {"formula": [], "random": []}
    for split, _, train, test in compare.splits(rows[0]):
        hosts = rows[0].index
        assert len(train) + len(test) == len(hosts) and not set(train) & set(test)
        assert bool(set(hosts[train]) & set(hosts[test])) == (split == "random")
        seen[split].extend(test)
    _, lab_test, _, _ = supplement.split_data(*rows)
    first = next(compare.splits(rows[0]))
    assert set(rows[0].index[first[3]]) == set(lab_test.index)  # as the card says of fold 1
    assert all(sorted(tests) == list(range(len(rows[0]))) for tests in seen.values())


def test_a_comparison_goes_on_where_it_stopped(tmp_path, monkeypatch, capsys):
    table = read_table(supplement.DATA)
    few = table[table["Reduced Formula"].isin(table["Reduced Formula"].unique()[:60])]
    split = few.astype(object).where(few.notna(), None).to_dict(orient="split")
    (tmp_path / "few.json").write_text(json.dumps(split))
    settings = {"SEARCH": 1, "SEARCH_EPOCHS": 1, "FOLDS": 2, "TREES": 5, "MAX_NEURONS": 5}
    for name, value in settings.items():
        monkeypatch.setattr(supplement, name, value)
    monkeypatch.setattr(compare.load_NN, "EPOCHS", 2)
    monkeypatch.setattr(compare, "PARTS", 2)
    monkeypatch.setattr(compare, "RESULTS", tmp_path / "results.csv")
    compare.compare(tmp_path / "few.json")
    whole = pd.read_csv(compare.RESULTS)
    assert len(whole) == 2 * compare.PARTS * 4 and capsys.readouterr().out.count("fold") == 4
    whole[: 3 * 4].to_csv(compare.RESULTS, index=False)
    compare.compare(tmp_path / "few.json")
    assert capsys.readouterr().out.count("fold") == 1
    pd.testing.assert_frame_equal(pd.read_csv(compare.RESULTS), whole)
