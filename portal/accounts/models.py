"""People. The email address is the login name, kept in lower case."""

from collections.abc import Iterable
from functools import cached_property
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models
from django.db.models.functions import Upper
from django.utils import timezone

from portal.accounts.roles import DECIDERS, SEES_EVERYTHING, Role


class UserManager(BaseUserManager["User"]):
    """Creates people; addresses are stored in lower case, so that one person is one row."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create a person. Without a password they can only use single sign-on. Raises ValueError without an
        address.
        """
        if not email:
            raise ValueError("A user needs an email address.")
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create a person with every Django permission (`manage.py createsuperuser`)."""
        return self.create_user(email, password, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        """The person with this address, compared without case."""
        return self.get(email=(username or "").strip().lower())


class Theme(models.TextChoices):
    """The color scheme that a person chose."""

    SYSTEM = "system", "As my device"
    LIGHT = "light", "Light"
    DARK = "dark", "Dark"


class User(AbstractBaseUser, PermissionsMixin):
    """A person who signs in."""

    email = models.EmailField("e-mail address", unique=True)
    name = models.CharField(max_length=150)
    department = models.CharField(max_length=150, blank=True)
    title = models.CharField(max_length=150, blank=True)
    is_active = models.BooleanField(default=True)
    joined_at = models.DateTimeField(default=timezone.now)
    theme = models.CharField(max_length=10, choices=Theme.choices, default=Theme.SYSTEM)
    wants_progress_notices = models.BooleanField(
        "Mail me at every step of my requests",
        default=True,
        help_text="Decisions, questions and renewal reminders are always sent.",
    )

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]
    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        ordering = ("name", "email")

    def __str__(self) -> str:
        return self.name or self.email

    def get_full_name(self) -> str:
        """The person's name, as used by Django's own pages."""
        return self.name

    @cached_property
    def roles(self) -> frozenset[Role]:
        """The roles of this person; one query per instance. A person who left the directory has none."""
        gone = DirectoryAddress.objects.filter(address=self.email, gone_at__isnull=False)
        names = set(self.groups.filter(~models.Exists(gone)).values_list("name", flat=True))
        return frozenset(role for role in Role if role in names)

    def has_role(self, *roles: Role) -> bool:
        """Whether the person is active and holds at least one of `roles`."""
        return self.is_active and not self.roles.isdisjoint(roles)

    @property
    def is_decider(self) -> bool:
        """Whether this person may decide at some stage of some kind."""
        return self.has_role(*DECIDERS)

    @property
    def sees_everything(self) -> bool:
        """Whether the person may read every request and grant."""
        return self.has_role(*SEES_EVERYTHING)


def people_with_role(roles: Iterable[Role]) -> models.QuerySet[User]:
    """Active people who hold any of `roles` and are in the directory, each once."""
    gone = DirectoryAddress.objects.filter(address=models.OuterRef("email"), gone_at__isnull=False)
    held = User.objects.filter(is_active=True, groups__name__in=[str(role) for role in roles])
    return held.filter(~models.Exists(gone)).distinct()


class AddressKind(models.TextChoices):
    """The type of an address."""

    PERSON = "person", "A person's own"
    SHARED = "shared", "A shared mailbox"
    LIST = "list", "A list"


class DirectoryAddress(models.Model):
    """A valid address of the mail domain, as the institution's directory has it (REL-3)."""

    address = models.EmailField(unique=True)
    kind = models.CharField(max_length=10, choices=AddressKind.choices, default=AddressKind.SHARED)
    name = models.CharField(max_length=150, blank=True)
    department = models.CharField(max_length=150, blank=True)
    is_head = models.BooleanField(default=False)
    """Whether the person is the head of the department, who is asked to take over when an owner leaves."""
    owner = models.EmailField(blank=True)
    """The address of the person responsible for a shared mailbox or a list; "" if none is recorded."""
    gone_at = models.DateTimeField(null=True, blank=True)
    """When it was first missing from an import; such an address is not valid."""

    class Meta:
        # Upper, as Django compares where case does not matter.
        indexes = (models.Index(Upper("department"), name="directory_by_department"),)

    def __str__(self) -> str:
        return self.address
