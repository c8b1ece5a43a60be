"""The workflow app: one engine for every kind of request."""

from portal.lib import registration


class WorkflowConfig(registration.RegisteredApp):
    """States, transitions, policies, the timeline and the screens over them."""

    name = "portal.workflow"
    verbose_name = "Requests"
