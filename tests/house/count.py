#!/usr/bin/env python3
"""Counts what the rules of docs/ARCHITECTURE.md limit, and fails if a limit is exceeded.

    python3 tests/house/count.py                the table; builds the documentation first
    python3 tests/house/count.py --list         also every instance
    python3 tests/house/count.py --doc DIR      reads documentation that is already built (DIR has grpc_capture/all.html)
    python3 tests/house/count.py --no-doc       leaves out the counts that need the documentation
"""

import argparse
import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

import _graph
import _homes
import _rust

PROJECT = Path(__file__).resolve().parents[2]

# The layers from top to bottom: a layer uses only layers below it. lib.rs and main.rs are free.
LAYERS = ("cli", "report", "tap", "serve", "replay", "record", "analyze", "transform", "das", "grpc", "file", "model")

MOST_CODE_LINES = 400
MOST_MODULES = 15
MOST_ITEMS = 300
MOST_FLAG_TEXTS = 0

COMMANDS = (
    "demo record proxy serve replay validate stats snapshot diff drift view info cat verify recover slice merge redact "
    "note minimize report bundle attach import export completions man"
).split()
# Not those with `_`, which are protoc's.
NAMES_FLAG = re.compile(r"(?<![\w-])(?:--[a-z][a-z0-9-]*(?![\w-])|-[A-Za-z] (?='|[A-Z]{3}))")
NAMES_COMMAND = re.compile(r"\bcapture (?:" + "|".join(COMMANDS) + r")\b")


class Count:
    """One row of the table: a limit of None is a figure only."""

    def __init__(self, what, limit, instances, number=None):
        self.what, self.limit, self.instances = what, limit, instances
        self.number = len(instances) if number is None else number

    def is_passed(self):
        return self.limit is not None and self.number > self.limit


def sibling_circles(crates, edges):
    """Circles among the children of each module, a child being its file and everything below it."""
    sets, pairs = [], []
    for crate in crates.values():
        for parent in crate.modules():
            depth, graph, lines = len(parent.path), defaultdict(set), {}
            for one, other in edges.lines:
                a, b = edges.module_of[one], edges.module_of[other]
                if a.crate is not crate or b.crate is not crate or min(len(a.path), len(b.path)) <= depth:
                    continue
                if a.path[:depth] == b.path[:depth] == parent.path and a.path[depth] != b.path[depth]:
                    graph[a.path[depth]].add(b.path[depth])
                    lines.setdefault((a.path[depth], b.path[depth]), []).append(edges.example(one, other))
            folder = "/".join(("src", *parent.path))
            for members in _graph.circles(graph):
                between = [(a, b) for a, b in sorted(lines) if a in members and b in members]
                text = [f"{folder}: {', '.join(members)}"]
                text += [f"    {a} -> {b} ({len(lines[a, b])}): {lines[a, b][0]}" for a, b in between]
                sets.append("\n".join(text))
                pairs += [f"{folder}: {a} <-> {b}" for a, b in between if a < b and (b, a) in lines]
    return sets, pairs


def file_circles(edges):
    graph = edges.graph()
    found = []
    for members in _graph.circles(graph):
        text = [f"{len(members)} files: {', '.join(members)}"]
        for one in members:
            text += [f"    {edges.example(one, other)}" for other in sorted(graph[one]) if other in members]
        found.append("\n".join(text))
    return found, sum(len(members) for members in _graph.circles(graph))


def layer_breaks(edges):
    """Uses of a layer above the own one."""
    rank = {layer: at for at, layer in enumerate(LAYERS)}
    found = []
    for one, other in sorted(edges.lines):
        a, b = ((edges.module_of[file].path or ("",))[0] for file in (one, other))
        if a != b and a in rank and b in rank and rank[b] < rank[a]:
            found.append(f"{a} uses {b}: {edges.example(one, other)}")
    return found


def outside_layers(crates):
    tops = {name for crate in crates.values() for name in crate.root.children}
    return [f"src/{name}" for name in sorted(tops - set(LAYERS))]


def documented(folder):
    """Public modules and items as the documentation lists them: (modules, [(kind, path)])."""
    all_items = (folder / "all.html").read_text("utf-8")
    items = []
    for href in re.findall(r'<li><a href="([^"#]+)"', all_items):
        *modules, page = href.split("/")
        kind, name, _ = page.split(".")
        items.append((kind, "::".join((*modules, name))))
    modules, waiting = [], [folder]
    while waiting:
        here = waiting.pop()
        for name in re.findall(r'class="mod" href="(\w+)/index\.html"', (here / "index.html").read_text("utf-8")):
            waiting.append(here / name)
            modules.append("::".join((here / name).relative_to(folder).parts))
    return sorted(set(modules)), sorted(set(items))


def hidden(crates):
    """Public things that the documentation hides: hiding is not solving."""
    found = []
    for crate in crates.values():
        for file, code in crate.files.items():
            for at, token in enumerate(code):
                if [t.text for t in code[at : at + 7]] == ["#", "[", "doc", "(", "hidden", ")", "]"]:
                    start = at + 7
                    while code[start].text == "#":
                        start = _rust.group_end(code, start + 1)
                    words = [t.text for t in code[start : start + 8]]
                    end = next((n for n, word in enumerate(words) if word in "{;(=:<"), len(words))
                    found.append(f"{file}:{token.line}: {' '.join(words[:end])}")
        for module in crate.modules():
            if module.is_hidden:
                found += [
                    f"{d.file}:{d.line}: {d.keyword} {d.name}, in the hidden module {'::'.join(module.path)}"
                    for d in module.definitions
                    if d.visibility == "pub"
                ]
    return sorted(found)


def twice(names):
    """Names with more than one place: names is [(name, place)]."""
    places = defaultdict(list)
    for name, place in names:
        places[name].append(place)
    return [f"{name}: {', '.join(sorted(found))}" for name, found in sorted(places.items()) if len(found) > 1]


def long_files(crates):
    found = []
    for crate in crates.values():
        for file, code in crate.files.items():
            lines = len({token.line for token in code})
            if lines > MOST_CODE_LINES:
                found.append(f"{file}: {lines} code lines")
    return sorted(found)


def front_end_words(crates):
    """String literals that name a flag or a command outside the front end."""
    found = []
    for crate in crates.values():
        for file, code in crate.files.items():
            if file.startswith(_homes.FRONT):
                continue
            for token in code:
                text = re.sub(r"\\\n\s*", "", token.text) if token.kind == "string" else ""
                if match := NAMES_FLAG.search(text) or NAMES_COMMAND.search(text):
                    found.append(f"{file}:{token.line}: {match[0]!r} in {text[:100]}")
    return sorted(found)


def counts(project, documentation):
    crates = {"grpc_capture": _rust.Crate(project, "src/lib.rs", "grpc_capture")}
    if (project / "src/main.rs").is_file():
        crates["main"] = _rust.Crate(project, "src/main.rs", "main")
    edges = _graph.Edges(crates)
    sets, pairs = sibling_circles(crates, edges)
    file_sets, files = file_circles(edges)
    rows = [
        Count("circles among siblings of a folder", 0, sets),
        Count("  pairs in them that use each other", None, pairs),
        Count("circles of single files", 0, file_sets),
        Count("  files in them", None, [], files),
        Count("uses of a higher layer", 0, layer_breaks(edges)),
        Count("modules at the top that are no layer", 0, outside_layers(crates)),
    ]
    if documentation:
        modules, items = documented(documentation)
        types = [(path.split("::")[-1], path) for kind, path in items if kind in _rust.TYPES]
        kinds = Counter(kind for kind, _ in items)
        by_kind = [", ".join(f"{number} {kind}" for kind, number in kinds.most_common())]
        rows += [
            Count("public modules", MOST_MODULES, modules),
            Count("reachable public items", MOST_ITEMS, by_kind + [f"{k} {p}" for k, p in items], len(items)),
            Count("public type names used twice, reachable", 0, twice(types)),
        ]
    rows.append(Count("public things hidden from the documentation", None, hidden(crates)))
    definitions = [d for crate in crates.values() for module in crate.modules() for d in module.definitions]
    public = [(d.name, f"{d.file}:{d.line}") for d in definitions if d.keyword in _rust.TYPES and d.visibility]
    rows += [
        Count("type names used twice, pub(…) ones too", None, twice(public)),
        Count(f"files over {MOST_CODE_LINES} code lines", 0, long_files(crates)),
        Count("texts of the library that name a flag or command", MOST_FLAG_TEXTS, front_end_words(crates)),
        Count("crates and clocks used away from their home", 0, _homes.away_from_home(crates)),
        Count("captures opened by a command on its own", 0, _homes.opened_by_commands(crates)),
        Count("statics that can change", 0, _homes.changeable_statics(crates)),
        Count("unfinished code and skipped tests", 0, _homes.left_behind(project)),
    ]
    return rows


def build_documentation(project):
    subprocess.run(["cargo", "doc", "--no-deps", "--locked", "--quiet", "--lib"], cwd=project, check=True)
    return Path(os.environ.get("CARGO_TARGET_DIR", project / "target")) / "doc"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="show every instance")
    parser.add_argument("--doc", type=Path, help="a folder of built documentation")
    parser.add_argument("--no-doc", action="store_true", help="do not count what only the documentation tells")
    parser.add_argument("--project", type=Path, default=PROJECT, help="the project to count in")
    args = parser.parse_args()
    folder = None if args.no_doc else args.doc or build_documentation(args.project)
    rows = counts(args.project, folder and folder / "grpc_capture")
    for row in rows:
        limit = "" if row.limit is None else f"at most {row.limit}"
        print(f"{row.what:50} {row.number:6}   {limit:12} {'TOO MANY' if row.is_passed() else ''}".rstrip())
        if args.list:
            for instance in row.instances:
                print("    " + instance.replace("\n", "\n    "))
    if not args.list and any(row.is_passed() for row in rows):
        print("python3 tests/house/count.py --list shows each", file=sys.stderr)
    return 1 if any(row.is_passed() for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
