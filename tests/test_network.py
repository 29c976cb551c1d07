"""The network, its search and its training, and the forest, against independent oracles."""

import contextlib
import io
import os
import pickle
import signal
import threading
import time

import keras
import numpy as np
import pandas as pd
import psutil
import pytest
from conftest import settings
from scipy.stats import randint
from sklearn.dummy import DummyRegressor
from sklearn.metrics import mean_absolute_error, mean_squared_error
from sklearn.model_selection import GroupKFold, ParameterSampler

import supplement
from voltage_lab import checkpoint, search, training
from voltage_lab.messages import LabError, RunStopped

START = 0.05  # of the weights that scale the inputs
SMALLEST = {"SEARCH": 2, "SEARCH_EPOCHS": 3, "MAX_NEURONS": 9, "FOLDS": 2, "WORKERS": 1}


@pytest.fixture
def small(monkeypatch):
    """Make a search take seconds."""
    for name, value in SMALLEST.items():
        monkeypatch.setattr(supplement, name, value)


@pytest.fixture(scope="module")
def samples():
    """Return 120 samples of 60 formulas with 6 columns on very different scales."""
    random = np.random.default_rng(3)
    X = pd.DataFrame(random.normal(5, 2, (120, 6)) * 10.0 ** np.arange(-2, 4))
    X.index = [f"formula {n // 2}" for n in range(120)]
    X.columns = [f"column {n}" for n in range(6)]
    return X, pd.Series(X.to_numpy() @ 10.0 ** -np.arange(-2, 4) / 10 - 4, X.index)


@pytest.fixture(scope="module")
def searched(samples, tmp_path_factory):
    """Search once; return the network, a copy of its weights, the folder and what is printed."""
    folder, printed = tmp_path_factory.mktemp("search"), io.StringIO()
    with settings(**SMALLEST), contextlib.redirect_stdout(printed):
        model = supplement.searchNN(*samples, folder)
    return model, weights(model), folder, printed.getvalue()


def regressor(*neurons, **values):
    """Return the estimator of the search."""
    return search.NetworkRegressor(supplement.build_network, *neurons, **values)


def weights(model):
    """Return all weights of a network in one array."""
    return np.concatenate([weight.ravel() for weight in model.get_weights()])


# ----------------------------------------------------------------------------------- the network
def test_the_frame_of_the_network(samples):
    network = supplement.build_network(samples[0], (7, 5, 3), 0.3)
    dense = [layer for layer in network.layers if isinstance(layer, keras.layers.Dense)]
    leaky = [layer for layer in network.layers if isinstance(layer, keras.layers.LeakyReLU)]
    assert [layer.units for layer in dense] == [7, 5, 3, 1]
    assert {layer.activation.__name__ for layer in dense} == {"linear"}
    assert [layer.negative_slope for layer in leaky] == [0.01] * 3
    dropped = [layer.rate for layer in network.layers if isinstance(layer, keras.layers.Dropout)]
    assert dropped == [0.3] * 3
    assert isinstance(network.optimizer, keras.optimizers.Adam)
    assert float(network.optimizer.learning_rate) == pytest.approx(
        float(keras.optimizers.Adam().learning_rate)
    )
    assert network.count_params() == 24 + 24 * 7 + 7 + 7 * 5 + 5 + 5 * 3 + 3 + 3 + 1


def scaled(network, X):
    """Return what the first Dense layer of a network sees of X."""
    inputs = X.to_numpy("float32")
    for layer in network.layers:
        if isinstance(layer, keras.layers.Dense):
            return inputs.numpy()
        inputs = layer(inputs)
    return None


def test_scaling_is_numpys_interpolation_within_each_quarter(samples):
    X, _ = samples
    network = supplement.build_network(X, (1, 1, 1))
    other = 3 * X.iloc[::-1].reset_index(drop=True)  # rows far outside of those fitted
    for rows in (X, other):
        oracle = []
        for part in range(4):
            for column in X:
                edges = np.quantile(X[column], [part / 4, (part + 1) / 4])
                oracle.append(np.interp(rows[column], edges, [-START, START]))
        np.testing.assert_allclose(scaled(network, rows), np.transpose(oracle), atol=1e-4)


def test_quartiles_that_coincide_make_no_quarter(samples):
    rare = samples[0].assign(rare=[0.0] * 100 + [2.0] * 20, noise=1 + 1e-12 * np.arange(120))
    rare["noise"] += [0.0] * 119 + [1.0]
    middle, half = supplement.quartile_bins(rare)
    assert list(half[:, 6]) == [np.inf] * 3 + [1.0]
    assert middle[3, 6] == 1.0
    assert list(np.isinf(half[:, 7])) == [True, True, True, False]  # lost in 32 bits
    assert np.isfinite(half[:, :6]).all()


def test_the_weights_of_the_inputs_are_learned(samples, tmp_path):
    X, y = samples
    network = supplement.build_network(X, (9, 9, 9))
    supplement.trainNN(network, X, y, 20, out=tmp_path)
    (scale,) = (layer for layer in network.layers if isinstance(layer, keras.layers.EinsumDense))
    (learned,) = scale.get_weights()
    assert learned.std() > START / 10
    saved = keras.models.load_model(tmp_path / "nn_trained.h5")
    (again,) = saved.get_layer(scale.name).get_weights()
    np.testing.assert_array_equal(again, learned)


def test_a_constant_column_changes_nothing_when_it_varies_later(samples):
    X = samples[0].assign(constant=4.0)
    network = supplement.build_network(X, (8, 8, 8))
    before = supplement.predict(network, X)
    np.testing.assert_array_equal(supplement.predict(network, X.assign(constant=1e6)), before)


def test_an_odd_value_cannot_ask_for_thousands_of_volts(samples):
    X, y = samples
    X = X.assign(nearly=[1.0] + [0.0] * 119)
    network = regressor(8, 8, 8, epochs=30).fit(X, y)
    voltages = network.predict(X.assign(nearly=1e9))
    assert np.abs(voltages - network.predict(X)).max() < 50


def test_predictions_can_be_negative_and_fit_the_rows(samples):
    X, y = samples
    network = regressor(30, 30, 30, epochs=100, batch=12).fit(X, y)
    predicted = network.predict(X)
    assert y.min() < -1
    assert predicted.min() < -1
    assert np.abs(predicted - y).mean() < 0.2 * np.abs(y - y.mean()).mean()


def test_a_fit_trains_all_its_epochs_and_two_fits_are_the_same(samples):
    first = regressor(4, 3, 2, epochs=7, batch=50, seed=5).fit(*samples).network_
    assert int(first.optimizer.iterations) == 7 * 3  # 120 samples are three batches of 50
    again = regressor(4, 3, 2, epochs=7, batch=50, seed=5).fit(*samples).network_
    np.testing.assert_array_equal(weights(again), weights(first))
    other = regressor(4, 3, 2, epochs=7, batch=50, seed=6).fit(*samples).network_
    assert not np.array_equal(weights(other), weights(first))


def test_batches_hold_every_sample_once_in_an_order_of_seed_and_epoch(samples):
    batches, reorder = training.make_batches(*samples, 50, seed=8)
    orders = {}
    for epoch in (3, 0, 3):
        reorder(epoch)
        parts = list(batches.as_numpy_iterator())
        assert [len(y) for _, y in parts] == [50, 50, 20]
        expected = np.random.default_rng([8, epoch]).permutation(120)
        np.testing.assert_array_equal(
            np.concatenate([y for _, y in parts]), samples[1].to_numpy("float32")[expected]
        )
        np.testing.assert_array_equal(
            np.concatenate([X for X, _ in parts]), samples[0].to_numpy("float32")[expected]
        )
        orders[epoch] = list(expected)
    assert orders[0] != orders[3]


def test_every_epoch_of_a_training_has_its_own_order(samples, monkeypatch):
    epochs = []
    make_batches = training.make_batches

    def watch(*arguments):
        batches, reorder = make_batches(*arguments)
        return batches, lambda epoch, logs=None: (epochs.append(epoch), reorder(epoch))

    monkeypatch.setattr(training, "make_batches", watch)
    network = supplement.build_network(samples[0], (2, 2, 2))
    training.run_epochs(network, *samples, epochs=5, batch=50, seed=0, completed=2)
    assert epochs == [2, 3, 4]


# ------------------------------------------------------------------------------------ the search
def test_the_search_finds_what_a_plain_loop_finds(searched, samples):
    X, y = samples
    model, _, folder, printed = searched
    layers = ["layer_1", "layer_2", "layer_3"]
    space = dict.fromkeys(layers, randint(1, 10))
    folds = GroupKFold(2, shuffle=True, random_state=supplement.RSEED)
    errors = {}
    for candidate in ParameterSampler(space, 2, random_state=supplement.RSEED):
        widths, maes = [candidate[layer] for layer in layers], []
        for train, test in folds.split(X, y, X.index):
            values = supplement.DROPOUT, supplement.RSEED
            network = supplement.build_network(X.iloc[train], widths, *values)
            inputs, targets = X.iloc[train].to_numpy(), y.iloc[train].to_numpy()
            for epoch in range(3):
                order = np.random.default_rng([supplement.RSEED, epoch]).permutation(len(train))
                for start in range(0, len(train), supplement.BATCH):
                    batch = order[start : start + supplement.BATCH]
                    network.train_on_batch(inputs[batch], targets[batch])
            network.optimizer.finalize_variable_values(network.trainable_variables)
            predicted = network.predict(X.iloc[test].to_numpy(), verbose=0)[:, 0]
            maes.append(mean_absolute_error(y.iloc[test], predicted))
        errors[tuple(widths)] = np.mean(maes)
    best = min(errors, key=errors.get)
    widths = [layer.units for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    assert tuple(widths[:3]) == best
    assert "MAE in 2 folds: all 2 candidates" in printed
    assert "\x1b" not in printed  # no bar outside a terminal
    assert "\r" not in printed
    table = [line.split() for line in printed.splitlines()]
    printed = [row for row in table if len(row) == 5 and row[0].isdigit()]
    assert [float(row[3]) for row in printed] == pytest.approx(sorted(errors.values()), abs=6e-4)
    saved = pd.read_csv(folder / "search.csv")
    assert list(saved["MAE (V)"]) == pytest.approx(sorted(errors.values()), rel=1e-4)
    assert [tuple(row) for row in saved[layers].to_numpy()] == sorted(errors, key=errors.get)


def test_a_large_search_shows_its_ends_and_saves_all(tmp_path, capsys):
    layers = ["layer_1", "layer_2", "layer_3"]
    candidates = [dict.fromkeys(layers, n + 1) for n in range(9)]
    results = {"params": candidates, "mean_test_score": -np.arange(9.0)[::-1]}
    results["std_test_score"] = np.full(9, 0.1)
    table = search.report_candidates(results, supplement.FOLDS, tmp_path)
    printed = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [row[0] for row in printed if len(row) == 5 and row[0].isdigit()] == list("987321")
    assert list(table["layer_1"]) == list(range(9, 0, -1))
    assert list(pd.read_csv(tmp_path / "search.csv")["layer_1"]) == list(table["layer_1"])


def test_the_network_of_a_search_is_untrained_and_can_be_repeated(
    small, searched, samples, tmp_path
):
    _, first, folder, _ = searched
    saved = keras.models.load_model(folder / "nn_raw.h5")
    again = supplement.searchNN(*samples, tmp_path)  # a second search in one process
    np.testing.assert_array_equal(first, weights(saved))
    np.testing.assert_array_equal(first, weights(again))
    assert int(again.optimizer.iterations) == 0


def test_widths_are_never_zero_nor_too_large(small, monkeypatch, samples, tmp_path):
    monkeypatch.setattr(supplement, "MAX_NEURONS", 1)
    monkeypatch.setattr(supplement, "SEARCH", 1)
    model = supplement.searchNN(*samples, tmp_path)
    widths = [layer.units for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    assert widths == [1, 1, 1, 1]


@pytest.mark.slow
def test_a_worker_that_dies_ends_the_search(monkeypatch, samples, tmp_path):
    values = {"SEARCH": 20, "SEARCH_EPOCHS": 200, "MAX_NEURONS": 9, "WORKERS": 2}
    for name, value in values.items():
        monkeypatch.setattr(supplement, name, value)
    children = psutil.Process().children(recursive=True)
    before = {child.pid: child.cpu_times().user for child in children}  # of an earlier search

    def kill_a_worker():
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            for child in psutil.Process().children(recursive=True):
                busy = child.cpu_times().user - before.get(child.pid, 0) > 3
                if busy and "loky" in " ".join(child.cmdline()):
                    os.kill(child.pid, signal.SIGKILL)
                    return
            time.sleep(0.2)

    killer = threading.Thread(target=kill_a_worker)
    killer.start()
    with pytest.raises(RunStopped, match="worker"):
        supplement.searchNN(*samples, tmp_path)
    killer.join()
    assert not (tmp_path / "nn_raw.h5").exists()


# ---------------------------------------------------------------------------------- the training
def test_training_logs_every_epoch_and_saves_a_whole_network(samples, tmp_path, capsys):
    X, y = samples
    network = supplement.build_network(X, (6, 5, 4))
    trained = supplement.trainNN(network, X[:90], y[:90], 17, (X[90:], y[90:]), tmp_path)
    log = pd.read_csv(tmp_path / "training.log")
    assert list(log) == ["epoch", "loss", "val_loss"]
    assert list(log["epoch"]) == list(range(17))
    predicted = supplement.predict(trained, X[90:])
    assert log["val_loss"].iloc[-1] == pytest.approx(np.abs(predicted - y[90:]).mean(), rel=1e-5)
    assert log["loss"].iloc[-1] < log["loss"].iloc[0]
    saved = keras.models.load_model(tmp_path / "nn_trained.h5")
    np.testing.assert_array_equal(supplement.predict(saved, X), supplement.predict(trained, X))
    printed = capsys.readouterr().out
    assert 2 <= printed.count("epoch") <= 12
    assert printed.splitlines()[-1].startswith("epoch 17 of")
    made = ["nn_trained.h5", "training.log", "training.npz"]
    assert sorted(path.name for path in tmp_path.iterdir()) == made


def test_a_monitored_set_changes_no_bit_of_the_weights(samples, tmp_path):
    X, y = samples
    trained = []
    for held_out in (None, (X[90:], y[90:]), (X[90:] + 100, y[90:] + 100)):
        network = supplement.build_network(X[:90], (6, 5, 4), dropout=0.2)
        supplement.trainNN(network, X[:90], y[:90], 5, held_out, tmp_path)
        trained.append(weights(network))
    np.testing.assert_array_equal(trained[0], trained[1])
    np.testing.assert_array_equal(trained[0], trained[2])


def test_the_network_in_its_file_is_trained_like_the_one_that_was_saved(
    searched, samples, tmp_path
):
    found, _, folder, _ = searched
    loaded = keras.models.load_model(folder / "nn_raw.h5")
    for network, name in ((found, "found"), (loaded, "loaded")):
        (tmp_path / name).mkdir()
        supplement.trainNN(network, *samples, 4, out=tmp_path / name)
    np.testing.assert_array_equal(weights(found), weights(loaded))
    logs = [(tmp_path / name / "training.log").read_text() for name in ("found", "loaded")]
    assert logs[0] == logs[1]


def test_a_trained_network_can_be_trained_again(samples, tmp_path):
    network = supplement.build_network(samples[0], (6, 5, 4))
    supplement.trainNN(network, *samples, 3, out=tmp_path)
    first = pd.read_csv(tmp_path / "training.log")
    supplement.trainNN(network, *samples, 3, out=tmp_path)
    again = pd.read_csv(tmp_path / "training.log")
    assert len(again) == 3
    assert again["loss"].iloc[-1] < first["loss"].iloc[0]


def test_a_resumed_training_is_that_of_one_go_to_the_last_bit(samples, tmp_path):
    X, y = samples
    results = []
    for stops in ([6], [2, 5, 6]):
        out = tmp_path / str(len(stops))
        out.mkdir()
        network = supplement.build_network(X[:90], (6, 5, 4), dropout=0.2, seed=3)
        checkpoint.save_network(network, out / "nn_raw.h5")
        for number, stop in enumerate(stops):
            network = checkpoint.load_network(out / "nn_raw.h5")
            held_out = X[90:], y[90:]
            supplement.trainNN(network, X[:90], y[:90], stop, held_out, out, resume=number > 0)
        results.append((weights(network), (out / "training.log").read_text()))
    np.testing.assert_array_equal(results[0][0], results[1][0])
    assert results[0][1] == results[1][1]


def test_a_state_of_another_network_is_refused(samples, tmp_path):
    supplement.trainNN(supplement.build_network(samples[0], (3, 3, 3)), *samples, 1, out=tmp_path)
    other = supplement.build_network(samples[0], (4, 3, 3))
    with pytest.raises(LabError, match=r"training.npz is of another network than nn_raw.h5"):
        supplement.trainNN(other, *samples, 2, out=tmp_path, resume=True)


def test_a_loss_that_is_no_number_stops_the_training_and_keeps_the_last_network(samples, tmp_path):
    X, y = samples
    supplement.trainNN(supplement.build_network(X, (4, 4, 4)), X, y, 2, out=tmp_path)
    before = {name: (tmp_path / name).read_bytes() for name in ("nn_trained.h5", "training.npz")}
    said = "epoch 1: the loss is (nan|inf); try another seed"
    network = supplement.build_network(X, (4, 4, 4))
    with pytest.raises(LabError, match=said):
        supplement.trainNN(network, X, y.where(y.index != y.index[0], np.inf), 2, out=tmp_path)
    assert before == {name: (tmp_path / name).read_bytes() for name in before}
    with pytest.raises(LabError, match=said):
        regressor().fit(X, y * np.nan)


def test_a_trained_network_holds_the_moving_average_of_its_weights(samples):
    X, y = samples
    network = supplement.build_network(X, (5, 4, 3))
    steps = []
    training.run_epochs(
        network, X, y, 50, len(X), 0, end_epoch=lambda *_: steps.append(weights(network))
    )
    mean = steps[0]
    for step in steps[1:]:
        mean = 0.99 * mean + 0.01 * step
    np.testing.assert_allclose(weights(network), mean, atol=1e-5)


def test_a_line_of_the_log_is_there_as_soon_as_its_epoch_ends(samples, tmp_path, monkeypatch):
    lines = []
    save_state = checkpoint.save_state

    def look(model, completed, out):
        lines.append((tmp_path / "training.log").read_text().count("\n"))
        save_state(model, completed, out)

    monkeypatch.setattr(checkpoint, "save_state", look)
    network = supplement.build_network(samples[0], (2, 2, 2))
    supplement.trainNN(network, *samples, 4, out=tmp_path)
    assert lines == [2, 3, 4, 5]


# ------------------------------------------------------------------------- the forest, the errors
def test_the_forest_comes_back_and_can_be_repeated(rows, tmp_path):
    X, y = rows[0].iloc[:60], rows[1].iloc[:60]
    forest = supplement.train_forest(X, y, tmp_path)
    saved = pickle.loads((tmp_path / "rf_model.pkl").read_bytes())
    assert saved.n_estimators == 300
    np.testing.assert_array_equal(saved.predict(X), forest.predict(X))
    again = supplement.train_forest(X, y, tmp_path)
    np.testing.assert_array_equal(again.predict(X), forest.predict(X))


def test_errors_are_those_of_scikit_learn(samples):
    X, y = samples
    half = DummyRegressor(strategy="quantile", quantile=0.5).fit(X, y)
    results = supplement.tabulate_results({"half": half}, X[:80], X[80:], y[:80], y[80:])
    assert list(results) == ["formula", "set", "voltage", "half"]
    assert list(results["formula"]) == list(X.index)
    np.testing.assert_array_equal(results["voltage"], y)
    assert list(results["set"]) == ["training"] * 80 + ["test"] * 40
    table = supplement.evaluate(results).set_index("model")
    row, mean = table.loc["half"], table.loc["training mean"]
    assert row["MAE test"] == pytest.approx(mean_absolute_error(y[80:], half.predict(X[80:])))
    assert row["RMSE train"] ** 2 == pytest.approx(mean_squared_error(y[:80], half.predict(X[:80])))
    assert mean["R² train"] == pytest.approx(0)
    assert mean["RMSE train"] == pytest.approx(y[:80].std(ddof=0))
    assert mean["MAE test"] == pytest.approx(np.abs(y[80:] - y[:80].mean()).mean())


def test_the_floor_cannot_be_passed_by_one_voltage_per_formula(samples):
    X, y = samples
    results = supplement.tabulate_results({}, X[:80], X[80:], y[:80], y[80:])
    table = supplement.evaluate(results).set_index("model")
    pairs = y[80:].to_numpy().reshape(-1, 2)  # two samples of each formula: half their distance
    errors = np.abs(pairs[:, 0] - pairs[:, 1]) / 2
    assert table.loc["floor", "MAE test"] == pytest.approx(errors.mean())
    assert table.loc["floor", "RMSE test"] == pytest.approx(np.sqrt((errors**2).mean()))


def test_predictions_have_one_voltage_per_formula_whatever_the_model(samples):
    X, y = samples
    two = DummyRegressor().fit(X, np.c_[y, y])
    with pytest.raises(LabError, match="more than one number per formula"):
        supplement.predict(two, X)
    network = supplement.build_network(X, (3, 3, 3))
    expected = network.predict(X.to_numpy("float32"), verbose=0)[:, 0]
    np.testing.assert_allclose(supplement.predict(network, X), expected, atol=1e-6)
