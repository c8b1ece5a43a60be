"""The policy service app: answers to Postfix for every relay attempt."""

from portal.lib import registration


class PolicyServiceConfig(registration.RegisteredApp):
    """Answers to Postfix, and what was counted of them."""

    name = "portal.policy_service"
    label = "policy_service"
    verbose_name = "Policy service"
