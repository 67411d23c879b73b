"""Users and their e-mail addresses."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import models
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

from accounts.actors import Actor
from accounts.admin.keys import keys_made
from accounts.models import ApiKey, EmailAddress, User
from accounts.panel import ServiceAdmin, ServiceForm, actor_of, attempt, known_by
from accounts.services import emails, keys, passwords, users


class UserForm(ServiceForm):
    # Kallithea never looked at the form of an address, so that imported ones must pass.
    email = forms.CharField(label=_("E-mail address"), required=False, widget=UnfoldAdminTextInputWidget)
    password = forms.CharField(
        label=_("Password"),
        required=False,
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text=_("Leave empty to keep the present one."),
    )

    typed_into: ClassVar[dict[str, str]] = {"admin": "is_admin", "active": "is_active"}

    class Meta:
        model = User
        fields = ("username", "email", "firstname", "lastname", "is_active", "is_admin", "extern_type", "extern_name")

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        if password:
            validate_password(password, self.instance)
        return password

    def write(self, actor: Actor, values: dict[str, Any]) -> User:
        active, admin_ = values.pop("is_active"), values.pop("is_admin")
        values = {name: value or "" for name, value in values.items()}
        if self.instance.pk:
            return users.update(actor=actor, user=self.instance, active=active, admin=admin_, **values)
        return users.create(actor=actor, active=active, admin=admin_, **values)


@admin.register(User)
class UserAdmin(ServiceAdmin):
    form = UserForm
    fields = (
        "username",
        "email",
        "firstname",
        "lastname",
        "password",
        ("is_active", "is_admin"),
        ("extern_type", "extern_name"),
    )
    list_display = ("username", "full_name", "email", "is_active", "is_admin", "last_login", "created_on")
    list_filter = ("is_active", "is_admin", "extern_type")
    search_fields = ("username", "firstname", "lastname", "email", "extra_emails__email")
    actions = ("activate", "deactivate", "reset_keys")
    change_form_outer_before_template = "admin/accounts/user.html"

    @admin.display(description=_("full name"), ordering="lastname")
    def full_name(self, user: User) -> str:
        return user.full_name

    @admin.action(description=_("Activate"))
    def activate(self, request: HttpRequest, queryset: models.QuerySet[User]) -> None:
        self._switch(request, queryset, active=True)

    @admin.action(description=_("Deactivate"))
    def deactivate(self, request: HttpRequest, queryset: models.QuerySet[User]) -> None:
        self._switch(request, queryset, active=False)

    def _switch(self, request: HttpRequest, queryset: models.QuerySet[User], *, active: bool) -> None:
        for user in queryset:
            attempt(request, lambda user=user: users.update(actor=actor_of(request), user=user, active=active), user)  # type: ignore[misc]

    @admin.action(description=_("Reset the built-in API key"))
    def reset_keys(self, request: HttpRequest, queryset: models.QuerySet[User]) -> HttpResponseBase | None:
        made = []
        for user in queryset:
            try:
                made.append(keys.reset(actor=actor_of(request), user=user))
            except ValidationError as error:
                messages.error(request, f"{user}: {' '.join(error.messages)}")
        return keys_made(request, made) if made else None

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.do_view))
        return [path("<int:number>/do/<slug:what>/", view, name="accounts_user_do"), *super().get_urls()]

    def facts(self, row: User) -> dict[str, Any]:
        return {
            "keys": row.api_keys.order_by("-is_builtin", "pk"),
            "emails": row.extra_emails.order_by("email"),
            "addresses": row.ip_ranges.order_by("cidr"),
            "groups": row.groups_in.order_by("name"),
        }

    def do_view(self, request: HttpRequest, number: int, what: str) -> HttpResponseBase:
        """One of the buttons of the page."""
        user, actor = get_object_or_404(User, pk=number), actor_of(request)
        if what == "reset-key":
            made: list[ApiKey] = []
            if attempt(request, lambda: made.append(keys.reset(actor=actor, user=user)), _("A new key.")):
                return keys_made(request, made)
        elif what == "password-link":
            attempt(request, lambda: passwords.send_link(actor=actor, user=user), _("The link is on its way."))
        return HttpResponseRedirect(reverse("admin:accounts_user_change", args=[number]))

    def remove(self, actor: Actor, row: User) -> None:
        users.delete(actor=actor, user=row)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request) and not (obj and obj.is_default)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_delete_permission(request) and not (obj and obj.is_default)


class EmailAddressForm(ServiceForm):
    class Meta:
        model = EmailAddress
        fields = ("user", "email")

    def write(self, actor: Actor, values: dict[str, Any]) -> EmailAddress:
        return emails.add(actor=actor, **values)


@admin.register(EmailAddress)
class EmailAddressAdmin(ServiceAdmin):
    form = EmailAddressForm
    list_display = ("user", "email")
    list_select_related = ("user",)
    search_fields = (*known_by("user"), "email")
    autocomplete_fields = ("user",)

    def remove(self, actor: Actor, row: EmailAddress) -> None:
        emails.remove(actor=actor, user=row.user, email=row.email)

    def has_change_permission(self, request: HttpRequest, obj: EmailAddress | None = None) -> bool:
        return False
