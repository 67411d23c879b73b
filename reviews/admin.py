"""Pull requests, comments and votes in the admin panel: to look at; they are worked with on their pages and by the API.

Policies and mail preferences can be changed.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline

from accounts.actors import Actor
from accounts.panel import ReadOnly, ReadOnlyAdmin, ServiceAdmin, ServiceForm, known_by
from reviews.models import (
    ChangesetStatus,
    Comment,
    CommentEdit,
    Iteration,
    MailPreference,
    PullRequest,
    Reviewer,
    ReviewPolicy,
)
from reviews.services import notices, policies


class IterationInline(ReadOnly, TabularInline):  # type: ignore[misc]
    model = Iteration
    fields = ("number", "origin_raw_id", "ancestor_raw_id", "author", "created_on")
    ordering = ("number",)


class ReviewerInline(ReadOnly, TabularInline):  # type: ignore[misc]
    model = Reviewer
    fields = ("user", "since")


class CommentEditInline(ReadOnly, TabularInline):  # type: ignore[misc]
    model = CommentEdit
    fields = ("edited_on", "editor", "text")


@admin.register(PullRequest)
class PullRequestAdmin(ReadOnlyAdmin):
    list_display = ("id", "title", "status", "owner", "origin", "target", "iteration_number", "updated_on")
    list_display_links = ("id", "title")
    list_filter = ("status",)
    list_select_related = ("owner", "origin", "target")
    search_fields = (
        "=id",
        "title",
        *known_by("owner"),
        "origin__name",
        "target__name",
        "^iterations__origin_raw_id",
        "^merged_as",
    )
    search_help_text = _(
        "Number, title, owner's name or e-mail address, path of a repository, or the hash of a changeset"
    )
    ordering = ("-id",)
    inlines = (ReviewerInline, IterationInline)


@admin.register(Comment)
class CommentAdmin(ReadOnlyAdmin):
    list_display = ("id", "author", "excerpt", "pull_request", "repository", "path", "created_on", "deleted_on")
    list_display_links = ("id", "excerpt")
    list_filter = (("deleted_on", admin.EmptyFieldListFilter),)
    list_select_related = ("author", "pull_request", "repository")
    search_fields = (*known_by("author"), "text", "path", "repository__name", "=pull_request__id", "^raw_id")
    search_help_text = _(
        "Author's name or e-mail address, text, path, number of a pull request, or the hash of a changeset"
    )
    ordering = ("-id",)
    inlines = (CommentEditInline,)

    @admin.display(description=_("text"))
    def excerpt(self, comment: Comment) -> str:
        return Truncator(comment.text).chars(60)


@admin.register(ChangesetStatus)
class ChangesetStatusAdmin(ReadOnlyAdmin):
    list_display = ("id", "user", "status", "repository", "short_id", "pull_request", "modified_on")
    list_filter = ("status",)
    list_select_related = ("user", "repository", "pull_request")
    search_fields = (*known_by("user"), "repository__name", "=pull_request__id", "^raw_id")
    ordering = ("-id",)

    @admin.display(description=_("changeset"), ordering="raw_id")
    def short_id(self, vote: ChangesetStatus) -> str:
        return vote.raw_id[:12]


class ReviewPolicyForm(ServiceForm):
    class Meta:
        model = ReviewPolicy
        fields = ("repository", "needs_approval", "fast_forward")

    def write(self, actor: Actor, values: dict[str, Any]) -> ReviewPolicy:
        repository = self.instance.repository if self.instance.pk else values.pop("repository")
        return policies.decide(actor=actor, repository=repository, **values)


@admin.register(ReviewPolicy)
class ReviewPolicyAdmin(ServiceAdmin):
    """A second one for the same repository replaces the first."""

    form = ReviewPolicyForm
    list_display = ("repository", "needs_approval", "fast_forward")
    list_filter = ("needs_approval",)
    list_select_related = ("repository",)
    search_fields = ("repository__name",)
    autocomplete_fields = ("repository",)
    ordering = ("repository__name",)

    def get_readonly_fields(self, request: HttpRequest, obj: ReviewPolicy | None = None) -> Any:
        return ("repository",) if obj else ()

    def remove(self, actor: Actor, row: ReviewPolicy) -> None:
        policies.forget(actor=actor, repository=row.repository)


class MailPreferenceForm(ServiceForm):
    class Meta:
        model = MailPreference
        fields = ("user", "choice")

    def write(self, actor: Actor, values: dict[str, Any]) -> MailPreference:
        user = self.instance.user if self.instance.pk else values.pop("user")
        return notices.prefer(actor=actor, user=user, **values)


@admin.register(MailPreference)
class MailPreferenceAdmin(ServiceAdmin):
    """A second one for the same user replaces the first."""

    form = MailPreferenceForm
    list_display = ("user", "choice")
    list_filter = ("choice",)
    list_select_related = ("user",)
    search_fields = known_by("user")
    autocomplete_fields = ("user",)
    ordering = ("user__username",)

    def get_readonly_fields(self, request: HttpRequest, obj: MailPreference | None = None) -> Any:
        return ("user",) if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: MailPreference | None = None) -> bool:
        return False
