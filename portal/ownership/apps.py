"""Permissions without an owner, and how each gets a new one."""

from django.apps import AppConfig


class OwnershipConfig(AppConfig):
    """Finding a new owner for permissions whose owner left."""

    name = "portal.ownership"
    # The label is older than the name: migrations, tables and permissions are filed under it.
    label = "leaving"
    verbose_name = "Ownership of permissions"

    def ready(self) -> None:
        """Follow imports of the directory and changes of grants, and show a running search on the grant's page."""
        from portal.accounts import announcements as of_accounts
        from portal.grants import announcements as of_grants
        from portal.grants import notices, panels
        from portal.ownership import services
        from portal.ownership.selectors import panel_of, reminder_recipients

        of_accounts.directory_imported.listen(services.after_import)
        of_grants.grant_changed.listen(services.follow_change)
        notices.tell_reminders_to(reminder_recipients)
        panels.register(panels.GrantPanel("ownership/grant_panel.html", panel_of))
