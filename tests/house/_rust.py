"""Rust sources as tokens and modules, as far as counting needs it, without code that is compiled for tests only."""

import re
from pathlib import Path
from typing import NamedTuple

SCAN = re.compile(
    r"""
      (?P<comment>//[^\n]*|/\*)
    | (?P<string>[bc]?r(?P<hashes>\#*)".*?"(?P=hashes)|[bc]?"(?:\\.|[^"\\])*")
    | (?P<char>b?'(?:\\u\{[^}]*\}|\\x[0-9a-fA-F]{2}|\\.|[^\\'])')
    | (?P<lifetime>'\w+)
    | (?P<word>r\#\w+|[^\W\d]\w*)
    | (?P<number>\d\w*)
    | (?P<sign>::|->|=>|[^\s])
    """,
    re.VERBOSE | re.DOTALL,
)
OPEN, CLOSE = set("([{"), set(")]}")
TYPES = ("struct", "enum", "union", "trait", "type")


class Token(NamedTuple):
    text: str
    line: int
    kind: str


def tokens(text):
    """The tokens of a source; comments are left out, a string literal is one token."""
    found, at, line, counted = [], 0, 1, 0
    while match := SCAN.search(text, at):
        line += text.count("\n", counted, match.start())
        at = counted = match.start()
        at = match.end()
        if match["comment"] == "/*":
            depth = 1
            while depth and (mark := re.compile(r"/\*|\*/").search(text, at)):
                depth += 1 if mark[0] == "/*" else -1
                at = mark.end()
            at = at if depth == 0 else len(text)
        elif not match["comment"]:
            kind = match.lastgroup if match.lastgroup != "hashes" else "string"
            found.append(Token(match[0], line, kind))
    return found


def group_end(code, at):
    """The index after the bracketed group that opens at `at`."""
    depth = 0
    while at < len(code):
        depth += (code[at].text in OPEN) - (code[at].text in CLOSE)
        at += 1
        if depth == 0:
            break
    return at


def is_test_attribute(code, at):
    texts = [token.text for token in code[at : at + 7]]
    return texts[:6] == ["#", "[", "cfg", "(", "test", ")"] or texts == ["#", "[", "cfg", "(", "all", "(", "test"]


def item_end(code, at):
    """The index after the item, field, statement or block that begins at `at` with its attributes."""
    while at < len(code) and code[at].text == "#":
        at = group_end(code, at + 1)
    at, _ = visibility(code, at)
    is_field = at + 1 < len(code) and code[at + 1].text == ":"
    to_semicolon = at < len(code) and code[at].text in ("use", "const", "static", "type", "let")
    if to_semicolon and [token.text for token in code[at : at + 2]] in (["const", "fn"], ["const", "unsafe"]):
        to_semicolon = False
    while at < len(code):
        text = code[at].text
        if text == ";" or (text == "," and is_field):
            return at + 1
        if text in CLOSE:
            return at
        if text == "{" and not is_field and not to_semicolon:
            return group_end(code, at)
        at = group_end(code, at) if text in OPEN else at + 1
    return at


def visibility(code, at):
    """The index after `pub` and its brackets, and what it says: "", "pub", or "pub(…)"."""
    if at >= len(code) or code[at].text != "pub":
        return at, ""
    if at + 1 < len(code) and code[at + 1].text == "(":
        end = group_end(code, at + 1)
        return end, "".join(token.text for token in code[at:end])
    return at + 1, "pub"


def without_tests(code):
    """The tokens without items, fields and blocks of `#[cfg(test)]`."""
    kept, at = [], 0
    while at < len(code):
        if is_test_attribute(code, at):
            at = item_end(code, at)
        else:
            kept.append(code[at])
            at += 1
    return kept


class Use(NamedTuple):
    """One name that a `use` brings in."""

    path: tuple
    name: str
    is_public: bool
    is_local: bool
    line: int


class Definition(NamedTuple):
    keyword: str
    name: str
    visibility: str
    is_hidden: bool
    file: str
    line: int


class Module:
    """A module: its names, the modules below it, and its code without `use` lines."""

    def __init__(self, crate, path, file, parent):
        self.crate, self.path, self.file, self.parent = crate, path, file, parent
        self.children, self.uses, self.definitions = {}, [], []
        self.code, self.is_hidden = [], False
        self.words = set()

    def use_named(self, name):
        return [use for use in self.uses if use.name == name]

    def defines(self, name):
        return any(definition.name == name for definition in self.definitions)

    def everything(self):
        yield self
        for child in self.children.values():
            yield from child.everything()


class Crate:
    """A crate's files and modules, walked from its root; what only tests declare is not reached."""

    def __init__(self, project, root, name):
        self.project, self.name = Path(project), name
        self.files = {}
        self.root = Module(self, (), root, None)
        self._read(self.root)

    def modules(self):
        return list(self.root.everything())

    def _read(self, module):
        code = without_tests(tokens((self.project / module.file).read_text("utf-8")))
        self.files[module.file] = code
        self._parse(module, code)

    def _parse(self, module, code):
        at = 0
        while at < len(code):
            end = max(item_end(code, at), at + 1)
            self._item(module, code[at:end])
            at = end

    def _item(self, module, item):
        at, hidden = 0, False
        while at < len(item) and item[at].text == "#":
            end = group_end(item, at + 1 + (item[at + 1].text == "!"))
            hidden |= [token.text for token in item[at:end]][:6] == ["#", "[", "doc", "(", "hidden", ")"]
            module.code += item[at:end]
            at = end
        at, public = visibility(item, at)
        texts = [token.text for token in item[at:]]
        if texts[:1] == ["mod"] and len(texts) > 2:
            self._child(module, item[at:], hidden)
        elif texts[:1] == ["use"]:
            module.uses += uses(item[at + 1 : -1], bool(public), False)
        else:
            self._define(module, item[at:], public, hidden)
            self._body(module, item[at:])

    def _child(self, module, item, hidden):
        name = item[1].text
        path = module.path + (name,)
        if item[2].text == "{":
            child = Module(self, path, module.file, module)
            self._parse(child, item[3:-1])
        else:
            base = Path("src", *path)
            files = [base.with_name(base.name + ".rs"), base / "mod.rs"]
            file = next((file for file in files if (self.project / file).is_file()), None)
            if file is None or file.name == "tests.rs":
                return
            child = Module(self, path, file.as_posix(), module)
            self._read(child)
        child.is_hidden = hidden or module.is_hidden
        module.children[name] = child

    def _define(self, module, item, public, hidden):
        for at, token in enumerate(item[:6]):
            if token.text == "macro_rules" and len(item) > at + 2:
                name = item[at + 2]
            elif token.text in (*TYPES, "fn", "static") or (token.text == "const" and item[at + 1].text != "fn"):
                name = item[at + 1]
            elif token.text in ("const", "async", "unsafe", "extern", "auto") or token.kind == "string":
                continue
            else:
                return
            place = (module.file, name.line)
            module.definitions.append(Definition(token.text, name.text, public, hidden or module.is_hidden, *place))
            return

    def _body(self, module, item):
        """Code of an item; a `use` inside a function is one of the module."""
        at = 0
        while at < len(item):
            if item[at].text == "use" and (at == 0 or item[at - 1].text in (";", "{", "}")):
                end = item_end(item, at)
                module.uses += uses(item[at + 1 : end - 1], False, True)
                at = end
            else:
                module.code.append(item[at])
                at += 1


def uses(tree, is_public, is_local, before=()):
    """Every name of a use tree."""
    found, at = [], 0
    while at < len(tree):
        path, rename = list(before), None
        while at < len(tree) and tree[at].text != ",":
            text, line = tree[at].text, tree[at].line
            if text == "{":
                end = group_end(tree, at)
                found += uses(tree[at + 1 : end - 1], is_public, is_local, tuple(path))
                path, at = None, end
            elif text == "as":
                rename, at = tree[at + 1].text, at + 2
            else:
                if text != "::":
                    path.append(text.removeprefix("r#"))
                at += 1
        if path:
            if path[-1] == "self" and len(path) > 1:
                path.pop()
            found.append(Use(tuple(path), rename or path[-1], is_public, is_local, line))
        at += 1
    return found
