"""What must not be wrong with built pages: a link or picture that leads nowhere, and anything fetched from a network."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

FETCHED = {"img": "src", "script": "src", "link": "href", "iframe": "src", "source": "src", "video": "src"}
NOT_FETCHED = {"canonical", "author", "index", "search", "next", "prev", "edit"}  # relations that a reader follows


class Page(HTMLParser):
    """The places of a page and what it points to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.places, self.links, self.fetched = set(), [], []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attrs}
        self.places |= {known[name] for name in ("id", "name") if name in known}
        if tag == "a" and "href" in known:
            self.links.append(known["href"])
        elif tag in FETCHED and FETCHED[tag] in known and not NOT_FETCHED & set(known.get("rel", "").split()):
            self.fetched.append(known[FETCHED[tag]])


def faults(folder: Path) -> list[str]:
    """A line for each link, picture or script of a built site that is not there, or that asks for a network.

    Parameters
    ----------
    folder : of HTML files.
    """
    pages = {file.resolve(): Page(file.read_text("utf-8")) for file in sorted(folder.rglob("*.html"))}
    found = []
    for file, page in pages.items():
        where = file.relative_to(folder.resolve())
        for target in page.fetched:
            if urlsplit(target).netloc:
                found.append(f"{where}: fetches {target}")
        for target in [*page.links, *page.fetched]:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue  # a data: picture, or a link for whoever has a network
            aim = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            aim = aim / "index.html" if aim.is_dir() else aim
            if not aim.is_file():
                found.append(f"{where}: no {target}")
            elif parts.fragment and aim in pages and unquote(parts.fragment) not in pages[aim].places:
                found.append(f"{where}: no place {target}")
    return found
