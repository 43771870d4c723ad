"""Pages of documentation: links that lead somewhere, scripts that exist, a README that stays short."""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path

import pytest

from tests.pages import PAGES, ROOT

CODE_BLOCK = re.compile(r"^```.*?^```$", flags=re.DOTALL | re.MULTILINE)
SHOWN_PATH = re.compile(r"(?<![\w/])(?:\.\./)*((?:tests|nmt|data_prep|recipes|docs)/[\w./-]+\.(?:py|sh|c|md|yaml))")
OWN_RECIPE = "recipes/mine_en_de/small.yaml"
"""An example's name for a recipe that the reader writes."""


def prose(page: Path) -> str:
    return CODE_BLOCK.sub("", page.read_text(encoding="utf-8"))


def links(page: Path) -> list[str]:
    """Targets of all links but those to the web; what is between backticks is no link."""
    targets = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`]*`", "code", prose(page)))
    return [target for target in targets if not target.startswith(("http://", "https://"))]


def anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, as GitHub makes them: lower case, letters, digits and hyphens."""
    headings = re.findall(r"^#+ (.+)$", prose(page), flags=re.MULTILINE)
    names = sorted(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings)
    return {name if n == 0 else f"{name}-{n}" for name, same in groupby(names) for n, _ in enumerate(same)}


def broken(page: Path) -> list[str]:
    """Links of a page to a file or heading that does not exist."""
    found = []
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if anchor and target.is_dir():
            target = target / "README.md"
        if not target.exists() or (anchor and anchor not in anchors(target)):
            found.append(link)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_to_files_and_headings(page: Path) -> None:
    assert broken(page) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_files_that_a_page_names_exist(page: Path) -> None:
    named = set(SHOWN_PATH.findall(page.read_text(encoding="utf-8"))) - {OWN_RECIPE, "nmt/models/yours.py"}
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# One: `page.md`\n\n```\n# Shell\n[a](block.md)\n```\n\n[a](#one-pagemd) [b](page.md) `x` [`c`](gone.md) `y`\n"
        "`[d](code.md)` [e](https://example.org) [f](#shell) [g](page.md#two)\n"
    )
    assert broken(page) == ["gone.md", "#shell", "page.md#two"]


def test_every_benchmark_has_its_section() -> None:
    folder = ROOT / "tests" / "benchmarks"
    programs = {path.name for path in folder.glob("*.py") if "\n    python tests/" in path.read_text(encoding="utf-8")}
    sections = set(re.findall(r"^### (\w+\.py)$", (folder / "README.md").read_text(encoding="utf-8"), re.MULTILINE))
    assert sections == programs


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 250
