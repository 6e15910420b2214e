"""Crates, clocks and calls that may be used in certain places only, and things that must not be left in the tree."""

from typing import NamedTuple

import _rust


class Home(NamedTuple):
    """What only some places may use: the first words of its path, the places, and what to do elsewhere."""

    paths: tuple
    places: tuple
    remedy: str


FRONT = ("src/main.rs", "src/cli.rs", "src/cli/")

HOMES = (
    Home(
        ("bincode",),
        ("src/file/record.rs",),
        "records are encoded there alone; add what is missing there",
    ),
    Home(
        ("zstd",),
        ("src/file/chunk.rs", "src/file/chunk/", "src/grpc/inflate.rs"),
        "compression of chunks lives in file/chunk, and of messages in grpc/inflate",
    ),
    Home(
        ("sha2",),
        ("src/file/digest.rs",),
        "digests live in file/digest; use file::Digest and file::MessageDigest",
    ),
    Home(
        tuple(
            "tokio tokio_util tokio_stream tokio_rustls tonic tonic_prost tonic_health tonic_reflection "
            "hyper hyper_util h2 reqwest axum tower_service".split()
        ),
        (
            *FRONT,
            *("src/grpc/net.rs", "src/grpc/net/"),
            *("src/tap.rs", "src/tap/", "src/serve.rs", "src/serve/", "src/replay.rs", "src/replay/"),
            *("src/record.rs", "src/record/", "src/report/attach.rs", "src/report/attach/"),
        ),
        "the network and the runtime belong above; make this part pure and drive it from there",
    ),
    Home(
        ("clap", "clap_complete", "clap_mangen"),
        FRONT,
        "only the command line knows clap; parse with FromStr and let cli call it",
    ),
    Home(
        ("anstream", "indicatif", "tracing_subscriber"),
        FRONT,
        "only the command line talks to the terminal; return a value and print it there",
    ),
    Home(
        ("SystemTime::now", "Instant::now", "Timestamp::now", "Zoned::now"),
        (
            *FRONT,
            *("src/tap.rs", "src/tap/", "src/serve.rs", "src/serve/", "src/replay.rs", "src/replay/"),
            *("src/record.rs", "src/record/"),
        ),
        "only taps, recordings and pacing read a clock; take the time as a value",
    ),
)

# Where a command may open a capture itself: all others go through one place, which says when a capture is unfinished.
# These judge the end themselves, or have just made the capture.
OPENS = ("input.rs", "verify.rs", "recover.rs", "snapshot.rs", "demo.rs")
OPENING = ("Reader::open", "Reader::open_parallel", "Reader::new")

# Types that make a static changeable; OnceLock and LazyLock are set once.
CHANGEABLE = ("Mutex", "RwLock", "Cell", "RefCell", "UnsafeCell", "OnceCell")


def named(code):
    """Every path of the code as one text, with its line: `a::b::c`, `::a`, and a macro's name with its `!`."""
    at = 0
    while at < len(code):
        token, line = code[at], code[at].line
        if token.kind != "word":
            at += 1
            continue
        is_inner = at > 1 and code[at - 1].text == "::" and (code[at - 2].kind == "word" or code[at - 2].text == ">")
        is_use = at > 0 and code[at - 1].text in ("use", "crate")
        words = [token.text]
        while at + 2 < len(code) and code[at + 1].text == "::" and code[at + 2].kind == "word":
            at += 2
            words.append(code[at].text)
        if at + 1 < len(code) and code[at + 1].text in ("::", "!"):
            words.append("")
        at += 1
        if not is_inner and (len(words) > 1 or is_use):
            yield words, line


def away_from_home(crates):
    found = []
    for file, code in sources(crates):
        for home in HOMES:
            if file.startswith(home.places):
                continue
            crate_names = [path for path in home.paths if "::" not in path]
            calls = [path for path in home.paths if "::" in path]
            for words, line in named(code):
                if words[0] in crate_names or "::".join(words[-2:]) in calls:
                    found.append(f"{file}:{line}: {'::'.join(words).rstrip(':')}: {home.remedy}")
    return sorted(found)


def opened_by_commands(crates):
    found = []
    for file, code in sources(crates):
        if file.startswith(FRONT) and not file.endswith(tuple("/" + name for name in OPENS)):
            for words, line in named(code):
                if "::".join(words[-2:]) in OPENING:
                    found.append(f"{file}:{line}: {'::'.join(words)}: read it as the others do, which says when it is unfinished")
    return sorted(found)


def changeable_statics(crates):
    found = []
    for file, code in sources(crates):
        for at, token in enumerate(code):
            if token.text == "thread_local":
                found.append(f"{file}:{token.line}: thread_local: pass the state along in a value")
            if token.text == "static" and token.kind == "word":
                declared = []
                for other in code[at + 1 :]:
                    if other.text in ("=", ";"):
                        break
                    declared.append(other.text)
                if any(text == "mut" or text in CHANGEABLE or text.startswith("Atomic") for text in declared):
                    found.append(f"{file}:{token.line}: static {declared[0]}: pass the state along in a value")
    return sorted(found)


def left_behind(project):
    """Unfinished code and skipped tests in every Rust file of the project, tests too."""
    found = []
    for folder in ("src", "tests", "benches", "examples", "fuzz", "."):
        files = (project / folder).glob("*.rs") if folder == "." else (project / folder).rglob("*.rs")
        for path in files:
            code = _rust.tokens(path.read_text("utf-8"))
            for at, token in enumerate(code):
                texts = [other.text for other in code[at : at + 3]]
                is_unfinished = texts[0] in ("todo", "unimplemented", "dbg") and texts[1:2] == ["!"]
                if token.kind == "word" and is_unfinished or texts == ["#", "[", "ignore"]:
                    found.append(f"{path.relative_to(project).as_posix()}:{token.line}: {''.join(texts[:3])}")
    return sorted(found)


def sources(crates):
    for crate in crates.values():
        yield from crate.files.items()
