"""The pages of the lab session: commands are run in order, what is quoted is compared.

The first run, and the training that resumes it, are made once as they are, in a test marked slow.
Another processor rounds differently, and training makes such a difference larger, so floats may
differ by `tolerance`, and another of the three best networks may win. Words and counts must agree.
Other runs are made small: what is quoted of them does not depend on the network.
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

PAGES = {  # English to Portuguese
    "README.md": "LEIAME.md",
    "classroom/instructor.md": "classroom/professor.md",
    "classroom/report.md": "classroom/relatorio.md",
    "classroom/troubleshooting.md": "classroom/problemas.md",
}
TEXTS = {name: (ROOT / name).read_text("utf-8") for pair in PAGES.items() for name in pair}
DOCS = {path: path.read_text("utf-8") for path in sorted(ROOT.glob("docs/*.md"))}
HANDOUT, INSTRUCTOR = TEXTS["README.md"], TEXTS["classroom/instructor.md"]
ENGLISH = {name: TEXTS[name] for name in PAGES} | {path.name: text for path, text in DOCS.items()}
CARD = (ROOT / "2048e" / "README.md").read_text("utf-8")
BENCHMARKS = (ROOT / "benchmarks" / "README.md").read_text("utf-8")
DATA_CARD = (ROOT / "data" / "README.md").read_text("utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"\d(?:[\d.,]*\d)?")
ANSWERS = INSTRUCTOR.partition("## Answers")[2].partition("## Rubric")[0]


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


# -------------------------------------------------------------------------- the session, as played
CHANGE = re.compile(r"`(\w+) = (\w+)` \(`(\w+\.py):\d+`\) to (\d+)")
FOREST_LINE = 'model = pickle.load(open("rf_model.pkl", "rb"))\n'


def copy_lab(folder):
    """Copy what the commands of the pages need; return the folder."""
    for name in ("supplement.py", "load_NN.py", "predict_RF.py", "Batteries_feat.json"):
        shutil.copy(ROOT / name, folder)
    shutil.copy(ROOT / "requirements.txt", folder)
    unneeded = shutil.ignore_patterns("*.png", "*.svg", "*.md", "__pycache__", ".venv")
    for name in ("voltage_lab", "data", "2048e", "benchmarks", "classroom"):
        shutil.copytree(ROOT / name, folder / name, ignore=unneeded)
    return folder


def replace(path, old, new):
    """Replace a text that a file has once."""
    text = path.read_text("utf-8")
    assert text.count(old) == 1, (path, old)
    path.write_text(text.replace(old, new), "utf-8")


def run_line(folder, line, small):
    """Run a line of a page, `load_NN.py` with small settings if `small`; return its output."""
    if " pip install " in line:
        line = line.rpartition("&& .venv/bin/")[2]
    if small and "load_NN.py" in line:
        line += " " + " ".join(QUICK)
    done = shell(folder, line)
    assert (done.returncode == 0) == ("mine.csv" not in line), done.stdout + done.stderr
    text = (done.stdout + done.stderr).replace(str(folder), "/home/ana/voltage-lab")
    return re.sub("^settings: .*\n", "", text, flags=re.MULTILINE) if small else text


def play(folder, page, printed, small=True):
    """Do all that a page says; return each quotation with what was printed before it."""
    quoted, end, line = [], 0, ""
    for block in BLOCK.finditer(page):
        (language, body), prose, end = block.groups(), page[end : block.start()], block.end()
        if language == "csv":
            (folder / "mine.csv").write_text(body)
        elif language == "text":
            quoted.append((body, list(printed)))
        elif language == "python":
            replace(folder / "predict_RF.py", FOREST_LINE, body)
            printed.append(run_line(folder, line, small))  # the last one again
            replace(folder / "predict_RF.py", body, FOREST_LINE)
        elif not body.endswith("-m pytest\n"):
            for name, old, script, new in CHANGE.findall(prose):
                replace(folder / script, f"\n{name} = {old} ", f"\n{name} = {new} ")
            for line in body.splitlines():
                printed.append(run_line(folder, line, small))
            for name, old, script, new in CHANGE.findall(prose):
                replace(folder / script, f"\n{name} = {new} ", f"\n{name} = {old} ")
    return quoted


def words(text):
    """Return the words of each line but empty ones and rules; candidates in order of neurons.

    The sizes of the network are left out, because they are of another one if another one wins.
    """
    text = re.sub(r"^network: \S+ neurons, \S+ weights", "network:", text, flags=re.MULTILINE)
    text = re.sub(r"network, \S+ neurons", "network", text)
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
    outside the applicability domain.
    """
    if line[0] == "epoch":
        return 0.04
    single = len(line) >= 5 and line[0].isdigit() and line[1].isalnum() and not line[1].isdigit()
    return (0.5 if "outside" in line else 0.1) if single else 0.02


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
    lab, printed = copy_lab(tmp_path), []
    quoted = play(lab, HANDOUT, printed, small=False)
    ((_, table),) = (block for block in BLOCK.findall(CARD) if block[0] == "text")
    quoted.append((table, printed[:1]))
    searched = pd.read_csv(lab / "search.csv").iloc[0, :3]
    results = pd.read_csv(lab / "results.csv")
    made = re.findall(r"`([\w/]+\.(?:png|h5|csv))`", HANDOUT)
    assert len({*made, "errors.csv"}) >= 8
    assert not [name for name in made if not (lab / name).exists()]
    for page in (INSTRUCTOR, *DOCS.values()):
        quoted += play(lab, page, printed)
    assert len(quoted) >= 15
    for body, before in quoted:
        left = [missing(words(body), words(text)) for text in reversed(before)]
        assert None in left, f"{left} is not in:\n{printed}"
    size = re.search(r"^network: (\S+) neurons", quoted[0][0], re.MULTILINE)[1]
    assert size == "-".join(str(int(neurons)) for neurons in searched)
    assert results["formula"][0] == "MgF2"  # the worst, says the instructor's page
    assert "PrTi2O6" in set(results["formula"][:3])


# ------------------------------------------------------------------------------------ its mistakes
TROUBLE = TEXTS["classroom/troubleshooting.md"]
ROWS = re.findall(r"^\| `([^`]+)`[^|]*\| `([^`]+)` \|", TROUBLE, re.MULTILINE)
MESSAGES = [(line, said) for line, said in ROWS if re.match(r"\w+\.py: ", said)]
SLIPS = [(line, said) for line, said in ROWS if (line, said) not in MESSAGES]


def find_slip(words):
    """Return the line and the message of the one slip whose message has these words."""
    ((line, said),) = ((line, said) for line, said in SLIPS if words in said)
    return line, said


@pytest.mark.parametrize(("line", "message"), MESSAGES, ids=[line for line, _ in MESSAGES])
def test_a_mistake_gets_the_message_that_the_table_has(trained, line, message):
    if "python predict_RF.py" in line:
        done = predict(trained, *shlex.split(line)[2:])
    elif "python load_NN.py" in line:
        done = call(load_NN.main, *shlex.split(line)[2:], folder=trained)
    else:
        done = shell(ROOT, line)
    assert_one_line(done, message)
    assert (done.stdout, done.stderr) == ("", message + "\n")


def test_the_table_of_mistakes_is_read():
    assert len(MESSAGES) == 5
    assert len(SLIPS) == 10
    assert len(ROWS) == TROUBLE.count("\n| `")


@pytest.mark.parametrize(
    ("slip", "old", "new"),
    [
        ("IndentationError", FOREST_LINE, '\tmodel = load_model("nn_trained.h5")\n'),
        ("IndentationError", FOREST_LINE, '    model = load_model("nn_trained.h5")\n'),
        ("TypeError", '"Nb1 Se2"),', '"Nb1 Se2")'),
        ("unterminated", '"Nb1 Se2")', '"Nb1 Se2)'),
        (
            "invalid character",
            '"Nb1 Se2")',
            "\N{LEFT DOUBLE QUOTATION MARK}Nb1 Se2\N{RIGHT DOUBLE QUOTATION MARK})",
        ),
        ("load_model", FOREST_LINE, 'model = load_model("nn_trained.h5")\n'),
        ("EPOCHS", "\nEPOCHS = 128", "\nEPOCH = 512"),
        ("EPOCHS", "\nEPOCHS = 128", "\nEPOCHS: 512"),
    ],
)
def test_python_says_of_a_slip_in_the_script_what_the_table_has(trained, slip, old, new):
    line, said = find_slip(slip)
    for name in ("supplement.py", "load_NN.py"):
        shutil.copy(ROOT / name, trained)
    replace(trained / line.split()[1], old, new)
    (trained / "voltage_lab").symlink_to(ROOT / "voltage_lab")
    done = shell(trained, line)
    assert done.returncode == 1
    assert said in done.stderr.splitlines()[-1]


def test_the_terminal_says_of_a_slip_what_the_table_has(tmp_path):
    line, said = find_slip("syntax error near unexpected token")
    assert said in shell(ROOT, line).stderr
    line, said = find_slip("can't open file")
    assert said in shell(tmp_path, line).stderr
    line, said = find_slip("python3")
    absent = subprocess.run(
        [shutil.which("bash"), "-c", line], env={"PATH": "/nowhere"}, capture_output=True, text=True
    )
    assert said in absent.stderr
    line, said = find_slip("ModuleNotFoundError")
    bare = subprocess.run(
        [sys.executable, "-S", ROOT / "load_NN.py"], capture_output=True, text=True
    )
    assert said in bare.stderr.splitlines()[-1]


# ---------------------------------------------------------------------------- its names and numbers
@pytest.mark.parametrize("page", [*TEXTS, *DOCS])
def test_what_is_named_is_there(page):
    text = {**TEXTS, **DOCS}[page]
    names = re.findall(r"`([\w/]+(?:/|\.(?:py|md|json|toml|cff))|LICENSE)`", text)
    names += re.findall(r"\]\(([^):]+)\)", text) + re.findall(r"`python (\S+\.py)", text)
    for name in {*names, *re.findall(r"-r (\S+)", text)} - {"../predict_RF.py"}:
        assert (ROOT / name).exists(), name


def test_a_setting_is_in_the_line_that_is_given():
    wrong, total = [], 0
    for page, text in ENGLISH.items():
        given = re.findall(r"`([^`]+)` \(`(\w+\.py):(\d+)`\)", text)
        assert len(given) == len(re.findall(r"\.py:\d+`", text)), page
        total += len(given)
        for code, script, number in given:
            lines = (ROOT / script).read_text("utf-8").splitlines()
            places = [place for place, line in enumerate(lines, 1) if line.startswith(code)]
            assert len(places) == 1, f"{code!r} begins {len(places)} lines of {script}"
            if places != [int(number)]:
                wrong.append(f"{page}: `{code}` (`{script}:{number}`) is in line {places[0]}")
    assert not wrong
    assert total >= 9


def plain(line):
    """Return what a line must have in any language: kind, code, links and digits of its numbers."""
    for english, portuguese in {**PAGES, "2048e/README.md": "2048e/LEIAME.md"}.items():
        line = line.replace(portuguese, english)
    code, links = re.findall(r"`[^`]+`", line), re.findall(r"\]\(([^)]+)\)|(https?://\S+)", line)
    digits = [re.sub("[.,]", "", number) for number in NUMBER.findall(re.sub("`[^`]+`", "", line))]
    kind = re.match(r"#+ |- |\d\. |!|(?=\|)|", line)[0], line.count(" | ")
    return kind, sorted(code), links, sorted(digits), re.findall(r'"[^"]+"', line)


@pytest.mark.parametrize("page", PAGES)
def test_both_languages_say_the_same(page):
    english, portuguese = TEXTS[page], TEXTS[PAGES[page]]
    assert BLOCK.findall(english) == BLOCK.findall(portuguese)
    pairs = zip(english.splitlines(), portuguese.splitlines(), strict=True)
    for number, (one, other) in enumerate(pairs, 1):
        assert plain(one) == plain(other), f"line {number}"
    prose = re.sub("`[^`]+`", "", BLOCK.sub("", portuguese.partition("\n## Como citar")[0]))
    assert not re.findall(r"\d\.\d{1,2}\b", prose.replace("3.11, 3.12 ou 3.13", ""))


def test_pages_are_short():
    assert len(HANDOUT.splitlines()) <= 130
    background = HANDOUT.partition("## Background\n")[2].partition("\n## ")[0]
    assert len(background.splitlines()) <= 25
    assert len(TEXTS["classroom/report.md"].splitlines()) <= 25
    for page in ("README.md", "LEIAME.md"):
        assert max(map(len, TEXTS[page].splitlines())) <= 560, page


def test_the_handout_has_what_is_needed_to_know_that_a_run_worked_and_no_answer():
    """Floats are those of the first run's last lines, of the limits, and of versions."""
    text = re.sub(r"arXiv:\S+|https?://\S+|3\.1[123]|voltage-lab 1\.0", "", HANDOUT)
    assert set(re.findall(r"\d+\.\d+", text)) <= {
        *("0.069", "0.089", "0.166", "0.198", "0.986", "0.980"),
        *("0.2", "0.361", "4.0"),
    }
    assert HANDOUT.count("<details>") == HANDOUT.count("</details>") == 4
    assert HANDOUT.count("**Do.**") == HANDOUT.count("**Think.**") == 5


def test_the_card_of_the_oversized_network_is_the_same_in_both_languages():
    other = (ROOT / "2048e" / "LEIAME.md").read_text("utf-8")
    tables = [
        [
            re.sub("[.,]", "", number)
            for number in NUMBER.findall("".join(re.findall("^[| ].*\n", text, re.M)))
        ]
        for text in (CARD.partition("## Errors")[2], other)
    ]
    assert tables[0] == tables[1]
    assert len(tables[0]) > 50


def test_the_seed_to_seed_variation_is_that_of_the_benchmarks():
    seeds = pd.read_csv(ROOT / "benchmarks" / "seeds.csv").set_index(["seed", "model"])["MAE test"]
    errors = seeds.unstack()
    difference = errors["forest"] - errors["network"]
    for text in (errors["forest"], errors["network"], difference):
        assert f"{text.mean():.3f} ± {text.std():.3f} V" in INSTRUCTOR
    assert (difference > 0).all()
    assert f"too, an SD of {errors['network'].std():.3f} V" in CARD


# ------------------------------------------------------------------------------------- its answers
def describe_logs():
    """Return what the answers say of the log of the default run, and of its resumed training."""
    log = pd.read_csv(ROOT / "training.log", index_col="epoch")
    epochs = [number + 1 for number in log.index[log["val_loss"] < log["loss"]]]  # counted from 1
    assert "from epoch 192 on" in ANSWERS
    losses = re.findall(r"of 512 .* val_loss (\S+) V", ANSWERS)  # after 192 epochs and later
    assert max(abs(float(loss) - float(losses[-1])) for loss in losses) < 0.01
    return [
        "less than 0.01 V",
        f"in {len(epochs)} of the first {len(log)} epochs, all from {epochs[0]} to {epochs[-1]}",
    ]


def describe_data():
    """Return what the answers say of the samples of some formulas."""
    _, _, y_train, y_test = supplement.split_data(*supplement.load_data(supplement.DATA, check=0))
    magnesium = y_train[y_train.index.str.contains("Mg.*F[0-9]")]
    alloys = y_train[["AlNi2", "AlCu4", "AlCo4"]]
    series = [y.index.isin(trends.SERIES).sum() for y in (y_train, y_test)]
    elements = [re.findall("[A-Z][a-z]?", formula) for formula in y_train.index]
    assert not {"CoO2", "TiS2", "PrTi2O6"} & set(y_train.index)
    assert not any("U" in each for each in elements)
    assert {"NbSe2", "NbIr2", "NbRh2", "Nb3O8", "FePO4"} <= set(y_train.index)
    assert set(y_test.index[y_test.index.isin(trends.SERIES)]) == {"CoPO4"}
    return [
        f"its voltage is {y_test['MgF2']:.2f} V",
        f"an intermetallic host with {y_test['AlNi4']:.2f} V",
        f"AlNi2, AlCu4 and AlCo4, have {alloys.min():.2f} to {alloys.max():.2f} V",
        f"all training samples with Mg and F have {magnesium.min():.2f} V or more",
        f"{sum('Pr' in each for each in elements)} training samples have Pr",
        f"{series[0]} of the {sum(series)} samples are in the training set",
        f"{y_test['TiS2'].min():.2f} to {y_test['TiS2'].max():.2f} V",
        f"{y_test['CoO2'].min():.2f} to {y_test['CoO2'].max():.2f} V",
    ]


def test_the_answers_are_those_of_tables_logs_and_data():
    said = describe_logs() + describe_data()
    assert [each for each in said if each not in ANSWERS] == []
    quoted = "".join(body for _, body in BLOCK.findall(ANSWERS))
    noise = BENCHMARKS.partition("### What one number is worth")[2].partition("### What each")[0]
    measured = re.search(r"mean absolute difference (\S+) V", DATA_CARD)[1]
    known = NUMBER.findall(" ".join([quoted, noise, CARD, measured, *said]))
    prose = BLOCK.sub("", ANSWERS)
    assert {number for number in NUMBER.findall(prose) if "." in number} <= {*known}


def test_the_sizes_of_the_networks_are_those_of_their_layers():
    sizes = re.findall(r": (\S+) neurons, (\S+) weights, (\S+) samples", HANDOUT)
    assert len(sizes) == 2
    for neurons, weights, _ in sizes:
        widths = [4 * 158, *map(int, neurons.split("-")), 1]  # four inputs per feature
        expected = widths[0] + sum((one + 1) * other for one, other in itertools.pairwise(widths))
        assert f"{expected:,}" == weights
    default, oversized, samples = (
        int(number.replace(",", "")) for number in (sizes[0][1], *sizes[1][1:])
    )
    per_sample = f"{oversized / samples:.0f} weights per sample, the default network"
    assert f"2048e has {per_sample} {default / samples:.0f}" in ANSWERS
