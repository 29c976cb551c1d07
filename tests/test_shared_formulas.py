"""The comparison of a test set whose formulas are in the training set with one of new formulas."""

import re

import numpy as np
import pandas as pd
import pytest
import shared_formulas
from conftest import assert_one_line, call

from voltage_lab.messages import LabError


@pytest.mark.parametrize("seed", range(5))
def test_the_training_sets_differ_in_the_formulas_of_the_test_set_alone(rows, seed):
    formulas = rows[0].index
    test, shared, new = shared_formulas.sample_sets(formulas, seed)
    several = formulas.value_counts().loc[lambda number: number > 1].index
    assert len(test) == len(several) // 2 == formulas[test].nunique()
    assert set(formulas[test]) <= set(several)
    assert set(formulas[test]) <= set(formulas[shared])
    assert not set(formulas[test]) & set(formulas[new])
    assert len(shared) == len(new) == len({*shared}) == len({*new})
    assert not {*test} & {*shared, *new}
    siblings = [place for place in shared if formulas[place] in set(formulas[test])]
    counts = formulas.value_counts()
    assert len(siblings) == sum(counts[formula] - 1 for formula in formulas[test])
    assert {*shared} - {*siblings} <= {*new}


def test_another_seed_samples_other_formulas(rows):
    first, second = (shared_formulas.sample_sets(rows[0].index, seed)[0] for seed in (0, 1))
    assert 0.2 < np.isin(first, second).mean() < 0.8
    again = shared_formulas.sample_sets(rows[0].index, 0)[0]
    assert list(first) == list(again)


@pytest.mark.parametrize("counts", [[1, 1, 1], [2, 1, 1]])
def test_too_few_formulas_with_several_samples_are_refused(counts):
    formulas = pd.Index(np.repeat(["FePO4", "CoO2", "TiS2"], counts))
    with pytest.raises(LabError, match="of 3 formulas have several samples; "):
        shared_formulas.sample_sets(formulas, 0)


def test_known_voltages_are_predicted_better():
    """Each formula has a voltage of its own that no other tells: only the formula itself helps."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"feature": np.repeat(rng.permutation(200).astype(float), 2)})
    X.index = [f"formula {number:.0f}" for number in X["feature"]]
    y = pd.Series(np.repeat(rng.uniform(0, 4, 200), 2), index=X.index)
    errors = shared_formulas.compare_sets(X, y, 0)
    assert errors["test samples"] == 100
    assert errors["shared"] < 0.5 * errors["new"]


def test_each_repeat_and_the_mean_are_printed(monkeypatch, few, tmp_path):
    monkeypatch.setattr(shared_formulas, "TREES", 3)
    done = call(
        shared_formulas.main, "--data", few, "--repeats", 2, folder=tmp_path, TREES=3, RSEED=1
    )
    assert (done.returncode, done.stderr) == (0, "")
    rows = re.findall(r"^ (1|2|mean) +(\d+) +(\S+) +(\S+) +(\S+) *$", done.stdout, re.MULTILINE)
    assert [row[0] for row in rows] == ["1", "2", "mean"]
    first, second, mean = np.array([row[2:] for row in rows], float)
    np.testing.assert_allclose((first + second) / 2, mean, atol=1.1e-3)
    for shared, new, difference in (first, second, mean):
        assert new - shared == pytest.approx(difference, abs=1.1e-3)
    assert list(tmp_path.iterdir()) == []


def test_an_ion_without_samples_is_refused(few):
    done = call(shared_formulas.main, "--data", few, "--ion", "Na")
    assert_one_line(done, "Na")
    assert_one_line(call(shared_formulas.main, "--ion", "Xx"), "--ion Xx is not allowed; give ")


def test_half_a_repeat_is_refused():
    assert_one_line(call(shared_formulas.main, "--repeats", 0), "--repeats 0; give 1 or more")
