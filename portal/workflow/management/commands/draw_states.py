"""`manage.py draw_states`: put the state diagram into docs/architecture.md."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from portal.workflow.diagram import with_diagram


class Command(BaseCommand):
    """Draw the diagram anew from the transition table."""

    help = "Write the state diagram into docs/architecture.md."

    def handle(self, *args: Any, **options: Any) -> None:
        """Rewrite the file in place."""
        path = settings.BASE_DIR / "docs" / "architecture.md"
        path.write_text(with_diagram(path.read_text(encoding="utf-8")), encoding="utf-8")
