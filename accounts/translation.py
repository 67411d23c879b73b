"""Texts that exist in every configured language."""

from modeltranslation.translator import TranslationOptions, register

from accounts.models import SiteSettings, UserGroup


@register(UserGroup)
class UserGroupTranslation(TranslationOptions):
    fields = ("description",)


@register(SiteSettings)
class SiteSettingsTranslation(TranslationOptions):
    fields = ("announcement",)
