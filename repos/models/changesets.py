"""What changesets are, stored once per hash: it can never change, whichever repository holds it."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from repos.models.repositories import Repository


class StoredChangeset(models.Model):
    """Metadata and file list of a changeset. Which changesets a repository has, and in which order, its tool says."""

    raw_id = models.CharField(max_length=40, primary_key=True)
    author = models.TextField(_("author"))  # "Name <mail>" as recorded
    author_email = models.CharField(_("author's e-mail address"), max_length=255, blank=True, db_index=True)
    timestamp = models.BigIntegerField(_("date"), db_index=True)  # seconds since 1970, UTC
    utc_offset = models.IntegerField(default=0)  # seconds east of UTC, as recorded
    message = models.TextField(_("message"))
    parents = models.TextField(blank=True)  # raw_ids, with spaces between them
    branch = models.CharField(_("named branch"), max_length=255, blank=True)  # Mercurial only
    #: JSON text ``{"added": [...], "changed": [...], "removed": [...]}``, spliced into answers as it is;
    #: empty while nobody has asked for it.
    files = models.TextField(blank=True)

    class Meta:
        verbose_name = _("changeset")
        verbose_name_plural = _("changesets")

    def __str__(self) -> str:
        return self.raw_id[:12]


class RepositoryChangeset(models.Model):
    """That a repository has a changeset: what reports count. Kept by :func:`repos.services.changesets.sync`.

    Pages and the API ask the tool instead, which also knows the order.
    """

    pk = models.CompositePrimaryKey("repository_id", "changeset_id")
    repository = models.ForeignKey(Repository, models.CASCADE, db_index=False, related_name="changesets")
    changeset = models.ForeignKey(StoredChangeset, models.CASCADE, related_name="repository_rows")

    class Meta:
        verbose_name = _("changeset of a repository")
        verbose_name_plural = _("changesets of repositories")

    def __str__(self) -> str:
        return f"{self.changeset_id[:12]} in {self.repository_id}"
