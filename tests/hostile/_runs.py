"""The commands that get a mutant as input, and one run of a command under limits."""

import json
import multiprocessing
import os
import resource
import select
import signal
import socket
import time
from dataclasses import dataclass

# One run of the command may take so much.
MOST_RSS_MB = 300
MOST_WALL_S = 5.0
# A command may ask for so much address space: a runaway ends as an abort, and takes the machine with it no more.
ADDRESS_SPACE = 6 << 30
# It is killed then.
HANGS_S = 20.0
# No output of a small file may be larger than this.
MOST_OUTPUT = 300 << 20
# Exit codes that a command may end with: a usage error would say that the campaign asks for something wrong.
CODES = {0, 1, 3, 4, *range(64, 81)}


@dataclass
class Ran:
    """How a command ended."""

    code: int
    signal: int
    rss_mb: float
    wall_s: float
    cpu_s: float
    out: bytes
    err: bytes


def run(args, folder, hangs_s=HANGS_S, serves=False):
    """Runs a command to its end. One that serves is asked for everything, and then told to end."""
    out, err = f"{folder}/stdout", f"{folder}/stderr"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, out, flags, 0o600),
        (os.POSIX_SPAWN_OPEN, 2, err, flags, 0o600),
    ]
    began = time.monotonic()
    pid = os.posix_spawn(args[0], args, dict(os.environ, NO_COLOR="1", RUST_BACKTRACE="0"), file_actions=actions)
    watch = os.pidfd_open(pid)
    try:
        if serves:
            call_everything(out, watch)
            if not ended(watch, 0):
                os.kill(pid, signal.SIGTERM)
        if not ended(watch, hangs_s):
            os.kill(pid, signal.SIGKILL)
    finally:
        os.close(watch)
    _, status, usage = os.wait4(pid, 0)
    wall = time.monotonic() - began
    code = os.waitstatus_to_exitcode(status)
    with open(out, "rb") as file:
        said = file.read(1 << 20)
    with open(err, "rb") as file:
        complained = file.read(1 << 20)
    cpu = usage.ru_utime + usage.ru_stime
    return Ran(max(code, 0), max(-code, 0), usage.ru_maxrss / 1024, wall, cpu, said, complained)


class Runner:
    """Runs commands from a small process of its own.

    The kernel counts a parent's memory as its child's, so what makes mutants must not be what runs commands.
    """

    def __init__(self):
        self.ours, theirs = multiprocessing.Pipe()
        self.pid = os.fork()
        if not self.pid:
            self.ours.close()
            resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            try:
                while asked := theirs.recv():
                    theirs.send(run(*asked))
            except (EOFError, KeyboardInterrupt):
                pass
            finally:
                os._exit(0)
        theirs.close()

    def run(self, args, folder, hangs_s=HANGS_S, serves=False):
        self.ours.send((args, folder, hangs_s, serves))
        return self.ours.recv()

    def end(self):
        self.ours.send(None)
        os.waitpid(self.pid, 0)


def ended(watch, within_s):
    return bool(select.select([watch], [], [], within_s)[0])


@dataclass
class Command:
    """One command line: what it is, and what holds of its result."""

    name: str
    args: list
    # Reads every event: of a damaged file it may not exit 0.
    reads_all: bool = False
    # The capture that it writes.
    output: str = None
    # What stdout is: `text` has no control characters, `json` parses.
    prints: str = "raw"
    # Runs a server that clients are sent to.
    serves: bool = False
    # May be told the wrong thing by a mutant: a call or a finding that it does not have.
    may_miss: bool = False


def commands(rng, binary, mutant, path, folder, seeds):
    """Every command that the mutant can be given to."""
    if mutant.form in ("mcap", "binlog", "frames"):
        out = f"{folder}/imported.gcap"
        told = [] if rng.random() < 0.5 else ["--from", mutant.form]
        return [Command("import", [binary, "import", path, "-o", out, "--force", *told], output=out)]
    if mutant.form == "bundle":
        out = f"{folder}/unpacked-{rng.getrandbits(40)}"
        return [Command("bundle --open", [binary, "bundle", "--open", path, "-o", out], prints="text")]
    seed, out, other = seeds.paths[mutant.seed], f"{folder}/out.gcap", f"{folder}/out.other"
    found = []

    def add(name, *args, **more):
        found.append(Command(name, [binary, *args], **more))

    for how in ("text", "json"):
        told = ["--format", how]
        add(f"info {how}", "info", path, *told, prints=how)
        add(f"cat {how}", "cat", path, *told, prints="jsonl" if how == "json" else how, reads_all=True)
        add(f"verify {how}", "verify", path, *told, prints=how, reads_all=True)
        add(f"stats {how}", "stats", path, *told, prints=how, reads_all=True)
        add(f"validate {how}", "validate", path, *told, prints=how, reads_all=True)
        add(f"diff {how}", "diff", path, seed, *told, prints=how, reads_all=True)
        add(f"drift {how}", "drift", path, "--against", seed, *told, prints=how, reads_all=True)
    add("cat raw", "cat", "--raw", path, "--direction", "both")
    add("cat as recorded", "cat", "--raw", "--as-recorded", path)
    add("cat from", "cat", path, "--start-offset", "50ms", prints="text")
    add("validate junit", "validate", path, "--junit", other, prints="text", reads_all=True)
    add("validate init", "validate", path, "--init")
    add("snapshot", "snapshot", path, prints="text", reads_all=True)
    add("diff back", "diff", seed, path, prints="text", reads_all=True)
    add("diff ignoring", "diff", seed, path, "--ignore", "*.f1,*.name,metadata.*", prints="text", reads_all=True)
    add("drift back", "drift", seed, "--against", path, prints="text", reads_all=True)
    made = ["-o", out, "--force"]
    add("recover", "recover", path, *made, output=out, reads_all=True, prints="text")
    add("slice all", "slice", path, "--start-offset", "0s", *made, output=out, reads_all=True)
    add("slice time", "slice", path, "--start-offset", "20ms", "--end-offset", "200ms", *made, output=out)
    add("slice rows", "slice", path, "--rows", "1..3", *made, output=out, may_miss=True)
    add("slice call", "slice", path, "--call", "1", "--frames", "1..3", *made, output=out, may_miss=True)
    add("slice around", "slice", path, "--around", "nan", *made, output=out, may_miss=True)
    add("slice sensors", "slice", path, "--start-offset", "0s", "--sensors", "1..2", *made, output=out, may_miss=True)
    add("merge", "merge", path, seed, *made, output=out, reads_all=True)
    add("redact", "redact", path, *made, output=out, reads_all=True)
    rules = ["--field", "t.M.password=mask", "--field", "datastream.SpectrogramRow.canvasId=hash"]
    rules += ["--metadata", "x-end-bin=hash", "--status", "mask", "--notes", "drop", "--attribute", "tag.*=drop"]
    add("redact rules", "redact", path, *rules, *made, output=out, reads_all=True)
    add("note", "note", path, "a remark", *made, output=out, reads_all=True)
    add("report html", "report", path, "-o", f"{folder}/r.html", "--force", reads_all=True)
    add("report markdown", "report", path, "-o", f"{folder}/r.md", "--force", reads_all=True)
    add("bundle", "bundle", path, "-o", f"{folder}/b.zip", "--force", prints="text", reads_all=True)
    for form in ("frames", "jsonl", "npy", "parquet", "mcap", "binlog"):
        add(f"export {form}", "export", path, f"--{form}", f"{folder}/out.{form}", "--force", reads_all=True)
    add("export npz", "export", path, "--npy", f"{folder}/out.npz", "--force", reads_all=True)
    for what in ("waterfall", "spectrogram", "timeline", "histogram"):
        add(f"export png {what}", "export", path, "--png", f"{folder}/o.png", "--what", what, "--force", reads_all=True)
    add("import a capture", "import", path, *made, output=out, may_miss=True)
    add("serve", "serve", path, "--rate", "max", serves=True)
    # A call that gets no answer waits for the idle limit, one call after the other.
    limits = ["--connect-timeout", "2s", "--idle-timeout", "0.3s", "--plaintext", "-t"]
    add("replay", "replay", path, *limits, seeds.served[mutant.seed])
    return found


def call_everything(out, watch):
    """Waits for the ready line of `serve`, asks its REST side, and opens calls by hand."""
    end = time.monotonic() + 10
    ready = b""
    while b"\n" not in ready:
        if time.monotonic() > end or ended(watch, 0.01):
            return
        with open(out, "rb") as file:
            ready = file.read()
    said = json.loads(ready.split(b"\n")[0])
    for asked in (b"POST /configure HTTP/1.1\r\ncontent-length: 2\r\n", b"GET /channels HTTP/1.1\r\n", b"GET /replay/status HTTP/1.1\r\n"):
        body = b"{}" if b"POST" in asked else b""
        talk(said["rest"], asked + b"host: x\r\nconnection: close\r\n\r\n" + body, 0.5)
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b"")
    for path in (b"/datastream.DataStreamService/StreamSpectrograms", b"/pandadatastream.DataStreamService/StreamData", b"/t.S/U", b"/t.S/D"):
        pairs = [(b":method", b"POST"), (b":scheme", b"http"), (b":path", path), (b":authority", b"x")]
        pairs += [(b"content-type", b"application/grpc"), (b"te", b"trailers")]
        block = b"".join(b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value for name, value in pairs)
        preface += frame(1, 4, CALLS[path], block) + frame(0, 1, CALLS[path], b"\0\0\0\0\0")
    talk(said["grpc"], preface, 0.15)


CALLS = {
    b"/datastream.DataStreamService/StreamSpectrograms": 1,
    b"/pandadatastream.DataStreamService/StreamData": 3,
    b"/t.S/U": 5,
    b"/t.S/D": 7,
}


def frame(kind, flags, stream, body):
    return len(body).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + body


def talk(address, said, quiet_s):
    """Sends bytes, and reads until the other side is quiet or gone."""
    host, _, port = address.rpartition("//")[2].partition("/")[0].rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=2) as peer:
            peer.sendall(said)
            peer.settimeout(quiet_s)
            got = 0
            while got < 1 << 20:
                data = peer.recv(65536)
                if not data:
                    return
                got += len(data)
    except OSError:
        pass
