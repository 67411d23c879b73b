"""Signing in and out, and the pages of one's own account. (Bound API keys are made in ``repos``, which knows names.)"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.contrib.auth import login, logout, update_session_auth_hash
from django.contrib.auth.tokens import default_token_generator
from django.contrib.sessions.models import Session
from django.core.exceptions import PermissionDenied, ValidationError
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme, urlsafe_base64_decode
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.actors import Actor
from accounts.authentication import (
    AuthenticationFailed,
    TooManyFailures,
    actor_for_password,
    check_failures,
    client_address,
    note_failure,
    origin,
)
from accounts.forms import (
    ChangePasswordForm,
    EmailForm,
    NewPasswordForm,
    ProfileForm,
    RegisterForm,
    SignInForm,
    explain,
)
from accounts.metrics import note_access
from accounts.middleware import ActorRequest
from accounts.models import AccessCount, IpRange, User
from accounts.pages import page, signed_in
from accounts.permissions import DEFAULT_USER_ID
from accounts.services import checks, defaults, emails, keys, passwords, site, users

BACKEND = "accounts.authentication.PasswordBackend"


def safe_target(request: HttpRequest) -> str:
    """Where ``came_from`` leads, if that is a page of this site; else the home page."""
    target = request.POST.get("came_from") or request.GET.get("came_from") or ""
    is_path = re.fullmatch(r"/[^\x00-\x20\x7f\\]*", target) and not target.startswith("//")
    if is_path and url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()}):
        return target
    return reverse("home")


def require_no_key(request: HttpRequest) -> None:
    """Refuse to begin or end a session for who comes with a key.

    Forms with a key need no token, and an address with a key in it can be in anybody's page: a visitor of that page
    would be signed in here as somebody else, without noticing.
    """
    if request.actor.key is not None:  # type: ignore[attr-defined]
        raise PermissionDenied


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponseBase:
    """Every failure says the same; too many of them are refused without looking."""
    if request.method == "POST":
        require_no_key(request)
    form = SignInForm(request.POST or None)
    refused = None
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        try:
            actor = actor_for_password(values["username"], values["password"], client_address(request))
        except TooManyFailures as error:
            refused = _refused(form, error)
        except AuthenticationFailed:
            form.add_error(None, _("User name or password is wrong."))
        else:
            login(request, actor.user, backend=BACKEND)
            request.session.set_expiry(site.current().session_hours * 3600)
            note_access(actor.address, AccessCount.Kind.SIGN_IN)
            request.session["address"] = actor.address
            request.session["since"] = timezone.now().isoformat()
            request.session["browser"] = request.headers.get("User-Agent", "")[:200]
            return HttpResponseRedirect(safe_target(request))
    may_register = defaults.current()["hg.register"] != "hg.register.none"
    context = {"form": form, "came_from": safe_target(request), "home": reverse("home"), "may_register": may_register}
    return _page(request, "accounts/sign_in.html", context, refused)


def _refused(form: Form, error: TooManyFailures) -> TooManyFailures:
    """Say so in the form."""
    form.add_error(None, _("Too many attempts. Try again in %d seconds.") % error.retry_after)
    return error


def _page(request: HttpRequest, template: str, context: Any, refused: TooManyFailures | None) -> HttpResponse:
    """A page with a form whose attempts are counted."""
    answer = page(request, template, context, 429 if refused else 200)
    if refused:
        answer["Retry-After"] = str(refused.retry_after)
    return answer


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    require_no_key(request)
    logout(request)
    return redirect("home")


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def register(request: HttpRequest) -> HttpResponseBase:
    """As the site allows: not at all, after an administrator has looked, or at once."""
    if defaults.current()["hg.register"] == "hg.register.none":
        raise Http404
    form = RegisterForm(request.POST or None)
    refused = None
    if form.is_valid():
        values = {name: value for name, value in form.cleaned_data.items() if name != "again"}
        address = client_address(request)
        try:
            check_failures(address, f"register {origin(address)}")
            note_failure(f"register {origin(address)}")
            user = users.register(address=address, **values)
        except TooManyFailures as error:
            refused = _refused(form, error)
        except ValidationError as error:
            explain(form, error)
        else:
            messages.success(
                request,
                _("You can sign in now.") if user.is_active else _("An administrator will activate your account."),
            )
            return redirect("login")
    return _page(request, "accounts/register.html", {"form": form}, refused)


@require_http_methods(["GET", "HEAD", "POST"])
def ask_for_password(request: HttpRequest) -> HttpResponseBase:
    """Send a link to an address, if it belongs to somebody; the answer does not say whether it does."""
    form = EmailForm(request.POST or None)
    refused = None
    if form.is_valid():
        address = client_address(request)
        subject = f"password reset {origin(address)}"
        try:
            check_failures(address, subject)
        except TooManyFailures as error:
            refused = _refused(form, error)
        else:
            note_failure(subject)
            passwords.ask_for_link(form.cleaned_data["email"])
            messages.success(request, _("If this address belongs to an account, a link is on its way."))
            return redirect("login")
    return _page(request, "accounts/password_ask.html", {"form": form}, refused)


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def reset_password(request: HttpRequest, uid: str, token: str) -> HttpResponseBase:
    """Choose a new password with the link from the mail, once."""
    try:
        number = int(urlsafe_base64_decode(uid))
    except (ValueError, OverflowError):
        number = 0
    user = User.objects.filter(pk=number, is_active=True, extern_type=users.INTERNAL).first()
    if user is None or user.is_default or not default_token_generator.check_token(user, token):
        return page(request, "accounts/password_reset_over.html", status=404)
    form = NewPasswordForm(request.POST or None)
    if form.is_valid():
        try:
            users.update(
                actor=Actor(user=user, address=client_address(request)),
                user=user,
                password=form.cleaned_data["password"],
            )
        except ValidationError as error:
            explain(form, error)
        else:
            messages.success(request, _("You can sign in now."))
            return redirect("login")
    return page(request, "accounts/password_reset.html", {"form": form})


# -- my account ----------------------------------------------------------------------------------------------------


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: ActorRequest) -> HttpResponseBase:
    user = request.actor.user
    form = ProfileForm(request.POST) if request.method == "POST" else ProfileForm.of(user)
    if request.method == "POST" and form.is_valid():
        try:
            users.update(actor=request.actor, user=user, **form.cleaned_data)
        except ValidationError as error:
            explain(form, error)
        else:
            messages.success(request, _("Saved."))
            return redirect("my_account")
    return page(request, "accounts/profile.html", {"form": form, "tab": "profile"})


@signed_in
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def password(request: ActorRequest) -> HttpResponseBase:
    """The present password is asked for, so that an open browser is not enough; other sessions end."""
    user = request.actor.user
    form = ChangePasswordForm(request.POST or None)
    refused = None
    if request.method == "POST" and form.is_valid():
        try:
            actor_for_password(user.username, form.cleaned_data["current"], request.actor.address)
            users.update(actor=request.actor, user=user, password=form.cleaned_data["password"])
        except TooManyFailures as error:
            refused = _refused(form, error)
        except AuthenticationFailed:
            form.add_error("current", _("This is not your current password."))
        except ValidationError as error:
            explain(form, error)
        else:
            if request.actor.key is None:
                update_session_auth_hash(request, user)
            messages.success(request, _("Your password is changed; other sessions have ended."))
            return redirect("my_account_password")
    return _page(request, "accounts/password.html", {"form": form, "tab": "password"}, refused)


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def email_addresses(request: ActorRequest) -> HttpResponseBase:
    """Further addresses, by which the authors of changesets are recognised."""
    user = request.actor.user
    form = EmailForm(request.POST if "add" in request.POST else None)
    try:
        if "remove" in request.POST:
            emails.remove(actor=request.actor, user=user, email=request.POST["remove"])
            return redirect("my_account_emails")
        if form.is_valid():
            emails.add(actor=request.actor, user=user, email=form.cleaned_data["email"])
            return redirect("my_account_emails")
    except ValidationError as error:
        if not form.is_bound:
            form = EmailForm({})
        explain(form, error)
    return page(request, "accounts/emails.html", {"form": form, "tab": "emails", "emails": user.extra_emails.all()})


@signed_in
@require_POST
def revoke_key(request: ActorRequest, number: int) -> HttpResponseBase:
    key = get_object_or_404(request.actor.user.api_keys, pk=number, is_builtin=False)
    keys.revoke(actor=request.actor, key=key)
    messages.success(request, _("The key is revoked and no longer works."))
    return redirect("my_account_api_keys")


@signed_in
@require_POST
def reset_key(request: ActorRequest) -> HttpResponseBase:
    keys.reset(actor=request.actor, user=request.actor.user)
    messages.success(request, _("The built-in key has a new value."))
    return redirect("my_account_api_keys")


@signed_in
@require_safe
def ip_addresses(request: ActorRequest) -> HttpResponseBase:
    """From where one may come; administrators change it."""
    ranges = IpRange.objects.filter(user_id__in=(DEFAULT_USER_ID, request.actor.user.pk))
    return page(request, "accounts/ips.html", {"ranges": ranges, "tab": "ips"})


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def sessions(request: ActorRequest) -> HttpResponseBase:
    """Where one is signed in; every other session can be ended."""
    user, current = request.actor.user, request.session.session_key
    checks.require_secrets(request.actor, user)
    rows = _sessions_of(user)
    if request.method == "POST":
        others = [row["key"] for row in rows if row["key"] != current]
        Session.objects.filter(session_key__in=others).delete()
        messages.success(request, _("All other sessions have ended."))
        return redirect("my_account_sessions")
    for row in rows:
        row["is_current"] = row["key"] == current
    return page(request, "accounts/sessions.html", {"rows": rows, "tab": "sessions"})


def _sessions_of(user: User) -> list[dict[str, Any]]:
    """Django's sessions do not know whose they are: each has to be opened."""
    rows = []
    for session in Session.objects.filter(expire_date__gt=timezone.now()).iterator():
        data = session.get_decoded()
        if str(data.get("_auth_user_id")) == str(user.pk):
            since = data.get("since")
            rows.append(
                {
                    "key": session.session_key,
                    "since": datetime.fromisoformat(since) if since else None,
                    "address": data.get("address", ""),
                    "browser": data.get("browser", ""),
                }
            )
    return rows
