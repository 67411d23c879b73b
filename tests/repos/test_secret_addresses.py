"""An address to pull from may hold a password; the database alone does not tell it."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection

from repos.models import Repository, lookup
from tests.factories import RepositoryFactory, actor

pytestmark = pytest.mark.django_db

ADDRESS = "https://robot:s3cret@example.com/großes/projekt"
WITHOUT = "https://***@example.com/großes/projekt"


def stored(repository):
    with connection.cursor() as cursor:
        cursor.execute("SELECT clone_uri FROM repos_repository WHERE id = %s", [repository.pk])
        return cursor.fetchone()[0]


def test_the_password_is_encrypted_and_comes_back():
    repository = RepositoryFactory(clone_uri=ADDRESS)
    assert stored(repository).startswith(f"{WITHOUT} ")
    assert "s3cret" not in stored(repository)
    assert Repository.objects.get(pk=repository.pk).clone_uri == ADDRESS
    assert lookup.by_number(actor(repository.owner), repository.pk).clone_uri == ADDRESS
    repository.refresh_from_db()
    repository.save()
    assert Repository.objects.only("clone_uri").get(pk=repository.pk).clone_uri == ADDRESS


@pytest.mark.parametrize("address", [None, "", "https://example.com/x", "git@example.com:x.git"])
def test_others_are_stored_as_they_are(address):
    repository = RepositoryFactory(clone_uri=address)
    assert stored(repository) == address
    assert Repository.objects.get(pk=repository.pk).clone_uri == address


def test_the_longest_has_room():
    address = "https://robot:s3cret@example.com/".ljust(1024, "x")
    assert Repository.objects.get(pk=RepositoryFactory(clone_uri=address).pk).clone_uri == address


def test_another_secret_leaves_the_address_without_its_password(settings):
    repository = RepositoryFactory(clone_uri=ADDRESS)
    settings.SECRET_KEY = "another one"
    assert Repository.objects.get(pk=repository.pk).clone_uri == WITHOUT


def test_what_older_versions_have_written_is_encrypted():
    repository = RepositoryFactory()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE repos_repository SET clone_uri = %s WHERE id = %s", [ADDRESS, repository.pk])
    assert stored(repository) == ADDRESS
    assert Repository.objects.get(pk=repository.pk).clone_uri == ADDRESS
    import_module("repos.migrations.0006_secret_addresses").encrypt(apps, None)
    assert "s3cret" not in stored(repository)
    assert Repository.objects.get(pk=repository.pk).clone_uri == ADDRESS
