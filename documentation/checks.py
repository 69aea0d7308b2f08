"""What the finished site must keep: no page loads anything that is not in it."""

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {  # tag -> attributes whose address a browser fetches by itself
    "script": ("src",),
    "link": ("href",),
    "img": ("src", "srcset"),
    "iframe": ("src",),
    "source": ("src", "srcset"),
    "video": ("src", "poster"),
    "audio": ("src",),
    "object": ("data",),
    "embed": ("src",),
}
ONLY_NAMED = {"canonical", "prev", "next", "alternate", "search"}  # rel of a link


class _Addresses(HTMLParser):
    """Collects the addresses in a page."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.linked: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what the tag loads, or leads to."""
        given = {name: value or "" for name, value in attrs}
        if tag == "a" and given.get("href"):
            self.linked.append(given["href"])
        if tag == "link" and set(given.get("rel", "").split()) <= ONLY_NAMED:
            return
        self.loaded += [given[n] for n in LOADED.get(tag, ()) if given.get(n)]


def faults(site: Path) -> list[str]:
    """Name everything that is loaded from elsewhere, or that leads to nowhere."""
    found = []
    for page in sorted(site.rglob("*.html")):
        name = page.relative_to(site).as_posix()
        addresses = _addresses(page)
        for address in dict.fromkeys(addresses.loaded):
            if not _is_here(address, page, site):
                found.append(f"{name} loads {address}")
        for address in dict.fromkeys(addresses.linked):
            if _is_local(address) and not _is_here(address, page, site):
                found.append(f"{name} links to {address}, which is not there")
    for style in sorted(site.rglob("*.css")):
        found += [
            f"{style.relative_to(site)} loads {address}" for address in _foreign(style)
        ]
    return found


def _addresses(page: Path) -> _Addresses:
    parser = _Addresses()
    parser.feed(page.read_text(encoding="utf-8"))
    return parser


def _is_local(address: str) -> bool:
    parts = urlsplit(address)
    return not parts.scheme and not parts.netloc


def _is_here(address: str, page: Path, site: Path) -> bool:
    if address.startswith("data:"):
        return True
    if not _is_local(address):
        return False
    path = unquote(urlsplit(address).path)
    if page.name == "404.html" and path.startswith("/"):  # it stands for any place
        return (site / path.lstrip("/")).exists()
    return not path or (page.parent / path).exists()


def _foreign(style: Path) -> Iterator[str]:
    text = style.read_text(encoding="utf-8")
    for part in text.split("url(")[1:]:
        address = part.split(")")[0].strip("\"' ")
        if address.startswith(("http:", "https:", "//")):
            yield address
    if "@import" in text:
        yield "an @import"
