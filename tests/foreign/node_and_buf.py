#!/usr/bin/env python3
"""@grpc/grpc-js and `buf curl` as clients of `capture serve`, in plain text and with TLS: `node_and_buf.py BINARY`.

@grpc/grpc-js (JavaScript, with its own HTTP/2) and `buf curl` (Go, with reflection only) list the services, ask for
the health and receive a whole capture. The received messages are compared with the capture by message digest, or
frame by frame. The packages come from $NODE_MODULES, or from the search path of node.
"""

import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import _capture_binary as capture_binary  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
JOB = "optodas-quake"
MODULES = os.environ.get("NODE_MODULES", "")
# A client that takes longer hangs.
HANGS_S = 90


def node(target, authority):
    """What @grpc/grpc-js sees of the job."""
    command = ["node", str(HERE / "node" / "client.js"), target, authority or "-", str(ROOT / "protos"), JOB]
    environment = dict(os.environ, NODE_PATH=MODULES)
    done = subprocess.run(command, capture_output=True, timeout=HANGS_S, check=False, env=environment)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def buf_curl(target, authority, *args):
    """The answers of a call, or the list that was asked for, by `buf curl`."""
    buf = str(pathlib.Path(MODULES) / ".bin" / "buf") if MODULES else "buf"
    secure = ["--cacert", authority] if authority else ["--http2-prior-knowledge"]
    scheme = "https" if authority else "http"
    method, data = (args[0], list(args[1:])) if not args[0].startswith("--") else ("", list(args))
    url = f"{scheme}://{target}/{method}".rstrip("/")
    command = [buf, "curl", "--protocol", "grpc", "--reflect-protocol", "grpc-v1", *secure, *data, url]
    done = subprocess.run(command, capture_output=True, timeout=HANGS_S, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr.decode()}"
    return done.stdout.decode()


def objects(text):
    """JSON objects that follow each other."""
    decoder, at, found = json.JSONDecoder(), 0, []
    while at < len(text):
        value, at = decoder.raw_decode(text, at)
        found.append(value)
        while at < len(text) and text[at].isspace():
            at += 1
    return found


def check(target, authority, way):
    """Both clients, against one server."""
    capture = capture_binary.shipped(f"{JOB}.gcap")
    frames = capture_binary.raw_messages(capture)
    seen = node(target, authority)
    assert "datastream.DataStreamService" in seen["services"], seen
    assert (seen["health"], seen["healthy"], seen["code"]) in ((1, True, 0), ("SERVING", True, 0)), seen
    assert (seen["messages"], seen["rows"]) == (len(frames), 190), seen
    assert seen["digest"] == hashlib.sha256(capture_binary.run("cat", "--raw", capture)).hexdigest(), seen
    print(f"ok    @grpc/grpc-js lists, checks health and streams a whole capture, {way}", flush=True)

    services = buf_curl(target, authority, "--list-services").split()
    assert "datastream.DataStreamService" in services, services
    health = buf_curl(target, authority, "grpc.health.v1.Health/Check", "-d", "{}")
    assert objects(health) == [{"status": "SERVING"}], health
    healthy = buf_curl(target, authority, "datastream.DataStreamService/CheckHealth", "-d", "{}")
    assert objects(healthy)[0]["healthy"] is True, healthy
    request = json.dumps({"jobId": JOB})
    streamed = objects(buf_curl(target, authority, "datastream.DataStreamService/StreamSpectrograms", "-d", request))
    assert len(streamed) == len(frames), len(streamed)
    assert sum(len(frame["rows"]) for frame in streamed) == 190
    print(f"ok    buf curl does the same by reflection alone, {way}", flush=True)


def main():
    if len(sys.argv) != 2:
        raise SystemExit(f"usage: {sys.argv[0]} BINARY")
    capture_binary.use(pathlib.Path(sys.argv[1]).resolve(), ROOT)
    capture = capture_binary.shipped(f"{JOB}.gcap")
    with capture_binary.serve(capture, "--rate", "max") as ready:
        check(ready["grpc"], None, "in plain text")
    with tempfile.TemporaryDirectory() as folder:
        authority = f"{folder}/ca.pem"
        with capture_binary.serve(capture, "--rate", "max", f"--self-signed={authority}") as ready:
            check(ready["grpc"], authority, "through TLS")


if __name__ == "__main__":
    main()
