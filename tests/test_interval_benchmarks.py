"""The benchmarks of the intervals, of the domain, and of the network's parts."""

import re

import coverage_figures
import interval_coverage
import left_out
import models
import numpy as np
import pandas as pd
import parts
import pytest
from conftest import ROOT, assert_one_line, call, settings
from host_groups import find_anion, group_samples
from matplotlib.image import imread
from sklearn.linear_model import Ridge

import supplement
from voltage_lab import domain, intervals
from voltage_lab.messages import LabError

CARD = ROOT / "benchmarks" / "README.md"


def train_ridges(X, y):
    """Return quickly fitted models by the names of those of the lab."""
    return {"forest": Ridge(1e3).fit(X, y), "network": Ridge(1e6).fit(X, y)}


# ---------------------------------------------------------------------------------------- groups
@pytest.mark.parametrize(
    ("formula", "anion"),
    [
        ("CoO2", "oxide"),
        ("FePO4", "oxygen and others"),
        ("VPO4F", "halogen"),
        ("TiS2", "chalcogen"),
        ("NbSe2", "chalcogen"),
        ("AlPS4", "chalcogen"),
        ("NbIr2", "intermetallic"),
        ("FeSb2", "intermetallic"),
        ("Sc2C", "other anion"),
        ("FeF3", "halogen"),
    ],
)
def test_a_host_has_a_kind_of_anion(formula, anion):
    assert find_anion(formula) == anion


def make_samples(number=90):
    """Return samples with errors of both models, as `evaluate_intervals` does."""
    random = np.random.default_rng(0)
    formulas = random.choice(["CoO2", "FePO4", "NbIr2", "TiS2", "LiFePO4"], number)
    table = pd.DataFrame({"formula": formulas, "voltage": random.random(number)})
    table = table.assign(distance=random.random(number), outside=random.random(number) < 0.1)
    for name, wide in (("forest", 0.8), ("network", 0.5)):
        table[f"{name} error"] = random.random(number)
        table[f"{name} margin"] = np.where(table["outside"], np.nan, wide)
        table[f"{name} constant"] = 0.4
    return table.assign(
        **dict(zip(interval_coverage.PLACE, ["a.json", "0", "a.json", "0", 1], strict=True))
    )


def test_each_sample_is_in_one_group_of_each_sort():
    samples = make_samples()
    groups = group_samples(samples)
    sorts = [list(groups)[1:4], list(groups)[4:7], list(groups)[7:10], list(groups)[10:]]
    assert groups.pop("all").all()
    for names in sorts:
        members = pd.DataFrame({name: groups[name] for name in names})
        assert (members.sum(axis=1) == 1).all()
    for names in sorts[:2]:
        assert [groups[name].sum() for name in names] == [30, 30, 30]
    far = samples["distance"][groups["distance, far"]]
    assert far.min() > samples["distance"][groups["distance, middle"]].max()
    assert set(samples["formula"][groups["4 elements or more"]]) == {"LiFePO4"}


def test_the_coverage_of_a_group_is_the_share_of_its_formulas_within_the_margin():
    samples = make_samples()
    table = interval_coverage.summarize(samples).set_index("group")
    inside = samples[~samples["outside"]]
    assert table["formulas"]["all"] == inside["formula"].nunique()
    assert (table["outside"] == samples["outside"].mean()).all()
    shares = (inside["network error"] <= 0.5).groupby(inside["formula"]).mean()
    assert table["network coverage"]["oxide"] == pytest.approx(shares["CoO2"])
    both = (shares["FePO4"] + shares["LiFePO4"]) / 2
    assert table["network coverage"]["oxygen and others"] == pytest.approx(both)
    assert table["forest margin"]["all"] == pytest.approx(0.8)
    assert table["forest ratio"]["all"] == pytest.approx(2)


def test_of_two_versions_of_a_table_the_latest_is_taken():
    samples = make_samples()
    other = samples.assign(sha256="1").assign(**{"forest error": 9.0})
    table = interval_coverage.summarize(pd.concat([samples, other], ignore_index=True))
    assert list(table["forest coverage"][table["group"] == "all"]) == [0]


def test_results_of_other_tables_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(interval_coverage, "RESULTS", tmp_path / "coverage.csv")
    new = interval_coverage.summarize(make_samples())
    assert interval_coverage.add_saved(new) is new
    other = new.assign(data="b.json")
    pd.concat([other, new.assign(formulas=0)]).to_csv(tmp_path / "coverage.csv", index=False)
    pd.testing.assert_frame_equal(
        interval_coverage.add_saved(new), pd.concat([other, new], ignore_index=True)
    )


# ------------------------------------------------------------------------------- the evaluation
def test_each_half_is_evaluated_with_intervals_calibrated_on_the_other(rows, monkeypatch):
    X, y = rows
    monkeypatch.setattr(models, "train_lab_models", train_ridges)
    held_out = X.index.isin(X.index.unique()[::5])
    train, test = np.flatnonzero(~held_out), np.flatnonzero(held_out)
    table = interval_coverage.evaluate_fold(X, y, train, test)
    assert sorted(table["formula"]) == sorted(X.index[test])
    number = table["formula"].isin(table["formula"][:1]).sum()
    assert number == (X.index == table["formula"].iloc[0]).sum()
    ridge = train_ridges(X.iloc[train], y.iloc[train])["forest"]
    halves = [set(half["formula"]) for _, half in table.groupby("forest constant")]
    assert len(halves) == 2
    for half, other in (halves, halves[::-1]):
        calibration = X.index.isin(other) & held_out
        split = X.iloc[train], X[calibration], y.iloc[train], y[calibration]
        errors = np.abs(ridge.predict(split[1]) - split[3])
        shown = table[table["formula"].isin(half)]
        evaluated = X.index.isin(half) & held_out
        margins, *_ = intervals.find_margins(X[evaluated], split, {"m": errors}, 0.9, 42)
        np.testing.assert_allclose(shown["forest margin"], margins["m"])
        constant = intervals.quantile_by_formula(errors, split[1].index, 0.9)
        np.testing.assert_allclose(shown["forest constant"], constant)


def test_of_another_table_only_new_hosts_are_evaluated(rows, few, monkeypatch):
    X, y = rows
    monkeypatch.setattr(models, "train_lab_models", train_ridges)
    hosts = X.index.unique()
    known = X.index.isin(hosts[: len(hosts) // 2])
    table = interval_coverage.evaluate_transfer(X[known], y[known], few)
    X_few, y_few = supplement.load_data(few, check=0)
    new = ~X_few.index.isin(X[known].index)
    assert 0 < new.sum() < len(new)
    assert list(table["formula"]) == list(X_few.index[new])
    np.testing.assert_allclose(table["voltage"], y_few[new])


def test_a_table_without_new_hosts_ends_in_one_line(few):
    done = call(interval_coverage.main, "--data", few, "--on", few)
    assert_one_line(done, "has no host that the table of the training lacks")


def test_too_few_formulas_end_in_one_line(rows):
    X, y = rows
    split = X[:200], X[200:205], y[:200], y[200:205]
    with pytest.raises(LabError, match="formulas are too few to calibrate an interval"):
        interval_coverage.evaluate_intervals(train_ridges(X[:200], y[:200]), split, X, y)


def test_the_card_has_the_coverage_of_the_results():
    card = CARD.read_text("utf-8")
    results = pd.read_csv(interval_coverage.RESULTS)
    for row in results[results["formulas"] >= 15].itertuples(index=False):
        numbers = [f"{row[5]:.0%}", *(f"{number:.2f}" for number in row[6:8])]
        numbers += [f"{row[8]:.0%}", *(f"{number:.2f}" for number in row[9:11])]
        line = " +".join([f" {row.group}", str(row.formulas), *numbers])
        assert re.search(line, card), line


def test_a_benchmark_of_intervals_resumes_and_draws(few, tmp_path, monkeypatch):
    monkeypatch.setattr(models, "train_lab_models", train_ridges)
    monkeypatch.setattr(interval_coverage.accuracy, "TEST_SETS", 2)
    monkeypatch.setattr(interval_coverage, "SAMPLES", tmp_path / "samples.csv")
    monkeypatch.setattr(interval_coverage, "RESULTS", tmp_path / "coverage.csv")
    first = call(interval_coverage.main, "--data", few, COVERAGE=0.5)
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout.count("few.json, on few.json, fold") == 2
    assert "50% intervals, trained on few.json, evaluated on few.json" in first.stdout
    samples = interval_coverage.read_samples()
    assert sorted(samples["formula"]) == sorted(supplement.load_data(few, check=0)[0].index)
    samples[samples["fold"] == 1].to_csv(tmp_path / "samples.csv", index=False)
    second = call(interval_coverage.main, "--data", few, COVERAGE=0.5)
    assert second.stdout.count("few.json, on few.json, fold") == 1
    pd.testing.assert_frame_equal(interval_coverage.read_samples(), samples)
    picture = imread(tmp_path / "coverage.png")[..., :3]
    edges = picture[0], picture[-1], picture[:, 0], picture[:, -1]
    assert all((edge == 1).all() for edge in edges)


def test_the_figure_has_the_coverage_of_each_group(tmp_path):
    table = interval_coverage.summarize(make_samples(200))
    figure = coverage_figures.plot_coverage(table, 0.9, tmp_path / "coverage.png")
    (ax,) = figure.axes
    names = [text.get_text() for text in ax.get_yticklabels()]
    for points, name in zip(ax.collections, ["forest", "network"], strict=True):
        assert points.get_label() == name
        for share, place in points.get_offsets():
            row = table[table["group"] == names[round(place)]]
            assert row[f"{name} coverage"].item() == pytest.approx(share)


# ------------------------------------------------------------------------------------ left out
def test_what_is_flagged_where_a_kind_is_left_out(rows):
    X, y = rows
    table = left_out.measure_flags(X, y).set_index("left out")
    assert {"intermetallic", "single element", "oxide", "chalcogen"} <= set(table.index)
    assert (table["flagged"] == 1).all()  # no training sample is of their kind
    assert (table["false alarms"] <= 0.03).all()
    of_metals = X.index.map(domain.is_intermetallic).to_numpy(bool)
    assert table["samples"]["intermetallic"] == of_metals.sum()
    X_train, *_ = supplement.split_data(X[~of_metals], y[~of_metals])
    _, distance, limit = domain.find_neighbors(X[of_metals], X_train)
    assert table["far"]["intermetallic"] == (distance > limit).mean()


def test_errors_are_those_on_the_element_left_out(few, monkeypatch):
    monkeypatch.setattr(left_out, "TREES", 3)
    X, y = supplement.load_data(few, check=0)
    errors = left_out.measure_errors(X, y)
    elements = X.index.map(lambda formula: set(domain.ELEMENTS(formula)))
    assert len(errors) == sum(map(len, elements))
    assert (errors["distance"] > 0).all()
    table = left_out.summarize_errors(errors)
    assert table["samples"].sum() == len(errors)
    near = errors["error"][errors["distance"].between(0.2, 0.3, inclusive="right")]
    row = table.set_index("distance").loc["(0.2, 0.3]"]
    assert row["MAE (V)"] == pytest.approx(near.mean())
    assert row["90% below (V)"] == pytest.approx(near.quantile(0.9))


# ------------------------------------------------------------------------ parts of the network
@pytest.fixture
def small(few, monkeypatch):
    """Return X and y of few samples; trainings are short."""
    monkeypatch.setattr(parts, "NEURONS", [5, 4, 3])
    monkeypatch.setattr(parts.load_NN, "EPOCHS", 2)
    X, y = supplement.load_data(few, check=0)
    return X[:80], y[:80]


def test_each_variant_lacks_its_part(small, monkeypatch):
    networks = {}
    for name, replaced in parts.VARIANTS.items():
        with monkeypatch.context() as patch:
            for attribute, value in replaced.items():
                patch.setattr(supplement, attribute, value)
            networks[name] = parts.train(*small)
    base, one, fixed, plain, last, squared = networks.values()
    shapes = [network.get_layer(index=0).output.shape[1] for network in (base, one)]
    assert shapes == [4, 1]
    assert [network.loss for network in (base, squared)] == [
        "mean_absolute_error",
        "mean_squared_error",
    ]
    assert [network.optimizer.use_ema for network in (base, last, squared)] == [True, False, True]
    kinds = [[type(layer).__name__ for layer in network.layers] for network in (base, plain)]
    assert [each.count("Dropout") for each in kinds] == [3, 0]
    weights = [network.layers[4].get_weights()[0] for network in (base, fixed)]
    assert (weights[1] == np.float32(0.05)).all()
    assert (weights[0] != np.float32(0.05)).any()
    assert supplement.build_network is parts.BUILD


def test_the_error_of_a_variant_is_the_mean_over_folds(small, monkeypatch):
    X, y = small
    monkeypatch.setattr(parts, "train", lambda X, y: Ridge(1e3).fit(X, y))
    with settings(DROPOUT=0.1):
        error = parts.cross_validate(X, y, {"DROPOUT": 0.0})
        assert supplement.DROPOUT == 0.1
    assert 0 < error < np.abs(y).max()
    monkeypatch.setattr(parts, "FOLDS", 2)
    assert parts.cross_validate(X, y, {}) != error


def test_the_command_prints_a_line_per_variant(few, monkeypatch):
    monkeypatch.setattr(parts, "cross_validate", lambda X, y, replaced: len(replaced) / 8)
    done = call(parts.main, few)
    assert (done.returncode, done.stderr) == (0, "")
    for name, replaced in parts.VARIANTS.items():
        assert f"few.json: {name} {len(replaced) / 8:.3f} V\n" in done.stdout
