"""The whitelist room: a vendor's address skips the content filter, for a year."""

from django.apps import AppConfig


class WhitelistConfig(AppConfig):
    """Whitelist requests (WHT-0 to WHT-6)."""

    name = "whitelist"
    verbose_name = "Whitelist"

    def ready(self) -> None:
        """Register the kind and its exports."""
        from portal.enforcement import targets
        from portal.workflow import registry
        from whitelist.exchange import ExchangeOnline
        from whitelist.exports import Rspamd, SpamAssassin
        from whitelist.kind import WhitelistKind

        registry.register(WhitelistKind())
        targets.register(Rspamd())
        targets.register(SpamAssassin())
        targets.register(ExchangeOnline())
