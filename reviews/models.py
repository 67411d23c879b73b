"""Talk about changesets: pull requests with their iterations, comments and votes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q, Subquery
from django.urls import get_script_prefix
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.permissions import Level
from repos.models import Repository

if TYPE_CHECKING:
    from accounts.actors import Actor
    from accounts.models import User


class PullRequestQuerySet(models.QuerySet["PullRequest"]):
    def visible_to(self, actor: Actor) -> Self:
        """Those whose origin *and* target ``actor`` may read; the only way in which views and API obtain one."""
        readable = Repository.objects.all().visible_to(actor, Level.READ).order_by().values("pk")
        return self.filter(origin__in=readable, target__in=readable)

    def to_review(self, user: User) -> Self:
        """Those that wait for a verdict of a reviewer on the newest iteration, and the closed ones."""
        newest = ChangesetStatus.objects.filter(pull_request=OuterRef("pull_request"), user=user).order_by("-pk")
        verdict = ChangesetStatus.objects.filter(
            pk=Subquery(newest.values("pk")[:1]),
            pull_request=OuterRef("pk"),
            iteration__number=OuterRef("iteration_number"),
            status__in=(VoteStatus.APPROVED, VoteStatus.REJECTED),
        )
        asked = self.filter(reviewer_rows__user=user)
        return asked.exclude(Exists(verdict), status=PullRequest.Status.NEW)


class PullRequest(models.Model):
    """The wish to bring the changesets of a reference of ``origin`` into a branch of ``target``.

    What is asked for is in its iterations; the newest one counts, the others stay viewable.
    """

    class Status(models.TextChoices):
        NEW = "new", _("open")
        CLOSED = "closed", _("closed")
        MERGED = "merged", _("merged")

    title = models.CharField(_("title"), max_length=255)
    description = models.TextField(_("description"), blank=True)
    status = models.CharField(_("status"), max_length=16, choices=Status.choices, default=Status.NEW)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="pull_requests", verbose_name=_("owner")
    )
    origin = models.ForeignKey(
        Repository, models.CASCADE, related_name="pull_requests_from", verbose_name=_("source repository")
    )
    origin_type = models.CharField(_("source reference type"), max_length=16)  # branch, tag, book, rev
    origin_name = models.CharField(_("source reference"), max_length=255)
    target = models.ForeignKey(
        Repository, models.CASCADE, related_name="pull_requests_into", verbose_name=_("target repository")
    )
    target_type = models.CharField(_("target reference type"), max_length=16, default="branch")
    target_name = models.CharField(_("target reference"), max_length=255)
    #: Number of the newest iteration. Updates are conditional on it, so of two that race one wins.
    iteration_number = models.PositiveIntegerField(_("newest iteration"), default=1)
    #: Where the source reference is when that is not what the newest iteration has: an update is available.
    moved_to = models.CharField(_("source moved to"), max_length=40, blank=True)
    merged_as = models.CharField(_("merged as"), max_length=40, blank=True)  # where the target branch was after it
    created_on = models.DateTimeField(_("created"), default=timezone.now)
    updated_on = models.DateTimeField(_("last change"), default=timezone.now)
    reviewers = models.ManyToManyField(
        settings.AUTH_USER_MODEL, through="Reviewer", related_name="reviewing", verbose_name=_("reviewers")
    )

    objects = PullRequestQuerySet.as_manager()

    class Meta:
        verbose_name = _("pull request")
        verbose_name_plural = _("pull requests")
        ordering = ("pk",)
        indexes = (
            models.Index(fields=("target", "status"), name="pullrequest_target"),
            models.Index(fields=("origin", "status"), name="pullrequest_origin"),
        )

    def __str__(self) -> str:
        return f"#{self.pk} {self.title}"

    def get_absolute_url(self) -> str:
        """The path of its page, as Kallithea writes it: the source reference at the end is for people only."""
        label = self.origin_name if self.origin_name != self.target_name else self.title
        label = re.sub(r"[^A-Za-z0-9\-./]+", "_", label).strip("_")
        return f"{get_script_prefix()}{quote(self.target.name)}/pull-request/{self.pk}/_/{label}"

    @property
    def is_open(self) -> bool:
        return self.status == self.Status.NEW

    @property
    def current(self) -> Iteration:
        """The newest iteration; no query where ``iterations`` are prefetched."""
        return next(row for row in self.iterations.all() if row.number == self.iteration_number)


class Iteration(models.Model):
    """One state of a pull request's source: what it would bring, compared with which state of the target."""

    pull_request = models.ForeignKey(PullRequest, models.CASCADE, related_name="iterations")
    number = models.PositiveIntegerField(_("number"))
    origin_raw_id = models.CharField(_("source changeset"), max_length=40)
    target_raw_id = models.CharField(_("target changeset"), max_length=40)
    ancestor_raw_id = models.CharField(_("common ancestor"), max_length=40)
    revisions: models.JSONField[Any, Any] = models.JSONField(default=list)  # raw_ids, oldest first
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_on = models.DateTimeField(_("created"), default=timezone.now)

    class Meta:
        verbose_name = _("iteration")
        verbose_name_plural = _("iterations")
        ordering = ("pull_request", "number")
        constraints = (models.UniqueConstraint("pull_request", "number", name="iteration_number"),)

    def __str__(self) -> str:
        return f"{self.pull_request_id}.{self.number}"


class Reviewer(models.Model):
    """Somebody who was asked for a vote."""

    pull_request = models.ForeignKey(PullRequest, models.CASCADE, related_name="reviewer_rows")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    since = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("reviewer")
        verbose_name_plural = _("reviewers")
        ordering = ("pk",)
        constraints = (models.UniqueConstraint("pull_request", "user", name="reviewer_once"),)

    def __str__(self) -> str:
        return f"{self.user} reviews #{self.pull_request_id}"


class CommentQuerySet(models.QuerySet["Comment"]):
    def present(self) -> Self:
        """Those that have not been deleted."""
        return self.filter(deleted_on=None)

    def on_changeset(self, repository: Repository, raw_id: str) -> Self:
        """Those on a changeset outside any pull request."""
        return self.filter(repository=repository, raw_id=raw_id)


class Comment(models.Model):
    """A remark on a pull request or on a changeset; on all of it, on a file (``path``), or on a line of one side."""

    class Side(models.TextChoices):
        OLD = "old", _("before")
        NEW = "new", _("after")

    pull_request = models.ForeignKey(PullRequest, models.CASCADE, null=True, blank=True, related_name="comments")
    iteration = models.ForeignKey(Iteration, models.CASCADE, null=True, blank=True, related_name="comments")
    repository = models.ForeignKey(Repository, models.CASCADE, null=True, blank=True, related_name="comments")
    raw_id = models.CharField(_("changeset"), max_length=40, blank=True)
    path = models.TextField(_("file"), blank=True)
    side = models.CharField(_("side"), max_length=3, choices=Side.choices, blank=True)
    line = models.PositiveIntegerField(_("line"), null=True, blank=True)
    reply_to = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="replies")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="comments")
    text = models.TextField(_("text"), blank=True)  # a vote without words has an empty one
    created_on = models.DateTimeField(_("created"), default=timezone.now)
    modified_on = models.DateTimeField(_("last change"), default=timezone.now)
    deleted_on = models.DateTimeField(_("deleted"), null=True, blank=True)

    objects = CommentQuerySet.as_manager()

    class Meta:
        verbose_name = _("comment")
        verbose_name_plural = _("comments")
        ordering = ("pk",)
        constraints = (
            models.CheckConstraint(
                condition=Q(pull_request__isnull=False, repository=None, raw_id="")
                | (Q(pull_request=None, repository__isnull=False) & ~Q(raw_id="")),
                name="comment_one_subject",
            ),
            models.CheckConstraint(
                condition=Q(line=None, side="") | (Q(line__isnull=False) & ~Q(side="") & ~Q(path="")),
                name="comment_line_has_side_and_file",
            ),
        )
        indexes = (models.Index(fields=("repository", "raw_id"), name="comment_changeset"),)

    def __str__(self) -> str:
        return f"{self.pk} by {self.author}"

    @property
    def is_inline(self) -> bool:
        return bool(self.path)


class CommentEdit(models.Model):
    """What a comment said before it was changed or deleted."""

    comment = models.ForeignKey(Comment, models.CASCADE, related_name="edits")
    text = models.TextField(_("text before"), blank=True)
    editor = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    edited_on = models.DateTimeField(_("when"), default=timezone.now)

    class Meta:
        verbose_name = _("earlier text of a comment")
        verbose_name_plural = _("earlier texts of comments")
        ordering = ("pk",)

    def __str__(self) -> str:
        return f"{self.comment_id} before {self.edited_on:%Y-%m-%d %H:%M}"


class VoteStatus(models.TextChoices):
    """Kallithea's words. Imported rows may hold others."""

    NOT_REVIEWED = "not_reviewed", _("not reviewed")
    UNDER_REVIEW = "under_review", _("under review")
    REJECTED = "rejected", _("rejected")
    APPROVED = "approved", _("approved")


class ChangesetStatusQuerySet(models.QuerySet["ChangesetStatus"]):
    def visible_to(self, actor: Actor) -> Self:
        """Those outside any pull request, and in one that ``actor`` may see."""
        seen = PullRequest.objects.visible_to(actor).order_by().values("pk")
        return self.filter(Q(pull_request=None) | Q(pull_request__in=seen))

    def of_changeset(self, repository: Repository, raw_id: str) -> Self:
        """Every vote on a changeset, the newest first."""
        return self.filter(repository=repository, raw_id=raw_id).order_by("-pk")

    def once_per_vote(self) -> Self:
        """One row of each vote on a pull request, however many changesets it is about."""
        return self.filter(Q(iteration=None) | Q(raw_id=F("iteration__origin_raw_id")))


class ChangesetStatus(models.Model):
    """One vote on one changeset; a vote on a pull request is one row for each of the iteration's changesets.

    Rows are only added. The highest number of a (repository, raw_id) is the changeset's status, the highest of a
    (pull request, user) is that person's vote.
    """

    repository = models.ForeignKey(Repository, models.CASCADE, related_name="changeset_statuses")  # the origin
    raw_id = models.CharField(_("changeset"), max_length=40)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="votes")
    status = models.CharField(_("status"), max_length=255, choices=VoteStatus.choices)
    comment = models.ForeignKey(Comment, models.SET_NULL, null=True, related_name="statuses")
    pull_request = models.ForeignKey(PullRequest, models.CASCADE, null=True, blank=True, related_name="statuses")
    iteration = models.ForeignKey(Iteration, models.CASCADE, null=True, blank=True, related_name="statuses")
    modified_on = models.DateTimeField(_("when"), default=timezone.now)

    objects = ChangesetStatusQuerySet.as_manager()

    class Meta:
        verbose_name = _("vote")
        verbose_name_plural = _("votes")
        ordering = ("pk",)
        indexes = (models.Index(F("repository"), F("raw_id"), F("id").desc(), name="changesetstatus_newest"),)

    def __str__(self) -> str:
        return f"{self.user}: {self.status}"


class ReviewPolicy(models.Model):
    """What a repository asks of a pull request before it is merged; no row means the defaults."""

    repository = models.OneToOneField(Repository, models.CASCADE, related_name="review_policy")
    needs_approval = models.BooleanField(
        _("merge only what is approved"),
        default=False,
        help_text=_("All reviewers have approved the newest iteration, at least one of them is not the owner."),
    )
    fast_forward = models.BooleanField(
        _("fast-forward where possible"),
        default=False,
        help_text=_("No merge changeset where the target has not moved."),
    )

    class Meta:
        verbose_name = _("review policy")
        verbose_name_plural = _("review policies")

    def __str__(self) -> str:
        return str(self.repository)


class MailPreference(models.Model):
    """Which notices a user wants by e-mail; no row means all that concern the user."""

    class Choice(models.TextChoices):
        ALL = "all", _("everything on pull requests that I own, review or take part in")
        MENTIONS = "mentions", _("only when I am asked for a review or mentioned")
        NONE = "none", _("nothing")

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, related_name="mail_preference")
    choice = models.CharField(_("e-mail"), max_length=16, choices=Choice.choices, default=Choice.ALL)

    class Meta:
        verbose_name = _("e-mail preference")
        verbose_name_plural = _("e-mail preferences")

    def __str__(self) -> str:
        return f"{self.user}: {self.choice}"
