"""The room of signed samples: probe addresses, the receiver, and the judgement of what came."""

from django.apps import AppConfig


class SamplesConfig(AppConfig):
    """Signed samples of every kind that wants them."""

    name = "portal.samples"
    verbose_name = "Signed samples"
