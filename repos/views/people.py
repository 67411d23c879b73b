"""Pages about a person that need repositories: API keys that open one, the journal, what one follows."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.actors import Actor
from accounts.forms import LEVELS, ApiKeyForm, explain
from accounts.middleware import ActorRequest
from accounts.models import JournalEntry
from accounts.pages import page, signed_in
from accounts.permissions import Level
from accounts.services import keys
from repos.models import Follower, Repository, lookup
from repos.views import feeds
from repos.views.base import address

PAGE = 50


@never_cache
@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def api_keys(request: ActorRequest) -> HttpResponseBase:
    """See and copy one's keys, add one. Keys are shown to a session only: a stolen one must not show the others."""
    user = request.actor.user
    form = ApiKeyForm(request.POST or None)
    if form.is_valid():
        try:
            _create_key(request.actor, form)
        except ValidationError as error:
            explain(form, error)
        else:
            messages.success(request, _("The key is made. Copy it from the list."))
            return redirect("my_account_api_keys")
    rows = keys.of(request.actor, user)
    names = dict(
        Repository.objects.visible_to(request.actor)
        .filter(pk__in=[key.repository_id or 0 for key in rows])
        .values_list("pk", "name")
    )
    context = {
        "form": form,
        "tab": "api_keys",
        "keys": [(key, names.get(key.repository_id or 0), LEVELS[Level(key.level)]) for key in rows],
        "values_shown": request.actor.key is None,
    }
    return page(request, "accounts/api_keys.html", context)


def _create_key(actor: Actor, form: ApiKeyForm) -> None:
    values = dict(form.cleaned_data)
    name = cast("str", values.pop("repository"))
    if name:
        repository = lookup.by_names(actor, [name]).get(name)
        if repository is None:
            raise ValidationError({"repository": _("There is no such repository.")})
        values["repository_id"] = repository.pk
    keys.create(actor=actor, user=actor.user, **values)


@signed_in
@require_safe
def following(request: ActorRequest) -> HttpResponseBase:
    """The repositories whose news come in the journal."""
    rows = Repository.objects.visible_to(request.actor).filter(followers__user=request.actor.user).order_by("name")
    shown = Paginator(rows, PAGE).get_page(request.GET.get("page"))
    return page(request, "accounts/following.html", {"page": shown, "tab": "following"})


# -- journal -------------------------------------------------------------------------------------------------------


def own_news(actor: Actor) -> QuerySet[JournalEntry]:
    """What one did, and what happened to repositories that one follows and may read."""
    followed = Follower.objects.filter(user=actor.user).values("repository")
    visible = Repository.objects.visible_to(actor).filter(pk__in=followed).order_by().values("pk")
    news = Q(subject_type="repository", subject_id__in=visible)
    return JournalEntry.objects.filter(news if actor.is_bound else news | Q(user=actor.user))


def public_news(actor: Actor) -> QuerySet[JournalEntry]:
    """What happened to the repositories that the visitor may read."""
    visible = Repository.objects.visible_to(actor).order_by().values("pk")
    return JournalEntry.objects.filter(subject_type="repository", subject_id__in=visible)


@signed_in
@require_safe
def journal(request: ActorRequest) -> HttpResponseBase:
    return _journal(request, own_news(request.actor), is_public=False)


@require_safe
def public_journal(request: ActorRequest) -> HttpResponseBase:
    return _journal(request, public_news(request.actor), is_public=True)


def _journal(request: ActorRequest, entries: QuerySet[JournalEntry], *, is_public: bool) -> HttpResponse:
    words = request.GET.get("filter", "").replace("\0", "").split()[:10]
    for word in words:
        entries = entries.filter(
            Q(username__icontains=word) | Q(subject_name__icontains=word) | Q(action__icontains=word)
        )
    found = Paginator(entries, PAGE).get_page(request.GET.get("page"))
    numbers = {entry.subject_id or 0 for entry in found if entry.subject_type == "repository"}
    names = dict(Repository.objects.visible_to(request.actor).filter(pk__in=numbers).values_list("pk", "name"))
    rows = [
        (entry, names.get(entry.subject_id or 0) if entry.subject_type == "repository" else None) for entry in found
    ]
    context = {"page": found, "rows": rows, "filter": " ".join(words), "is_public": is_public}
    return page(request, "repos/journal.html", context)


@signed_in
@require_safe
def journal_feed(request: ActorRequest, kind: str) -> HttpResponseBase:
    return _feed(request, own_news(request.actor), "journal", kind)


@require_safe
def public_journal_feed(request: ActorRequest, kind: str) -> HttpResponseBase:
    return _feed(request, public_news(request.actor), "public journal", kind)


def _feed(request: ActorRequest, entries: QuerySet[JournalEntry], title: str, kind: str) -> HttpResponse:
    site = request.build_absolute_uri("/")
    journal = reverse(title.replace(" ", "_"))
    feed = feeds.begin(request, kind, f"{title.capitalize()} {kind} feed", title, journal)
    for entry in entries[:20]:
        is_repository = entry.subject_type == "repository"
        link = request.build_absolute_uri(address(f"_{entry.subject_id}") if is_repository else journal)
        text, name = str(entry), f"{site}#journal-{entry.pk}"
        feeds.add(feed, name, title=text, text=text, author=entry.username, date=entry.created_on, link=link)
    return feeds.answer(feed, kind)
