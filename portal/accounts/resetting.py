"""The link by which a person chooses a new password."""

import logging

from allauth.account import app_settings
from allauth.account.adapter import get_adapter
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.urls import reverse

from portal.accounts.models import User
from portal.lib.throttle import Rate, seconds_to_wait

logger = logging.getLogger(__name__)
LINKS_TO_ONE_ACCOUNT = Rate(times=3, seconds=3600)
"""Every link works, so an earlier request never blocks a later one."""


def send_reset_link(*, address: str) -> bool:
    """Send the link to an open account that has a password; returns whether one was sent. Raises OSError,
    SMTPException.

    Nobody else gets an email, whatever address is typed.
    """
    person = User.objects.filter(email=address.strip().lower(), is_active=True).first()
    if person is None or not person.has_usable_password():
        return False
    if seconds_to_wait(f"reset-link:{person.pk}", LINKS_TO_ONE_ACCOUNT):
        logger.warning("No further link to choose a password was sent to account %s this hour.", person.pk)
        return False
    key = app_settings.PASSWORD_RESET_TOKEN_GENERATOR().make_token(person)
    path = reverse("account_reset_password_from_key", args=[user_pk_to_url_str(person), key])
    context = {"user": person, "email": person.email, "password_reset_url": f"{settings.PUBLIC_URL}{path}"}
    get_adapter().render_mail("account/email/password_reset_key", person.email, context).send()
    return True
