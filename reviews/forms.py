"""What people type into the pages of reviews."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.permissions import DEFAULT_USER_ID
from repos.vcs.types import Refs


def reference_choices(refs: Refs, *, only_branches: bool = False) -> list[tuple[str, list[tuple[str, str]]]]:
    """References as choices, grouped; the values are as the services read them."""
    groups: list[tuple[str, Iterable[str], str]] = [(str(_("Branches")), sorted(refs.branches), "branch")]
    if not only_branches:
        groups += [
            (str(_("Bookmarks")), sorted(refs.bookmarks), "book"),
            (str(_("Tags")), sorted(set(refs.tags) - {"tip"}), "tag"),
        ]
    return [(title, [(f"{kind}:{name}", name) for name in names]) for title, names, kind in groups if names]


class PeopleField(forms.CharField):
    """User names with commas or spaces between them."""

    def to_python(self, value: Any) -> list[User]:  # type: ignore[override]
        names = str(value or "").replace(",", " ").split()
        users = {user.username.lower(): user for user in User.objects.filter(username__in=names, is_active=True)}
        missing = [name for name in names if name.lower() not in users]
        for name in missing:
            user = User.objects.filter(username__iexact=name, is_active=True).exclude(pk=DEFAULT_USER_ID).first()
            if user is None:
                raise ValidationError(_("There is no user %s.") % name)
            users[name.lower()] = user
        return list({users[name.lower()].pk: users[name.lower()] for name in names}.values())


class OpenForm(forms.Form):
    origin_ref = forms.ChoiceField(label=_("From"))
    target_ref = forms.ChoiceField(label=_("Into the branch"))
    title = forms.CharField(
        label=_("Title"), max_length=255, required=False, help_text=_("Made from the references when empty.")
    )
    description = forms.CharField(
        label=_("Description"), required=False, widget=forms.Textarea({"rows": 6}), help_text=_("Markdown")
    )
    reviewers = PeopleField(
        label=_("Reviewers"), required=False, help_text=_("User names with commas or spaces between them.")
    )

    def __init__(self, origin: Refs, target: Refs, data: Any = None, *, initial: dict[str, Any]) -> None:
        """``initial``: what was chosen and typed so far; its ``origin_ref`` may also be a changeset (``rev:HASH``)."""
        super().__init__(data, initial=initial)
        choices = reference_choices(origin)
        revision = initial.get("origin_ref", "")
        if revision.startswith("rev:"):
            choices.insert(0, (str(_("Changeset")), [(revision, revision[4:16])]))
        self.fields["origin_ref"].choices = choices  # type: ignore[attr-defined]
        self.fields["target_ref"].choices = reference_choices(target, only_branches=True)  # type: ignore[attr-defined]
        if initial.get("target_ref", "").removeprefix("branch:") not in target.branches:
            self.initial["target_ref"] = f"branch:{target.head}"


class EditForm(forms.Form):
    title = forms.CharField(label=_("Title"), max_length=255)
    description = forms.CharField(label=_("Description"), required=False, widget=forms.Textarea({"rows": 6}))


class ReviewersForm(forms.Form):
    reviewers = PeopleField(label=_("Reviewers"), required=False)


class RemarkForm(forms.Form):
    """A remark, maybe with a vote, maybe on a file or a line."""

    text = forms.CharField(required=False, widget=forms.Textarea)
    status = forms.CharField(required=False)
    close = forms.BooleanField(required=False)
    path = forms.CharField(required=False, strip=False)
    side = forms.CharField(required=False)
    line = forms.IntegerField(required=False, min_value=1, max_value=999_999_999)
    reply_to = forms.IntegerField(required=False, min_value=1)
    iteration = forms.IntegerField(required=False, min_value=1)
