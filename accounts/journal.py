"""The one way into the audit journal; every service that writes calls it once, in its transaction."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils.translation import gettext, gettext_noop

from accounts.actors import Actor
from accounts.models import JournalEntry

#: What the journal's page says of an action; those of programs of your own are shown as they are.
WORDS = {
    "add_member": gettext_noop("added somebody to the user group"),
    "add_user_email": gettext_noop("added an e-mail address to"),
    "add_user_ip": gettext_noop("allowed an address to"),
    "close_pull_request": gettext_noop("closed the pull request"),
    "comment_changeset": gettext_noop("commented on a changeset in"),
    "comment_pull_request": gettext_noop("commented on the pull request"),
    "create_api_key": gettext_noop("created an API key for"),
    "create_gist": gettext_noop("created the gist"),
    "create_repository": gettext_noop("created the repository"),
    "create_repository_group": gettext_noop("created the repository group"),
    "create_user": gettext_noop("created the user"),
    "create_user_group": gettext_noop("created the user group"),
    "delete_comment": gettext_noop("deleted a comment on"),
    "delete_gist": gettext_noop("deleted the gist"),
    "delete_repository": gettext_noop("deleted the repository"),
    "delete_repository_group": gettext_noop("deleted the repository group"),
    "delete_user": gettext_noop("deleted the user"),
    "delete_user_group": gettext_noop("deleted the user group"),
    "detach_fork": gettext_noop("detached from its parent"),
    "edit_comment": gettext_noop("changed a comment on"),
    "edit_pull_request": gettext_noop("changed the pull request"),
    "edit_reviewers": gettext_noop("changed the reviewers of"),
    "find_repository": gettext_noop("found on the disk"),
    "forget_review_policy": gettext_noop("took back the review policy of"),
    "fork_repository": gettext_noop("forked to"),
    "give_global_permission": gettext_noop("gave a global permission to"),
    "grant": gettext_noop("granted permissions on"),
    "invalidate_cache": gettext_noop("read again"),
    "merge_pull_request": gettext_noop("merged the pull request"),
    "open_pull_request": gettext_noop("opened the pull request"),
    "pull": gettext_noop("pulled into"),
    "push": gettext_noop("pushed to"),
    "register": gettext_noop("registered as"),
    "remove_field": gettext_noop("removed a field of"),
    "remove_member": gettext_noop("removed somebody from the user group"),
    "remove_user_email": gettext_noop("removed an e-mail address of"),
    "remove_user_ip": gettext_noop("removed an allowed address of"),
    "reset_api_key": gettext_noop("reset the API key of"),
    "retry_job": gettext_noop("started the job again"),
    "revoke": gettext_noop("revoked permissions on"),
    "revoke_api_key": gettext_noop("revoked an API key of"),
    "send_password_link": gettext_noop("sent a link for a new password to"),
    "set_field": gettext_noop("set a field of"),
    "set_mail_preference": gettext_noop("set the e-mail preference of"),
    "set_review_policy": gettext_noop("set the review policy of"),
    "take_global_permission": gettext_noop("took a global permission from"),
    "update_default_permissions": gettext_noop("changed the default permissions of"),
    "update_pull_request": gettext_noop("updated the pull request"),
    "update_repository": gettext_noop("changed the repository"),
    "update_repository_group": gettext_noop("changed the repository group"),
    "update_site_settings": gettext_noop("changed the settings of"),
    "update_user": gettext_noop("changed the user"),
    "update_user_group": gettext_noop("changed the user group"),
}


def words(action: str) -> str:
    """``action`` as people say it, to be followed by what it was done to."""
    return gettext(WORDS[action]) if action in WORDS else action


def record(actor: Actor | None, action: str, subject: models.Model | None = None, **data: Any) -> JournalEntry:
    """Write down that ``actor`` did ``action`` (``verb_noun``) to ``subject``; ``data`` holds no secrets.

    Without an actor nobody knows who it was: a repository was changed on the disk.
    """
    return JournalEntry.objects.create(
        user_id=actor.user.pk if actor is not None else None,
        username=actor.user.username if actor is not None else "",
        action=action,
        subject_type=(subject._meta.model_name or "") if subject is not None else "",
        subject_id=subject.pk if subject is not None else None,
        subject_name=str(subject)[:512] if subject is not None else "",
        data=data,
        address=(actor.address or "") if actor is not None else "",
        api_key_id=actor.key.pk if actor is not None and actor.key is not None else None,
    )
