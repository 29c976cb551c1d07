"""The network, its search and its training, and the forest, against independent oracles."""

import os
import pickle
import signal
import threading
import time
from concurrent.futures.process import BrokenProcessPool

import numpy as np
import pandas as pd
import psutil
import pytest
from scipy.stats import randint
from sklearn.dummy import DummyRegressor
from sklearn.metrics import mean_absolute_error, mean_squared_error
from sklearn.model_selection import GroupKFold, ParameterSampler

import supplement

keras = supplement.import_keras()


@pytest.fixture
def small(monkeypatch):
    """Make a search take seconds."""
    for name, value in {"SEARCH": 3, "SEARCH_EPOCHS": 3, "MAX_NEURONS": 9, "FOLDS": 2}.items():
        monkeypatch.setattr(supplement, name, value)


@pytest.fixture
def drawn():
    """Return drawn rows: 120 of 60 formulas with 6 columns on very different scales."""
    random = np.random.default_rng(3)
    X = pd.DataFrame(random.normal(5, 2, (120, 6)) * 10.0 ** np.arange(-2, 4))
    X.index = [f"formula {n // 2}" for n in range(120)]
    X.columns = [f"column {n}" for n in range(6)]
    return X, pd.Series(X.to_numpy() @ 10.0 ** -np.arange(-2, 4) / 10 - 4, X.index)


def weights(model):
    """Return all weights of a network in one array."""
    return np.concatenate([weight.ravel() for weight in model.get_weights()])


# ----------------------------------------------------------------------------------- the network
def test_the_frame_of_the_network(drawn):
    network = supplement.build_network(drawn[0], (7, 5, 3), 0.3)
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
    assert network.count_params() == 24 * 7 + 7 + 7 * 5 + 5 + 5 * 3 + 3 + 3 + 1


def scaled(network, X):
    """Return what the first Dense layer of a network sees of X."""
    inputs = X.to_numpy("float32")
    for layer in network.layers:
        if isinstance(layer, keras.layers.Dense):
            return inputs.numpy()
        inputs = layer(inputs)


def test_scaling_is_numpys_interpolation_within_each_quarter(drawn):
    X, _ = drawn
    network = supplement.build_network(X, (1, 1, 1))
    other = 3 * X.iloc[::-1].reset_index(drop=True)  # rows far outside of those fitted
    for rows in (X, other):
        oracle = []
        for part in range(4):
            for column in X:
                edges = np.quantile(X[column], [part / 4, (part + 1) / 4])
                oracle.append(np.interp(rows[column], edges, [-0.05, 0.05]))
        np.testing.assert_allclose(scaled(network, rows), np.transpose(oracle), atol=1e-4)


def test_quartiles_that_coincide_make_no_quarter(drawn):
    rare = drawn[0].assign(rare=[0.0] * 100 + [2.0] * 20, noise=1 + 1e-12 * np.arange(120))
    rare["noise"] += [0.0] * 119 + [1.0]
    middle, half = supplement.quarters(rare)
    assert list(half[:, 6]) == [np.inf] * 3 + [1.0] and middle[3, 6] == 1.0
    assert list(np.isinf(half[:, 7])) == [True, True, True, False]  # lost in 32 bits
    assert np.isfinite(half[:, :6]).all()


def test_a_constant_column_changes_nothing_when_it_varies_later(drawn):
    X = drawn[0].assign(constant=4.0)
    network = supplement.build_network(X, (8, 8, 8))
    before = supplement.predict(network, X)
    np.testing.assert_array_equal(supplement.predict(network, X.assign(constant=1e6)), before)


def test_an_odd_value_cannot_ask_for_thousands_of_volts(drawn):
    X, y = drawn
    X = X.assign(nearly=[1.0] + [0.0] * 119)
    network = supplement.NetworkRegressor(8, 8, 8, epochs=30).fit(X, y)
    voltages = network.predict(X.assign(nearly=1e9))
    assert np.abs(voltages - network.predict(X)).max() < 50


def test_predictions_can_be_negative_and_fit_the_rows(drawn):
    X, y = drawn
    network = supplement.NetworkRegressor(30, 30, 30, epochs=300).fit(X, y)
    guess = network.predict(X)
    assert y.min() < -1 and guess.min() < -1
    assert np.abs(guess - y).mean() < 0.2 * np.abs(y - y.mean()).mean()


def test_a_fit_trains_all_its_epochs_and_two_fits_are_the_same(drawn):
    regressor = supplement.NetworkRegressor(4, 3, 2, epochs=7, batch=50, seed=5)
    first = regressor.fit(*drawn).network_
    assert int(first.optimizer.iterations) == 7 * 3  # 120 rows are three batches of 50
    again = supplement.NetworkRegressor(4, 3, 2, epochs=7, batch=50, seed=5).fit(*drawn).network_
    np.testing.assert_array_equal(weights(again), weights(first))
    other = supplement.NetworkRegressor(4, 3, 2, epochs=7, batch=50, seed=6).fit(*drawn).network_
    assert not np.array_equal(weights(other), weights(first))


def test_batches_hold_every_row_once_an_epoch_in_changing_order(drawn):
    keras.utils.set_random_seed(1)
    batches = supplement.batches(*drawn, 50)
    epochs = [np.concatenate([y for _, y in batches.as_numpy_iterator()]) for _ in range(2)]
    for epoch in epochs:
        np.testing.assert_allclose(np.sort(epoch), np.sort(drawn[1]), rtol=1e-5)
    assert not np.array_equal(*epochs)


# ------------------------------------------------------------------------------------ the search
def test_the_search_finds_what_a_plain_loop_finds(small, drawn, tmp_path, capsys):
    X, y = drawn
    model = supplement.searchNN(X, y, tmp_path)
    layers = ["layer_1", "layer_2", "layer_3"]
    space = dict.fromkeys(layers, randint(1, 10))
    folds = GroupKFold(2, shuffle=True, random_state=supplement.RSEED)
    errors = {}
    for candidate in ParameterSampler(space, 3, random_state=supplement.RSEED):
        widths, found = [candidate[layer] for layer in layers], []
        for train, test in folds.split(X, y, X.index):
            keras.utils.set_random_seed(supplement.RSEED)
            settings = supplement.DROPOUT, supplement.RSEED
            network = supplement.build_network(X.iloc[train], widths, *settings)
            rows = supplement.batches(X.iloc[train], y.iloc[train], supplement.BATCH)
            network.fit(rows, epochs=3, shuffle=False, verbose=0)
            guess = network.predict(X.iloc[test].to_numpy(), verbose=0)[:, 0]
            found.append(mean_absolute_error(y.iloc[test], guess))
        errors[tuple(widths)] = np.mean(found)
    best = min(errors, key=errors.get)
    widths = [layer.units for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    assert tuple(widths[:3]) == best
    table = [line.split() for line in capsys.readouterr().out.splitlines()]
    printed = [row for row in table if len(row) == 5 and row[0].isdigit()]
    assert [float(row[3]) for row in printed] == pytest.approx(sorted(errors.values()), abs=6e-4)


def test_the_network_of_a_search_is_untrained_and_can_be_repeated(small, drawn, tmp_path, capfd):
    first = supplement.searchNN(*drawn, tmp_path)
    saved = keras.models.load_model(tmp_path / "nn_raw.h5")
    again = supplement.searchNN(*drawn, tmp_path)  # a second search in one process
    np.testing.assert_array_equal(weights(first), weights(saved))
    np.testing.assert_array_equal(weights(first), weights(again))
    assert int(first.optimizer.iterations) == 0
    printed = capfd.readouterr()
    assert "\x1b" not in printed.out and "\r" not in printed.out  # no bar outside a terminal


def test_widths_are_never_zero_nor_too_large(small, monkeypatch, drawn, tmp_path):
    monkeypatch.setattr(supplement, "MAX_NEURONS", 1)
    model = supplement.searchNN(*drawn, tmp_path)
    widths = [layer.units for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    assert widths == [1, 1, 1, 1]


def test_a_worker_that_dies_ends_the_search(monkeypatch, drawn, tmp_path):
    settings = {"SEARCH": 20, "SEARCH_EPOCHS": 200, "MAX_NEURONS": 9, "WORKERS": 2}
    for name, value in settings.items():
        monkeypatch.setattr(supplement, name, value)
    children = psutil.Process().children(recursive=True)
    before = {child.pid: child.cpu_times().user for child in children}  # of an earlier search

    def kill_a_worker():
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            for child in psutil.Process().children(recursive=True):
                busy = child.cpu_times().user - before.get(child.pid, 0) > 3
                if busy and "loky" in " ".join(child.cmdline()):
                    return os.kill(child.pid, signal.SIGKILL)
            time.sleep(0.2)

    killer = threading.Thread(target=kill_a_worker)
    killer.start()
    with pytest.raises(BrokenProcessPool):
        supplement.searchNN(*drawn, tmp_path)
    killer.join()
    assert not (tmp_path / "nn_raw.h5").exists()


# ---------------------------------------------------------------------------------- the training
def test_training_logs_every_epoch_and_saves_a_whole_network(drawn, tmp_path, capsys):
    X, y = drawn
    network = supplement.build_network(X, (6, 5, 4))
    trained = supplement.trainNN(network, X[:90], y[:90], 17, (X[90:], y[90:]), tmp_path)
    log = pd.read_csv(tmp_path / "training.log")
    assert list(log) == ["epoch", "loss", "val_loss"] and list(log["epoch"]) == list(range(17))
    guess = supplement.predict(trained, X[90:])
    assert log["val_loss"].iloc[-1] == pytest.approx(np.abs(guess - y[90:]).mean(), rel=1e-5)
    assert log["loss"].iloc[-1] < log["loss"].iloc[0]
    saved = keras.models.load_model(tmp_path / "nn_trained.h5")
    np.testing.assert_array_equal(supplement.predict(saved, X), supplement.predict(trained, X))
    printed = capsys.readouterr().out
    assert 2 <= printed.count("epoch") <= 12 and printed.splitlines()[-1].startswith("epoch 17 of")
    made = ["nn_trained.h5", "training.log", "training.npz"]
    assert sorted(path.name for path in tmp_path.iterdir()) == made


def test_held_out_rows_choose_nothing(drawn, tmp_path):
    X, y = drawn
    ways = []
    for wrong in (0, 100):
        keras.utils.set_random_seed(1)
        network = supplement.build_network(X[:90], (6, 5, 4))
        held_out = (X[90:] + wrong, y[90:] + wrong)
        ways.append(weights(supplement.trainNN(network, X[:90], y[:90], 5, held_out, tmp_path)))
    np.testing.assert_array_equal(*ways)


def test_a_trained_network_holds_the_mean_of_its_last_weights(drawn):
    X, y = drawn
    keras.utils.set_random_seed(1)
    network = supplement.build_network(X, (5, 4, 3))
    seen, rows = [], supplement.batches(X, y, len(X))  # a step an epoch
    note = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: seen.append(weights(network)))
    network.fit(rows, epochs=50, shuffle=False, verbose=0, callbacks=[note])
    mean = seen[0]
    for step in seen[1:]:
        mean = 0.99 * mean + 0.01 * step
    np.testing.assert_allclose(weights(network), mean, atol=1e-5)


def test_a_row_of_the_log_is_there_as_soon_as_its_epoch_ends(drawn, tmp_path):
    seen = []
    network = supplement.build_network(drawn[0], (2, 2, 2))
    network_fit = network.fit

    def fit(*arguments, callbacks, **options):
        def look(epoch, logs):
            lines = (tmp_path / "training.log").read_text().splitlines()
            seen.append(len(lines) - 1)

        look = keras.callbacks.LambdaCallback(on_epoch_end=look)
        return network_fit(*arguments, callbacks=[*callbacks, look], **options)

    network.fit = fit
    supplement.trainNN(network, *drawn, 4, out=tmp_path)
    assert seen == [1, 2, 3, 4]


# ------------------------------------------------------------------------- the forest, the errors
def test_the_forest_comes_back_and_can_be_repeated(rows, tmp_path):
    X, y = rows[0].iloc[:60], rows[1].iloc[:60]
    forest = supplement.train_forest(X, y, tmp_path)
    saved = pickle.loads((tmp_path / "rf_model.pkl").read_bytes())
    assert saved.n_estimators == 300
    np.testing.assert_array_equal(saved.predict(X), forest.predict(X))
    again = supplement.train_forest(X, y, tmp_path)
    np.testing.assert_array_equal(again.predict(X), forest.predict(X))


def test_errors_are_those_of_scikit_learn(drawn):
    X, y = drawn
    half = DummyRegressor(strategy="quantile", quantile=0.5).fit(X, y)
    table = supplement.evaluate({"half": half}, X[:80], X[80:], y[:80], y[80:]).set_index("model")
    row, mean = table.loc["half"], table.loc["training mean"]
    assert row["MAE test"] == pytest.approx(mean_absolute_error(y[80:], half.predict(X[80:])))
    assert row["RMSE train"] ** 2 == pytest.approx(mean_squared_error(y[:80], half.predict(X[:80])))
    assert mean["R² train"] == pytest.approx(0)
    assert mean["RMSE train"] == pytest.approx(y[:80].std(ddof=0))
    assert mean["MAE test"] == pytest.approx(np.abs(y[80:] - y[:80].mean()).mean())


def test_the_floor_cannot_be_beaten_by_one_voltage_a_formula(drawn):
    X, y = drawn
    table = supplement.evaluate({}, X[:80], X[80:], y[:80], y[80:]).set_index("model")
    pairs = y[80:].to_numpy().reshape(-1, 2)  # two rows a formula: half their distance is left
    off = np.abs(pairs[:, 0] - pairs[:, 1]) / 2
    assert table.loc["floor", "MAE test"] == pytest.approx(off.mean())
    assert table.loc["floor", "RMSE test"] == pytest.approx(np.sqrt((off**2).mean()))
