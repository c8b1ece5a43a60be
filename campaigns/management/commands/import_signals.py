"""The old name of `import_complaint_metrics`, kept for one version."""

from campaigns.management.commands import import_complaint_metrics
from portal.lib.old_names import OldCommandName


class Command(OldCommandName, import_complaint_metrics.Command):
    """Run the command and name its new name."""

    new_name = "import_complaint_metrics"
