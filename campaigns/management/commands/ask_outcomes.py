"""The old name of `request_campaign_results`, kept for one version."""

from campaigns.management.commands import request_campaign_results
from portal.lib.old_names import OldCommandName


class Command(OldCommandName, request_campaign_results.Command):
    """Run the command and name its new name."""

    new_name = "request_campaign_results"
