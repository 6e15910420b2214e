"""The server gives the reason for closing a connection: GOAWAY with a code and debug data."""

import struct
import threading

import _h2 as h2
from _seeds import field, varint

STREAM = "/datastream.DataStreamService/StreamSpectrograms"
T, FRAMES = 1_700_000_000_000, 3
# What it says: the last stream that it took, code, debug data; and the code's name.
REASONS = {
    "ENHANCE_YOUR_CALM: too_many_pings": (3, 11, b"too_many_pings"),
    "INTERNAL_ERROR: lb drain: zone b": (1, 2, b"lb drain: zone b"),
}


def frame(at):
    """One frame with one row."""
    sensor = varint(1 << 3) + varint(1) + field(2, struct.pack("<4f", 1, 2, 3, 4))
    times = varint(3 << 3) + varint(T + at * 50) + varint(4 << 3) + varint(T + at * 50 + 50)
    extremes = b"\x15" + struct.pack("<f", 4) + b"\x1d" + struct.pack("<f", 1)
    return field(1, field(1, b"c") + field(2, sensor) + times) + extremes


class Server:
    """Sends three frames and its reason, and closes when it is let."""

    def __init__(self, kit, reason):
        self.reason, self.may_close = reason, threading.Event()
        self.address = h2.serve(kit, self.answer)
        kit.running.callback(self.may_close.set)

    def answer(self, connection, stream, _):
        connection.send(h2.headers(stream, h2.ANSWER))
        for at in range(FRAMES):
            connection.send(h2.frame(h2.DATA, 0, stream, h2.prefixed(frame(at))))
        connection.send(h2.goaway(*self.reason))
        self.may_close.wait()
        connection.peer.shutdown(h2.socket.SHUT_WR)


def ask(kit, address, server):
    """What a client is told of the end, which it must be told before the server closes."""
    server.may_close.clear()
    client = h2.Client(kit, address)
    client.send(h2.call(1, STREAM, b""))
    client.until(lambda: client.goaways)
    server.may_close.set()
    client.until(lambda: False)
    assert client.closed
    return client.goaways


def case_a_client_of_the_proxy_is_told(kit):
    """Last stream, code and debug data reach the client at once; the capture has them, and the verdict names them first."""
    for number, (named, reason) in enumerate(REASONS.items()):
        server = Server(kit, reason)
        assert ask(kit, server.address, server) == [reason], "directly"
        proxy = kit.proxy(server.address)
        assert ask(kit, proxy.grpc, server) == [reason], f"{named}: {ask(kit, proxy.grpc, server)} through the proxy"
        proxy.finish()
        judge(kit, proxy.kept, named, reason, number)


def judge(kit, capture, named, reason, number):
    last, code, debug = reason
    (end,) = [event for event in kit.events(capture) if event["event"] == "end"]
    assert end["announced"] == {"last_stream": last, "code": code, "debug_data": debug.decode()}, end
    verdict = kit.run("validate", capture, code=1).out.decode().strip().split("\n")[-1]
    assert verdict.startswith("FAIL ") and ": broken-call: the server closed the connection (" in verdict, verdict
    assert f"GOAWAY {named}" in verdict, verdict
    page = kit.file(f"{number}.md")
    kit.run("report", capture, "-o", page, code=1)
    with open(page, encoding="utf-8") as lines:
        top = "".join(lines.readline() for _ in range(3)).replace("\\", "")
    assert f"GOAWAY {named}" in top, top


def case_record_is_told(kit):
    """record exits 4 and names the reason, on stderr and in its capture."""
    for number, (named, reason) in enumerate(REASONS.items()):
        server, out = Server(kit, reason), kit.file(f"record-{number}.gcap")
        server.may_close.set()
        told = ("--plaintext", "--job-id", "j", "--no-health-check", "-o", out)
        ran = kit.run("record", "-t", server.address, *told, code=4)
        assert f"GOAWAY {named}" in ran.err.decode(), ran.err
        judge(kit, out, named, reason, f"record-{number}")
