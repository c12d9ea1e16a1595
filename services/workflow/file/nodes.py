"""From the bytes of a workflow file to the tree of its YAML nodes, or to what is wrong.

Nodes know their line. The events are looked through before the tree is composed, because
what is nested or repeated without bounds must not reach code that follows it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml import MappingNode, Node, ScalarNode, SequenceNode

from foredeck.services.domain.safe_text import safe_line
from foredeck.services.workflow.file.problems import Findings

LARGEST = 1_000_000
"""Bytes of a file."""

DEEPEST = 20
"""Levels of nesting; a workflow needs six."""

HEAVIEST = 100_000
"""Values of a file, long ones counted once more for each `_UNIT` characters.

What aliases repeat counts each time.
"""

_UNIT = 50

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
_NAMES = {
    "int": "number",
    "float": "number",
    "bool": "truth value",
    "timestamp": "date",
}
_STARTS = (yaml.MappingStartEvent, yaml.SequenceStartEvent)
_ENDS = (yaml.MappingEndEvent, yaml.SequenceEndEvent)
_QUOTE = "Text that begins with a sign of YAML has to be in quotes."
_BRACES = "A value that begins with {{ has to be in quotes."


def compose(text: str | bytes, findings: Findings) -> MappingNode | None:
    """Return the mapping that the file is; None if it is none, and `findings` says why."""
    source = _decoded(text, findings)
    if source is None:
        return None
    try:
        if not _Guard(findings).passes(yaml.parse(source, Loader=_LOADER)):
            return None
        root = yaml.compose(source, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        _syntax_error(error, source, findings)
        return None
    except (yaml.YAMLError, ValueError) as error:
        # A reader's error: a character that YAML does not allow; it knows only an offset.
        mark = _mark(source.encode()[: getattr(error, "position", 0) or 0])
        findings.error(mark, "", f"This is not YAML: {_first_line(error)}.")
        return None
    if not isinstance(root, MappingNode):
        _not_a_mapping(root, findings)
        return None
    return root


def entries(node: MappingNode, key: str, findings: Findings) -> dict[str, tuple[Node, Node]]:
    """Return the keys of a mapping as they are written, each with its key and value nodes."""
    found: dict[str, tuple[Node, Node]] = {}
    for name, value in node.value:
        if not isinstance(name, ScalarNode):
            findings.error(name, key, "A key has to be a plain name.", _BRACES)
        elif name.value in found:
            first = found[name.value][0].start_mark.line + 1
            message = f"The key {shown(name.value)} is there twice."
            findings.error(name, key, message, f"It is in line {first} already.")
        else:
            found[name.value] = (name, value)
    return found


def kind_of(node: Node) -> str:
    """Return the type of a node: text, number, truth value, nothing, list, mapping, …"""
    tag = node.tag.removeprefix(_TAG)
    if isinstance(node, SequenceNode):
        return "list" if tag == "seq" else node.tag
    if isinstance(node, MappingNode):
        return "mapping" if tag == "map" else node.tag
    return {"str": "text", "null": "nothing", **_NAMES}.get(tag, node.tag)


def described(node: Node) -> str:
    """Say what is there, for a sentence that says what should be."""
    kind = kind_of(node)
    if kind == "nothing":
        return "nothing"
    if not isinstance(node, ScalarNode):
        return f"a {kind}" if kind in ("list", "mapping") else f"a value tagged {shown(kind)}"
    if kind == "text":
        return f"the text {shown(node.value)}" if node.value else "empty text"
    if kind in _NAMES.values():
        return f"the {kind} {safe_line(node.value, limit=40)}"
    return f"a value tagged {shown(kind)}"


def shown(text: str) -> str:
    """Return text from a file in quotes, short and safe."""
    return f"“{safe_line(text, limit=60)}”"


def is_unquoted_template(node: Node) -> bool:
    """Whether YAML read `{{name}}` as a mapping of a mapping, as it does without quotes."""
    if not (isinstance(node, MappingNode) and node.flow_style and len(node.value) == 1):
        return False
    key, value = node.value[0]
    return isinstance(key, MappingNode) and kind_of(value) == "nothing"


def _decoded(text: str | bytes, findings: Findings) -> str | None:
    if len(text) > LARGEST:
        message = f"The file has more than {LARGEST:,} bytes."
        findings.error(None, "", message, "Put long material into files of the workspace.")
        return None
    try:
        data = text.encode() if isinstance(text, str) else text
        source = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        mark = _mark(error.object[: error.start])
        findings.error(mark, "", "This is not UTF-8.", "Save the file as UTF-8 text.")
        return None
    except UnicodeEncodeError:
        findings.error(None, "", "This is not text.", "Save the file as UTF-8 text.")
        return None
    return source


def _mark(before: bytes) -> yaml.Mark:
    """Return the place behind the bytes before it."""
    column = len(before) - (before.rfind(b"\n") + 1)
    return yaml.Mark("", 0, before.count(b"\n"), column, None, 0)


def _not_a_mapping(root: Node | None, findings: Findings) -> None:
    if root is None or kind_of(root) == "nothing":
        findings.error(None, "", "The file is empty.", "A workflow needs at least `steps`.")
        return
    hint = "Begin with keys such as name: and steps:."
    findings.error(root, "", f"A workflow is a mapping, not {described(root)}.", hint)


def _first_line(error: Exception) -> str:
    said = getattr(error, "reason", None) or str(error)
    return safe_line(str(said).split("\n", 1)[0], limit=200)


def _syntax_error(error: yaml.MarkedYAMLError, source: str, findings: Findings) -> None:
    mark = error.problem_mark or error.context_mark
    said = ", ".join(filter(None, (error.context, error.problem)))
    findings.error(mark, "", f"This is not YAML: {said}.", _syntax_hint(error, source))


def _syntax_hint(error: yaml.MarkedYAMLError, source: str) -> str:
    """Guess from the line what people most often get wrong in YAML."""
    marks = [mark for mark in (error.problem_mark, error.context_mark) if mark]
    lines = source.split("\n")
    near = "\n".join(lines[mark.line] for mark in marks if mark.line < len(lines))
    said = f"{error.context} {error.problem}"
    if "tab" in said or ("\t" in near and "token" in said):
        return "Indent with spaces; YAML takes no tabs."
    if "{{" in near:
        return _BRACES
    if "mapping values" in said:
        return "Text with a colon and a space in it has to be in quotes."
    return _QUOTE if re.search("an alias|an anchor|a directive|any token", said) else ""


@dataclass
class _Guard:
    """Looks through the events: one document, bounded nesting, bounded aliases, clean text."""

    findings: Findings
    _open: list[tuple[str | None, int]] = field(default_factory=list)
    _sizes: dict[str, int] = field(default_factory=dict)
    _total: int = 0
    _documents: int = 0

    def passes(self, events: Iterator[Any]) -> bool:
        """Whether the tree may be composed; stops at the first reason why not."""
        return all(self._looked_at(event) for event in events)

    def _looked_at(self, event: Any) -> bool:
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            one = self._documents == 1
            hint = "Take out the line ---, or make two files."
            return one or self._stop(event, "A second document begins here.", hint)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        if isinstance(event, _STARTS):
            self._open.append((event.anchor, self._total))
            deep = len(self._open) > DEEPEST
            message = f"This is nested more than {DEEPEST} levels deep."
            return self._counted(event) and not (deep and not self._stop(event, message))
        if isinstance(event, _ENDS):
            anchor, before = self._open.pop()
            self._remember(anchor, self._total - before)
        return True

    def _scalar(self, event: Any) -> bool:
        weight = 1 + len(event.value) // _UNIT
        self._remember(event.anchor, weight)
        try:
            event.value.encode()
            clean = "\0" not in event.value
        except UnicodeEncodeError:
            clean = False
        message = "This text has a character that no file and no command can hold."
        return self._counted(event, weight) and (clean or self._stop(event, message))

    def _alias(self, event: Any) -> bool:
        if any(anchor == event.anchor for anchor, _ in self._open):
            return self._stop(event, f"*{event.anchor} stands for itself.")
        if event.anchor not in self._sizes:
            return self._stop(event, f"Nothing has the anchor &{event.anchor}.", _QUOTE)
        return self._counted(event, self._sizes[event.anchor])

    def _counted(self, event: Any, size: int = 1) -> bool:
        self._total += size
        message = "The file says too much, with all that its aliases repeat written out."
        return self._total <= HEAVIEST or self._stop(event, message)

    def _remember(self, anchor: str | None, size: int) -> None:
        if anchor:
            self._sizes[anchor] = size

    def _stop(self, event: Any, message: str, hint: str = "") -> bool:
        self.findings.error(event.start_mark, "", message, hint)
        return False
