"""The benchmarks of the intervals, of the domain, and of the network's parts."""

import coverage_figures
import interval_coverage
import left_out
import models
import numpy as np
import pandas as pd
import parts
import pytest
from conftest import ROOT, call, settings
from host_groups import find_anion, group_samples
from matplotlib.image import imread
from sklearn.linear_model import Ridge

import supplement
from voltage_lab import domain, intervals

CARD = (ROOT / "benchmarks" / "README.md").read_text("utf-8")


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
    return table.assign(data="a.json", sha256="0", on="a.json", fold=1)


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


def test_the_coverage_of_a_group_is_the_share_of_its_samples_within_the_margin():
    samples = make_samples()
    table = interval_coverage.summarize(samples).set_index("group")
    inside = samples[~samples["outside"]]
    assert table["samples"]["all"] == len(inside)
    assert table["outside"]["all"] == samples["outside"].mean()
    assert table["outside"][1:].isna().all()
    for formula, group in (("CoO2", "oxide"), ("TiS2", "chalcogen")):
        errors = inside["network error"][inside["formula"] == formula]
        assert table["network coverage"][group] == (errors <= 0.5).mean()
    assert table["forest margin"]["all"] == pytest.approx(0.8)
    assert table["forest ratio"]["all"] == pytest.approx(2)


# ------------------------------------------------------------------------------- the evaluation
def test_each_half_is_evaluated_with_intervals_calibrated_on_the_other(rows, monkeypatch):
    X, y = rows
    monkeypatch.setattr(models, "train_lab_models", train_ridges)
    held_out = X.index.isin(X.index.unique()[::5])
    train, test = np.flatnonzero(~held_out), np.flatnonzero(held_out)
    table = interval_coverage.evaluate_fold(X, y, train, test)
    assert sorted(table["formula"]) == sorted(X.index[test])
    ridge = train_ridges(X.iloc[train], y.iloc[train])["forest"]
    half = table[: len(table) // 3]  # all of it in the first of both
    other = ~X.index[test].isin(table["formula"][: len(table) // 2 + 30])
    calibration = X.iloc[test[other]], y.iloc[test[other]]
    shown = X.loc[half["formula"].unique()]
    errors = np.abs(ridge.predict(calibration[0]) - calibration[1])
    assert table["forest constant"].nunique() == 2
    rank = int(np.ceil(0.9 * (len(errors) + 1)))
    assert half["forest constant"].iloc[0] == pytest.approx(np.sort(errors)[rank - 1], abs=0.15)
    split = X.iloc[train], calibration[0], y.iloc[train], calibration[1]
    margins, *_ = intervals.find_margins(shown, split, {"m": errors}, 0.9, 42)
    known = margins["m"].groupby(level=0).first()
    same = half.groupby("formula")["forest margin"].first()
    assert np.corrcoef(known[same.notna()], same.dropna())[0, 1] > 0.95


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


def test_a_benchmark_of_intervals_resumes_and_draws(few, tmp_path, monkeypatch):
    monkeypatch.setattr(models, "train_lab_models", train_ridges)
    monkeypatch.setattr(interval_coverage.accuracy, "TEST_SETS", 2)
    monkeypatch.setattr(interval_coverage, "SAMPLES", tmp_path / "samples.csv")
    monkeypatch.setattr(interval_coverage, "RESULTS", tmp_path / "coverage.csv")
    first = call(interval_coverage.main, "--data", few)
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout.count("few.json, on few.json, fold") == 2
    assert "90% intervals, trained on few.json, evaluated on few.json" in first.stdout
    samples = interval_coverage.read_samples()
    assert sorted(samples["formula"]) == sorted(supplement.load_data(few, check=0)[0].index)
    samples[samples["fold"] == 1].to_csv(tmp_path / "samples.csv", index=False)
    second = call(interval_coverage.main, "--data", few)
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
def test_hosts_of_every_kind_are_flagged_where_the_data_has_none_like_them(rows):
    table = left_out.measure_flags(*rows).set_index("left out")
    assert {"intermetallic", "single element", "oxide", "chalcogen"} <= set(table.index)
    assert (table["flagged"] >= 0.95).all()
    assert (table["flagged of the test set"] <= 0.03).all()
    assert table["samples"]["intermetallic"] == sum(map(domain.is_intermetallic, rows[0].index))


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
    assert supplement.build_network is parts.supplement_build


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
