"""Texts that exist in every configured language."""

from modeltranslation.translator import TranslationOptions, register

from repos.models import Repository, RepositoryGroup


@register(Repository)
class RepositoryTranslation(TranslationOptions):
    fields = ("description",)


@register(RepositoryGroup)
class RepositoryGroupTranslation(TranslationOptions):
    fields = ("description",)
