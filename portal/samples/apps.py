"""The room of signed samples: probe addresses, the receiver, and the judgement of what came."""

from django.apps import AppConfig


class SamplesConfig(AppConfig):
    """Signed samples of every kind that wants them."""

    name = "portal.samples"
    verbose_name = "Signed samples"

    def ready(self) -> None:
        """Ask for the proof of signing on the pages of permissions that owe one."""
        from portal.grants import panels
        from portal.samples.selectors import proof_panel

        panels.register(panels.GrantPanel("samples/proof_panel.html", proof_panel))
