"""Draw the apps and the direction of their imports in docs/architecture.md, from import-linter's contracts in pyproject.toml.

`python scripts/draw_apps.py` rewrites the drawing; a test fails where it is not that of the contracts. The apps of kinds are one
box, since the contracts name none of them (`scripts/import_layers.py`).
"""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- apps: begin, written by scripts/draw_apps.py -->", "<!-- apps: end -->"
KINDS = 'kinds["each kind of request, a folder at the top"]'


@dataclass
class Contracts:
    """What import-linter's contracts in pyproject.toml say of the core."""

    layers: list[list[str]] = field(default_factory=list)
    """Highest first, each a list of modules."""
    exceptions: list[tuple[str, str]] = field(default_factory=list)
    """Imports between modules of one layer that are allowed all the same: who imports whom."""
    libraries: set[str] = field(default_factory=set)
    """The modules that may not import models."""


def contracts_of(pyproject: str) -> Contracts:
    """The contracts in `pyproject`, the text of pyproject.toml. ValueError where there is none about layers."""
    found = Contracts()
    for contract in tomllib.loads(pyproject)["tool"]["importlinter"]["contracts"]:
        if contract["type"] == "layers":
            found.layers += [[name.strip() for name in layer.split("|")] for layer in contract["layers"]]
            for line in contract.get("ignore_imports", []):
                importer, imported = (side.strip().removesuffix(".*") for side in line.split("->"))
                found.exceptions.append((importer, imported))
        if contract["type"] == "forbidden":
            found.libraries |= set(contract["source_modules"])
    if not found.layers:
        raise ValueError("pyproject.toml has no import-linter contract of type layers.")
    return found


def drawing(pyproject: str) -> str:
    """A Mermaid flowchart: a box for each layer, an arrow from each to the one below it, exceptions dotted, libraries rounded."""
    contracts = contracts_of(pyproject)
    layers = contracts.layers
    lines = ["```mermaid", "flowchart TD", f"    {KINDS} --> layer1"]
    for number, modules in enumerate(layers, start=1):
        lines.append(f'    subgraph layer{number}[" "]')
        lines.append("        direction LR")
        lines += [f"        {_node(module, module in contracts.libraries)}" for module in modules]
        lines.append("    end")
    lines += [f"    layer{number} --> layer{number + 1}" for number in range(1, len(layers))]
    lines += [f"    {_key(one)} -.-> {_key(other)}" for one, other in contracts.exceptions]
    return "\n".join([*lines, "```"])


def _key(module: str) -> str:
    return module.replace(".", "_")


def _node(module: str, is_library: bool) -> str:
    name = _key(module)
    return f'{name}(["{module}"])' if is_library else f'{name}["{module}"]'


def with_drawing(text: str, pyproject: str) -> str:
    """`text` with the part between the marks drawn anew; ValueError where the marks are missing."""
    head, found, rest = text.partition(BEGIN)
    _, ended, tail = rest.partition(END)
    if not found or not ended:
        raise ValueError("The marks of the drawing of apps are missing.")
    return f"{head}{BEGIN}\n{drawing(pyproject)}\n{END}{tail}"


if __name__ == "__main__":
    PAGE.write_text(
        with_drawing(PAGE.read_text(encoding="utf-8"), (ROOT / "pyproject.toml").read_text(encoding="utf-8")),
        encoding="utf-8",
    )
