"""The campaigns room: the Office of the CIO signs off one message to one audience in one window."""

from django.apps import AppConfig


class CampaignsConfig(AppConfig):
    """Campaign and survey requests (MKT-1 to MKT-5)."""

    name = "campaigns"
    verbose_name = "Campaigns and surveys"

    def ready(self) -> None:
        """Register the kind, the gate, what it shows on grants' pages, and its checks on the command line."""
        from campaigns import after_notices, selectors
        from campaigns.gate import GATE
        from campaigns.kind import CampaignsKind
        from campaigns.message_command import CAMPAIGN_CHECK
        from campaigns.panels import AFTERMATH, DELEGATED, DEPENDENTS, LISTS, VERIFY
        from portal.grants import announcements
        from portal.grants import panels as grant_panels
        from portal.mailauth.management import message_checks
        from portal.policy_service import gates
        from portal.sending_calendar import bookings
        from portal.workflow import panels, registry

        registry.register(CampaignsKind())
        gates.register(GATE)
        bookings.register(selectors.bookings)
        announcements.grant_changed.listen(after_notices.sender_changed)
        grant_panels.register(DEPENDENTS)
        grant_panels.register(LISTS)
        grant_panels.register(AFTERMATH)
        grant_panels.register(VERIFY)
        panels.register(DELEGATED)
        message_checks.register(CAMPAIGN_CHECK)
