"""The handout in two languages: its commands are run in order, what it quotes is compared.

The default run is made once as it is, in a test marked slow. Another processor rounds differently,
and training makes such a difference larger, so floats may differ by `tolerance`, and another of
the three best networks may win. Words and counts must agree. Later runs are made small: what the
handout quotes of them does not depend on the network.
"""

import itertools
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from conftest import QUICK, ROOT, assert_one_line, call, predict

import load_NN
import supplement
from voltage_lab import trends

ENGLISH, PORTUGUESE = ((ROOT / name).read_text("utf-8") for name in ("README.md", "LEIAME.md"))
BENCHMARKS = (ROOT / "benchmarks" / "README.md").read_text("utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"\d(?:[\d.,]*\d)?")
ANSWERS = ENGLISH.partition("**Answers.**")[2].partition("**What goes wrong.**")[0]


def shell(folder, line):
    """Run a line as a student's terminal would, the environment active; return what it did."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    screen = {name: os.environ[name] for name in {*os.environ} - {"DISPLAY", "MP_API_KEY"}}
    if QUICK[-1] in line.split():
        screen["LOKY_MAX_CPU_COUNT"] = "1"  # a short search is faster without processes of its own
    return subprocess.run(
        ["bash", "-c", line],
        cwd=folder,
        env=screen | {"PATH": path, "COLUMNS": "80"},
        capture_output=True,
        text=True,
        timeout=3600,
    )


# ------------------------------------------------------------------------- the handout, as played
def copy_lab(folder):
    """Copy what the handout's commands need; return the folder."""
    for name in ("supplement.py", "load_NN.py", "predict_RF.py", "Batteries_feat.json"):
        shutil.copy(ROOT / name, folder)
    unneeded = shutil.ignore_patterns("*.png", "__pycache__", ".venv")
    for name in ("voltage_lab", "data", "2048e"):
        shutil.copytree(ROOT / name, folder / name, ignore=unneeded)
    return folder


def shorten(line):
    """Return a line without installation, or with small settings where it is long."""
    if " pip install " in line:
        return line.rpartition("&& .venv/bin/")[2]
    return f"{line} {' '.join(QUICK)}" if "load_NN.py" in line else line


def swap(folder, lines):
    """Replace the line that loads the forest by the lines of the handout."""
    script = folder / "predict_RF.py"
    text, old = script.read_text("utf-8"), 'model = pickle.load(open("rf_model.pkl", "rb"))\n'
    assert text.count(old) == 1
    script.write_text(text.replace(old, lines), "utf-8")


def play(folder):
    """Do all that the handout says; return each quotation with what was printed before it."""
    printed, quoted = [], []
    for language, body in BLOCK.findall(ENGLISH):
        if language == "python":
            swap(folder, body)
        elif language == "csv":
            (folder / "mine.csv").write_text(body)
        elif language == "text":
            quoted.append((body, list(printed)))
        elif not body.endswith("-m pytest\n"):
            done = [shell(folder, shorten(line)) for line in body.splitlines()]
            text = "".join(each.stdout + each.stderr for each in done)
            printed.append(re.sub("^settings: .*\n", "", text, flags=re.MULTILINE))  # of `shorten`
            fine = [each.returncode for each in done] == [0] * len(done)
            assert fine or "mine" in body, printed[-1]  # three formulas are too few
    return quoted


def words(text):
    """Return the words of each line but empty ones and rules; candidates in order of neurons.

    The size of the network is left out, because it is that of another one if another one wins.
    """
    text = re.sub(r"^network: \S+ neurons, \S+ weights", "network:", text, flags=re.MULTILINE)
    lines = [line.split() for line in text.splitlines() if line.strip(" ─")]
    places = [
        place
        for place, line in enumerate(lines)
        if re.fullmatch(r"(\d+ ){3}\S+ \S+", " ".join(line))
    ]
    rows = sorted((lines[place] for place in places), key=lambda row: [int(x) for x in row[:3]])
    for place, row in zip(places, rows, strict=True):
        lines[place] = row
    return lines


def tolerance(line):
    """Return the largest difference of floats, V.

    It depends on whether a line is of an epoch, of the whole set, of one formula, or of one
    with an element that no training sample has.
    """
    if line[0] == "epoch":
        return 0.04
    single = len(line) >= 5 and line[0].isdigit() and line[1].isalnum() and not line[1].isdigit()
    return (0.5 if "no" in line else 0.1) if single else 0.02


def near(line, other):
    """Return whether two lines have the same words, and floats that differ by `tolerance`."""
    number, most = re.compile(r"-?\d+\.\d+"), tolerance(line) + 1e-6
    return len(line) == len(other) and all(
        a == b or number.fullmatch(a) and number.fullmatch(b) and abs(float(a) - float(b)) < most
        for a, b in zip(line, other, strict=True)
    )


def missing(quoted, printed):
    """Return the first piece of `quoted`, cut at lines of three dots, that is not in `printed`."""
    pieces, start = [[]], 0
    for line in quoted:
        pieces.append([]) if line == ["..."] else pieces[-1].append(line)
    for piece in pieces:
        places = range(start, len(printed) - len(piece) + 1)
        matches = [at for at in places if all(map(near, piece, printed[at : at + len(piece)]))]
        if not matches:
            return piece
        start = matches[0] + len(piece)
    return None


@pytest.mark.slow
def test_what_is_quoted_is_what_is_printed(tmp_path):
    lab = copy_lab(tmp_path)
    quoted = play(lab)
    assert len(quoted) >= 7
    for body, printed in quoted:
        left = [missing(words(body), words(text)) for text in reversed(printed)]
        assert None in left, f"{left[0]} is not in:\n{printed[-1]}"
    made = re.findall(r"`([\w/]+\.(?:png|h5|csv))`", ENGLISH)
    assert not [name for name in made if not (lab / name).exists()]
    size = re.search(r"^network: (\S+) neurons", quoted[-1][1][0], re.MULTILINE)[1]
    best = pd.read_csv(lab / "search.csv").iloc[0, :3]
    assert size == "-".join(str(int(neurons)) for neurons in best)
    assert size.replace("-", " ") in re.sub(" +", " ", ENGLISH)  # one of the six that are quoted
    results = pd.read_csv(lab / "results.csv")
    test = results[results["set"] == "test"]
    outlier = (test["forest"] - test["voltage (V vs. Li/Li⁺)"]).abs().idxmax()
    assert f"The outlier of both is {test['formula'][outlier]}:" in ANSWERS


# ------------------------------------------------------------------------------------ its mistakes
MESSAGES = re.findall(r"^\| `([^`]*python [^`]*)` \| `([^`]*)` \|", ENGLISH, re.MULTILINE)


@pytest.mark.parametrize(("line", "message"), MESSAGES, ids=[line for line, _ in MESSAGES])
def test_a_mistake_gets_the_message_that_the_table_has(trained, line, message):
    _, script, *arguments = shlex.split(line)
    if line.startswith("python predict_RF.py"):
        done = predict(trained, *arguments)
    elif line.startswith("python load_NN.py"):
        done = call(load_NN.main, *arguments, folder=trained)
    else:
        done = shell(ROOT, line)
    assert_one_line(done, message)
    assert (done.stdout, done.stderr) == ("", message + "\n")


def test_the_table_of_mistakes_is_read():
    assert len(MESSAGES) == ENGLISH.partition("| you type |")[2].partition("\n## ")[0].count(
        "\n| `"
    )


# ---------------------------------------------------------------------------- its names and numbers
def test_what_is_named_is_there():
    names = re.findall(r"`([\w/]+(?:/|\.(?:py|md|json|toml))|LICENSE)`", ENGLISH)
    names += re.findall(r"\]\(([^):]+)\)", ENGLISH) + re.findall(r"`python (\S+\.py)", ENGLISH)
    for name in {*names, *re.findall(r"-r (\S+)", ENGLISH)}:
        assert (ROOT / name).exists(), name
    assert "\npytest==" in (ROOT / "tests" / "requirements.txt").read_text("utf-8")


def test_a_setting_is_in_the_line_that_is_given():
    given = re.findall(r"`([^`]+)` \(`(\w+\.py):(\d+)`\)", ENGLISH)
    assert len(given) == len(re.findall(r"\.py:\d+`", ENGLISH)) >= 10
    wrong = []
    for code, script, number in given:
        lines = (ROOT / script).read_text("utf-8").splitlines()
        places = [place for place, line in enumerate(lines, 1) if line.startswith(code)]
        assert len(places) == 1, f"{code!r} begins {len(places)} lines of {script}"
        if places != [int(number)]:
            wrong.append(f"`{code}` (`{script}:{number}`) is in line {places[0]}")
    assert not wrong, "correct README.md and LEIAME.md: " + "; ".join(wrong)


def plain(line):
    """Return what a line must have in any language: kind, code, links and digits of its numbers."""
    code, links = re.findall(r"`[^`]+`", line), re.findall(r"\]\(([^)]+)\)|(https?://\S+)", line)
    digits = [re.sub("[.,]", "", number) for number in NUMBER.findall(re.sub("`[^`]+`", "", line))]
    kind = re.match(r"#+ |- |\d\. |!|(?=\|)|", line)[0], line.count(" | ")
    return kind, sorted(code), links, sorted(digits), re.findall(r'"[^"]+"', line)


def test_both_languages_say_the_same():
    assert len(ENGLISH.splitlines()) <= 250
    assert BLOCK.findall(ENGLISH) == BLOCK.findall(PORTUGUESE)
    pairs = zip(ENGLISH.splitlines(), PORTUGUESE.splitlines(), strict=True)
    for number, (english, portuguese) in enumerate(pairs, 1):
        assert plain(english) == plain(portuguese), f"line {number}"
    prose = re.sub("`[^`]+`", "", BLOCK.sub("", PORTUGUESE.partition("\n## Como citar")[0]))
    assert not re.findall(r"\d\.\d{1,2}\b", prose.replace("3.11, 3.12 ou 3.13", ""))


def test_the_errors_over_five_folds_are_those_of_the_benchmarks():
    errors = re.findall(r"(forest|network|floor) (\d\.\d+ ± \d\.\d+) V", ENGLISH)
    assert len(errors) == 3
    for model, error in errors:
        row = rf"^ Batteries_feat +formula +all +{model} +5 +{error} "
        assert re.search(row, BENCHMARKS, re.MULTILINE), model


def test_the_card_of_the_oversized_network_has_the_table_of_the_handout():
    ((_, table),) = [
        block
        for block in BLOCK.findall((ROOT / "2048e" / "README.md").read_text("utf-8"))
        if block[0] == "text"
    ]
    assert "2048e  " in table
    assert table in ENGLISH


# ------------------------------------------------------------------------------------- its answers
def describe_logs():
    """Return what the answers say of the logs of the default and of the oversized network."""
    log, oversized = (
        pd.read_csv(folder / "training.log", index_col="epoch") for folder in (ROOT, ROOT / "2048e")
    )
    lowest, losses = log["val_loss"], oversized["val_loss"]
    higher = list(log["val_loss"] > log["loss"])  # the first epoch has the number 0 in a log
    crossing = higher.index(False)
    return [
        f"{lowest.min():.3f} V at epoch {lowest.idxmin() + 1}:",
        f"Up to epoch {crossing} `val_loss` is higher than `loss`",
        f"Then it is lower, up to epoch {higher.index(True, crossing)},",
        f"({oversized['loss'].iloc[-1]:.3f} V in its log,",
        f"epoch {losses.idxmin() + 1}, {losses.min():.3f} V, and {losses.iloc[-1]:.3f} V at",
    ]


def describe_data():
    """Return what the answers say of the samples of some formulas."""
    _, _, y_train, y_test = supplement.split_data(*supplement.load_data(supplement.DATA, check=0))
    magnesium = y_train[y_train.index.str.contains("Mg.*F[0-9]")]
    series = [y.index.isin(trends.SERIES).sum() for y in (y_train, y_test)]
    assert "CoO2" not in y_train.index
    assert "U" not in re.findall("[A-Z][a-z]?", "".join(y_train.index))
    assert {"NbSe2", "NbIr2", "NbRh2", "Nb3O8", "FePO4"} <= set(y_train.index)
    assert set(y_test.index[y_test.index.isin(trends.SERIES)]) == {"CoPO4"}
    return [
        f"MgF2: its voltage is {y_test['MgF2']:.2f} V,",
        f"all training samples with Mg and F have {magnesium.min():.2f} V or more",
        f"{series[0]} of the {sum(series)} samples are in the training set",
        f"from {y_test['TiS2'].min():.2f} to {y_test['TiS2'].max():.2f} V",
        f"from {y_test['CoO2'].min():.2f} to {y_test['CoO2'].max():.2f} V",
    ]


def test_the_answers_are_those_of_tables_logs_and_data():
    said = describe_logs() + describe_data()
    assert [text for text in said if text not in ANSWERS] == []
    quoted = "".join(body for _, body in BLOCK.findall(ENGLISH))
    known = NUMBER.findall(" ".join([quoted, BENCHMARKS, *said]))
    assert {number for number in NUMBER.findall(ANSWERS) if "." in number} <= {*known}


def test_the_sizes_of_the_networks_are_those_of_their_layers():
    sizes = re.findall(r": (\S+) neurons, (\S+) weights, (\S+) samples", ENGLISH)
    assert len(sizes) == 2
    for neurons, weights, _ in sizes:
        widths = [4 * 158, *map(int, neurons.split("-")), 1]  # four inputs per feature
        expected = widths[0] + sum((one + 1) * other for one, other in itertools.pairwise(widths))
        assert f"{expected:,}" == weights
    default, oversized, samples = (
        int(number.replace(",", "")) for number in (sizes[0][1], *sizes[1][1:])
    )
    assert f"{oversized / samples:.0f}" == "619"
    assert f"{oversized / default:.0f}" == "11"
    assert "2048e has eleven times the weights, some 620 per sample" in ANSWERS
