"""Names that database, disk, URLs and tools read alike; all others are refused (K11)."""

import unicodedata

import pytest

from repos.models import Repository, RepositoryGroup
from repos.services import names
from repos.services.errors import InvalidName, NameTaken
from tests.factories import RepositoryFactory, RepositoryGroupFactory


@pytest.mark.parametrize("name", ["a", "r_ü", "r_dot.", ".r_dot", "r_x.git", "a.b_c-d", "日本", "v1", "1a", "ä" * 127])
def test_good_names(name):
    assert names.full_name(None, name) == name


BAD = [
    *(
        "",
        ".",
        "..",
        ".hg",
        ".git",
        ".HG",
        ".Git",
        ".staging",
        ".rc_gist_store",
        "a/b",
        "/a",
        "a/",
        "a//b",
        "a\\b",
        "a\0b",
        "a\nb",
        "a b",
    ),
    *(" a", "a ", "a\u00a0b", "a\u200bb", "a\u202eb", "-a", "a-", "--help", "a--b", "a;b", "a'b", 'a"b', "a#b", "a?b"),
    *("a%2e", "a*", "a:b", "a|b", "a&b", "a@b", "~a", "$a", "`a`", "a,b", "rm__x", "a" * 256, "ü" * 128, "a\ud800"),
]


@pytest.mark.parametrize("name", BAD)
def test_bad_names(name):
    with pytest.raises(InvalidName):
        names.check_part(name)


@pytest.mark.parametrize("name", ["_1", "_12x", "_admin", "_Admin", "_static", "123", "٣"])
def test_names_that_mean_something_else_at_the_top_only(name):
    with pytest.raises(InvalidName):
        names.full_name(None, name)
    assert names.full_name(RepositoryGroup(name="group"), name) == f"group/{name}"


def test_the_whole_path_is_bounded():
    with pytest.raises(InvalidName):
        names.full_name(RepositoryGroup(name="g" * 200), "r" * 60)


def test_two_spellings_of_a_letter_are_one_name():
    assert names.full_name(None, unicodedata.normalize("NFD", "ü")) == "ü"
    assert not names.is_valid(unicodedata.normalize("NFD", "ü"))


@pytest.mark.parametrize(
    ("path", "good"), [("a/b", True), ("a//b", False), ("a/.hg", False), ("_1", False), ("7", False)]
)
def test_found_folders(path, good):
    assert names.is_valid(path) is good


@pytest.mark.django_db
def test_taken_names():
    repository, group = RepositoryFactory(name="repository"), RepositoryGroupFactory(name="group")
    for name, model in [
        ("repository", Repository),
        ("repository", RepositoryGroup),
        ("Repository", RepositoryGroup),
        ("group", Repository),
        ("Group", Repository),
        ("group", RepositoryGroup),
    ]:
        with pytest.raises(NameTaken):
            names.check_free(name, model)
    names.check_free("repository", Repository, but=repository.pk)
    names.check_free("group", RepositoryGroup, but=group.pk)
    names.check_free("Repository", Repository)  # recorded: R_MIN beside r_min
