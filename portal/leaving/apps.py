"""The leaving room: above grants, beside enforcement."""

from django.apps import AppConfig


class LeavingConfig(AppConfig):
    """Owners who are gone, and who is asked to take over."""

    name = "portal.leaving"
    label = "leaving"
    verbose_name = "People who leave"

    def ready(self) -> None:
        """Look after every import of the directory, follow what becomes of a grant, and show it on its page."""
        from portal.accounts import announcements as of_accounts
        from portal.grants import announcements as of_grants
        from portal.grants import notices, panels
        from portal.leaving import services
        from portal.leaving.selectors import asked_now, panel_of

        of_accounts.directory_imported.listen(services.after_import)
        of_grants.grant_changed.listen(services.follow_change)
        notices.tell_reminders_to(asked_now)
        panels.register(panels.GrantPanel("leaving/grant_panel.html", panel_of))
