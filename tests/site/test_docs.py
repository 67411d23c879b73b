"""The documentation says what the program does."""

import re

from tests.site.running import ROOT


def test_every_setting_is_documented():
    settings = (ROOT / "kallithea_site" / "settings.py").read_text()
    bootstrap = (ROOT / "kallithea_site" / "bootstrap.py").read_text()
    read = set(re.findall(r'(?:environ\.get|env_\w+)\("([A-Z_]+)"', settings + bootstrap))
    assert len(read) > 30
    documented = set(re.findall(r"`([A-Z_]+)`", (ROOT / "docs" / "deployment.md").read_text()))
    assert read - documented == set()


def test_links_between_documents_lead_somewhere():
    for document in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name}: {target}"
