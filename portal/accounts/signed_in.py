"""Who asks for a page."""

from typing import cast

from django.http import HttpRequest

from portal.accounts.models import User


def person(request: HttpRequest) -> User:
    """The signed-in person; the view is behind `login_required`.

    Taken out of the request's lazy object, through which each attribute goes by a detour: a list asks hundreds.
    """
    user = request.user
    assert user.is_authenticated  # This loads what is behind it.
    return cast(User, getattr(user, "_wrapped", user))
