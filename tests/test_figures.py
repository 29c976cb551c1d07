"""The figures of a run: what they show, against independent oracles, and whether they are whole."""

import itertools
import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread
from matplotlib.text import Text
from pymatgen.core import Composition
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import RandomForestRegressor

import supplement
from lab import figures

LOGS = {  # the loss of each epoch
    "network": pd.DataFrame({"loss": [1.0, 0.5, 0.4], "val_loss": [1.1, 0.7, 0.8]}),
    "2048e": pd.DataFrame({"loss": [0.9, 0.3, 0.2, 0.1], "val_loss": [1.2, 0.6, 0.65, 0.9]}),
}


@pytest.fixture(scope="module")
def run(rows, tmp_path_factory):
    """Return small models, the rows that they are judged on, and a folder with training logs."""
    split = X_train, X_test, y_train, y_test = supplement.split_data(*rows)
    folder = tmp_path_factory.mktemp("figures")
    for name, log in LOGS.items():
        (folder / name).mkdir()
        log.to_csv(folder / name / "training.log", index_label="epoch")
    forest = RandomForestRegressor(3, random_state=0).fit(X_train, y_train)
    network = supplement.build_network(X_train, (3, 3, 3), seed=1)
    return SimpleNamespace(
        models={"forest": forest, "network": network}, rows=split, folder=folder,
        X_train=X_train, X_test=X_test, y_train=y_train, y_test=y_test)


def draw(run, models, X_train, X_test, y_train, y_test):
    """Draw all figures; return them by the name of their file."""
    rows, out = (X_train, X_test, y_train, y_test), run.folder / "network"
    return {
        "parity": figures.plot_parity(models, X_test, y_test, out),
        "errors": figures.plot_errors(models, *rows, out),
        "learning": figures.plot_learning(models, run.folder / "2048e", out),
        "metals": figures.plot_metals(models, *rows, out),
        "series": figures.plot_series(models, *rows, out),
    }


def numbers(text):
    """Return the numbers with decimals in a text."""
    return [float(number) for number in re.findall(r"\d+\.\d+", text)]


# ---------------------------------------------------------------------------- whole and legible
def check_whole(figure, path):
    """Check a figure and its file: nothing cut off, no titles that meet, text for a projector."""
    picture = imread(path)[..., :3]
    edge = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    assert (edge == 1).all()
    low, high = figure.get_tightbbox().get_points()
    assert (low > 0).all() and (high < figure.get_size_inches()).all()
    titles = [ax.title.get_window_extent() for ax in figure.axes]
    assert all(left.x1 < right.x0 for left, right in itertools.pairwise(titles))
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text()]
    assert min(text.get_fontsize() for text in texts) >= 11
    for ax in figure.axes:
        assert ax.get_title()
        if path.stem in ("errors", "metals", "series") and ax.get_legend():
            shown = ax.dataLim.transformed(ax.transData)
            assert ax.get_legend().get_window_extent().y0 > shown.y1  # nothing is hidden
    assert figure.axes[0].get_ylabel().endswith(("(V)", "(%)"))


CASES = {
    "all rows": (lambda formula: True, ["forest", "network"]),
    "one model": (lambda formula: True, ["network"]),
    "no network": (lambda formula: True, ["forest"]),
    "a model more": (lambda formula: True, ["forest", "network", "2048e", "training mean"]),
    "no metal": (lambda formula: figures.metal(formula) is None, ["forest", "network"]),
    "no phosphate": (lambda formula: "P" not in formula, ["forest", "network"]),
    "few rows": (lambda formula: formula.startswith("Ga"), ["forest", "network"]),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("case", CASES)
def test_figures_are_whole_without_a_display(run, case, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    keep, names = CASES[case]
    rows = [part[part.index.map(keep)] for part in run.rows]
    mean = DummyRegressor().fit(rows[0], rows[2])
    models = run.models | {"2048e": run.models["network"], "training mean": mean}
    drawn = draw(run, {name: models[name] for name in names}, *rows)
    if case == "no network":
        assert not drawn.pop("learning").axes[0].lines
    for name, figure in drawn.items():
        check_whole(figure, run.folder / "network" / f"{name}.png")
    if case in ("no metal", "few rows"):
        assert drawn["metals"].axes[0].get_title() == "No metal has 15 rows"
    if case == "no phosphate":
        assert drawn["series"].axes[1].get_title() == "network: no row has these hosts"
    assert not list((run.folder / "network").glob("*.part*"))


# ----------------------------------------------------------------------------- what they show
def test_parity_joins_the_rows_of_a_formula_and_says_the_floor(run):
    figure = figures.plot_parity(run.models, run.X_test, run.y_test, run.folder)
    table = supplement.evaluate(run.models, *run.rows).set_index("model")["MAE test"]
    true = run.y_test.groupby(level=0)
    true = true.agg(["min", "max"])[true.size() > 1]
    for ax, (name, model) in zip(figure.axes, run.models.items(), strict=True):
        assert ax.get_title().startswith(f"{name}: ")
        said = [round(table[name], 2), round(table["floor"], 2)]
        assert numbers(ax.get_title()) == pytest.approx(said)
        points, lines = ax.collections[1].get_offsets(), ax.collections[0].get_segments()
        guess = pd.Series(supplement.predict(model, run.X_test), run.y_test.index)
        np.testing.assert_allclose(points, np.c_[run.y_test, guess])
        assert len(lines) == len(true) > 50
        one = guess[~guess.index.duplicated()][true.index]
        np.testing.assert_allclose(np.array(lines)[:, :, 0], true)
        np.testing.assert_allclose(np.array(lines)[:, :, 1], np.c_[one, one], rtol=1e-5)
        assert ax.get_xlim() == ax.get_ylim()
        assert ax.bbox.width == pytest.approx(ax.bbox.height)
        assert ax.viewLim.contains(*points.min(axis=0))
        assert ax.viewLim.contains(*points.max(axis=0))


def test_the_floor_is_the_distance_to_the_median_of_a_formula(run):
    y = pd.Series([1.0, 1.0, 4.0, 2.0], ["FePO4"] * 3 + ["CoO2"])  # 0, 0, 3 and 0 V away
    figure = figures.plot_parity(run.models, run.X_test[:4].set_index(y.index), y, run.folder)
    assert [ax.get_title().split("\n")[1] for ax in figure.axes] == ["0.75 V is the floor"] * 2


def test_errors_say_the_share_of_small_residuals_and_their_mean(run):
    figure = figures.plot_errors(run.models, *run.rows, run.folder)
    for ax, (name, model) in zip(figure.axes, run.models.items(), strict=True):
        off = [guess - true for guess, true
               in zip(supplement.predict(model, run.X_test), run.y_test, strict=True)]
        small = sum(-0.5 <= value <= 0.5 for value in off) / len(off)
        side = "high" if sum(off) > 0 else "low"
        assert ax.get_title() == (f"{name}: {100 * small:.0f}% of test rows within 0.5 V,\n"
                                  f"in the mean {abs(sum(off)) / len(off):.2f} V too {side}")
        assert sum(bar.get_height() for bar in ax.containers[0]) == pytest.approx(100)
        step = ax.patches[-1].get_xy()  # up, along and down again, bar by bar
        assert (np.diff(step[:, 0]) * step[1:, 1]).sum() == pytest.approx(100 * 0.25)
        assert [text.get_text() for text in ax.get_legend().get_texts()] == [
            f"{len(run.y_train)} training rows", f"{len(run.y_test)} test rows"]


def test_learning_shows_the_logs_and_says_the_lowest_test_error(run):
    models = run.models | {"2048e": run.models["network"]}
    figure = figures.plot_learning(models, run.folder / "2048e", run.folder / "network")
    ax = figure.axes[0]
    logged = [log[column] for log in LOGS.values() for column in log]
    for line, losses in zip(ax.lines, logged, strict=True):
        np.testing.assert_array_equal(line.get_xdata(), losses.index + 1)
        np.testing.assert_array_equal(line.get_ydata(), losses)
        assert line.get_markevery() == [losses.idxmin()]
    grey = {(line.get_linestyle(), line.get_linewidth(), line.get_marker()) for line in ax.lines}
    assert len(grey) == 4  # to be told without their colours
    assert ax.get_title() == (
        "network, test rows: lowest 0.700 V (epoch 2), at the end 0.800 V\n"
        "2048e, test rows: lowest 0.600 V (epoch 2), at the end 0.900 V")


@pytest.mark.parametrize("formula, metal", [
    ("FePO4", "Fe"), ("LiTi2(PO4)3", "Ti"), ("CoC2O6", "Co"), ("CO2", None), ("MgAl2O4", None),
    ("VFe(PO4)3", None), ("ScFeO3", "Fe"), ("ZnO", None), ("Fe2Fe3O8", "Fe")])
def test_the_one_metal_of_a_host(formula, metal):
    assert figures.metal(formula) == metal


def test_metals_show_quartiles_and_medians_of_hosts_with_one_transition_metal(run):
    figure = figures.plot_metals(run.models, *run.rows, run.folder)
    ax, y = figure.axes[0], pd.concat([run.y_train, run.y_test])
    hosts = {formula: [element for element in Composition(formula) if 4 <= element.group <= 11]
             for formula in y.index.unique()}
    element = pd.Series([hosts[name][0] if len(hosts[name]) == 1 else None for name in y.index])
    rows = pd.DataFrame({"element": element, "data": y.to_numpy()})
    for name, model in run.models.items():
        rows[name] = supplement.predict(model, pd.concat([run.X_train, run.X_test]))
    groups = rows.groupby("element")
    groups = groups.filter(lambda group: len(group) >= 15).groupby("element")
    medians = groups.median().sort_index(key=lambda keys: [key.Z for key in keys])
    ticks = [text.get_text().split("\n") for text in ax.get_xticklabels()]
    assert ticks == [[key.symbol, str(groups.size()[key])] for key in medians.index]
    lines = [line.get_ydata() for line in ax.lines if line.get_linewidth() == 3]
    np.testing.assert_allclose(lines, np.c_[medians["data"], medians["data"]])
    low, high = groups["data"].quantile(0.25), groups["data"].quantile(0.75)
    boxes = [patch.get_path().vertices[:, 1] for patch in ax.patches]
    np.testing.assert_allclose([box.min() for box in boxes], low[medians.index])
    np.testing.assert_allclose([box.max() for box in boxes], high[medians.index])
    for points, name in zip(ax.collections, run.models, strict=True):
        np.testing.assert_allclose(points.get_offsets()[:, 1], medians[name], rtol=1e-6)
    volts, span = medians["data"], (high - low).median()
    assert ax.get_title() == (
        f"Medians go from {volts.min():.1f} V ({volts.idxmin()}) to {volts.max():.1f} V "
        f"({volts.idxmax()}); half of a metal's rows span about {span:.1f} V")


def test_series_shows_predictions_their_intervals_and_the_rows(run):
    figure = figures.plot_series(run.models, *run.rows, run.folder)
    hosts = ["TiPO4", "VPO4", "CrPO4", "MnPO4", "FePO4", "CoPO4", "NiPO4"]
    X = supplement.featurize(hosts)
    for ax, (name, model) in zip(figure.axes, run.models.items(), strict=True):
        guess, (line, caps, _) = supplement.predict(model, X), ax.containers[0].lines
        np.testing.assert_allclose(line.get_ydata(), guess)
        assert [text.get_text() + "PO4" for text in ax.get_xticklabels()] == hosts
        errors = np.abs(supplement.predict(model, run.X_test) - run.y_test)
        width = np.sort(errors)[int(np.ceil(0.9 * (len(errors) + 1))) - 1]
        for cap, end in zip(caps, (guess - width, guess + width), strict=True):
            np.testing.assert_allclose(list(cap.get_ydata()), end, rtol=1e-5)
        found = []
        for points, y in zip(ax.collections[1:], (run.y_train, run.y_test), strict=True):
            rows = [(hosts.index(host), volts) for host, volts in y.items() if host in hosts]
            np.testing.assert_allclose(points.get_offsets(), rows)
            off = np.mean([abs(guess[place] - volts) for place, volts in rows])
            found.append(f"{off:.2f} V off on {len(rows)}")
        said = f"{name}: {found[0]} training rows,\n{found[1]} test row"
        assert ax.get_title() == said
        legend = " ".join(text.get_text() for text in ax.get_legend().get_texts())
        assert f"90% of test\nrows within ±{width:.2f} V" in legend


@pytest.mark.parametrize("number", [1, 2, 9, 10, 11, 438])
@pytest.mark.parametrize("coverage", [0.5, 0.9, 0.99, 1.0])
def test_the_interval_holds_its_share_of_one_row_more(number, coverage, monkeypatch):
    monkeypatch.setattr(supplement, "COVERAGE", coverage)
    errors = np.random.default_rng(number).random(number)
    inside = (errors <= figures.interval(errors)).sum()
    assert inside == min(number, np.ceil(coverage * (number + 1)))
