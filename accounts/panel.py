"""How the admin panel writes: through the services, as ``request.actor``, never by saving a row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any, ClassVar, cast

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import BadRequest, PermissionDenied, ValidationError
from django.db import DataError, models, transaction
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.admin import ModelAdmin
from unfold.decorators import action

from accounts.actors import Actor
from accounts.forms import explain
from accounts.middleware import ActorRequest

#: Fields that hold passwords and keys, or their digests.
SECRETS = frozenset({"password", "digest", "encrypted", "clone_uri"})


def actor_of(request: HttpRequest) -> Actor:
    return cast("ActorRequest", request).actor


def descriptions_of(model: type[models.Model], name: str = "description") -> tuple[str, ...]:
    """``description_en``, ``description_de``, ...: one for each language of the site."""
    return tuple(field.name for field in model._meta.fields if field.name.startswith(f"{name}_"))


def by_language(values: Mapping[str, Any], name: str = "description") -> dict[str, str]:
    """What was typed into those fields, by language."""
    return {code: values[f"{name}_{code}"] or "" for code in settings.MODELTRANSLATION_LANGUAGES}


def language_tabs(name: str = "description") -> list[Any]:
    """A tab of the form for each language."""
    languages = dict(settings.LANGUAGES)
    return [
        (languages.get(code, code), {"fields": (f"{name}_{code}",), "classes": ("tab",)})
        for code in settings.MODELTRANSLATION_LANGUAGES
    ]


def known_by(path: str) -> tuple[str, ...]:
    """Search fields: what people know of the user that ``path`` leads to."""
    return tuple(f"{path}__{name}" for name in ("username", "firstname", "lastname", "email"))


def is_number(text: str) -> bool:
    """Whether it can be the number of a row."""
    return text.isdecimal() and len(text) < 19


def panel_page(request: HttpRequest, template: str, title: Any, **context: Any) -> TemplateResponse:
    """A page of the panel that is no list and no form of a model."""
    return TemplateResponse(request, template, {**admin.site.each_context(request), "title": title, **context})


def list_button(
    description: Any, url_path: str, icon: str
) -> Callable[[Callable[[Any, HttpRequest], HttpResponseBase]], Any]:
    """Makes a method of a model's panel a link above its list, to a page that changes nothing by itself."""
    make: Any = action
    return make(description=description, url_path=url_path, icon=icon)  # type: ignore[no-any-return]


def attempt(
    request: HttpRequest, action: Callable[[], object], done: Any, refusals: tuple[type[Exception], ...] = ()
) -> bool:
    """Do something, and say ``done``, or why it was refused."""
    try:
        action()
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    except PermissionDenied as error:
        messages.error(request, str(error))
    except refusals as error:
        messages.error(request, str(error))
    else:
        messages.success(request, done)
        return True
    return False


class ServiceForm(forms.ModelForm):  # type: ignore[type-arg]
    """A form whose last check is the service itself: what that refuses is shown next to the field."""

    actor: ClassVar[Actor]
    #: Services that move folders end their transaction themselves; then :meth:`write` calls one service only.
    atomic: ClassVar[bool] = True
    #: What services call an argument -> the field, where that has another name.
    typed_into: ClassVar[dict[str, str]] = {}
    #: What services raise besides ``ValidationError``, with a text for people.
    refusals: ClassVar[tuple[type[Exception], ...]] = (PermissionDenied,)
    saved: models.Model | None = None

    def write(self, actor: Actor, values: dict[str, Any]) -> models.Model:
        """Call the service with the cleaned ``values``; ``self.instance`` is the row as it was, if it has a key."""
        raise NotImplementedError

    def is_valid(self) -> bool:
        if not super().is_valid():
            return False
        if self.saved is None:
            try:
                with (
                    transaction.atomic() if self.atomic else nullcontext()
                ):  # several services may be called: all or nothing
                    self.saved = self.write(self.actor, self.cleaned_data)
            except ValidationError as error:
                explain(self, error, self.typed_into)
            except self.refusals as error:
                self.add_error(self.field_of(error), str(error))
        return self.saved is not None

    def field_of(self, error: Exception) -> str | None:
        """The field that a refusal without a text of its own for it is about, if it is about one."""
        return None

    def _post_clean(self) -> None:
        """The row stays as it was until the service changes it, and the service does the checking."""

    def save(self, commit: bool = True) -> Any:
        return self.saved


class NoTransaction(admin.ModelAdmin):  # type: ignore[type-arg]
    """Django would put a transaction around every change; the services have their own, some never inside another."""

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        return self._changeform_view(request, object_id, form_url, extra_context)  # type: ignore[attr-defined]

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None) -> Any:
        return self._delete_view(request, object_id, extra_context)  # type: ignore[attr-defined]


class ServiceAdmin(ModelAdmin, NoTransaction):  # type: ignore[misc]
    """A model whose rows change through :class:`ServiceForm` and go through :meth:`remove`."""

    list_per_page = 50
    actions_list: Any = ()
    change_form_outer_before_template: Any = None

    def remove(self, actor: Actor, row: Any) -> None:
        """Call the service that deletes."""
        raise NotImplementedError

    def facts(self, row: Any) -> dict[str, Any]:
        """What ``change_form_outer_before_template`` shows above the form besides the row, ``original``."""
        return {}

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        if (row := kwargs.get("obj")) is not None:
            context.update(self.facts(row))
        return super().render_change_form(request, context, *args, **kwargs)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        return type(form.__name__, (form,), {"actor": actor_of(request)})

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        return form.saved

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Done by the form."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Done by the form."""

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self.remove(actor_of(request), obj)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for row in queryset:
            try:
                self.remove(actor_of(request), row)
            except ValidationError as error:
                messages.error(request, f"{row}: {' '.join(error.messages)}")

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        try:
            return super().delete_view(request, object_id, extra_context)
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
            name = f"admin:{self.opts.app_label}_{self.opts.model_name}_change"
            return HttpResponseRedirect(reverse(name, args=[object_id]))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What goes with a row goes with it, also what could not be deleted alone (a built-in key)."""
        to_delete, counts, _forbidden, protected = super().get_deleted_objects(objs, request)
        return to_delete, counts, set(), protected

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """A field that searches looks up what was chosen in order to show it, before anything has checked that."""
        given = (request.GET, request.POST)
        chosen = [str(one) for name in self.autocomplete_fields for values in given for one in values.getlist(name)]
        if not all(map(is_number, filter(None, chosen))):
            raise BadRequest("rows are chosen by their numbers")
        return super().changeform_view(request, *args, **kwargs)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """What the database cannot make anything of (the year 99999999) is a wrong filter like any other."""
        chosen = [str(value) for name, value in request.GET.items() if name.endswith("__id__exact")]
        if not all(map(is_number, filter(None, chosen))):
            raise IncorrectLookupParameters
        try:
            return super().get_changelist_instance(request)
        except (ValueError, OverflowError, DataError) as error:
            raise IncorrectLookupParameters from error

    def response_action(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if not all(is_number(str(number)) for number in request.POST.getlist(ACTION_CHECKBOX_NAME)):
            raise BadRequest("rows are chosen by their numbers")
        return super().response_action(request, *args, **kwargs)

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """A filter answers yes or no, and so letter by letter what no page shows."""
        return not SECRETS.intersection(lookup.split("__")) and super().lookup_allowed(lookup, value, request)

    # The site lets administrators in and nobody else; the services check again.

    def has_module_permission(self, request: HttpRequest) -> bool:
        return actor_of(request).is_admin

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return actor_of(request).is_admin

    def has_add_permission(self, request: HttpRequest) -> bool:
        return actor_of(request).is_admin

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return actor_of(request).is_admin

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return actor_of(request).is_admin

    # The services write the journal; Django's own log would be a second one.

    def log_addition(self, *args: Any) -> None: ...  # type: ignore[override]

    def log_change(self, *args: Any) -> None: ...  # type: ignore[override]

    def log_deletions(self, *args: Any) -> None: ...  # type: ignore[override]


class ReadOnly:
    """Mixed into a panel or an inline: what it shows is made and kept elsewhere."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnlyAdmin(ReadOnly, ServiceAdmin):  # type: ignore[misc]
    """A model to look at."""
