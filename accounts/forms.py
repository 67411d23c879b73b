"""What people type into the pages about themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.authentication import LONGEST_PASSWORD
from accounts.models import User
from accounts.permissions import Level


def posted_number(request: HttpRequest, name: str) -> int | None:
    """The number in a field that no form of ours checks, such as that of a row; ``None`` for what is none.

    Python refuses to read thousands of digits, and no row has a number of more than 18.
    """
    text = request.POST.get(name, "")
    return int(text[:18]) if text.isdecimal() else None


def explain(form: forms.BaseForm, error: ValidationError, typed_into: Mapping[str, str] | None = None) -> None:
    """Show what a service refused next to the field that it is about.

    Args:
        error: by argument of the service, or with the argument as its code.
        typed_into: argument -> field, where that has another name.
    """
    about = getattr(error, "code", None) or NON_FIELD_ERRORS
    named: dict[str, list[ValidationError]] = getattr(error, "error_dict", {about: [error]})
    for argument, errors in named.items():
        field = (typed_into or {}).get(argument, argument)
        for one in errors:
            form.add_error(field if field in form.fields else None, one)


LIFETIMES = [
    (-1, _("no limit")),
    (60, _("one hour")),
    (24 * 60, _("one day")),
    (30 * 24 * 60, _("30 days")),
    (365 * 24 * 60, _("one year")),
]


#: What a key may at most.
LEVELS = {
    Level.READ: _("read"),
    Level.WRITE: _("read and write"),
    Level.ADMIN: _("everything I may do"),
}


class SignInForm(forms.Form):
    username = forms.CharField(
        label=_("User name"), max_length=255, widget=forms.TextInput({"autocomplete": "username", "autofocus": True})
    )
    password = forms.CharField(
        label=_("Password"), strip=False, widget=forms.PasswordInput({"autocomplete": "current-password"})
    )


class NewPasswordForm(forms.Form):
    """A password, twice."""

    password = forms.CharField(
        label=_("New password"),
        strip=False,
        max_length=LONGEST_PASSWORD,
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
    )
    again = forms.CharField(
        label=_("Repeat the password"), strip=False, widget=forms.PasswordInput({"autocomplete": "new-password"})
    )

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        if "password" in values and values["password"] != values.get("again"):
            self.add_error("again", _("The two passwords are not the same."))
        elif "password" in values:
            try:
                validate_password(values["password"])
            except forms.ValidationError as error:
                self.add_error("password", error)
        return values


class ChangePasswordForm(NewPasswordForm):
    current = forms.CharField(
        label=_("Current password"), strip=False, widget=forms.PasswordInput({"autocomplete": "current-password"})
    )
    field_order = ("current", "password", "again")


class ProfileForm(forms.Form):
    firstname = forms.CharField(label=_("First name"), max_length=255, required=False)
    lastname = forms.CharField(label=_("Last name"), max_length=255, required=False)
    email = forms.EmailField(label=_("E-mail address"), max_length=255, required=False)

    @classmethod
    def of(cls, user: User) -> ProfileForm:
        return cls(initial={"firstname": user.firstname, "lastname": user.lastname, "email": user.email})


class RegisterForm(NewPasswordForm):
    username = forms.CharField(label=_("User name"), max_length=255)
    email = forms.EmailField(label=_("E-mail address"), max_length=255)
    firstname = forms.CharField(label=_("First name"), max_length=255, required=False)
    lastname = forms.CharField(label=_("Last name"), max_length=255, required=False)
    field_order = ("username", "email", "password", "again", "firstname", "lastname")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password"].label = _("Password")


class EmailForm(forms.Form):
    email = forms.EmailField(label=_("E-mail address"), max_length=255)


class ApiKeyForm(forms.Form):
    description = forms.CharField(label=_("Purpose"), max_length=1024)
    lifetime = forms.TypedChoiceField(label=_("Valid for"), choices=LIFETIMES, coerce=int, initial=-1)
    level = forms.TypedChoiceField(
        label=_("Access"),
        choices=[(level.value, text) for level, text in LEVELS.items()],
        coerce=lambda value: Level(int(value)),
        initial=Level.READ.value,
    )
    repository = forms.CharField(
        label=_("Limit to repository"), max_length=255, required=False, help_text=_("Leave empty for all repositories.")
    )
    ip_range = forms.CharField(
        label=_("Limit to addresses"), max_length=64, required=False, help_text=_("For example 192.0.2.0/24.")
    )


class MemberForm(forms.Form):
    """Somebody to add; ``username`` becomes the user."""

    username = forms.CharField(label=_("User name"), max_length=255)

    def clean_username(self) -> User:
        user = User.objects.filter(username__iexact=self.cleaned_data["username"]).first()
        if user is None or user.is_default:
            raise forms.ValidationError(_("There is no such user."))
        return user
