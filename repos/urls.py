"""What follows ``/<repository>/`` or ``/_<repository number>/``."""

from django.urls import path, register_converter
from django.urls.converters import StringConverter

from repos.views import archives, browse, changesets, diffs, feeds, files, manage, relations


class RestConverter(StringConverter):
    """Everything up to the end; a file's name may hold a line break."""

    regex = "(?s:.+)"


register_converter(RestConverter, "rest")

urlpatterns = [
    path("", browse.summary),
    path("summary", browse.summary),
    path("changelog", browse.changelog),
    path("changelog/<rest:rest>", browse.changelog),
    path("shortlog", browse.changelog),
    path("changeset/<rest:revision>", changesets.changeset),
    path("compare", changesets.compare),
    path("compare/<rest:rest>", changesets.compare),
    path("files", browse.files_entry),
    path("files/<rest:rest>", browse.files),
    path("annotate/<rest:rest>", browse.annotate),
    path("branches", relations.references),
    path("tags", relations.references),
    path("bookmarks", relations.references),
    path("forks", relations.forks),
    path("followers", relations.followers),
    path("follow", relations.follow),
    path("fork", manage.fork),
    path("settings", manage.settings),
    path("settings/permissions", manage.permissions),
    path("settings/fields", manage.extra_fields),
    path("settings/remote", manage.remote),
    path("settings/danger", manage.danger),
    path("refresh", manage.refresh),
    path("changeset-diff/<rest:revision>", diffs.changeset_diff),
    path("changeset-patch/<rest:revision>", diffs.changeset_patch),
    path("changeset-download/<rest:revision>", diffs.changeset_download),
    path("raw-changeset/<rest:revision>", diffs.changeset_diff),
    path("diff/<rest:path>", diffs.file_diff),
    path("archive/<rest:name>", archives.archive),
    path("raw/<rest:rest>", files.raw),
    path("rawfile/<rest:rest>", files.rawfile),
    path("nodelist/<rest:rest>", files.nodelist),
    path("refs-data", files.refs_data),
    path("feed/rss", feeds.rss),
    path("feed/atom", feeds.atom),
]
