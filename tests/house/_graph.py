"""Finds out which file uses which: it resolves each path to the file that defines its item."""

from collections import defaultdict
from typing import NamedTuple

import _rust

ROOTS = ("crate", "self", "super")


class Found(NamedTuple):
    module: object
    is_module: bool


class Resolver:
    """Resolves paths as the compiler does, through re-exports, to the module that defines what they name."""

    def __init__(self, crates):
        self.crates = crates
        # Names that another module reached through a `use` of this module: (module, name).
        self.reached = set()

    def resolve(self, module, path, wants_module=False, seen=frozenset(), is_use=False):
        """The defining module of a path, or None for what is not of these crates."""
        first, rest = path[0], list(path[1:])
        here = self._root(module, first)
        if here is None:
            found = self._lookup(module, first, wants_module or bool(rest), seen, module)
            if found is None:
                return None
        else:
            found = Found(here, True)
        while rest and found.is_module:
            name = rest.pop(0)
            if name == "super":
                found = Found(found.module.parent or found.module, True)
            elif name != "*":
                inner = self._lookup(found.module, name, wants_module or bool(rest), seen, module)
                found = inner or Found(found.module, False)
        return found

    def _root(self, module, first):
        if first == "crate":
            return module.crate.root
        if first == "self":
            return module
        if first == "super":
            return module.parent or module
        if first in self.crates and self.crates[first] is not module.crate:
            return self.crates[first].root
        return None

    def _lookup(self, module, name, wants_module, seen, asker):
        if (id(module), name, wants_module) in seen:
            return None
        seen = seen | {(id(module), name, wants_module)}
        child = module.children.get(name)
        if child and wants_module:
            return Found(child, True)
        if not wants_module and module.defines(name):
            return Found(module, False)
        candidates = [self.resolve(module, use.path, wants_module, seen) for use in module.use_named(name)]
        candidates = [found for found in candidates if found]
        if candidates:
            if asker is not module:
                self.reached.add((id(module), name))
            return next((found for found in candidates if found.is_module == wants_module), candidates[0])
        if module.defines(name):
            return Found(module, False)
        if child:
            return Found(child, True)
        for use in module.uses:
            if use.name == "*":
                outer = self.resolve(module, use.path[:-1], True, seen)
                if outer and outer.is_module and outer.module is not module:
                    if found := self._lookup(outer.module, name, wants_module, seen, asker):
                        return found
        return None


def paths(code):
    """The paths in code: (segments, line), single names included."""
    at = 0
    while at < len(code):
        token = code[at]
        if token.kind == "string":
            inner = token.text.strip('"').split("::")
            if inner[0] in ROOTS and len(inner) > 1 and all(part.isidentifier() for part in inner):
                yield tuple(inner), token.line
        if token.text == "pub" and at + 1 < len(code) and code[at + 1].text == "(":
            # Who may see an item is no use of it.
            at = _rust.group_end(code, at + 1)
            continue
        before = code[at - 1].text if at else ""
        if token.kind != "word" or before in ("::", ".", "fn"):
            at += 1
            continue
        path = [token.text.removeprefix("r#")]
        while at + 2 < len(code) and code[at + 1].text == "::" and code[at + 2].kind == "word":
            at += 2
            path.append(code[at].text)
        after = code[at + 1].text if at + 1 < len(code) else ""
        at += 1
        if len(path) > 1 or after != ":":
            yield tuple(path), token.line


class Edges:
    """Edges between files: for each pair the lines that make it."""

    def __init__(self, crates):
        self.lines = defaultdict(list)
        self.module_of = {}
        resolver = Resolver(crates)
        modules = [module for crate in crates.values() for module in crate.modules()]
        for module in modules:
            self.module_of.setdefault(module.file, module)
        # All paths first: they say which private `use` serves only the modules below.
        for module in modules:
            self._paths(resolver, module)
        for module in modules:
            for use in module.uses:
                if use.path[-1] != "*":
                    resolver.resolve(module, use.path)
        for module in modules:
            self._uses(resolver, module)

    def _paths(self, resolver, module):
        for path, line in paths(module.code):
            if len(path) == 1:
                module.words.add(path[0])
                if not self._comes_by_glob(module, path[0]):
                    continue
            elif path[0] not in ROOTS:
                module.words.add(path[0])
            self._add(module, resolver.resolve(module, path), line, path)

    def _comes_by_glob(self, module, name):
        return (
            any(use.name == "*" for use in module.uses)
            and not module.use_named(name)
            and not module.defines(name)
            and name not in module.children
        )

    def _uses(self, resolver, module):
        for use in module.uses:
            found = resolver.resolve(module, use.path)
            if found is None:
                continue
            # A file's lines that only pass on what is below it are no use of it.
            is_below = found.module.path[: len(module.path)] == module.path and found.module.crate is module.crate
            is_passed_on = use.name not in module.words and (
                use.is_public or use.name == "*" or (id(module), use.name) in resolver.reached
            )
            if use.name != "_" and is_below and is_passed_on:
                continue
            if found.is_module and not use.is_public:
                # `use a::b; b::c()`: the path in the code makes the edge, to where c is defined.
                continue
            self._add(module, found, use.line, use.path)

    def _add(self, module, found, line, path):
        if found and found.module.file != module.file:
            self.lines[module.file, found.module.file].append((line, "::".join(path)))

    def graph(self):
        graph = defaultdict(set)
        for one, other in self.lines:
            graph[one].add(other)
        return graph

    def example(self, one, other):
        """One line that makes the edge."""
        line, path = min(self.lines[one, other])
        return f"{one}:{line} uses {path} ({other})"


def circles(graph):
    """The strongly connected sets of more than one node, each sorted (Tarjan, without recursion)."""
    index, low, stack, on_stack, found = {}, {}, [], set(), []
    nodes = sorted(set(graph) | {other for others in graph.values() for other in others})
    for start in nodes:
        if start in index:
            continue
        work = [(start, iter(sorted(graph.get(start, ()))))]
        index[start] = low[start] = len(index)
        stack.append(start)
        on_stack.add(start)
        while work:
            node, others = work[-1]
            for other in others:
                if other not in index:
                    index[other] = low[other] = len(index)
                    stack.append(other)
                    on_stack.add(other)
                    work.append((other, iter(sorted(graph.get(other, ())))))
                    break
                if other in on_stack:
                    low[node] = min(low[node], index[other])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    members = []
                    while True:
                        members.append(stack.pop())
                        on_stack.discard(members[-1])
                        if members[-1] == node:
                            break
                    if len(members) > 1:
                        found.append(sorted(members))
    return sorted(found)
