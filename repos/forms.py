"""What people type into the pages about repositories."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.actors import Actor
from accounts.forms import LIFETIMES
from accounts.models import User, UserGroup
from accounts.permissions import DEFAULT_USER_ID, Level
from accounts.services import site
from repos.models import Repository, RepositoryGroup
from repos.services import access
from repos.vcs.remote import MAX_URL

LEVELS = [
    (Level.NONE.value, _("none")),
    (Level.READ.value, _("read")),
    (Level.WRITE.value, _("write")),
    (Level.ADMIN.value, _("admin")),
]


TOP_LEVEL = _("(top level)")


class RepositoryForm(forms.Form):
    """Name and place of a new repository; subclasses add what is asked besides."""

    name = forms.CharField(label=_("Name"), max_length=255)
    group = forms.ModelChoiceField(
        label=_("Repository group"),
        queryset=RepositoryGroup.objects.none(),
        required=False,
        empty_label=TOP_LEVEL,
    )
    description = forms.CharField(label=_("Description"), required=False, widget=forms.Textarea({"rows": 3}))
    is_private = forms.BooleanField(
        label=_("Private"), required=False, help_text=_("The permission that everybody has does not count here.")
    )

    def __init__(self, actor: Actor, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.actor = actor
        self.offer(RepositoryGroup.objects.visible_to(actor, Level.WRITE), access.may_create_in(actor, None))

    def offer(self, places: QuerySet[RepositoryGroup], top: bool) -> None:
        """Let ``places`` be chosen, and the ``top`` level where that is allowed."""
        groups: forms.ModelChoiceField[RepositoryGroup] = self.fields["group"]  # type: ignore[assignment]
        groups.queryset = places
        groups.required = not top
        groups.empty_label = TOP_LEVEL if top else None


class CreateForm(RepositoryForm):
    kind = forms.ChoiceField(label=_("Type"), choices=Repository.Kind.choices)
    clone_uri = forms.CharField(
        label=_("Clone from"),
        max_length=MAX_URL,
        required=False,
        help_text=_("The URL of a repository on another server."),
    )
    enable_downloads = forms.BooleanField(label=_("Allow archives to be downloaded"), required=False)
    copy_permissions = forms.BooleanField(label=_("Copy the permissions of the group"), required=False)
    field_order = ("name", "group", "kind", "description", "clone_uri")

    def __init__(self, actor: Actor, *args: Any, **kwargs: Any) -> None:
        super().__init__(actor, *args, **kwargs)
        self.fields["enable_downloads"].initial = site.current().enable_downloads
        if not access.may_clone_from_elsewhere(actor):
            del self.fields["clone_uri"]


class ForkForm(RepositoryForm):
    copy_permissions = forms.BooleanField(label=_("Copy the permissions of the original"), required=False)


class SettingsForm(RepositoryForm):
    """A repository as it is now; the owner is given by name."""

    owner = forms.CharField(label=_("Owner"), max_length=255)
    landing = forms.CharField(
        label=_("Landing revision"),
        max_length=300,
        help_text=_("What visitors see first, such as rev:tip."),
        widget=forms.TextInput({"list": "landings"}),
    )
    enable_downloads = forms.BooleanField(label=_("Allow archives to be downloaded"), required=False)
    enable_statistics = forms.BooleanField(label=_("Statistics"), required=False)
    is_archived = forms.BooleanField(
        label=_("Archived"), required=False, help_text=_("Read-only: nothing can be pushed, pulled or merged into it.")
    )
    protected_branches = forms.CharField(
        label=_("Protected branches"),
        required=False,
        widget=forms.Textarea({"rows": 2}),
        help_text=_("One pattern per line, such as main or release-*: never deleted, never rewritten by a push."),
    )
    max_file_size = forms.IntegerField(
        label=_("Largest file"),
        required=False,
        min_value=0,
        max_value=(1 << 63) - 1,
        help_text=_("Bytes; a push with a larger file is refused."),
    )
    field_order = ("name", "group", "owner", "description", "landing")

    @classmethod
    def of(cls, actor: Actor, repository: Repository) -> SettingsForm:
        form = cls(
            actor,
            initial={
                "name": repository.base_name,
                "group": repository.group_id,
                "owner": repository.owner.username,
                "description": repository.description,
                "landing": ":".join(repository.landing_rev),
                "is_private": repository.is_private,
                "is_archived": repository.is_archived,
                "enable_downloads": repository.enable_downloads,
                "enable_statistics": repository.enable_statistics,
                "protected_branches": repository.protected_branches,
                "max_file_size": repository.max_file_size,
            },
        )
        form.keep_group(repository)
        return form

    def keep_group(self, repository: Repository) -> None:
        """The present group can stay also where the actor may not create."""
        writable = RepositoryGroup.objects.visible_to(self.actor, Level.WRITE).order_by().values("pk")
        places = RepositoryGroup.objects.filter(Q(pk__in=writable) | Q(pk=repository.group_id or 0))
        self.offer(places, repository.group_id is None or access.may_create_in(self.actor, None))

    def clean_owner(self) -> User:
        owner = User.objects.filter(username__iexact=self.cleaned_data["owner"]).exclude(pk=DEFAULT_USER_ID).first()
        if owner is None:
            raise ValidationError(_("There is no such user."))
        return owner

    def clean_max_file_size(self) -> int:
        return self.cleaned_data["max_file_size"] or 0

    def clean_landing(self) -> tuple[str, str]:
        kind, colon, name = self.cleaned_data["landing"].partition(":")
        return (kind, name) if colon else ("rev", kind)


class GrantForm(forms.Form):
    """Somebody and a level; ``subject`` becomes the user or user group."""

    subject_type = forms.ChoiceField(label=_("Who"), choices=[("user", _("user")), ("user_group", _("user group"))])
    subject = forms.CharField(label=_("Name"), max_length=255)
    level = forms.TypedChoiceField(
        label=_("Level"), choices=LEVELS, coerce=lambda value: Level(int(value)), initial=Level.READ.value
    )

    def __init__(self, actor: Actor, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.actor = actor

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        name = values.get("subject")
        if name:
            found: User | UserGroup | None
            if values.get("subject_type") == "user_group":
                found = UserGroup.objects.all().visible_to(self.actor).filter(name__iexact=name).first()
            else:
                found = User.objects.filter(username__iexact=name).first()
            if found is None:
                self.add_error("subject", _("There is no user or user group of this name."))
            values["subject"] = found
        return values


class FieldForm(forms.Form):
    key = forms.SlugField(label=_("Key"), max_length=250)
    label = forms.CharField(label=_("Label"), max_length=1024)
    value = forms.CharField(label=_("Value"), required=False, widget=forms.Textarea({"rows": 2}))
    description = forms.CharField(label=_("Description"), max_length=1024, required=False)


class RemoteForm(forms.Form):
    clone_uri = forms.CharField(label=_("Pulled from"), max_length=MAX_URL, required=False)


class GistForm(forms.Form):
    description = forms.CharField(label=_("Description"), required=False, max_length=1000)
    filename = forms.CharField(label=_("File name"), required=False, max_length=255)
    content = forms.CharField(label=_("Content"), strip=False, widget=forms.Textarea({"rows": 15, "class": "mono"}))
    lifetime = forms.TypedChoiceField(label=_("Valid for"), choices=LIFETIMES, coerce=int, initial=-1)
    is_public = forms.BooleanField(label=_("Public"), required=False)
