"""The figures of a run: what they show, against independent oracles, and whether they are whole."""

import itertools

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread
from matplotlib.text import Text
from pymatgen.core import Composition
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Ridge

import supplement
from voltage_lab import figures, intervals, learning, trends

LOGS = {  # the loss of each epoch
    "network": pd.DataFrame({"loss": [1.0, 0.5, 0.4], "val_loss": [1.1, 0.7, 0.8]}),
    "2048e": pd.DataFrame({"loss": [0.9, 0.3, 0.2, 0.1], "val_loss": [1.2, 0.6, 0.65, 0.9]}),
}
FLOORS = {"training": 0.07, "test": 0.09}  # V
HOSTS = ["TiPO4", "VPO4", "CrPO4", "MnPO4", "FePO4", "CoPO4", "NiPO4"]


@pytest.fixture
def searched(tmp_path):
    """Return a folder with the table of a search."""
    table = "layer_1,layer_2,layer_3,MAE (V),SD over folds (V)\n"
    (tmp_path / "search.csv").write_text(table + "152,131,150,0.34,0.02\n9,90,14,0.6,0.01\n")
    return tmp_path


@pytest.fixture(scope="module")
def models(rows):
    """Return quickly fitted models by the name of what they stand for."""
    X_train, _, y_train, _ = supplement.split_data(*rows)
    return {
        "forest": RandomForestRegressor(3, random_state=0).fit(X_train, y_train),
        "network": Ridge(1e3).fit(X_train, y_train),
        "2048e": RandomForestRegressor(1, random_state=1).fit(X_train, y_train),
        "training mean": DummyRegressor().fit(X_train, y_train),
    }


@pytest.fixture(scope="module")
def all_results(rows, models):
    """Return the table of results of all models."""
    return supplement.tabulate_results(models, *supplement.split_data(*rows))


@pytest.fixture(scope="module")
def results(all_results):
    """Return the table of results as the figures of the session have it: of two models."""
    return all_results.drop(columns=["2048e", "training mean"])


@pytest.fixture(scope="module")
def series(rows, models, results):
    """Return each model's voltages of the hosts of the series, and the margins of the two."""
    X, test = supplement.featurize(HOSTS), select_test_set(results)
    split = supplement.split_data(*rows)
    errors = {name: (test[name] - test["voltage"]).abs() for name in ("forest", "network")}
    margins, *_ = intervals.find_margins(X, split, errors, 0.9, 42)
    return {name: supplement.predict(model, X) for name, model in models.items()}, margins


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    """Return a folder per network, with its training log."""
    folders = {name: tmp_path_factory.mktemp(name) for name in LOGS}
    for name, folder in folders.items():
        LOGS[name].to_csv(folder / "training.log", index_label="epoch")
    return folders


def select_test_set(results):
    """Return the rows of the test set."""
    return results[results["set"] == "test"]


def legend(ax):
    """Return the texts of a legend."""
    return [text.get_text() for text in ax.get_legend().get_texts()]


# ---------------------------------------------------------------------------- whole and legible
def check_whole(figure, path):
    """Check a figure and its file: nothing cut off, no titles that meet, text for a projector."""
    picture = imread(path)[..., :3]
    edge = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    assert (edge == 1).all()
    low, high = figure.get_tightbbox().get_points()
    assert (low > 0).all()
    assert (high < figure.get_size_inches()).all()
    titles = [ax.title.get_window_extent() for ax in figure.axes]
    assert all(left.x1 < right.x0 for left, right in itertools.pairwise(titles))
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text()]
    assert min(text.get_fontsize() for text in texts) >= 11
    for ax in figure.axes:
        assert ax.get_title()
        assert ax.get_xlabel()
        if path.stem in ("errors", "metals", "series") and ax.get_legend():
            shown = ax.dataLim.transformed(ax.transData)
            assert ax.get_legend().get_window_extent().y0 > shown.y1  # nothing is hidden
    assert figure.axes[0].get_ylabel().endswith(("(V)", "(%)", f"({UNIT})"))


UNIT = "V vs. Na/Na⁺"
CASES = {  # which formulas, which models, dots per inch
    "as on a projector": (lambda formula: True, ["forest", "network"], 170),
    "more models": (lambda formula: True, ["forest", "network", "2048e", "training mean"], 40),
    "no metal, no network": (lambda formula: trends.find_metal(formula) is None, ["forest"], 40),
    "no phosphate, one model": (lambda formula: "P" not in formula, ["network"], 40),
    "few samples": (lambda formula: formula.startswith("Ga"), ["forest", "network"], 40),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("case", CASES)
def test_figures_are_whole_without_a_display(
    all_results, series, logs, case, searched, tmp_path, monkeypatch
):
    monkeypatch.delenv("DISPLAY", raising=False)
    chosen, names, dpi = CASES[case]
    monkeypatch.setattr(figures, "DPI", dpi)
    results = all_results[all_results["formula"].map(chosen)]
    results = results[["formula", "set", "voltage", *names]]
    voltages, margins = series
    voltages = {name: voltages[name] for name in names}
    margins = margins.reindex(columns=names)  # of the training mean, it has none
    drawn = {
        "parity": figures.plot_parity(results, 0.0876, UNIT, tmp_path),
        "errors": figures.plot_errors(results, tmp_path),
        "metals": trends.plot_metals(results, UNIT, tmp_path),
        "series": trends.plot_series(results, voltages, margins, 0.9, UNIT, tmp_path),
        "learning": learning.plot_learning(
            {name: logs[name] for name in names if name in logs}, FLOORS, tmp_path
        ),
        "search": learning.plot_search(searched),
    }
    names_of_files = {f"{name}.png" for name in drawn} | {"search.csv"}
    if "network" not in names:
        assert len(drawn["learning"].axes[0].lines) == len(FLOORS)
    for name, figure in drawn.items():
        check_whole(figure, tmp_path / f"{name}.png")
        assert figure.get_dpi() == dpi
    if case in ("no metal, no network", "few samples"):
        assert drawn["metals"].axes[0].get_title() == "No metal has 15 samples"
    if case == "no phosphate, one model":
        titles = [ax.get_title() for ax in drawn["series"].axes]
        assert titles == [f"{name}: hosts MPO₄" for name in names]
        assert {len(ax.get_legend().get_texts()) for ax in drawn["series"].axes} == {1}
    assert {path.name for path in tmp_path.iterdir()} == names_of_files


# ----------------------------------------------------------------------------- what they show
def test_parity_joins_the_samples_of_a_formula_and_says_the_floor(results, tmp_path):
    figure, test = figures.plot_parity(results, 0.0876, UNIT, tmp_path), select_test_set(results)
    assert figure.axes[0].get_ylabel() == f"predicted voltage ({UNIT})"
    voltages = {}
    for formula, voltage in zip(test["formula"], test["voltage"], strict=True):
        voltages.setdefault(formula, []).append(voltage)
    several = sorted(formula for formula, each in voltages.items() if len(each) > 1)
    pairs = [(min(voltages[formula]), max(voltages[formula])) for formula in several]
    for ax, name in zip(figure.axes, ["forest", "network"], strict=True):
        error = np.mean(np.abs(test[name] - test["voltage"]))
        assert ax.get_title() == f"{name}: MAE {error:.2f} V (floor 0.09 V)"
        lines, points, rings = ax.collections
        lines, points, rings = lines.get_segments(), points.get_offsets(), rings.get_offsets()
        errors = (test[name] - test["voltage"]).abs().groupby(test["formula"]).max()
        worst = list(errors.nlargest(3).index)
        assert [text.get_text() for text in ax.texts] == ["1", "2", "3"]
        names = ", ".join(f"{number} {formula}" for number, formula in enumerate(worst, 1))
        rows = [test[test["formula"] == formula] for formula in worst]
        ends = [each.loc[(each[name] - each["voltage"]).abs().idxmax()] for each in rows]
        np.testing.assert_allclose(rings, [(row["voltage"], row[name]) for row in ends])
        np.testing.assert_allclose(points, test[["voltage", name]])
        assert len(lines) == len(several) > 50
        np.testing.assert_allclose(np.array(lines)[:, :, 0], pairs)
        predicted = dict(zip(test["formula"], test[name], strict=True))
        heights = [(predicted[formula], predicted[formula]) for formula in several]
        np.testing.assert_allclose(np.array(lines)[:, :, 1], heights, rtol=1e-5)
        assert (ax.lines[0].get_slope(), *ax.lines[0].get_xy1()) == pytest.approx(
            (1, test["voltage"].mean(), test["voltage"].mean())
        )
        samples = f"voltage of {len(test)} test samples ({UNIT})"
        label = " ".join(ax.get_xlabel().split())  # on as many lines as it needs
        assert label == f"{samples} largest errors: {names}"
        assert legend(ax) == ["predicted = true", "samples of one formula"]
        assert ax.get_xlim() == ax.get_ylim()
        assert ax.bbox.width == pytest.approx(ax.bbox.height)
        assert ax.viewLim.contains(*points.min(axis=0))
        assert ax.viewLim.contains(*points.max(axis=0))


def test_a_formula_is_named_once(tmp_path):
    table = pd.DataFrame(
        {
            "formula": ["FePO4"] * 3 + ["CoO2", "FePO4"],
            "set": ["test"] * 4 + ["training"],
            "voltage": [1.0, 1.0, 4.0, 2.0, 9.0],  # 0, 0, 3 and 0 V away
            "forest": [2.0, 2.0, 2.0, 2.0, 2.0],
        }
    )
    (ax,) = figures.plot_parity(table, 0.75, UNIT, tmp_path).axes
    assert ax.get_title() == "forest: MAE 1.00 V (floor 0.75 V)"
    assert " ".join(ax.get_xlabel().split()).endswith(" largest errors: 1 FePO4, 2 CoO2")


def test_a_long_formula_is_shortened_in_its_graph(tmp_path):
    long = "LiNaKRbCsMgCaSrBaTiVCrMnFeCoNiCuZnO30"
    table = pd.DataFrame({"formula": [long], "set": "test", "voltage": [1.0], "forest": [2.0]})
    figure = figures.plot_parity(table, 0.0, UNIT, tmp_path)
    assert " ".join(figure.axes[0].get_xlabel().split()).endswith(" 1 LiNaKRbCs...")
    check_whole(figure, tmp_path / "parity.png")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("losses", [[0.8], [0.8, 0.9, 0.85], [3.0, 1.0, 0.2]])
def test_learning_has_numbers_on_its_axes_and_a_legend_that_hides_nothing(losses, tmp_path):
    log = pd.DataFrame({"loss": losses, "val_loss": losses})
    log.to_csv(tmp_path / "training.log", index_label="epoch")
    floors = {"training": 0, "test": 0.7}  # a logarithmic axis has no 0
    figure = learning.plot_learning({"network": tmp_path}, floors, tmp_path)
    (ax,) = figure.axes
    check_whole(figure, tmp_path / "learning.png")
    low, high = ax.get_ylim()
    ticks = zip(ax.get_yticks(), ax.get_yticklabels(), strict=True)
    assert sum(low <= place <= high and bool(text.get_text()) for place, text in ticks) >= 2
    assert ax.get_legend().get_window_extent().x0 > ax.bbox.x1
    assert legend(ax)[2:] == ["floor, test set"]


def test_errors_are_counted_by_hand(tmp_path):
    residuals = [-3.0, -0.6, -0.5, 0.1, 0.1, 0.3, 0.5, 0.9, 1.9, 7.0]  # V, predicted - true
    true = np.linspace(1, 4, 10)
    table = pd.DataFrame({"formula": "FePO4", "set": "test", "voltage": true})
    table["network"] = true + residuals
    training = pd.DataFrame({"formula": "CoO2", "set": "training", "voltage": [1.0, 2.0]})
    training["network"] = [1.1, 1.3]
    (ax,) = figures.plot_errors(pd.concat([training, table]), tmp_path).axes
    assert ax.get_title() == "network: errors on both sets"
    assert legend(ax) == [
        "training set, 2 samples:\n50% within ±0.5 V",
        "test set, 10 samples:\n50% within ±0.5 V",
    ]
    heights = [round(bar.get_height()) for bar in ax.containers[0]]  # of 0.25 V each, from -2 V
    assert heights == [0, 0, 0, 0, 0, 50, 0, 0, 50, 0, 0, 0, 0, 0, 0, 0]
    outline = ax.patches[-1].get_xy()  # up, along and down again, bar by bar
    along = (np.diff(outline[:, 0]) > 0).nonzero()[0]
    steps = {round(x, 2): round(y) for x, y in outline[along] if y}
    assert steps == {-2: 10, -0.75: 10, -0.5: 10, 0: 20, 0.25: 10, 0.5: 10, 0.75: 10, 1.75: 20}


def test_errors_say_the_share_of_small_residuals(results, tmp_path):
    figure, sets = figures.plot_errors(results, tmp_path), dict(list(results.groupby("set")))
    for ax, name in zip(figure.axes, ["forest", "network"], strict=True):
        texts = []
        for part in ("training", "test"):
            rows = zip(sets[part][name], sets[part]["voltage"], strict=True)
            small = [-0.5 <= predicted - true <= 0.5 for predicted, true in rows]
            share = 100 * sum(small) / len(small)
            texts.append(f"{part} set, {len(small)} samples:\n{share:.0f}% within ±0.5 V")
        assert legend(ax) == texts
        assert sum(bar.get_height() for bar in ax.containers[0]) == pytest.approx(100)
        outline = ax.patches[-1].get_xy()
        area = (np.diff(outline[:, 0]) * outline[1:, 1]).sum()
        assert area == pytest.approx(100 * 0.25)


def test_learning_shows_the_logs_and_the_floors(logs, tmp_path):
    (ax,) = learning.plot_learning(logs, FLOORS, tmp_path).axes
    columns = [(name, log, column) for name, log in LOGS.items() for column in log]
    for line, (name, log, column) in zip(ax.lines[:4], columns, strict=True):
        np.testing.assert_array_equal(line.get_xdata(), log.index + 1)
        np.testing.assert_array_equal(line.get_ydata(), log[column])
        assert line.get_markevery() == [log[column].idxmin()]
        part = {"loss": "training", "val_loss": "test"}[column]
        assert line.get_label() == f"{name}, {part} set"
        assert line.get_linestyle() == {"training": "-", "test": "--"}[part]
    assert legend(ax) == [line.get_label() for line in ax.lines]
    grey = {
        (line.get_linestyle(), line.get_linewidth(), line.get_marker(), line.get_color())
        for line in ax.lines
        if line.set_color("black") is None  # to be told without their colours
    }
    assert len(grey) == 6
    for line, (part, floor) in zip(ax.lines[4:], FLOORS.items(), strict=True):
        assert list(line.get_ydata()) == [floor, floor]
        assert line.get_label() == f"floor, {part} set"
    assert "log" in ax.get_xlabel()
    assert "log" in ax.get_ylabel()


def test_learning_without_a_test_set_shows_the_training_set(tmp_path):
    (tmp_path / "training.log").write_text("epoch,loss\n0,0.9\n1,0.25\n2,0.5\n")
    (ax,) = learning.plot_learning({"network": tmp_path}, FLOORS, tmp_path).axes
    assert legend(ax) == ["network, training set", "floor, training set", "floor, test set"]
    assert ax.lines[0].get_markevery() == [1]


def test_search_shows_every_candidate_by_each_layer_and_by_the_narrowest(searched):
    figure = learning.plot_search(searched)
    rows = [[152, 131, 150, 0.34, 0.02], [9, 90, 14, 0.6, 0.01]]
    neurons = [[row[0], row[1], row[2], min(row[:3])] for row in rows]
    for place, ax in enumerate(figure.axes):
        points, caps, _ = ax.containers[0].lines
        np.testing.assert_allclose(list(points.get_xdata()), [each[place] for each in neurons])
        np.testing.assert_allclose(list(points.get_ydata()), [row[3] for row in rows])
        np.testing.assert_allclose(list(caps[1].get_ydata()), [row[3] + row[4] for row in rows])
    titles = [ax.get_title() for ax in figure.axes]
    assert titles == ["layer 1", "layer 2", "layer 3", "narrowest layer"]
    assert figure.get_suptitle() == f"Candidates of the search: {len(rows)}"


@pytest.mark.parametrize(
    ("formula", "metal"),
    [
        ("FePO4", "Fe"),
        ("LiTi2(PO4)3", "Ti"),
        ("CoC2O6", "Co"),
        ("CO2", None),
        ("MgAl2O4", None),
        ("VFe(PO4)3", None),
        ("ScFeO3", "Fe"),
        ("ZnO", None),
        ("Fe2Fe3O8", "Fe"),
    ],
)
def test_the_one_metal_of_a_host(formula, metal):
    assert trends.find_metal(formula) == metal


def test_metals_show_quartiles_and_medians_of_hosts_with_one_transition_metal(results, tmp_path):
    (ax,) = trends.plot_metals(results, UNIT, tmp_path).axes
    metals = {
        formula: [element for element in Composition(formula) if 4 <= element.group <= 11]
        for formula in results["formula"].unique()
    }
    table = results.drop(columns=["formula", "set"])
    table["metal"] = [
        metals[name][0] if len(metals[name]) == 1 else None for name in results["formula"]
    ]
    groups = table.groupby("metal").filter(lambda group: len(group) >= 15).groupby("metal")
    medians = groups.median().sort_index(key=lambda keys: [key.Z for key in keys])
    ticks = [text.get_text().split("\n") for text in ax.get_xticklabels()]
    assert ticks == [[key.symbol, str(groups.size()[key])] for key in medians.index]
    lines = [line.get_ydata() for line in ax.lines if line.get_linewidth() == 3]
    np.testing.assert_allclose(lines, np.c_[medians["voltage"], medians["voltage"]])
    low, high = groups["voltage"].quantile(0.25), groups["voltage"].quantile(0.75)
    boxes = [patch.get_path().vertices[:, 1] for patch in ax.patches]
    np.testing.assert_allclose([box.min() for box in boxes], low[medians.index])
    np.testing.assert_allclose([box.max() for box in boxes], high[medians.index])
    for points, name in zip(ax.collections, ["forest", "network"], strict=True):
        np.testing.assert_allclose(points.get_offsets()[:, 1], medians[name], rtol=1e-6)
        assert points.get_label() == f"{name}: median"
    assert ax.get_title() == "Voltages by metal, where there are 15 samples or more"


@pytest.mark.parametrize("gaps", [[], [0, 3], list(range(7))])
def test_series_shows_predictions_their_intervals_and_the_samples(results, series, gaps, tmp_path):
    voltages, margins = series
    voltages = {name: voltages[name] for name in ("forest", "network")}
    margins = margins.fillna(0.5)
    margins.iloc[gaps] = np.nan
    figure = trends.plot_series(results, voltages, margins, 0.9, UNIT, tmp_path)
    assert trends.SERIES == HOSTS
    for ax, (name, predicted) in zip(figure.axes, voltages.items(), strict=True):
        line, caps, _ = ax.containers[0].lines
        np.testing.assert_allclose(line.get_ydata(), predicted)
        assert [text.get_text() + "PO4" for text in ax.get_xticklabels()] == HOSTS
        margin = margins[name].to_numpy()
        ends = (predicted - margin, predicted + margin) if len(gaps) < 7 else ()
        for cap, end in zip(caps, ends, strict=True):
            np.testing.assert_allclose(list(cap.get_ydata()), end, rtol=1e-5)
        labels, markers = [], []
        for points, part in zip(ax.collections[-2:], ("training", "test"), strict=True):
            samples = [
                (HOSTS.index(row.formula), row.voltage)
                for row in results.itertuples()
                if row.set == part and row.formula in HOSTS
            ]
            np.testing.assert_allclose(points.get_offsets(), np.subtract(samples, (0.25, 0)))
            error = np.mean([abs(predicted[place] - volts) for place, volts in samples])
            number = f"{len(samples)} {part} sample{'s' if len(samples) > 1 else ''}"
            labels.append(f"{number}: MAE {error:.2f} V")
            markers.append(len(points.get_paths()[0].vertices))
            assert points.get_label() == labels[-1]
        assert len(set(markers)) == 2  # to be told without their colours
        assert ax.get_title() == f"{name}: hosts MPO₄"
        words = (
            "predicted"
            if len(gaps) == 7
            else "predicted; bar: 90% prediction\ninterval of a new host"
        )
        assert sorted(legend(ax)) == sorted([words, *labels])


# ------------------------------------------------------------------- the numbers that they say
def test_results_have_the_samples_of_both_sets_and_what_the_models_predict(rows, models):
    X_train, X_test, y_train, y_test = supplement.split_data(*rows)
    results = supplement.tabulate_results(
        {"forest": models["forest"]}, *supplement.split_data(*rows)
    )
    assert list(results) == ["formula", "set", "voltage", "forest"]
    for part, X, y in [("training", X_train, y_train), ("test", X_test, y_test)]:
        table = results[results["set"] == part]
        assert list(table["formula"]) == list(X.index)
        assert list(table["voltage"]) == list(y)
        np.testing.assert_allclose(table["forest"], models["forest"].predict(X))
    assert len(results) == len(rows[0])


def test_errors_baseline_and_floor_by_hand():
    results = pd.DataFrame(
        {
            "formula": ["a", "a", "b", "c", "c", "c", "b"],
            "set": ["training"] * 3 + ["test"] * 4,
            "voltage": [1.0, 3.0, 5.0, 1.0, 1.0, 4.0, 2.0],
            "forest": [2.0, 2.0, 4.0, 2.0, 1.0, 3.0, 2.0],
        }
    )
    table = supplement.evaluate(results).set_index("model")
    assert list(table.index) == ["training mean", "forest", "floor"]
    expected = {
        "MAE train": [4 / 3, 1, 2 / 3],  # the mean is 3 V; floor: 1, 1, 0 V away
        "MAE test": [6 / 4, 2 / 4, 3 / 4],  # to the medians 1 and 2 V: 0, 0, 3, 0
        "RMSE train": [(8 / 3) ** 0.5, 1, (2 / 3) ** 0.5],
        "RMSE test": [(10 / 4) ** 0.5, 0.5**0.5, (6 / 4) ** 0.5],  # to the means 2 and 2 V
        "R² train": [0, 1 - 3 / 8, 1 - 2 / 8],
        "R² test": [1 - 10 / 6, 1 - 2 / 6, 0],  # 6 V² about the mean of 2 V
    }
    assert list(table) == list(expected)
    for column, values in expected.items():
        np.testing.assert_allclose(table[column], values, atol=1e-12, err_msg=column)
