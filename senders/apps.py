"""The senders room: a vendor's service sends as one of our domains, once its DKIM signature is seen."""

from django.apps import AppConfig


class SendersConfig(AppConfig):
    """Intended Use of Technology: sender authorizations (AUT-0 to AUT-3, OVR-4)."""

    name = "senders"
    verbose_name = "Sender authorizations"

    def ready(self) -> None:
        """Register the kind, its export, and its DNS records on the permission's page."""
        from portal.enforcement import targets
        from portal.grants import panels
        from portal.workflow import registry
        from senders.exports import DnsRecords
        from senders.instructions import panel_of
        from senders.kind import SendersKind

        registry.register(SendersKind())
        targets.register(DnsRecords())
        panels.register(panels.GrantPanel("senders/dns_panel.html", panel_of))
