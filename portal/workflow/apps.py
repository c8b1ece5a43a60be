"""The engine's room: one workflow for every kind of request."""

from django.apps import AppConfig


class WorkflowConfig(AppConfig):
    """States, transitions, policies, the timeline and the screens over them."""

    name = "portal.workflow"
    verbose_name = "Requests"
