"""What the pages read of findings: the raw record and the picture."""

from typing import Any

from django import template
from django.utils.safestring import SafeString

from portal.ui import drawings
from portal.workflow.evidence import raw_record
from portal.workflow.models import StoredFinding

register = template.Library()
register.filter("raw_record", raw_record)


@register.filter
def picture(finding: StoredFinding | Any) -> SafeString | str:
    """The picture of a finding; "" where a sentence says all there is."""
    drawing = finding.evidence.get("drawing")
    return drawings.draw(drawing) if drawing else ""
