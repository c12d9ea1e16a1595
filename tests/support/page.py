"""An HTML page as its elements and its text, read by the standard library's parser."""

from __future__ import annotations

from html.parser import HTMLParser


class Page(HTMLParser):
    """What a page consists of: `elements` with their attributes in order, and all `text`."""

    def __init__(self, page: bytes) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, tuple[tuple[str, str | None], ...]]] = []
        self.others: list[str] = []
        self.open: list[str] = []
        self._text: list[str] = []
        self.feed(page.decode())
        self.close()
        self.text = "".join(self._text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self._text.append(data)

    def handle_comment(self, data: str) -> None:
        self.others.append(data)

    def handle_pi(self, data: str) -> None:
        self.others.append(data)

    def unknown_decl(self, data: str) -> None:
        self.others.append(data)

    def structure(self) -> list[tuple[str, tuple[tuple[str, str | None], ...]]]:
        """Return the elements without the one attribute that holds a text, `aria-label`."""
        return [
            (tag, tuple((name, None if name == "aria-label" else value) for name, value in attrs))
            for tag, attrs in self.elements
        ]
