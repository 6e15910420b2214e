"""Shared code of the cases: the binary under limits, servers and proxies that end with the case, captures made by hand."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

from _runs import CODES, MOST_RSS_MB, Runner

__all__ = ["Kit", "Runner", "Skipped"]

# The C core tells every connection that it loses; read when grpcio is loaded.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

HERE = pathlib.Path(__file__).resolve().parent
# A command, or a peer, that takes longer hangs.
HANGS_S = 60
# A build that takes longer was more than a look at what is there.
SLOW_BUILD_S = 3


class Skipped(Exception):
    """What the case needs is not on this machine."""


class Kit:
    """One case's binary, its folder of inputs, and its temporary folder."""

    def __init__(self, binary, runner, folder, place):
        self.binary, self.runner, self.folder, self.place = binary, runner, folder, place
        self.root = pathlib.Path(__file__).parents[2]
        self.rss_mb, self.made = 0, 0
        self.began = time.monotonic()
        self.running = contextlib.ExitStack()

    def end(self):
        self.running.close()

    def file(self, name, data=None):
        path = self.place / name
        if data is not None:
            path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return str(path)

    def run(self, *args, code=0, most_mb=MOST_RSS_MB):
        """Runs a command to its end: no panic, no signal, its memory, and one of the exit codes asked for."""
        place = self.place / f"run-{self.made}"
        self.made += 1
        place.mkdir()
        ran = self.runner.run([self.binary, *map(str, args)], str(place), HANGS_S)
        said = f"`capture {' '.join(map(str, args))}`".replace(str(self.place) + "/", "")
        complained = ran.err.decode("utf-8", "replace")
        self.rss_mb = max(self.rss_mb, ran.rss_mb)
        assert "panicked" not in complained, f"{said} panics: {complained[:300]}"
        assert not ran.signal, f"{said} ends by signal {ran.signal} after {ran.wall_s:.1f} s, {ran.rss_mb:.0f} MB: {complained[:200]}"
        assert ran.rss_mb <= most_mb, f"{said} takes {ran.rss_mb:.0f} MB"
        codes = CODES if code is None else code if isinstance(code, (set, tuple)) else {code}
        assert ran.code in codes, f"{said} exits {ran.code}, not {sorted(codes)}: {complained[:400]}"
        return ran

    def json(self, *args, **more):
        return json.loads(self.run(*args, "--format", "json", **more).out)

    def events(self, capture, code=0):
        out = self.file("events.jsonl")
        self.run("cat", capture, "--format", "json", "-o", out, "--force", code=code)
        with open(out, "rb") as lines:
            return [json.loads(line) for line in lines]

    def background(self, *args, code=(0,)):
        """`serve` or `proxy`, ended with the case at the latest: gives its ready line and itself."""
        return self.running.enter_context(Background(self, args, code))

    def proxy(self, target, *args, code=(0, 3)):
        """A proxy before a plaintext target: gives itself, and `kept` is its capture."""
        kept = self.file(f"proxy-{self.made}.gcap")
        flags = ("-l", "127.0.0.1:0", "-t", target, "--plaintext", "--reflect=never", "-o", kept)
        proxy = self.background("proxy", *flags, *args, code=code)
        proxy.kept = kept
        return proxy

    def peer(self, *command, **environment):
        """A foreign program that prints one line when it is ready, ended with the case: gives that line and its process."""
        peer = subprocess.Popen(
            [str(part) for part in command],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=dict(os.environ, **environment),
        )
        self.running.callback(stop, peer)
        line = peer.stdout.readline().strip()
        assert line, f"{command[0]} {command[1]} ended before it was ready"
        return line, peer

    def python(self, script, *args):
        """A Python peer: gives its ready line."""
        return self.peer(sys.executable, script, *args)[0]

    def client(self, *command, **environment):
        """Runs a foreign client to its end, which must be a good one: gives what it printed."""
        command, environment = [str(part) for part in command], dict(os.environ, **environment)
        ran = subprocess.run(command, capture_output=True, text=True, timeout=HANGS_S, check=False, env=environment)
        assert not ran.returncode, f"{' '.join(command)} exits {ran.returncode}: {ran.stdout[-300:]}{ran.stderr[-300:]}"
        return ran.stdout

    def go(self, name):
        """The path of a program of _go/, built when it is not; the case is skipped without `go`. Its time is not the case's."""
        go, began = self.tool("go"), time.monotonic()
        place = pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or self.root / "target") / "ci-go"
        subprocess.run([go, "build", "-o", f"{place.resolve()}/", "./..."], cwd=HERE / "_go", check=True)
        took = time.monotonic() - began
        if took > SLOW_BUILD_S:
            print(f"tests/cases/_go built ({took:.1f} s)", flush=True)
        self.began += took
        return str(place.resolve() / name)

    def tool(self, name):
        """The path of a tool; the case is skipped without it."""
        found = shutil.which(name)
        if not found:
            raise Skipped(f"{name} is not installed")
        return found

    def node(self, package):
        """What runs a script that needs an npm package, and in which environment; the case is skipped without them."""
        node, folder = self.tool("node"), os.environ.get("NODE_MODULES")
        if not folder:
            raise Skipped("NODE_MODULES is not set")
        if not (pathlib.Path(folder) / package).is_dir():
            raise Skipped(f"NODE_MODULES has no {package}")
        return node, {"NODE_PATH": folder}


class Background:
    """A command that goes on until it is told to end."""

    def __init__(self, kit, args, code):
        self.kit, self.args, self.codes = kit, [str(arg) for arg in args], code
        self.ready = self.process = self.said = self.kept = None

    def __enter__(self):
        self.errors = open(self.kit.file(f"stderr-{self.kit.made}"), "w+b")
        self.kit.made += 1
        self.process = subprocess.Popen([self.kit.binary, *self.args], stdout=subprocess.PIPE, stderr=self.errors)
        line = self.process.stdout.readline()
        assert line, f"`capture {self.args[0]}` was never ready: {self.stderr()[:400]}"
        self.ready = json.loads(line)
        return self

    def stderr(self):
        self.errors.seek(0)
        return self.errors.read().decode("utf-8", "replace")

    def most_rss_mb(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status")
        lines = status.read_text().splitlines() if status.exists() else ()
        return sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024

    @property
    def grpc(self):
        return self.ready["grpc"].rpartition("//")[2]

    def finish(self):
        """Ends it as Ctrl-C does; it may not have panicked, nor grown, and exits as asked."""
        if self.said is None:
            rss_mb = self.most_rss_mb()
            self.kit.rss_mb = max(self.kit.rss_mb, rss_mb)
            self.process.send_signal(signal.SIGINT)
            self.process.stdout.close()
            code = self.process.wait(HANGS_S)
            self.said = self.stderr()
            assert "panicked" not in self.said, f"`capture {self.args[0]}` panics: {self.said[:400]}"
            assert code in self.codes, f"`capture {self.args[0]}` exits {code}: {self.said[-400:]}"
            assert rss_mb <= MOST_RSS_MB, f"`capture {self.args[0]}` takes {rss_mb:.0f} MB"
        return self.said

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.errors.close()


def stop(peer):
    peer.kill()
    peer.wait()
    peer.stdout.close()
