"""What people may change about themselves."""

from portal.accounts.models import Theme, User


def change_settings(*, actor: User, theme: str, wants_progress_notices: bool) -> None:
    """Save the actor's own settings. Only these two columns are written. Raises ValueError for an unknown theme."""
    actor.theme = Theme(theme)
    actor.wants_progress_notices = wants_progress_notices
    actor.save(update_fields=["theme", "wants_progress_notices"])
