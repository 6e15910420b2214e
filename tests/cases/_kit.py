"""What cases run with: the binary under limits, servers and proxies that end with the case, captures made by hand."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys

from _runs import CODES, MOST_RSS_MB, Runner

__all__ = ["Kit", "Runner", "Skipped"]

# A command, or a peer, that takes longer hangs.
HANGS_S = 60


class Skipped(Exception):
    """What the case needs is not on this machine."""


class Kit:
    """One case's binary, its folder of inputs, and its temporary folder."""

    def __init__(self, binary, runner, folder, place):
        self.binary, self.runner, self.folder, self.place = binary, runner, folder, place
        self.root = pathlib.Path(__file__).parents[2]
        self.rss_mb, self.made = 0, 0
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
        out = self.run("cat", capture, "--format", "json", code=code).out
        return [json.loads(line) for line in out.splitlines()]

    def background(self, *args, code=(0,)):
        """`serve` or `proxy`, ended with the case at the latest: gives its ready line and itself."""
        return self.running.enter_context(Background(self, args, code))

    def python(self, script, *args):
        """A Python peer that prints one line when it is ready: gives that line."""
        peer = subprocess.Popen(
            [sys.executable, str(script), *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.running.callback(stop, peer)
        line = peer.stdout.readline().strip()
        assert line, f"{script} ended before it was ready"
        return line

    def tool(self, name):
        """The path of a tool; the case is skipped without it."""
        found = shutil.which(name)
        if not found:
            raise Skipped(f"{name} is not installed")
        return found

    def node_modules(self):
        """The folder of npm's packages; the case is skipped without it."""
        self.tool("node")
        folder = os.environ.get("NODE_MODULES")
        if not folder:
            raise Skipped("NODE_MODULES is not set")
        return folder


class Background:
    """A command that goes on until it is told to end."""

    def __init__(self, kit, args, code):
        self.kit, self.args, self.codes = kit, [str(arg) for arg in args], code
        self.ready = self.process = self.said = None

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

    @property
    def grpc(self):
        return self.ready["grpc"].rpartition("//")[2]

    def finish(self):
        """Ends it as Ctrl-C does; it may not have panicked, and exits as asked."""
        if self.said is None:
            self.process.send_signal(signal.SIGINT)
            self.process.stdout.close()
            code = self.process.wait(HANGS_S)
            self.said = self.stderr()
            assert "panicked" not in self.said, f"`capture {self.args[0]}` panics: {self.said[:400]}"
            assert code in self.codes, f"`capture {self.args[0]}` exits {code}: {self.said[-400:]}"
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
