"""The relay room: a system may relay as named senders, for a year."""

from django.apps import AppConfig


class RelayConfig(AppConfig):
    """SMTP relay requests (REL-0 to REL-3, WKS-1)."""

    name = "relay"
    verbose_name = "SMTP relay"

    def ready(self) -> None:
        """Register the kind and its export."""
        from portal.enforcement import targets
        from portal.workflow import registry
        from relay.exports import PostfixRelay
        from relay.firewall import Firewall
        from relay.kind import RelayKind

        registry.register(RelayKind())
        targets.register(PostfixRelay())
        targets.register(Firewall())
