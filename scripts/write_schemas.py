"""Write the JSON Schemas of the documents from the dataclasses that write and read them.

    python scripts/write_schemas.py

tests/contract/test_schemas.py checks that the files in the package are up to date. pydantic turns the types into JSON
Schema. Conditions on several fields are here, because no annotation can state them.
"""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from tlpipe.reporting.comparison import Comparison
from tlpipe.reporting.document import Report
from tlpipe_edge.contract.benchmark import Bench
from tlpipe_edge.contract.evaluation import Evaluation
from tlpipe_edge.contract.explanation import Explanation

Schema = dict[str, Any]

LATENCIES = ("invoke_ms", "end_to_end_ms", "stages_ms", "throughput_per_s", "samples_ms")
NOT_EMULATED = ("cold_start_ms", "peak_memory_mb")
"""These can also be missing without emulation: a process may fail, or the system may not report them."""
NOTHING: Schema = {"type": "null"}
SOMETHING: Schema = {"not": NOTHING}


def main() -> None:
    """Write the schemas into the package."""
    folder = Path(str(files("tlpipe") / "schemas"))
    for name, schema in schemas().items():
        (folder / name).write_text(json.dumps(schema, indent=2) + "\n", "utf-8")
        print(folder / name)


def schemas() -> dict[str, Schema]:
    """Each schema by the name of its file."""
    comparison = generated(Comparison, "comparison.json of tlpipe report --against", required=["schema"])
    return {
        "bench.schema.json": bench(),
        "comparison.schema.json": closed(comparison),
        "evaluation.schema.json": generated(Evaluation, "What tlpipe evaluate writes", required=["schema"]),
        "explanation.schema.json": generated(Explanation, "What tlpipe explain writes", required=["schema"]),
        "report.schema.json": closed(generated(Report, "report.json of tlpipe report", required=["schema"])),
    }


def bench() -> Schema:
    """The schema of the document of one device or of several: valid without reasons, no latency under emulation."""
    schema = generated(Bench, "A report of tlpipe bench or tlpipe-edge bench")
    definitions = schema.pop("$defs")
    head = {key: schema.pop(key) for key in ("$schema", "title")}
    definitions["Bench"] = schema | {"required": ["schema", *schema["required"]], "allOf": [VALIDITY, EMULATION]}
    for name in ("BenchResult", "KerasResult"):
        definitions[name]["allOf"] = [VALIDITY]
    one: Schema = {"$ref": "#/$defs/Bench"}
    several = {
        "type": "object",
        "required": ["schema", "benches"],
        "properties": {"schema": {"const": 1}, "benches": {"type": "array", "items": one, "minItems": 1}},
    }
    description = "One device, or those of several. What is not known is null, never 0. More keys may be added."
    cases = {"if": {"required": ["benches"]}, "then": several, "else": one}
    return head | {"description": description} | cases | {"$defs": definitions}


def generated(kind: type, title: str, *, required: list[str] | None = None) -> Schema:
    """The schema of a dataclass by pydantic; keys without a default are required, and those in ``required``."""
    schema = TypeAdapter(kind).json_schema()
    for each in (schema, *schema["$defs"].values()):
        each.pop("title", None)
        for field in each.get("properties", {}).values():
            field.pop("title", None)  # its name again
    schema["required"] = [*(required or ()), *schema["required"]]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title} | schema


def closed(schema: Schema) -> Schema:
    """The schema without additional keys."""
    for each in (schema, *schema["$defs"].values()):
        if "properties" in each:
            each["additionalProperties"] = False
    return schema


def _reasons(**size: int) -> Schema:
    return {"properties": {"invalid_reasons": size}}


def _measured(where: str, names: tuple[str, ...], what: Schema) -> Schema:
    fields = {"properties": dict.fromkeys(names, what)}
    return {"properties": {where: {"items": fields} if where == "results" else fields}}


VALIDITY: Schema = {
    "if": {"properties": {"valid": {"const": True}}, "required": ["valid"]},
    "then": _reasons(maxItems=0),
    "else": _reasons(minItems=1),
}
EMULATION: Schema = {
    "if": {"properties": {"conditions": {"properties": {"emulated": {"const": True}}}}},
    "then": _measured("results", LATENCIES + NOT_EMULATED, NOTHING),
    "else": {
        "allOf": [
            _measured("results", LATENCIES, SOMETHING),
            _measured("keras", ("compiled_ms",), SOMETHING),
        ]
    },
}

if __name__ == "__main__":
    main()
