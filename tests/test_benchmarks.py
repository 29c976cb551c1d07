"""The benchmarks: what their card says, and a smallest run of each."""

import json
import re
import sys

import accuracy
import accuracy_figures
import models
import numpy as np
import pandas as pd
import processes
import pytest
import scaling
import seeds
import speed
import transfer
from conftest import QUICK, ROOT, assert_one_line, call, predict, run, settings
from matplotlib.image import imread
from sklearn.ensemble import GradientBoostingRegressor

import supplement
from voltage_lab import domain, messages
from voltage_lab.files import read_file
from voltage_lab.messages import LabError

CARD = ROOT / "benchmarks" / "README.md"
FIRST_FOLD = r"model selection\. Its MAE: forest (\S+) V, network (\S+) V"
SMALL_SEARCH = {"SEARCH": 1, "SEARCH_EPOCHS": 1, "FOLDS": 2, "MAX_NEURONS": 5, "WORKERS": 1}


@pytest.fixture(scope="module")
def data():
    """Return X and y of the lab's own data."""
    return supplement.load_data(supplement.DATA, check=0)


@pytest.fixture(scope="module")
def results():
    """Return the errors in ``accuracy.csv``."""
    return accuracy.read_results()


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """Return a feature file with the samples of sixty formulas."""
    table = read_file(supplement.DATA)
    table = table[table["Reduced Formula"].isin(table["Reduced Formula"].unique()[:60])]
    split = table.astype(object).where(table.notna(), None).to_dict(orient="split")
    path = tmp_path_factory.mktemp("benchmarks") / "few.json"
    path.write_text(json.dumps(split))
    return path


@pytest.mark.parametrize(
    "script",
    ["accuracy", "interval_coverage", "left_out", "parts", "scaling", "seeds", "speed", "transfer"],
)
def test_a_script_starts_in_a_process_of_its_own(script, tmp_path):
    done = run(tmp_path, ROOT / "benchmarks" / f"{script}.py", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"usage: {script}.py" in done.stdout


# ------------------------------------------------------------------------------------ accuracy
def test_the_card_has_what_the_results_say(results):
    table = accuracy.summarize(results)
    card = CARD.read_text("utf-8")
    for row in table.itertuples(index=False):
        line = rf"{row.data} +{row.split} +{row.formulas} +{row.model} .*{row[-2]} +{row[-1]}"
        assert re.search(line, card), row
    assert set(table["folds"]) == {accuracy.TEST_SETS}


def test_the_sentences_of_the_card_have_the_differences_of_the_results(results):
    card = " ".join(CARD.read_text("utf-8").split())
    results = results[results["formulas"] == "all"]
    mean = results.groupby(["data", "split", "model"])["MAE test"].mean()
    for data in results["data"][results["split"] == "random"].unique():
        formula, random = mean[data, "formula"], mean[data, "random"]
        assert f"{formula['forest'] - formula['network']:.3f} V lower" in card
        for model in ["forest", "network"]:
            assert f"{formula[model] - random[model]:.3f} V" in card
        first = results[(results["data"] == data) & (results["fold"] == 1)]
        first = first[first["split"] == "formula"].set_index("model")["MAE test"]
        said = [float(text) for text in re.search(FIRST_FOLD, card).groups()]
        assert said == pytest.approx(list(first[["forest", "network"]]), abs=6e-4)


def test_mean_and_deviation_over_folds_are_those_of_numpy(results):
    rows = accuracy.summarize(results).set_index(["data", "split", "formulas", "model"])
    row = rows.loc[("Batteries_feat", "formula", "all", "forest")]
    lines = (ROOT / "benchmarks" / "accuracy.csv").read_text("utf-8").splitlines()
    cells = [line.split(",") for line in lines if "Batteries_feat.json" in line]
    place = ["formula", "all", "forest"]
    errors = [float(line[7]) for line in cells if [line[2], *line[4:6]] == place]
    assert row["MAE test"] == f"{np.mean(errors):.3f} ± {np.std(errors, ddof=1):.3f}"


def test_the_network_is_as_good_as_the_forest_on_new_formulas(results):
    results = results[results["formulas"] == "all"]
    means = results[results["split"] == "formula"].groupby(["data", "model"])
    means = means[["MAE test", "RMSE test"]].mean().unstack("model")
    own = means.loc["Batteries_feat.json"]
    assert own["MAE test"]["network"] < 0.92 * own["MAE test"]["forest"]
    for error in ("MAE test", "RMSE test"):
        assert (means[error]["network"] <= 1.02 * means[error]["forest"]).all()


def test_of_two_versions_of_a_table_the_latest_is_shown(results):
    other = results[results["data"] == "Li.csv"].assign(sha256="0")
    latest = accuracy.select_latest(pd.concat([results, other]))
    assert list(latest["data"].unique()) == list(results["data"].unique())
    assert set(latest["sha256"][latest["data"] == "Li.csv"]) == {"0"}
    pd.testing.assert_frame_equal(accuracy.select_latest(results), results)


def test_every_sample_is_in_the_test_set_once_and_no_formula_in_both(data):
    X, _ = data
    tested = {"formula": [], "random": []}
    for split, _, train, test in accuracy.split_folds(X):
        assert len(train) + len(test) == len(X)
        assert not set(train) & set(test)
        assert bool(set(X.index[train]) & set(X.index[test])) == (split == "random")
        tested[split].extend(test)
    assert all(sorted(samples) == list(range(len(X))) for samples in tested.values())


def test_the_first_fold_has_the_test_set_of_the_lab(data):
    X, y = data
    _, X_test, _, _ = supplement.split_data(X, y)
    _, _, _, test = next(accuracy.split_folds(X))
    pd.testing.assert_frame_equal(X.iloc[test], X_test)


def evaluate_forest(X_train, X_test, y_train, y_test):
    """Evaluate a forest under all names; `evaluate_training` has a test of its own."""
    forest = supplement.train_forest(X_train, y_train, accuracy.RESULTS.parent)
    names = dict.fromkeys(accuracy_figures.STYLES, forest)
    results = supplement.tabulate_results(names, X_train, X_test, y_train, y_test)
    return supplement.evaluate(results)


def test_a_comparison_resumes_where_it_stopped(few, tmp_path, monkeypatch):
    monkeypatch.setattr(accuracy, "evaluate_training", evaluate_forest)
    monkeypatch.setattr(accuracy, "TEST_SETS", 2)
    monkeypatch.setattr(accuracy, "RESULTS", tmp_path / "accuracy.csv")
    first = call(accuracy.main, few, "--random", "--formulas", 10, TREES=5)
    complete = accuracy.read_results()
    assert list(complete) == list(pd.read_csv(ROOT / "benchmarks" / "accuracy.csv"))
    assert len(complete) == 3 * accuracy.TEST_SETS * 7  # two splits, once of ten formulas
    assert first.stdout.count("few.json, split") == 6
    complete[: 5 * 7].to_csv(accuracy.RESULTS, index=False)
    second = call(accuracy.main, few, "--random", "--formulas", 10, TREES=5)
    assert second.stdout.count("few.json, split") == 1
    assert "few.json, split formula, fold 2, 10 formulas\n" in second.stdout
    pd.testing.assert_frame_equal(accuracy.read_results(), complete)
    assert second.stdout.splitlines()[1:] == first.stdout.splitlines()[6:]
    assert not ink_on_border(tmp_path / "accuracy.png")
    assert not ink_on_border(tmp_path / "formulas.png")


def ink_on_border(path):
    """Return whether anything is drawn on the outermost pixels of a picture: it would be cut."""
    picture = imread(path)[..., :3]
    edges = picture[0], picture[-1], picture[:, 0], picture[:, -1]
    return any((edge < 1).any() for edge in edges)


def test_some_formulas_are_among_more_of_them(data):
    X, _ = data
    assert [rest[0] for rest in accuracy.list_trainings(X, False, [])] == ["formula"] * 5
    trainings = [rest for rest in accuracy.list_trainings(X, True, [100, 300]) if rest[2] != "all"]
    assert [rest[:3] for rest in trainings[:2]] == [("formula", 1, "100"), ("formula", 1, "300")]
    assert len(trainings) == 2 * accuracy.TEST_SETS
    for _, _, formulas, train, test in trainings:
        assert X.index[train].nunique() == int(formulas)
        assert not set(X.index[train]) & set(X.index[test])
    for (*_, small, test), (*_, large, same) in zip(trainings[::2], trainings[1::2], strict=True):
        assert set(small) < set(large)
        assert list(test) == list(same)


def test_a_training_has_the_errors_of_its_own_models(few, tmp_path, monkeypatch):
    monkeypatch.setattr(models.load_NN, "EPOCHS", 2)
    monkeypatch.setattr(accuracy, "TEST_SETS", 2)
    X, y = supplement.load_data(few, check=0)
    _, _, train, test = next(accuracy.split_folds(X))
    X_train, X_test, y_train, y_test = X.iloc[train], X.iloc[test], y.iloc[train], y.iloc[test]
    trainNN, trained = supplement.trainNN, []

    def search_at_once(X, y, out):
        assert (len(X), len(y)) == (len(train), len(train))
        return supplement.build_network(X, [3, 3, 3])

    def train_and_keep(model, X, y, steps, out):
        assert (len(X), steps) == (len(train), 2)
        trained.append(trainNN(model, X, y, steps, out=out))
        return trained[0]

    def boost(X, y):
        assert (len(X), len(y)) == (len(train), len(train))
        return {"boosted": GradientBoostingRegressor(n_estimators=3, random_state=0).fit(X, y)}

    monkeypatch.setattr(models, "train_boosting", boost)
    monkeypatch.setattr(supplement, "searchNN", search_at_once)
    monkeypatch.setattr(supplement, "trainNN", train_and_keep)
    with settings(TREES=5):
        errors = accuracy.evaluate_training(X_train, X_test, y_train, y_test).set_index("model")
        forest = supplement.train_forest(X_train, y_train, tmp_path)
    voltages = {
        "training mean": y_train.mean(),
        "boosted": boost(X_train, y_train)["boosted"].predict(X_test),
        "forest": forest.predict(X_test),
        "network": trained[0].predict(X_test, verbose=0)[:, 0],
    }
    for model, predicted in voltages.items():
        expected = np.abs(predicted - y_test).mean()
        assert errors["MAE test"][model] == pytest.approx(expected, rel=1e-5), model


def test_boosting_learns_and_its_seed_is_that_of_the_lab(data):
    pytest.importorskip("catboost", reason="benchmarks/requirements.txt is not installed")
    pytest.importorskip("xgboost", reason="benchmarks/requirements.txt is not installed")
    X, y = data
    X, y = X[:300], y[:300]
    with settings(RSEED=7):
        trained = models.train_boosting(X, y)
    assert list(trained) == ["scikit-learn", "XGBoost", "CatBoost"]
    spread = np.abs(y - y.mean()).mean()
    for name, model in trained.items():
        assert np.abs(supplement.predict(model, X) - y).mean() < 0.5 * spread, name
        assert (model.get_params().get("random_state") or model.get_param("random_seed")) == 7


def test_a_library_that_is_missing_is_named(data, monkeypatch):
    monkeypatch.setitem(sys.modules, "catboost", None)
    with pytest.raises(LabError, match="^catboost is missing; .* benchmarks/requirements.txt$"):
        models.train_boosting(*data)


def test_a_missing_file_ends_in_one_line():
    assert_one_line(call(accuracy.main, "absent.json"), "accuracy.py: absent.json: No such file")


def test_a_setting_that_is_not_allowed_ends_in_one_line():
    assert_one_line(call(accuracy.main, FOLDS=1), "accuracy.py: FOLDS = 1 is not allowed")


@pytest.mark.parametrize("size", [2, 999])
def test_a_number_of_formulas_that_no_training_set_has_ends_in_one_line(
    few, size, tmp_path, monkeypatch
):
    monkeypatch.setattr(accuracy, "RESULTS", tmp_path / "accuracy.csv")
    done = call(accuracy.main, few, "--formulas", size, FOLDS=3)
    assert_one_line(done, f"accuracy.py: --formulas {size}; give numbers from 3 to 47")
    assert not accuracy.RESULTS.exists()


# --------------------------------------------------------------------------------------- seeds
def test_every_seed_has_the_errors_of_a_run_with_it(few, tmp_path, monkeypatch):
    monkeypatch.setattr(seeds, "RESULTS", tmp_path / "seeds.csv")
    monkeypatch.setattr(models.load_NN, "EPOCHS", 2)
    monkeypatch.setattr(supplement, "DATA", few)
    first = call(seeds.main, "--runs", 1, **SMALL_SEARCH, TREES=5)
    assert (first.returncode, first.stderr) == (0, "")
    saved = pd.read_csv(seeds.RESULTS, dtype={"sha256": str})
    pd.concat([saved.assign(sha256="0", seed=7), saved]).to_csv(seeds.RESULTS, index=False)
    second = call(seeds.main, "--runs", 2, **SMALL_SEARCH, TREES=5)
    saved = pd.read_csv(seeds.RESULTS, dtype={"sha256": str})
    assert (saved["sha256"] == "0").sum() == 4  # of another table: they stay
    saved[saved["sha256"] != "0"].to_csv(seeds.RESULTS, index=False)
    assert "seed 2 of 2\n" in second.stdout
    assert "seed 1 of 2\n" not in second.stdout
    results = seeds.read_results()[1].set_index(["seed", "model"])["MAE test"]
    for seed in 1, 2:
        with settings(RSEED=seed, TREES=5):
            X_train, X_test, y_train, y_test = supplement.split_data(*supplement.load_data(few))
            forest = supplement.train_forest(X_train, y_train, tmp_path)
        errors = np.abs(forest.predict(X_test) - y_test).mean()
        assert results[seed, "forest"] == pytest.approx(errors, abs=6e-5)
    assert results[1, "network"] != results[2, "network"]
    assert_one_line(call(seeds.main, "--runs", 0), "seeds.py: --runs 0; give 1 or more")
    row = seeds.summarize(seeds.read_results()[1]).set_index("model").loc["forest"]
    assert row["mean"] == pytest.approx((results[1, "forest"] + results[2, "forest"]) / 2)


# --------------------------------------------------------------------------------------- speed
def test_plain_keras_fits_the_networks_of_the_search(tmp_path, monkeypatch):
    monkeypatch.setattr(speed, "SEARCH_SAMPLES", 40)
    monkeypatch.setattr(speed, "PLAIN_SHARE", 2)
    fit_plain, searchNN, fitted = speed.fit_plain, supplement.searchNN, []

    def fit_and_note(X, y, fits):
        fitted.extend((neurons, tuple(test)) for neurons, _, test in fits)
        fit_plain(X, y, fits)

    monkeypatch.setattr(speed, "fit_plain", fit_and_note)
    monkeypatch.setattr(supplement, "searchNN", lambda X, y, out: searchNN(X, y, tmp_path))
    values = SMALL_SEARCH | {"MAX_NEURONS": 50}
    for name in speed.TIMED:
        done = call(speed.main, "--time", name, **values)
        assert float(done.stdout.split()[-1]) > 0
    with settings(**values):
        X, _ = speed.sample_training_set()
        fits = speed.list_fits(X)
    searched = pd.read_csv(tmp_path / "search.csv")[["layer_1", "layer_2", "layer_3"]]
    searched = [tuple(neurons) for neurons in searched.to_numpy()]
    assert sorted(neurons for neurons, _, _ in fits) == sorted(2 * searched)
    for _, train, test in fits:
        assert sorted([*train, *test]) == list(range(40))
        assert not set(X.index[train]) & set(X.index[test])
    assert fitted == [(fits[0][0], tuple(fits[0][2]))]  # one of two


def test_most_plain_fits_are_extrapolated(monkeypatch):
    monkeypatch.setattr(speed, "fit_plain", lambda X, y, fits: None)
    monkeypatch.setattr(speed, "seconds", lambda function, X, y, fits: len(fits))
    with settings(SEARCH=20, FOLDS=3):
        start = speed.time.perf_counter()
        fits = speed.time_plain()
        passed = speed.time.perf_counter() - start
    assert 60 <= fits <= 60 + passed  # a second per fit; the rest is the import


def test_a_ratio_is_the_median_of_the_repeats(capsys):
    speed.report_ratio("slow / fast", [(4, 2), (9, 3), (40, 4)], "2 or more")
    printed = capsys.readouterr().out
    assert printed == (
        "slow / fast: 3.00 (2.00 to 10.00; medians 9.0 s and 3.0 s); aim: 2 or more\n"
    )


def test_the_searches_take_turns_and_plain_keras_has_its_defaults(monkeypatch, capsys):
    commands = []

    def answer(command, env=None):
        commands.append((command[-1], env and env["TF_NUM_INTRAOP_THREADS"]))
        return "12.0\n" if env else "a table\n4.0\n"

    monkeypatch.setattr(speed, "run_command", answer)
    speed.compare_search(2)
    assert commands == 2 * [("plain", "0"), ("searchNN", None)]
    assert "searchNN: 3.00 (3.00 to 3.00" in capsys.readouterr().out


def test_features_are_the_same_in_both_ways(few, monkeypatch):
    monkeypatch.setattr(speed, "FORMULAS", 6)
    done = call(speed.main, "--only", "features", "--repeats", 1, "--data", few)
    assert "6 formulas, " in done.stdout
    assert "the values are the same" in done.stdout
    monkeypatch.setattr(supplement, "featurize", lambda formulas: 2 * featurize(formulas))
    done = call(speed.main, "--only", "features", "--repeats", 1, "--data", few)
    assert "the values are NOT the same" in done.stdout


featurize = supplement.featurize


def test_the_timed_script_predicts(few, monkeypatch, capsys):
    scripts, imports = [], []

    def run_here(command, cwd):
        if command[1] == "-c":
            imports.append(command[2])
            return
        done = predict(cwd, *command[2:], script=command[1])
        scripts.append(done)
        assert "Nb3O8" in (pd.read_csv(cwd + "/predictions.csv")["Reduced Formula"].to_numpy())

    monkeypatch.setattr(speed, "run_command", run_here)
    with settings(TREES=5, FOLDS=2):
        speed.compare_prediction(few, 1)
    assert [len(scripts), len(imports)] == [4, 4]
    assert all(done.returncode == 0 for done in scripts)
    exec(imports[0], {})
    assert "import of its libraries: " in capsys.readouterr().out


def test_a_wrong_number_of_repeats_ends_in_one_line():
    assert_one_line(call(speed.main, "--repeats", 0), "speed.py: --repeats 0 is not 1 or more")


# ----------------------------------------------------------------------------------- processes
CHILD = "import time; block = bytearray(b'x' * 200_000_000); time.sleep(0.5)"
PARENT = (
    "import subprocess, sys; block = bytearray(b'x' * 100_000_000); "
    f'subprocess.run([sys.executable, "-c", {CHILD!r}]); print(len(block))'
)


def test_peak_memory_is_that_of_the_process_and_its_children():
    printed, peak = processes.watch_command([sys.executable, "-c", PARENT], interval=0.02)
    assert printed == "100000000\n"
    # Bytes are multiplied into one block and copied into another: 0.3 GB stay, 0.5 may pass.
    assert 0.3 < peak < 0.55


@pytest.mark.parametrize("function", [processes.run_command, processes.watch_command])
def test_a_command_that_fails_ends_in_one_line(function):
    with pytest.raises(messages.RunStopped, match=r"^this failed: .* -c raise SystemExit\(3\)$"):
        function([sys.executable, "-c", "raise SystemExit(3)"])


# ------------------------------------------------------------------------------------- scaling
def measure_here(part, size, folder):
    """Measure a part in this process, at the first size; the other numbers are made up."""
    number = list(scaling.PARTS).index(part) + 1
    seconds = scaling.measure_part(part, size, folder) if size == 20 else 10.0 * number
    return seconds, number * size**2


@pytest.fixture(scope="module")
def scaled(tmp_path_factory):
    """Run `scaling.py` in a folder, stop it before the last part, run it again."""
    folder = tmp_path_factory.mktemp("scaling")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scaling, "SMALLER", SMALL_SEARCH | {"TREES": 4})
        patch.setattr(scaling, "EPOCHS", 1)
        parts = []

        def measure_or_stop(part, size, folder):
            if len(parts) == 20 and not (folder / "stopped").exists():
                (folder / "stopped").touch()
                raise messages.RunStopped("stopped")
            parts.append((part, size))
            return measure_here(part, size, folder)

        patch.setattr(scaling, "measure_process", measure_or_stop)
        arguments = ["--sizes", 20, 40, 60, "--folder", folder]
        assert_one_line(call(scaling.main, *arguments), "stopped")
        done = call(scaling.main, *arguments)
        assert done.returncode == 0, done
        assert len(parts) == len(set(parts)) == 21
    return folder, done.stdout


def test_a_table_of_times_has_the_ratios_of_the_measured_ones(scaled):
    folder, printed = scaled
    lines = (folder / "scaling.csv").read_text().splitlines()[1:]
    times = {tuple(line.split(",")[:2]): float(line.split(",")[2]) for line in lines}
    assert len(lines) == len(times) == 21
    table = [re.split(" {2,}", line.strip()) for line in printed.splitlines() if "  " in line]
    table = {cells[0]: cells[1:] for cells in table if cells[0] in scaling.PARTS}
    for number, part in enumerate(scaling.PARTS, 1):
        small, medium, large = (times[part, size] for size in ("20", "40", "60"))
        ratios = [f"{value:.2f}" for value in (small, medium / small, large / small)]
        # The memory grows with the square of the size: 60² - 40² over 40² - 20².
        assert table[part] == [*ratios, f"{number * 3600:.2f}", f"{2000 / 1200:.2f}"]
        assert medium == large == 10 * number


def test_parts_really_run(scaled):
    folder, _ = scaled
    for name in ["nn_raw.h5", "nn_trained.h5", "rf_model.pkl", "search.csv", "training.log"]:
        assert (folder / "out" / name).stat().st_size
    formulas = (folder / "formulas.txt").read_text().split()
    assert len(formulas) == len(set(formulas)) == 60
    predicted = pd.read_csv(folder / "predictions.csv")
    assert list(predicted["Reduced Formula"]) == formulas[:20]
    assert predicted["Voltage (V vs. Li/Li⁺)"].notna().all()
    X, y = scaling.read_samples(20, folder)
    again, voltages = supplement.load_data(folder / "samples_20.json", check=20)
    np.testing.assert_allclose(X, again, rtol=1e-4)
    np.testing.assert_allclose(y, voltages, rtol=1e-4)


def test_predictions_are_those_of_the_formulas(scaled, monkeypatch):
    folder, _ = scaled
    monkeypatch.chdir(folder)
    X, _ = scaling.read_samples(3, folder)
    scaling.predict(scaling.load_forest, X)
    fast = pd.read_csv("predictions.csv")
    assert supplement.featurize is featurize
    rows = [(f"host {number}", formula) for number, formula in enumerate(X.index)]
    supplement.predict_hosts(scaling.load_forest(), rows)
    pd.testing.assert_frame_equal(pd.read_csv("predictions.csv"), fast)


def test_more_formulas_than_there_are_end_in_one_line(scaled):
    folder, _ = scaled
    done = call(scaling.main, "--sizes", 20, 40, 80, "--folder", folder)
    assert_one_line(done, "has 60 formulas, not 80; give another --folder")


@pytest.mark.parametrize("sizes", [(20, 40), (20, 60, 40), (5, 6, 7), (20, 20, 40)])
def test_sizes_that_do_not_increase_end_in_one_line(sizes, tmp_path):
    done = call(scaling.main, "--folder", tmp_path, "--sizes", *sizes)
    assert_one_line(done, "are not three numbers of samples, increasing, from 6 on")


def test_formulas_are_sampled_with_the_seed():
    formulas = scaling.sample_formulas(200)
    assert formulas == scaling.sample_formulas(200)
    elements = [set(re.findall("[A-Z][a-z]?", formula)) for formula in formulas]
    assert all(2 <= len(found) <= 4 for found in elements)
    assert all(len(found & set(scaling.ANIONS)) == 1 for found in elements)


# ------------------------------------------------------------------- the programs themselves
@pytest.mark.slow
def test_scaling_measures_each_part_in_its_own_process(tmp_path):
    known = "".join(f"{part},{size},1.0,1.0\n" for part in scaling.PARTS for size in (10, 20))
    (tmp_path / "scaling.csv").write_text(f"part,samples,s,GB\n{known}")
    command = ["--sizes", 10, 20, 30, "--folder", tmp_path]
    done = run(tmp_path, ROOT / "benchmarks" / "scaling.py", *command)
    assert done.returncode == 0, done.stderr  # TensorFlow may warn of many short trainings
    results = pd.read_csv(tmp_path / "scaling.csv").set_index(["samples", "part"])
    assert len(results) == 21
    measured = results.loc[30]
    assert (measured["s"] > 0).all()
    assert measured["GB"].between(0.05, 4).all()
    assert measured["GB"]["training"] > measured["GB"]["forest"]  # TensorFlow alone


@pytest.mark.slow
def test_speed_measures_real_processes(few, tmp_path, capsys):
    speed_py = ROOT / "benchmarks" / "speed.py"
    done = run(tmp_path, speed_py, "--only", "prediction", "--repeats", 1, "--data", few)
    assert (done.returncode, done.stderr) == (0, "")
    ratio = float(re.search(r"libraries: ([0-9.]+)", done.stdout)[1])
    assert 0.8 < ratio < 5
    speed.report_memory(few, *QUICK)
    peak = float(re.search(r"load_NN.py: ([0-9.]+) GB", capsys.readouterr().out)[1])
    assert 0.2 < peak < 4


# ------------------------------------------------------------------------------------ transfer
def test_hosts_are_grouped_by_what_the_training_table_has():
    trained = pd.Index(["FePO4", "CoO2", "Nb3O8", "IrO2"])
    hosts = pd.Index(["CoO2", "NbIr2", "UO2", "Nb2U", "Fe3O8", "FePO4", "Fe", "CoSb3"])
    groups = transfer.group_hosts(hosts, trained)
    members = {name: list(hosts[groups[name]]) for name in groups}
    assert members == {
        "host in the table": ["CoO2", "FePO4"],
        "unseen element": ["UO2", "Nb2U", "CoSb3"],
        "intermetallic": ["NbIr2", "Nb2U", "Fe", "CoSb3"],
        "rest": ["Fe3O8"],
        "all": list(hosts),
    }


def test_the_errors_of_a_group_are_those_of_its_rows():
    y_train = pd.Series([3.0, 1.0], ["FePO4", "NbO2"])
    y = pd.Series([3.5, 4.0, 5.0, 0.5], ["FePO4", "Fe3O8", "Fe3O8", "UO2"])
    table = transfer.tabulate_errors({"half": np.full(4, 0.5)}, y, y_train).set_index("group")
    assert list(table) == ["rows", "training mean", "half", "floor", "half mean error"]
    assert list(table.loc["host in the table"]) == [1, 1.5, 3.0, 0, -3.0]
    assert list(table.loc["rest"]) == [2, 2.5, 4.0, 0.5, -4.0]
    assert list(table.loc["unseen element"]) == [1, 1.5, 0.0, 0, 0]
    assert list(table.loc["all"]) == [4, 2.0, 2.75, 0.25, -2.75]
    assert list(table.loc["oxygen and others"]) == list(table.loc["host in the table"])
    assert table["rows"]["oxide"] == 3
    voltages = table["rows"][["below 1 V", "3 to 5 V", "above 5 V"]]
    assert list(voltages) == [1, 2, 1]
    assert "1 to 3 V" not in table.index


def test_a_table_is_transferred_to_another(few, tmp_path):
    elements = domain.ELEMENTS(" ".join(supplement.load_data(few, check=0)[0].index))
    one, other, *_ = sorted(set(filter(domain.is_metal, elements)))
    text = f"formula_charge,average_voltage\nFePO4,3.4\n{one}2{other},1.0\nPaO2,2.0\n"
    (tmp_path / "other.csv").write_text(text)
    small = {"SEARCH": 1, "SEARCH_EPOCHS": 1, "MAX_NEURONS": 4, "TREES": 3}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models.load_NN, "EPOCHS", 1)
        done = call(transfer.main, "other.csv", "--data", few, folder=tmp_path, **small)
    assert (done.returncode, done.stderr) == (0, "")
    assert "MAE (V) on other.csv, trained on few.json" in done.stdout
    rows = [line.split() for line in done.stdout.splitlines() if line.startswith((" int", " all"))]
    assert [row[:2] for row in rows] == [["intermetallic", "1"], ["all", "3"]]
    (tmp_path / "other.csv").write_text(text.replace("voltage", "voltage (V vs. Na/Na+)"))
    done = call(transfer.main, "other.csv", "--data", few, folder=tmp_path, **small)
    assert_one_line(done, "other.csv is in V vs. Na/Na⁺, ")
