"""The drawing in the documents is the table's."""

import pytest
from django.conf import settings

from portal.workflow.diagram import state_diagram, with_diagram


def test_the_architecture_page_shows_the_present_table() -> None:
    text = (settings.BASE_DIR / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert with_diagram(text) == text
    assert "in_review --> approved: approve (decider)" in state_diagram()


def test_a_page_without_the_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="marks"):
        with_diagram("nothing here")
