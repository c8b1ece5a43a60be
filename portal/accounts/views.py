"""People's own settings."""

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required, login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from portal.accounts import services
from portal.accounts.forms import SettingsForm
from portal.accounts.models import User
from portal.ui.parts import Row


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def settings_page(request: HttpRequest) -> HttpResponse:
    """Show and change one's own settings."""
    user = cast(User, request.user)
    now = {"theme": user.theme, "wants_progress_notices": user.wants_progress_notices}
    form = SettingsForm(request.POST if request.method == "POST" else None, initial=now)
    if form.is_valid():
        services.change_settings(actor=user, **form.cleaned_data)
        messages.success(request, "Your settings are saved.")
        return redirect("settings")
    status = 422 if form.is_bound else 200
    return render(
        request, "accounts/settings.html", {"form": form, "rows": directory_rows(user)}, status=status
    )


def directory_rows(user: User) -> list[Row]:
    """What the directory says about a person, which they read and cannot change here."""
    roles = [role.label for role in user.roles]
    return [
        Row("Name", user.name),
        Row("Email address", user.email, is_code=True),
        Row("Title", user.title),
        Row("Department", user.department),
        Row("Roles", "", lines=sorted(roles) or ["Requester"]),
    ]


def own_address(request: HttpRequest) -> HttpResponse:
    """404: permissions depend on a person's address (REL-3), so nobody changes their own. It comes from single
    sign-on.
    """
    raise Http404("Your address comes from the directory. Ask IT to change it there.")


@login_not_required
def no_sign_up(request: HttpRequest) -> HttpResponse:
    """In place of allauth's form, which asks for an address: only the provider's verified address identifies a
    person.
    """
    return render(request, "socialaccount/refused.html", {"why": "form"}, status=403)
