"""The house: imports point one way, modules are short, every dependency is needed and free."""

import ast
import re
import subprocess
import sys
import tomllib
from graphlib import TopologicalSorter
from importlib.metadata import files, metadata, requires
from pathlib import Path

from conftest import ROOT
from packaging.requirements import Requirement

SCRIPTS = [ROOT / "load_NN.py", ROOT / "predict_RF.py"]
FOLDERS = ["voltage_lab", "data", "benchmarks", "classroom"]
OWN = {
    path.stem: path
    for path in [ROOT / "supplement.py", *SCRIPTS, *ROOT.glob("data/*.py")]
    + [*ROOT.glob("benchmarks/*.py"), *ROOT.glob("classroom/*.py")]
}


def imports(path):
    """Return the modules that a file imports, with the column of the statement: 0 at the top."""
    names = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names += [(alias.name, node.col_offset) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, path
            names.append((node.module, node.col_offset))
            names += [(f"{node.module}.{alias.name}", node.col_offset) for alias in node.names]
    return names


def test_nothing_below_imports_from_above():
    for path in ROOT.glob("voltage_lab/*.py"):
        for name, _ in imports(path):
            assert name.split(".")[0] not in OWN, f"{path.name} imports {name}"
    below = {name.split(".")[0] for name, _ in imports(ROOT / "supplement.py")}
    assert "voltage_lab" in below
    assert not below & (OWN.keys() - {"supplement"})
    for script in SCRIPTS:
        assert not {name for name, _ in imports(script)} & (OWN.keys() - {"supplement"}), script


def test_no_module_of_the_package_is_in_a_circle():
    modules = {f"voltage_lab.{path.stem}": path for path in ROOT.glob("voltage_lab/*.py")}
    graph = {
        name: {other for other, _ in imports(path) if other in modules}
        for name, path in modules.items()
    }
    assert sum(map(len, graph.values())) > 10
    list(TopologicalSorter(graph).static_order())  # raises CycleError


def test_own_modules_are_imported_at_the_top_and_heavy_libraries_where_they_are_needed():
    heavy = {"tensorflow", "keras", "matplotlib", "distributed", "torch", "chgnet", "mp_api", "ase"}
    for path in [
        *ROOT.glob("*.py"),
        *(file for folder in FOLDERS for file in ROOT.glob(f"{folder}/*.py")),
    ]:
        for name, column in imports(path):
            first = name.split(".")[0]
            if first in OWN or first == "voltage_lab":
                assert column == 0, f"{path.name} imports {name} inside a function"
            assert column > 0 or first not in heavy, f"{path.name} imports {name} at the top"


def test_settings_are_read_in_one_module():
    for path in ROOT.glob("voltage_lab/*.py"):
        assert "supplement" not in re.sub(r'"""(?s:.*?)"""|#.*', "", path.read_text("utf-8")), path


def test_functions_can_be_read_at_a_glance():
    package = list(ROOT.glob("voltage_lab/*.py"))
    for path in package:
        assert len(path.read_text("utf-8").splitlines()) <= 230, path
    assert len((ROOT / "supplement.py").read_text("utf-8").splitlines()) <= 480
    for path in [*package, *OWN.values()]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef):
                documented = isinstance(node.body[0], ast.Expr) and len(node.body) > 1
                code = node.body[documented:]
                assert code[-1].end_lineno - code[0].lineno < 36, f"{path.name}: {node.name}"


# ------------------------------------------------------------------------------- the supply chain
def requirements(path):
    """Return the requirements in a file, without the file that it includes."""
    lines = path.read_text("utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith(("-", "#"))]


def key(name):
    """Return a package's name as the index compares it."""
    return re.sub("[-_.]+", "-", name).lower()


def project():
    """Return the project's table of `pyproject.toml`."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def test_one_tensorflow_is_installed_on_every_system():
    for system, machine, name in [
        ("linux", "x86_64", "tensorflow-cpu"),
        ("linux", "aarch64", "tensorflow"),
        ("darwin", "arm64", "tensorflow"),
        ("win32", "AMD64", "tensorflow"),
    ]:
        place = {"sys_platform": system, "platform_machine": machine}
        for listed in (
            requirements(ROOT / "requirements.txt"),
            [Requirement(line) for line in project()["dependencies"]],
        ):
            chosen = [each for each in listed if each.name.startswith("tensorflow")]
            chosen = [each.name for each in chosen if each.marker.evaluate(place)]
            assert chosen == [name], (system, machine)


def test_every_listed_package_is_needed_and_every_needed_one_is_listed():
    listed = {key(each.name) for each in requirements(ROOT / "requirements.txt")}
    needed, names = set(), [Requirement(line) for line in project()["dependencies"]]
    while names:
        requirement = names.pop()
        name = key(requirement.name)
        if name in needed or (
            requirement.marker and not requirement.marker.evaluate({"extra": ""})
        ):
            continue
        needed.add(name)
        names += [Requirement(line) for line in requires(name) or []]
    of_the_system = {"tensorflow", "tensorflow-cpu"}  # one of the two, tested above
    assert listed - of_the_system == needed - of_the_system


def test_the_installed_packages_fit_each_other():
    done = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_every_direct_dependency_has_a_licence_that_lets_the_lab_be_given_away():
    free = "MIT|BSD|Apache|Python Software Foundation|Redistribution and use in source and binary"
    for line in project()["dependencies"]:
        requirement = Requirement(line)
        if requirement.marker and not requirement.marker.evaluate():
            continue
        name, about = requirement.name, metadata(requirement.name)
        classifiers = [line for line in about.get_all("Classifier", []) if "License" in line]
        said = [about.get("License-Expression", ""), about.get("License", "")[:300], *classifiers]
        if not any(said):  # then the licence's own text speaks, as matminer's BSD
            texts = [file for file in files(name) if re.search("dist-info.*LICENSE", str(file))]
            said = [Path(texts[0].locate()).read_text()]
        assert re.search(free, " ".join(said)), f"{name}: {said}"
        assert not re.search("GPL", " ".join(said)), f"{name}: {said}"
