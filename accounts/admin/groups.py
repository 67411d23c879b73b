"""User groups, and who may do what with them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelectMultiple
from django.core.exceptions import ValidationError
from django.db import models
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.actors import Actor
from accounts.models import User, UserGroup, UserGroupGrant
from accounts.panel import ServiceAdmin, ServiceForm, by_language, descriptions_of, known_by, language_tabs
from accounts.permissions import Level
from accounts.services import user_groups

DESCRIPTIONS = descriptions_of(UserGroup)


class UserGroupForm(ServiceForm):
    people = forms.ModelMultipleChoiceField(
        User.objects.order_by("username"),
        required=False,
        label=_("Members"),
        widget=AutocompleteSelectMultiple(UserGroup._meta.get_field("members"), admin.site),
    )

    class Meta:
        model = UserGroup
        fields = ("name", *DESCRIPTIONS, "owner", "is_active")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["people"] = list(self.instance.members.values_list("pk", flat=True))

    def write(self, actor: Actor, values: dict[str, Any]) -> UserGroup:
        group: UserGroup = self.instance
        name, owner = values["name"], values["owner"]
        if not group.pk:
            group = user_groups.create(actor=actor, name=name, owner=owner, active=values["is_active"])
        descriptions = by_language(values)
        user_groups.update(
            actor=actor, group=group, name=name, descriptions=descriptions, owner=owner, active=values["is_active"]
        )
        wanted, present = set(values["people"]), set(group.members.all())
        for user in sorted(wanted - present, key=str):
            user_groups.add_member(actor=actor, group=group, user=user)
        for user in sorted(present - wanted, key=str):
            user_groups.remove_member(actor=actor, group=group, user=user)
        return group


@admin.register(UserGroup)
class UserGroupAdmin(ServiceAdmin):
    form = UserGroupForm
    fieldsets = ((None, {"fields": ("name", "owner", "is_active", "people")}), *language_tabs())
    list_display = ("name", "description", "owner", "is_active", "member_count")
    list_filter = ("is_active",)
    list_select_related = ("owner",)
    change_form_outer_before_template = "admin/accounts/user_group.html"
    search_fields = ("name", *DESCRIPTIONS, *known_by("owner"))
    autocomplete_fields = ("owner",)

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[UserGroup]:
        return super().get_queryset(request).annotate(member_count=models.Count("memberships"))  # type: ignore[no-any-return]

    @admin.display(description=_("members"), ordering="member_count")
    def member_count(self, group: Any) -> int:
        return int(group.member_count)

    def remove(self, actor: Actor, row: UserGroup) -> None:
        user_groups.delete(actor=actor, group=row)


class GrantForm(ServiceForm):
    """A level or permission for a user or a user group, one of the two."""

    def subject(self, values: dict[str, Any]) -> User | UserGroup:
        given = [values[name] for name in ("user", "user_group") if values.get(name) is not None]
        if len(given) != 1:
            raise ValidationError(_("Either a user or a user group is needed."))
        found: User | UserGroup = given[0]
        return found


class UserGroupGrantForm(GrantForm):
    class Meta:
        model = UserGroupGrant
        fields = ("on", "user", "user_group", "level")

    def write(self, actor: Actor, values: dict[str, Any]) -> UserGroupGrant:
        group, level = values["on"], Level(values["level"])
        return user_groups.grant(actor=actor, group=group, to=self.subject(values), level=level)


@admin.register(UserGroupGrant)
class UserGroupGrantAdmin(ServiceAdmin):
    """A second grant for the same subject replaces the first."""

    form = UserGroupGrantForm
    list_display = ("on", "user", "user_group", "level")
    list_filter = ("level",)
    list_select_related = ("on", "user", "user_group")
    search_fields = ("on__name", *known_by("user"), "user_group__name")
    autocomplete_fields = ("on", "user", "user_group")

    def remove(self, actor: Actor, row: UserGroupGrant) -> None:
        subject = row.user or row.user_group
        assert subject is not None
        user_groups.revoke(actor=actor, group=row.on, to=subject)

    def has_change_permission(self, request: HttpRequest, obj: UserGroupGrant | None = None) -> bool:
        return False
