"""Shared code of the two test servers: the messages of the suite, and a folder for each server that the suite starts."""

import hashlib
import json
import os
import signal
import subprocess
import sys

# Fields of ServerCompatRequest and ServerCompatResponse (connectrpc.com/conformance, server_compat.proto).
USE_TLS, SERVER_CREDS = 4, 7
HOST, PORT, PEM_CERT = 1, 2, 3
CERT, KEY = 1, 2
# Servers of one run that are asked for with the same request.
MOST_ALIKE = 100


def varint(data, at):
    shift = value = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def fields(data):
    """The fields of a message that has numbers and bytes only; of a repeated one the last."""
    at, found = 0, {}
    while at < len(data):
        key, at = varint(data, at)
        value, at = varint(data, at)
        if key & 7 == 2:
            value, at = data[at : at + value], at + value
        elif key & 7 != 0:
            raise SystemExit(f"wire type {key & 7}")
        found[key >> 3] = value
    return found


def number(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def read(stream):
    return stream.read(int.from_bytes(stream.read(4), "big"))


def framed(body):
    return len(body).to_bytes(4, "big") + body


def answer(port, certificate=None):
    """Tells the suite where the server under test is."""
    host = b"127.0.0.1"
    body = b"\x0a" + number(len(host)) + host + b"\x10" + number(port)
    if certificate is not None:
        body += b"\x1a" + number(len(certificate)) + certificate
    sys.stdout.buffer.write(framed(body))
    sys.stdout.buffer.flush()


def folder(out, request, kind):
    """A folder for the n-th server asked for with this request: the n-th replay finds the n-th recording."""
    for alike in range(MOST_ALIKE):
        place = os.path.join(out, f"{hashlib.sha256(request).hexdigest()[:16]}-{alike}")
        os.makedirs(place, exist_ok=True)
        try:
            os.mkdir(os.path.join(place, kind))
            return place
        except FileExistsError:
            pass
    raise SystemExit("too many servers of one kind")


def capture(place, kind, arguments):
    """Starts the binary and waits until it is ready: the process, and its gRPC port."""
    with open(os.path.join(place, kind, "stderr"), "w", encoding="utf-8") as errors:
        process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True)
    line = process.stdout.readline()
    if not line:
        with open(os.path.join(place, kind, "stderr"), encoding="utf-8") as errors:
            raise SystemExit(errors.read())
    return process, int(json.loads(line)["grpc"].rsplit(":", 1)[1])


def until_stopped(process, then=lambda: None):
    """Runs until the suite has seen enough, then ends the binary as Ctrl-C does."""
    stops = {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD}
    signal.pthread_sigmask(signal.SIG_BLOCK, stops)
    if process.poll() is None:
        signal.sigwait(stops)
    process.send_signal(signal.SIGINT)
    process.wait(20)
    then()
