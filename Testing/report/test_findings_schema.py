"""docs/findings.md shows the schema that the code has, and an example that obeys it."""

import importlib.util
import json
import re
from importlib import resources
from pathlib import Path

import jsonschema
import pytest
from XAIReportLib.report.schema import SCHEMA_VERSION, Findings

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("findings_schema", ROOT / "scripts" / "findings_schema.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def shown(script):
    """The example and the schema as the document shows them."""
    blocks = re.findall(r"```json\n(.*?)```", script.DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    return [json.loads(block) for block in blocks]


def _names(schema):
    parts = {"": schema} | schema["$defs"]
    return {
        name: (sorted(part.get("properties", [])), sorted(part.get("required", []))) for name, part in parts.items()
    }


def test_the_schema_shown_has_the_fields_of_the_code(shown):
    """Names, not bytes: another version of pydantic may describe the same fields in other words."""
    assert _names(shown[1]) == _names(Findings.model_json_schema()), "run scripts/findings_schema.py"


def test_the_package_holds_the_schema_shown(shown):
    held = json.loads((resources.files("XAIReportLib.report") / "findings.schema.json").read_text(encoding="utf-8"))
    assert held == shown[1], "run scripts/findings_schema.py"
    jsonschema.Draft202012Validator.check_schema(held)
    assert held["$schema"] == jsonschema.Draft202012Validator.META_SCHEMA["$schema"]
    assert held["$id"].endswith(f":{SCHEMA_VERSION}")


@pytest.mark.parametrize("stale", ["DOCUMENT", "SCHEMA"])
def test_the_check_finds_the_document_and_the_file_that_are_not_in_step(script, stale, tmp_path, monkeypatch, capsys):
    for name in ("DOCUMENT", "SCHEMA"):
        monkeypatch.setattr(script, name, tmp_path / name)
    script.DOCUMENT.write_text(f"{script.START}\n{script.END}\n", encoding="utf-8")
    assert script.main([]) == 0
    assert script.main(["--check"]) == 0
    path = tmp_path / stale
    path.write_text(path.read_text(encoding="utf-8").replace("case_id", "case_name"), encoding="utf-8")
    assert script.main(["--check"]) == 1
    assert f"{stale} is not in step" in capsys.readouterr().out


def test_the_example_is_in_step_and_obeys_the_schema_shown(script, shown):
    assert shown[0] == json.loads(script.example().to_json()), "run scripts/findings_schema.py"
    jsonschema.validate(shown[0], shown[1], cls=jsonschema.Draft202012Validator)


def test_real_findings_obey_the_schema_shown(analysed, shown):
    jsonschema.validate(json.loads(analysed.findings().to_json()), shown[1])
    jsonschema.validate(json.loads(analysed.without_geometry().findings().to_json()), shown[1])


def test_renewing_keeps_the_text_around_the_generated_part(script):
    text = f"before\n{script.START}\nstale words\n{script.END}\nafter\n"
    renewed = script.in_step(text)
    assert renewed.startswith("before\n")
    assert renewed.endswith("after\n")
    assert "stale words" not in renewed
    assert script.in_step(renewed) == renewed
    with pytest.raises(ValueError, match="lacks the marks"):
        script.in_step("nothing")
