"""The import layers hold for every kind of request, the next one too."""

from pathlib import Path

import pytest
from django.conf import settings

from portal.workflow.registry import KINDS
from scripts.import_layers import check, kinds_of

CONTRACTS = """
[tool.importlinter]
root_packages = ["portal"]

[[tool.importlinter.contracts]]
name = "Imports run one way"
type = "layers"
layers = ["portal.grants", "portal.lib"]

[[tool.importlinter.contracts]]
name = "Libraries know no models"
type = "forbidden"
source_modules = ["portal.lib"]
forbidden_modules = ["portal.grants"]
"""


def test_every_kind_is_a_layer() -> None:
    assert {type(kind).__module__.partition(".")[0] for kind in KINDS} <= set(kinds_of(settings.BASE_DIR))


@pytest.mark.parametrize(
    ("importer", "imported", "is_allowed"),
    [
        ("fifth", "portal.grants", True),
        ("fifth", "relay", False),
        ("portal/grants", "fifth", False),
        ("portal/lib", "fifth", False),
    ],
)
def test_a_kind_nobody_listed_imports_the_core_alone(
    tmp_path: Path, importer: str, imported: str, is_allowed: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    for package in ("portal", "portal/lib", "portal/grants", "relay", "fifth"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("")
    for kind in ("relay", "fifth"):
        (tmp_path / kind / "apps.py").write_text("")
    (tmp_path / "pyproject.toml").write_text(CONTRACTS)
    (tmp_path / importer / "reading.py").write_text(f"import {imported}\n")
    assert (check(tmp_path) == 0) == is_allowed
    assert "Imports run one way" in capfd.readouterr().out
