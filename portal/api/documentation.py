"""The OpenAPI document for people: operations in groups, with parameters and responses."""

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from django.conf import settings

from portal.api.v1 import api


@dataclass(frozen=True)
class SchemaRow:
    """One parameter, field or answer."""

    name: str
    type: str
    text: str
    is_required: bool = False


@dataclass(frozen=True)
class Operation:
    """One method of one address."""

    anchor: str
    method: str
    path: str
    summary: str
    text: str
    parameters: list[SchemaRow]
    body: list[SchemaRow]
    fields: list[SchemaRow]
    answers: list[SchemaRow]
    curl: str


@dataclass(frozen=True)
class Description:
    """The document."""

    text: str
    groups: list[tuple[str, list[Operation]]]


def described() -> Description:
    """The document, arranged for the page."""
    document = api.get_openapi_schema(path_prefix="/api/v1/")
    groups: dict[str, list[Operation]] = {}
    for path, methods in document["paths"].items():
        for method, one in methods.items():
            groups.setdefault(one["tags"][0], []).append(_operation(document, path, method, one))
    return Description(document["info"]["description"], list(groups.items()))


def _operation(document: Any, path: str, method: str, one: Any) -> Operation:
    body = one.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    good = next((code for code in one["responses"] if str(code).startswith("2")), None)
    answer = one["responses"].get(good, {}).get("content", {}).get("application/json", {}).get("schema", {})
    fields = _fields(document, body)
    return Operation(
        anchor=one["operationId"],
        method=method.upper(),
        path=path,
        summary=one["summary"],
        text=one.get("description", ""),
        parameters=[
            SchemaRow(
                p["name"],
                p["in"],
                p.get("description") or p["schema"].get("description", ""),
                p.get("required", False),
            )
            for p in one.get("parameters", [])
        ],
        body=fields,
        fields=_fields(document, answer),
        answers=[SchemaRow(str(code), "", HTTPStatus(int(code)).phrase) for code in one["responses"]],
        curl=_curl(document, path, method, body),
    )


def _resolved(document: Any, schema: Any) -> Any:
    if "$ref" in schema:
        return document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return _resolved(document, schema["items"]) if schema.get("type") == "array" else schema


def _fields(document: Any, schema: Any) -> list[SchemaRow]:
    found = _resolved(document, schema)
    required = set(found.get("required", ()))
    return [
        SchemaRow(name, _type(one), one.get("description", ""), name in required)
        for name, one in found.get("properties", {}).items()
    ]


def _type(schema: Any) -> str:
    kinds = [schema, *schema.get("anyOf", ())]
    names = [one.get("format") or one.get("type") or one.get("$ref", "").rpartition("/")[2] for one in kinds]
    return " or ".join(dict.fromkeys(name for name in names if name))


def _curl(document: Any, path: str, method: str, body: Any) -> str:
    words = ["curl", "-H 'Authorization: Bearer TOKEN'"]
    if method == "post":
        words += ["-X POST", "-H 'Idempotency-Key: '$(uuidgen)"]
        words.append("-H 'Content-Type: application/json'")
    if body:
        examples = {
            name: one["examples"][0]
            for name, one in _resolved(document, body).get("properties", {}).items()
            if one.get("examples")
        }
        examples["is_attested"] = True
        words.append(f"-d '{json.dumps(examples)}'")
    return " \\\n  ".join([*words, f"{settings.PUBLIC_URL}{path}"])
