"""Where apps above show panels on the pages of requests."""

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
