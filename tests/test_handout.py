"""The handout in two languages: its commands are run in order, what it quotes is compared.

The default run is made once as it is: 2 minutes on two idle cores. Other processors add in another
order, and training makes such a difference larger: a run that only rounds otherwise moved errors by
0.008 V, the voltage of CoO2 by 0.025 V and that of UO2, far from all rows, by 0.27 V. So floats may
differ by `tolerance`. Words, counts and neurons must agree; rows of the search may change places.
Later runs are made small, for what the handout quotes of them does not depend on the network. Their
long forms were measured by hand.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from conftest import QUICK, ROOT, copy_lab

ENGLISH, PORTUGUESE = ((ROOT / name).read_text("utf-8") for name in ("README.md", "LEIAME.md"))
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"\d(?:[\d.,]*\d)?")
# In the answers, but in no table: differences, ends of the data, and what long runs have given.
BY_HAND = """
0.005 V from the first to the third network of the search, 1.47 V from the forest's UO2 to the
network's, 3.22 and 3.94 V the ends of CoO2, 0.799, 0.245, 0.853 and 0.191 V from the models to the
mean and to the floor; 0.99, 0.57 and 1.6 V in the titles of series.png and metals.png; 0.008 V from
the default run to fold 1 of folds/; python load_NN.py --search-epochs 8: 0.627 V;
--epochs 512: 0.286 and 0.147 V; --search 5 --epochs 32: 0.345 V; --seed 7: 0.333 and 0.296 V;
--split random: 0.305 and 0.265 V
"""


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


def shorten(line):
    """Return a line without installation, or with small settings where it is long."""
    if " pip install " in line:
        return line.rpartition("&& .venv/bin/")[2]
    return f"{line} {' '.join(QUICK)}" if "load_NN.py" in line else line


def swap(folder, lines):
    """Put the lines of the handout in the place of the one that loads the forest."""
    script = folder / "predict_RF.py"
    text, old = script.read_text("utf-8"), '    model = pickle.load(open("rf_model.pkl", "rb"))\n'
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
            printed.append("".join(each.stdout + each.stderr for each in done))
            fine = [each.returncode for each in done] == [0] * len(done)
            assert fine or "mine" in body, printed[-1]  # three formulas are too few
    return quoted


def words(text):
    """Return the words of each line but empty ones and rules; rows of the search by neurons."""
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
    """Return how far floats may be off, V: for errors of many rows, one formula, one far away."""
    single = len(line) >= 5 and line[0].isdigit() and line[1].isalnum() and not line[1].isdigit()
    return (0.5 if "no" in line else 0.1) if single else 0.02


def near(line, other):
    """Tell whether two lines have the same words, and floats that differ by `tolerance` or less."""
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
        here = [at for at in places if all(map(near, piece, printed[at : at + len(piece)]))]
        if not here:
            return piece
        start = here[0] + len(piece)
    return None


def test_what_is_quoted_is_what_is_printed(tmp_path):
    lab = copy_lab(tmp_path, smaller={})
    quoted = play(lab)
    assert len(quoted) >= 7
    for body, printed in quoted:
        left = [missing(words(body), words(text)) for text in reversed(printed)]
        assert None in left, f"{left[0]} is not in:\n{printed[-1]}"
    made = re.findall(r"`([\w/]+\.(?:png|h5|csv))`", ENGLISH)
    assert not [name for name in made if not (lab / name).exists()]


def test_what_is_named_is_there():
    names = re.findall(r"`([\w/]+(?:/|\.(?:py|md|json|toml))|LICENSE)`", ENGLISH)
    names += re.findall(r"\]\(([^):]+)\)", ENGLISH) + re.findall(r"`python (\S+\.py)", ENGLISH)
    for name in {*names, *re.findall(r"-r (\S+)", ENGLISH)}:
        assert (ROOT / name).exists(), name
    assert "\npytest==" in (ROOT / "tests" / "requirements.txt").read_text("utf-8")


MESSAGES = re.findall(r"^\| `([^`]*python [^`]*)` \| `([^`]*)` \|", ENGLISH, re.MULTILINE)


@pytest.mark.parametrize(("line", "message"), MESSAGES, ids=[line for line, _ in MESSAGES])
def test_a_mistake_gets_the_message_that_the_table_has(trained, line, message):
    done = shell(trained, line)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", message + "\n")


def test_a_setting_stands_in_the_line_that_is_given():
    found = re.findall(r"`([^`]+)` \(`(\w+\.py):(\d+)`\)", ENGLISH)
    assert len(found) == len(re.findall(r"\.py:\d+`", ENGLISH)) >= 10
    for code, script, number in found:
        line = (ROOT / script).read_text("utf-8").splitlines()[int(number) - 1]
        assert line.startswith(code), f"{script}:{number} is {line}"


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
    for number, (here, there) in enumerate(pairs, 1):
        assert plain(here) == plain(there), number
    prose = re.sub("`[^`]+`", "", BLOCK.sub("", PORTUGUESE.partition("\n## Como citar")[0]))
    assert not re.findall(r"\d\.\d{1,2}\b", prose.replace("3.11, 3.12 ou 3.13", ""))


def test_the_table_of_five_test_sets_is_that_of_its_card():
    card = (ROOT / "folds" / "README.md").read_text("utf-8")
    rows = re.findall(r"^\| (.+) \| (\w+) \| (.+ ± .+) \| (.+) \| (.+) \|$", ENGLISH, re.MULTILINE)
    assert len(rows) == 4
    for data, split, *errors in rows:
        name = {"the lab's own": "Batteries_feat"}.get(data, "mp2020")
        for model, error in zip(("forest", "network", "floor"), errors, strict=True):
            assert re.search(rf"^ {name} +{split} +{model} +5 +{error} ", card, re.MULTILINE)


def test_the_answers_are_those_of_tables_and_logs():
    grown = pd.read_csv(ROOT / "2048e" / "training.log", index_col="epoch")
    log = grown["val_loss"]
    assert f"({grown['loss'].iloc[-1]:.3f} V in its log," in ENGLISH
    assert f"epoch {log.idxmin() + 1}, {log.min():.3f} V, and {log.iloc[-1]:.3f} V" in ENGLISH
    losses = pd.read_csv(ROOT / "training.log", index_col="epoch")
    lags = (losses["val_loss"] > losses["loss"]).idxmin()  # epochs are numbered from 0 there
    assert f"Up to epoch {lags} `val_loss` is larger" in ENGLISH
    answers = ENGLISH.partition("**Answers.**")[2].partition("## How well")[0]
    card = (ROOT / "folds" / "README.md").read_text("utf-8")
    quoted = "".join(body for _, body in BLOCK.findall(ENGLISH))
    known = {*NUMBER.findall(quoted + BY_HAND + card), *(f"{loss:.3f}" for loss in grown.stack())}
    assert {number for number in NUMBER.findall(answers) if "." in number} <= known
