"""The senders room: a vendor's service sends as one of our domains, once its DKIM signature is seen."""

from django.apps import AppConfig


class SendersConfig(AppConfig):
    """Intended Use of Technology: sender authorizations (AUT-0 to AUT-3, OVR-4)."""

    name = "senders"
    verbose_name = "Sender authorizations"

    def ready(self) -> None:
        """Register the kind and its export."""
        from portal.enforcement import targets
        from portal.workflow import registry
        from senders.exports import DnsRecords
        from senders.kind import SendersKind

        registry.register(SendersKind())
        targets.register(DnsRecords())
