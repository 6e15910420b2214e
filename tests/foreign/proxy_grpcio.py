#!/usr/bin/env python3
"""Python grpcio on both sides of `capture proxy`: `proxy_grpcio.py BINARY`.

The C core of gRPC shares no code with the proxy. Every exchange is made directly and through the proxy. It must be
the same for the client and for the server, and the capture must hold it. Messages are raw bytes, so no schema is
needed.

Prints one line for each exchange and `N passed, M failed` at the end. Exits with 1 if one failed.
"""

import concurrent.futures
import json
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading

import grpc

# A command that takes longer hangs.
HANGS_S = 60
LIMITS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
# Messages from the client, and from the server.
KINDS = {"unary_unary": (1, 1), "unary_stream": (1, 3), "stream_unary": (3, 1), "stream_stream": (3, 3)}
CONCURRENT = 1000


class Server:
    """Does what the request's metadata asks for, and notes what it saw."""

    def __init__(self):
        self.seen = []
        self.news = threading.Condition()
        self.pool = concurrent.futures.ThreadPoolExecutor(max_workers=64)
        self.server = grpc.server(self.pool, options=LIMITS)
        self.server.add_generic_rpc_handlers((Handlers(self),))
        self.port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()

    def note(self, method, metadata, messages):
        with self.news:
            self.seen.append((method, metadata, tuple(messages)))
            self.news.notify_all()

    def wait(self, count):
        with self.news:
            assert self.news.wait_for(lambda: len(self.seen) >= count, HANGS_S), "the server saw no call"

    def take(self, count):
        with self.news:
            assert self.news.wait_for(lambda: len(self.seen) >= count, HANGS_S), "the server saw no call"
            seen, self.seen = self.seen, []
            return seen

    def answer(self, method, requests, context, answers):
        """The answers to requests, one by one; ends the call as asked."""
        metadata = dict(context.invocation_metadata())
        mine = sorted((k, v) for k, v in metadata.items() if k.startswith("x-"))
        end, messages = metadata["x-end"], []
        if end == "trailers-only":
            self.note(method, mine, messages)
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "not you, 100 % sure: €")
        for request in requests:
            messages.append(request)
        self.note(method, mine, messages)
        context.set_compression(grpc.Compression.Gzip if end == "gzip" else grpc.Compression.NoCompression)
        context.send_initial_metadata((("x-head", "1"), ("x-head-bin", b"\x00\x01\xff")))
        context.set_trailing_metadata((("x-tail-bin", b"\xff\x00"), ("grpc-status-details-bin", b"\x08\x09\x12\x01x")))
        for at in range(answers):
            yield messages[at % len(messages)]
        if end == "error":
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "job '12-7' is 50% gone: €")
        if end == "cancel-by-server":
            context.cancel()
        if end in ("cancel-by-client", "deadline"):
            gone = threading.Event()
            if context.add_callback(gone.set):
                gone.wait(HANGS_S)


class Handlers(grpc.GenericRpcHandler):
    """All four kinds of methods, on raw bytes."""

    def __init__(self, server):
        self.server = server

    def service(self, details):
        name = details.method.rsplit("/", 1)[1]
        answers = KINDS[name][1]

        def many(requests, context):
            yield from self.server.answer(details.method, requests, context, answers)

        def one(requests, context):
            result = b""
            for message in self.server.answer(details.method, requests, context, answers):
                result = message
            return result

        return {
            "unary_unary": lambda: grpc.unary_unary_rpc_method_handler(lambda r, c: one([r], c)),
            "unary_stream": lambda: grpc.unary_stream_rpc_method_handler(lambda r, c: many([r], c)),
            "stream_unary": lambda: grpc.stream_unary_rpc_method_handler(one),
            "stream_stream": lambda: grpc.stream_stream_rpc_method_handler(many),
        }[name]()


def call(channel, server, kind, end, messages):
    """Makes a call: what the client sees of it."""
    request = iter(messages) if kind.startswith("stream") else messages[0]
    method = getattr(channel, kind)(f"/test.Exchange/{kind}")
    compression = grpc.Compression.Gzip if end == "gzip" else None
    metadata = (("x-end", end), ("x-trace-bin", b"\x00\xff\x01"), ("x-plain", "two words"))
    timeout = 0.5 if end == "deadline" else HANGS_S
    options = {"metadata": metadata, "timeout": timeout, "compression": compression}
    got = []
    if kind.endswith("stream"):
        running = method(request, **options)
        try:
            for message in running:
                got.append(message)
                if end == "cancel-by-client" and len(got) == KINDS[kind][1]:
                    running.cancel()
        except grpc.RpcError as error:
            assert error is running
    else:
        running = method.future(request, **options)
        if end == "cancel-by-client":
            # An answer of one message has no metadata of its own to wait for: they come together.
            server.wait(1)
            running.cancel()
        try:
            got.append(running.result())
        except (grpc.RpcError, grpc.FutureCancelledError):
            pass
    head = [] if end == "deadline" or end == "cancel-by-client" else sorted(running.initial_metadata())
    # Whose timer runs out first is chance, and so is the text about it.
    details = None if end == "deadline" else running.details()
    return running.code(), details, got, sorted(running.trailing_metadata() or ()), head


def table():
    """Every exchange: its name, kind, end and messages."""
    big = bytes(range(256)) * 78_125
    for kind, (requests, _) in KINDS.items():
        small = [f"message {at}".encode() for at in range(requests)]
        for end in ("ok", "error", "trailers-only", "gzip", "cancel-by-client", "cancel-by-server", "deadline"):
            yield f"{end} {kind}", kind, end, [m * 100 for m in small] if end == "gzip" else small
        yield f"empty message {kind}", kind, "ok", [b""] * requests
        yield f"20 MB {kind}", kind, "ok", [big] + small[1:]


def make(target, server, exchanges):
    """Makes every exchange: what the client and the server saw."""
    seen = []
    with grpc.insecure_channel(target, options=LIMITS) as channel:
        for _, kind, end, messages in exchanges:
            answer = call(channel, server, kind, end, messages)
            seen.append((answer, server.take(1)))
    return seen


def concurrent_calls(target):
    """A thousand calls at once over one channel: the answers, in order."""
    with grpc.insecure_channel(target, options=LIMITS) as channel:
        method = channel.unary_unary("/test.Exchange/unary_unary")
        metadata = (("x-end", "ok"),)
        calls = [method.future(f"call {at}".encode(), metadata=metadata, timeout=HANGS_S) for at in range(CONCURRENT)]
        return [running.result() for running in calls]


def recorded(binary, capture):
    """The calls of a capture: method, messages sent and received, ending."""
    done = subprocess.run([binary, "cat", "--format", "json", "--as-recorded", capture], capture_output=True, check=True)
    calls = {}
    for line in done.stdout.splitlines():
        event = json.loads(line)
        entry = calls.setdefault(event["call"], {"messages": 0, "events": []})
        entry["events"].append(event["event"])
        if event["event"] == "message":
            entry["messages"] += 1
        if event["event"] == "end":
            entry["end"] = event
    calls.pop(0, None)
    return calls


def judge(name, end, call_recorded):
    """What the capture says of an exchange's end."""
    got = json.dumps(call_recorded["end"])
    wanted = {
        "ok": '"code": 0',
        "gzip": '"code": 0',
        "error": '"code": 9',
        "trailers-only": '"code": 7',
    }.get(end)
    if wanted:
        assert wanted in got, f"{name}: {got}"
    assert call_recorded["events"].count("end") == 1 and call_recorded["events"][-1] == "end", name


def main():
    if len(sys.argv) != 2:
        raise SystemExit(f"usage: {sys.argv[0]} BINARY")
    binary = str(pathlib.Path(sys.argv[1]).resolve())
    server, exchanges, failed = Server(), list(table()), 0
    direct = make(f"127.0.0.1:{server.port}", server, exchanges)
    with tempfile.TemporaryDirectory() as folder:
        capture = f"{folder}/proxy.gcap"
        command = [binary, "proxy", "-t", f"127.0.0.1:{server.port}", "--plaintext", "-o", capture, "--format", "json"]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as proxy:
            try:
                addr = json.loads(proxy.stdout.readline())["grpc"]
                through = make(addr, server, exchanges)
                answers = concurrent_calls(addr)
                server.take(CONCURRENT)
            finally:
                proxy.send_signal(signal.SIGINT)
            report = json.loads(proxy.stdout.readline())
            assert proxy.wait(HANGS_S) == 0, report["errors"]
        calls = recorded(binary, capture)
    for at, ((name, _, end, _), one, other) in enumerate(zip(exchanges, direct, through), 1):
        try:
            assert one == other, f"directly {str(one)[:500]}, through the proxy {str(other)[:500]}"
            judge(name, end, calls[at])
            print(f"ok    {name}")
        except AssertionError as error:
            failed += 1
            print(f"FAIL  {name}: {error}")
    try:
        assert answers == [f"call {at}".encode() for at in range(CONCURRENT)]
        assert report["calls"] == len(exchanges) + CONCURRENT == len(calls), report["calls"]
        assert report["gaps"] == 0 and report["not_grpc"] == 0
        assert all(calls[at]["messages"] == 2 for at in range(len(exchanges) + 1, len(calls) + 1))
        print(f"ok    {CONCURRENT} calls at once")
    except AssertionError as error:
        failed += 1
        print(f"FAIL  {CONCURRENT} calls at once: {error}")
    server.server.stop(None)
    print(f"{len(exchanges) + 1 - failed} passed, {failed} failed")
    raise SystemExit(1 if failed else 0)


if __name__ == "__main__":
    main()
