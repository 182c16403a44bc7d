"""The extension's files as 3D Slicer 5.12 and the Extensions Index want them, and complete."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODULE = ROOT / "XAIReport"
# Of the Extensions Index (CATEGORIES in its checking script), those that could be ours.
CATEGORIES = {"Neuroimaging", "Informatics", "Quantification", "Segmentation", "Analysis", "Developer Tools"}
ALLOWED_AT_FILE_SCOPE = {"slicer", "vtk", "qt", "ctk", "SimpleITK", "numpy", "scipy", "XAIReportLib"}


def text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


@pytest.mark.skipif(shutil.which("git") is None, reason="git makes the checkout")
def test_a_checkout_changes_no_line_end(tmp_path: Path) -> None:
    """Git for Windows would by its usual setting, and a bundle is known by the hash of its files."""
    metadata = ROOT / "Resources" / "Models" / "brain_tumor_mri" / "configs" / "metadata.json"
    there = [Path(shutil.copy(path, tmp_path)) for path in (ROOT / ".gitattributes", metadata)]
    git = ["git", "-C", str(tmp_path), "-c", "user.name=x", "-c", "user.email=x", "-c", "core.autocrlf=true"]
    for command in (["init"], ["add", "-A"], ["commit", "-m", "x"]):
        subprocess.run([*git, *command], check=True, capture_output=True)
    for path in there:
        path.unlink()
    subprocess.run([*git, "checkout", "--", "."], check=True, capture_output=True)
    assert there[1].read_bytes() == metadata.read_bytes()


def cmake_list(name: str) -> set[str]:
    body = re.search(rf"set\({name}\n(.*?)\n\s*\)", text("XAIReport/CMakeLists.txt"), re.DOTALL).group(1)
    return set(body.replace("${MODULE_NAME}", "XAIReport").split())


def extension_setting(name: str) -> str:
    return re.search(rf'^set\(EXTENSION_{name} "([^"]*)"\)$', text("CMakeLists.txt"), re.MULTILINE).group(1)


def files_of_the_module() -> set[str]:
    found = set()
    for folder in (MODULE / "XAIReportLib", MODULE / "Resources"):
        for path in folder.rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith("."):
                found.add(path.relative_to(MODULE).as_posix())
    return found | {"XAIReport.py"}


def listing(names: set[str]) -> str:
    return "\n".join(f"  {name}" for name in sorted(names))


def test_every_library_file_is_packaged():
    scripts = {name for name in files_of_the_module() if name.endswith(".py")}
    listed = cmake_list("MODULE_PYTHON_SCRIPTS")
    assert not scripts - listed, (
        f"add to MODULE_PYTHON_SCRIPTS of XAIReport/CMakeLists.txt:\n{listing(scripts - listed)}"
    )
    assert not listed - scripts, f"these are gone, take them out:\n{listing(listed - scripts)}"


def test_every_resource_is_packaged():
    resources = {name for name in files_of_the_module() if not name.endswith(".py")}
    listed = cmake_list("MODULE_PYTHON_RESOURCES")
    assert not resources - listed, f"add to MODULE_PYTHON_RESOURCES:\n{listing(resources - listed)}"
    assert not listed - resources, f"these are gone, take them out:\n{listing(listed - resources)}"
    assert {"Resources/requirements.txt", "Resources/UI/XAIReport.ui", "Resources/Icons/XAIReport.png"} <= listed


# A project that installs what Slicer's real macro does: each file at its own path below the scripted modules' folder.
PROJECT = """
cmake_minimum_required(VERSION 3.16)
project(XAIReport LANGUAGES NONE)
set(Slicer_QTSCRIPTEDMODULES_LIB_DIR modules)
set(Slicer_INSTALL_QTSCRIPTEDMODULES_LIB_DIR modules)
macro(slicerMacroBuildScriptedModule)
  cmake_parse_arguments(MY "WITH_GENERIC_TESTS" "NAME" "SCRIPTS;RESOURCES" ${ARGN})
  if(MY_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "unknown arguments ${MY_UNPARSED_ARGUMENTS}")
  endif()
  foreach(file ${MY_SCRIPTS} ${MY_RESOURCES})
    if(NOT EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${file})
      message(FATAL_ERROR "nonexistent file ${file}")
    endif()
    get_filename_component(folder ${file} DIRECTORY)
    install(FILES ${file} DESTINATION ${Slicer_INSTALL_QTSCRIPTEDMODULES_LIB_DIR}/${folder})
  endforeach()
endmacro()
add_subdirectory(@MODULE@ module)
"""


def test_cmake_installs_the_module_with_its_library_and_models(tmp_path):
    cmake = shutil.which("cmake")
    if cmake is None or not (shutil.which("make") or shutil.which("ninja")):
        pytest.skip("cmake, or a build tool that it can use, is not installed")
    (tmp_path / "CMakeLists.txt").write_text(PROJECT.replace("@MODULE@", MODULE.as_posix()), "utf-8")
    build, prefix = tmp_path / "build", tmp_path / "installed"
    for arguments in (["-S", str(tmp_path), "-B", str(build)], ["--install", str(build), "--prefix", str(prefix)]):
        done = subprocess.run([cmake, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    models = ROOT / "Resources" / "Models"
    bundles = {f"Resources/Models/{p.relative_to(models).as_posix()}" for p in models.rglob("*") if p.is_file()}
    for modules in (prefix / "modules", build / "modules"):
        found = {path.relative_to(modules).as_posix() for path in modules.rglob("*") if path.is_file()}
        listed = cmake_list("MODULE_PYTHON_SCRIPTS") | cmake_list("MODULE_PYTHON_RESOURCES")
        assert found == bundles | (listed if modules.is_relative_to(prefix) else set())


def test_the_catalog_entry_follows_the_index_schema():
    entry = json.loads(text("XAIReport.json"))
    assert entry["$schema"].endswith("slicer-extension-catalog-entry-schema-v1.0.1.json#")
    known = {"$schema", "build_dependencies", "build_subdirectory", "category", "scm_revision", "scm_url", "tier"}
    assert {"$schema", "category", "scm_url"} <= set(entry) <= known
    assert entry["category"] in CATEGORIES
    assert entry["tier"] in (1, 3, 5)
    assert re.fullmatch(r"https://github\.com/[\w-]+/Slicer[-_]?\w+", entry["scm_url"])
    assert all(isinstance(name, str) for name in entry["build_dependencies"])


def test_the_descriptions_agree():
    entry = json.loads(text("XAIReport.json"))
    project = re.search(r"^project\((\w+)\)$", text("CMakeLists.txt"), re.MULTILINE).group(1)
    assert project == "XAIReport" == Path("XAIReport.json").stem
    s4ext = dict(
        line.split(" ", 1) for line in text("XAIReport.s4ext").splitlines() if line.strip() and not line.startswith("#")
    )
    assert extension_setting("HOMEPAGE") == s4ext["homepage"] == s4ext["scmurl"] == entry["scm_url"]
    assert extension_setting("DEPENDS") == s4ext["depends"] == " ".join(entry["build_dependencies"])
    assert extension_setting("ICONURL") == s4ext["iconurl"]
    assert extension_setting("SCREENSHOTURLS") == s4ext["screenshoturls"]
    assert s4ext["category"] == entry["category"]
    assert s4ext["scmrevision"] == entry["scm_revision"]
    assert int(s4ext["tier"]) == entry["tier"]
    assert "Research use only" in extension_setting("DESCRIPTION")


@pytest.mark.parametrize("name", ["Resources/XAIReport.png", "XAIReport/Resources/Icons/XAIReport.png"])
def test_the_icon_is_a_picture_of_128_pixels(name):
    from PIL import Image

    with Image.open(ROOT / name) as icon:
        assert icon.size == (128, 128)
        assert icon.format == "PNG"
    assert extension_setting("ICONURL").endswith("/main/Resources/XAIReport.png")


def test_the_screenshot_of_the_index_exists():
    for url in extension_setting("SCREENSHOTURLS").split():
        picture = ROOT / url.split("/main/", 1)[1]
        if not picture.is_file():
            pytest.skip(f"{picture.name} was not made yet")
        assert picture.stat().st_size < 3_000_000


def test_the_licence_is_apache_2_in_full():
    licence = text("LICENSE")
    assert "Apache License" in licence
    assert "END OF TERMS AND CONDITIONS" in licence
    assert "license: Apache-2.0" in text("CITATION.cff")


def test_the_requirements_are_the_package_dependencies_without_those_of_slicer():
    from packaging.requirements import Requirement

    tomllib = pytest.importorskip("tomllib")
    declared = {r.name: r for r in map(Requirement, tomllib.loads(text("pyproject.toml"))["project"]["dependencies"])}
    lines = text("XAIReport/Resources/requirements.txt").splitlines()
    needed = {r.name: r for r in map(Requirement, (line for line in lines if line and not line.startswith("#")))}
    in_slicer = {"numpy", "scipy", "SimpleITK", "pydicom", "pillow", "requests", "packaging"}
    by_torch_extension = {"torch", "torchvision"}
    of_a_command_alone = {
        "highdicom"
    }  # xaireport dicom; Slicer has one of its own, which its DICOM modules need as it is
    assert set(needed) == set(declared) - in_slicer - by_torch_extension - of_a_command_alone
    assert all(needed[name].specifier == declared[name].specifier for name in needed)
    assert not any("==" in str(requirement.specifier) for requirement in needed.values())


@pytest.mark.parametrize(
    "path", ["XAIReport.py", "XAIReportLib/scene", "XAIReportLib/panel", "XAIReportLib/worker/client.py"]
)
def test_what_slicer_loads_imports_nothing_third_party_and_runs_nothing_at_file_scope(path):
    target = MODULE / path
    for file in sorted(target.rglob("*.py")) if target.is_dir() else [target]:
        for statement in ast.parse(file.read_text("utf-8")).body:
            if isinstance(statement, ast.Import):
                names = [alias.name for alias in statement.names]
            elif isinstance(statement, ast.ImportFrom):
                names = [] if statement.level else [statement.module]
            else:
                assert not isinstance(statement, ast.Expr) or isinstance(statement.value, ast.Constant), file
                assert not isinstance(statement, ast.For | ast.While | ast.With), file
                continue
            roots = {name.split(".")[0] for name in names}
            assert roots <= set(sys.stdlib_module_names) | ALLOWED_AT_FILE_SCOPE, f"{file.name}: {roots}"


def test_the_ui_file_names_only_parameters_and_widgets_that_exist():
    tree = ET.parse(MODULE / "Resources" / "UI" / "XAIReport.ui")
    module = ast.parse((MODULE / "XAIReport.py").read_text("utf-8"))
    node = next(s for s in module.body if isinstance(s, ast.ClassDef) and s.name == "XAIReportParameterNode")
    parameters = {s.target.id for s in node.body if isinstance(s, ast.AnnAssign)}
    bound = {p.find("string").text for p in tree.iter("property") if p.get("name") == "SlicerParameterName"}
    assert bound <= parameters
    assert parameters - bound == {"bundle", "furtherClasses", "heatMap"}  # their widgets offer what is there
    widgets = {w.get("name") for w in tree.iter("widget")}
    for file in sorted((MODULE / "XAIReportLib" / "panel").glob("*.py")):
        used = set(re.findall(r"\bui\.(\w+)", file.read_text("utf-8")))
        assert used <= widgets, file.name


def test_the_tab_order_names_every_control_once_and_in_the_order_of_the_panel():
    tree = ET.parse(MODULE / "Resources" / "UI" / "XAIReport.ui")
    controls = (*CONTROLS, "QLineEdit", "QTableWidget", "QTextBrowser", "ctkSliderWidget")
    in_order = [
        widget.get("name")
        for widget in tree.iter("widget")
        if widget.get("class") in controls and widget.get("class") != "QProgressBar"
    ]
    assert [stop.text for stop in tree.iter("tabstop")] == in_order


CONTROLS = ("QComboBox", "qMRMLNodeComboBox", "QCheckBox", "QPushButton", "QPlainTextEdit", "QProgressBar")


def test_controls_have_accessible_names_or_texts():
    tree = ET.parse(MODULE / "Resources" / "UI" / "XAIReport.ui")
    for widget in tree.iter("widget"):
        if widget.get("class") in (*CONTROLS, "QLineEdit", "QTableWidget", "QTextBrowser", "ctkSliderWidget"):
            properties = {p.get("name") for p in widget.findall("property")}
            assert properties & {"text", "accessibleName"}, widget.get("name")
