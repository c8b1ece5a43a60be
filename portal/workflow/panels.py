"""Where apps above show panels on the pages of requests, and marks in their lists."""

from collections.abc import Callable, Mapping, Sequence

from portal.accounts.models import User
from portal.lib.registration import ExtensionPoint
from portal.ui.panels import Panel
from portal.workflow.models import ServiceRequest

QUEUE_PANELS: ExtensionPoint[Panel[User]] = ExtensionPoint()
"""Short lists that reviewers see above the queue."""
HOME_PANELS: ExtensionPoint[Panel[User]] = ExtensionPoint()
"""What a member's Home shows before their requests."""
REQUEST_PANELS: ExtensionPoint[Panel[ServiceRequest]] = ExtensionPoint()
"""What comes first on the page of a request, before what it would allow."""

RowMarks = Callable[[Sequence[ServiceRequest]], Mapping[int, str]]
"""What to say beside some requests of a list, by their keys, in a few words; its queries must not grow with the rows."""
ROW_MARKS: ExtensionPoint[RowMarks] = ExtensionPoint()
"""What lists of requests say of their rows besides the state."""


def mark_rows(rows: Sequence[ServiceRequest]) -> None:
    """Give each of `rows` its `marks`, a list of words, for the templates of lists."""
    found = [source(rows) for source in ROW_MARKS]
    for row in rows:
        row.__dict__["marks"] = [marks[row.pk] for marks in found if row.pk in marks]
