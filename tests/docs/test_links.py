"""The pages: every link and every path of this repository in them leads somewhere."""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "BUILD.md", *sorted((ROOT / "docs").rglob("*.md"))]
TOP_LEVEL = ("nao_tf", "tests", "benchmarks", "bin", "docs", "examples", "testdata")
PATH = re.compile(rf"(?<![\w/.-])(?:{'|'.join(TOP_LEVEL)})/[\w./-]*[\w/]")
LINK = re.compile(r"\]\(([^)\s]+)\)")

# Modules of the target layout that pages name already. A path leaves this list when it exists; at the end it is empty.
NOT_YET: set[str] = set()

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def anchors(page):
    """The anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(page):
    """The relative links of a page, as target and anchor."""
    targets = LINK.findall(page.read_text())
    return [target.partition("#")[::2] for target in targets if not re.match(r"[a-z]+:", target)]


def missing_paths(text, root):
    """Paths of the repository that a text names and that `root` does not have."""
    return sorted(path for path in set(PATH.findall(text)) if not (root / path).exists())


def test_a_missing_path_is_noticed(tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "nao_search").touch()
    text = "Run `bin/nao_search`, then `python benchmarks/gone.py`; .venv/bin/python is nobody's."
    assert missing_paths(text, tmp_path) == ["benchmarks/gone.py"]


def test_anchors_are_those_of_the_headings(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# Title\n\ntext\n\n## Tuning, 24 seeds from 1000 on (2026-11-24)\n\n## `make test`\n")
    assert anchors(page) == {"title", "tuning-24-seeds-from-1000-on-2026-11-24", "make-test"}


@pages
def test_relative_links_lead_to_a_file_and_a_heading(page):
    for target, anchor in links(page):
        file = (page.parent / target).resolve() if target else page
        assert file.exists(), f"{target} in {page.name}"
        assert file.is_relative_to(ROOT), f"{target} in {page.name} leads out of the repository"
        if anchor:
            assert anchor in anchors(file), f"{target}#{anchor} in {page.name}"


@pages
def test_paths_of_the_repository_exist(page):
    assert not set(missing_paths(page.read_text(), ROOT)) - NOT_YET


def test_paths_that_exist_are_off_the_list():
    assert not [path for path in sorted(NOT_YET) if (ROOT / path).exists()]


def test_every_page_is_reached_from_the_readme():
    reached, open_pages = set(), [ROOT / "README.md"]
    while open_pages:
        page = open_pages.pop()
        if page not in reached:
            reached.add(page)
            targets = [(page.parent / target).resolve() for target, _ in links(page) if target.endswith(".md")]
            open_pages.extend(targets)
    assert reached == set(PAGES)


@pages
def test_no_page_names_a_path_of_a_machine(page):
    assert not re.findall(r"(?<![\w.~$}])/(?:tmp|work|home|root|Users|mnt|var)/\S*", page.read_text())


def test_build_is_short():
    assert len((ROOT / "BUILD.md").read_text().splitlines()) <= 120
