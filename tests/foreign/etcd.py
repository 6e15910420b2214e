#!/usr/bin/env python3
"""etcd and etcdctl, a service that nobody here wrote: `etcd.py BINARY`.

etcd listens on a unix socket, and etcdctl speaks to `capture proxy`. etcdctl must print the same through the proxy as
without it, and the same again against `capture serve` of what the proxy recorded. `replay` sends the recorded requests to a
new etcd. `validate` passes, and names a wrong status and a killed server first. Without etcd, the check is left out.
"""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
import _capture_binary as capture_binary  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
# The names of etcd's sockets in its folder.
CLIENTS, PEERS = "clients:1", "peers:1"
# What etcdctl is asked. Its answers to these are the same in every new etcd.
COMMANDS = [
    ["put", "sensor/34050", "quiet"],
    ["put", "sensor/34051", "loud"],
    ["get", "sensor/", "--prefix"],
    ["get", "sensor/34050", "-w", "json"],
    ["put", "sensor/34050", "louder"],
    ["get", "sensor/34050", "--rev=2"],
    ["del", "sensor/34051"],
    ["get", "sensor/34051"],
    ["compaction", "3"],
    ["member", "list"],
]
# A value that takes many HTTP/2 frames.
LARGE = "x" * 900_000
STARTS_S = 30
HANGS_S = 60
# The commands that speak of frames or sensors speak of no other service.
FAR_WORDS = ["frame", "spectrogram", "fibre", "dB", "rows"]


@contextlib.contextmanager
def etcd():
    """A new etcd on a unix socket: its process, and the path of the socket."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["etcd", "--data-dir", "data", "--name", "one", "--initial-cluster", f"one=unix://{PEERS}"]
        command += ["--listen-client-urls", f"unix://{CLIENTS}", "--advertise-client-urls", f"unix://{CLIENTS}"]
        command += ["--listen-peer-urls", f"unix://{PEERS}", "--initial-advertise-peer-urls", f"unix://{PEERS}"]
        silent = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
        with open(f"{folder}/log", "wb") as log, subprocess.Popen(command, cwd=folder, stderr=log, **silent) as process:
            try:
                until = time.monotonic() + STARTS_S
                while b"ready to serve client requests" not in pathlib.Path(f"{folder}/log").read_bytes():
                    assert process.poll() is None and time.monotonic() < until, pathlib.Path(f"{folder}/log").read_text()
                    time.sleep(0.05)
                yield process, f"{folder}/{CLIENTS}"
            finally:
                process.kill()


def etcdctl(address, *args, code=0, value=""):
    """What etcdctl prints. It reads a value that is no argument from its stdin."""
    command = ["etcdctl", "--endpoints", address, *args]
    own = {"env": {**os.environ, "ETCDCTL_API": "3"}, "input": value}
    done = subprocess.run(command, capture_output=True, timeout=HANGS_S, check=False, text=True, **own)
    assert (done.returncode != 0) == (code != 0), f"{args} exits {done.returncode}: {done.stderr}"
    return done.stdout


def talk(address):
    """All commands, and a value of almost a megabyte."""
    printed = [etcdctl(address, *command) for command in COMMANDS]
    etcdctl(address, "put", "large", value=LARGE)
    printed.append(etcdctl(address, "get", "large"))
    assert LARGE in printed[-1]
    return printed


def check_talk(folder):
    capture = f"{folder}/etcd.gcap"
    with etcd() as (_, socket):
        expected = talk(f"unix://{socket}")
    with etcd() as (_, socket), capture_binary.proxy(f"unix:{socket}", capture) as address:
        assert talk(address) == expected
    print("ok    etcdctl prints the same through the proxy, etcd being on a unix socket", flush=True)
    verdict = capture_binary.run("validate", capture).decode()
    assert verdict.startswith("PASS"), verdict
    stats = json.loads(capture_binary.run("stats", capture, "--format", "json"))
    calls = {method["method"]: method["calls"] for method in stats["methods"]}
    assert calls["/etcdserverpb.KV/Put"] == 4 and calls["/etcdserverpb.KV/Range"] == 5, calls
    print("ok    validate passes, and stats counts the calls of each method", flush=True)
    with capture_binary.serving("serve", capture, "--grpc", "127.0.0.1:0", "--rest", "127.0.0.1:0") as address:
        assert talk(address) == expected
    print("ok    etcdctl prints the same against serve", flush=True)
    with etcd() as (_, socket):
        capture_binary.run("replay", capture, "--target", f"unix:{socket}")
    print("ok    a new etcd answers the recorded requests as the recorded one did", flush=True)
    for command in (["validate"], ["stats"], ["cat"], ["verify"], ["report", "-o", f"{folder}/etcd.html"]):
        said = capture_binary.run(command[0], capture, *command[1:]).decode()
        if command[0] == "report":
            said = pathlib.Path(f"{folder}/etcd.html").read_text(encoding="utf-8").split("</style>", 1)[1].split("<script", 1)[0]
        found = [word for word in FAR_WORDS if word in said.replace(LARGE, "")]
        assert not found, f"{command[0]} speaks of {found}"
    print("ok    no command speaks of spectrograms", flush=True)


def check_wrong_status(folder):
    capture = f"{folder}/status.gcap"
    with etcd() as (_, socket), capture_binary.proxy(f"unix:{socket}", capture) as address:
        etcdctl(address, "put", "sensor/34050", "quiet")
        etcdctl(address, "put", "--lease=1234", "sensor/34050", "loud", code=1)
    rule, text = capture_binary.first_finding(capture)
    assert rule == "error-status" and "NOT_FOUND" in text and "/etcdserverpb.KV/Put" in text, text
    print("ok    a wrong status fails, and is named with its method", flush=True)


def check_killed(folder):
    capture = f"{folder}/killed.gcap"
    with etcd() as (server, socket), capture_binary.proxy(f"unix:{socket}", capture) as address:
        command = ["etcdctl", "--endpoints", address, "watch", "sensor/34050"]
        own = {"env": {**os.environ, "ETCDCTL_API": "3"}, "stdin": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **own) as watch:
            # The watch has begun when it sees a change.
            lines = []
            while not lines:
                etcdctl(address, "put", "sensor/34050", "quiet")
                os.set_blocking(watch.stdout.fileno(), False)
                lines = [line for line in [watch.stdout.readline()] if line]
            server.send_signal(signal.SIGKILL)
            server.wait()
            etcdctl(address, "--dial-timeout=1s", "--command-timeout=1s", "get", "sensor/34050", code=1)
            watch.kill()
    rule, text = capture_binary.first_finding(capture)
    assert rule == "broken-call" and "/etcdserverpb.Watch/Watch" in text, text
    print("ok    a killed server fails, and the broken call is named with its method", flush=True)


def main():
    if not (shutil.which("etcd") and shutil.which("etcdctl")):
        print("etcd or etcdctl is not installed: the check is left out")
        return
    capture_binary.use(str(pathlib.Path(sys.argv[1]).resolve()), ROOT)
    with tempfile.TemporaryDirectory() as folder:
        check_talk(folder)
        check_wrong_status(folder)
        check_killed(folder)


if __name__ == "__main__":
    main()
