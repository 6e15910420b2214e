"""HTTP/2 without a library, because a library would refuse unusual frames: frames, a server, and a client with short
metadata.
"""

import socket
import struct
import threading
from dataclasses import dataclass
from typing import NamedTuple

import hpack

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, END_HEADERS, ACK = 1, 4, 1
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
INITIAL_WINDOW, INITIAL_WINDOW_SIZE = 65_535, 4

ANSWER = ((":status", "200"), ("content-type", "application/grpc"))
OK = (("grpc-status", "0"),)


class Frame(NamedTuple):
    """One frame."""

    kind: int
    flags: int
    stream: int
    payload: bytes


def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def prefixed(message, length=None):
    """A message as gRPC frames it; `length` may lie."""
    return b"\0" + (len(message) if length is None else length).to_bytes(4, "big") + message


def headers(stream, pairs, end=False):
    """Short pairs, each literal and without indexing."""
    block = b"".join(b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode() for name, value in pairs)
    return frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), stream, block)


def call(stream, path, message, end=True, more=()):
    """A call with its first message."""
    pairs = ((":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "x"))
    pairs += (("content-type", "application/grpc"), ("te", "trailers"), *more)
    return headers(stream, pairs) + frame(DATA, END_STREAM if end else 0, stream, prefixed(message))


def reset(stream, code):
    return frame(RST_STREAM, 0, stream, code.to_bytes(4, "big"))


def goaway(last, code, debug):
    return frame(GOAWAY, 0, 0, struct.pack(">II", last, code) + debug)


def exactly(peer, count):
    found = b""
    while len(found) < count:
        got = peer.recv(count - len(found))
        if not got:
            raise EOFError
        found += got
    return found


def frames(peer):
    """Every frame until the other side closes."""
    try:
        while True:
            head = exactly(peer, 9)
            yield Frame(head[3], head[4], int.from_bytes(head[5:], "big") & 0x7FFF_FFFF, exactly(peer, int.from_bytes(head[:3], "big")))
    except (EOFError, ConnectionError):
        return


class Connection:
    """A server's side of one connection: windows are kept, settings and pings answered, and each request ends in `answer`."""

    def __init__(self, peer, answer):
        self.peer, self.answer = peer, answer
        self.initial, self.windows = INITIAL_WINDOW, {0: INITIAL_WINDOW}
        self.changed, self.writing = threading.Condition(), threading.Lock()
        self.answered = 0

    def run(self):
        with self.peer:
            if exactly(self.peer, len(PREFACE)) != PREFACE:
                return
            self.send(frame(SETTINGS, 0, 0))
            for got in frames(self.peer):
                self.take(got)

    def take(self, got):
        if got.kind == SETTINGS and not got.flags & ACK:
            for name, value in struct.iter_unpack(">HI", got.payload):
                if name == INITIAL_WINDOW_SIZE:
                    with self.changed:
                        self.windows.update((at, left + value - self.initial) for at, left in self.windows.items() if at)
                        self.initial = value
                        self.changed.notify_all()
            self.send(frame(SETTINGS, ACK, 0))
        elif got.kind == PING and not got.flags & ACK:
            self.send(frame(PING, ACK, 0, got.payload))
        elif got.kind == WINDOW_UPDATE:
            with self.changed:
                left = self.windows.setdefault(got.stream, self.initial)
                self.windows[got.stream] = left + int.from_bytes(got.payload, "big")
                self.changed.notify_all()
        if got.kind in (HEADERS, DATA) and got.flags & END_STREAM:
            self.answered += 1
            threading.Thread(target=self.reply, args=(got.stream, self.answered), daemon=True).start()

    def reply(self, stream, number):
        try:
            self.answer(self, stream, number)
        except OSError:
            pass

    def send(self, data):
        with self.writing:
            self.peer.sendall(data)

    def messages(self, stream, message, count, most=2000):
        """Sends a message so often, each in a DATA frame of its own, as fast as the windows allow."""
        one, size, left = frame(DATA, 0, stream, prefixed(message)), len(prefixed(message)), count
        while left:
            with self.changed:
                self.windows.setdefault(stream, self.initial)
                self.changed.wait_for(lambda: min(self.windows[0], self.windows[stream]) >= size)
                now = min(self.windows[0] // size, self.windows[stream] // size, left, most)
                self.windows[0] -= now * size
                self.windows[stream] -= now * size
            self.send(one * now)
            left -= now


def serve(kit, answer):
    """A server until the case ends: `answer(connection, stream, number of the request in its connection)`. Gives its address."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)

    def accept():
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=Connection(peer, answer).run, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    # A plain close does not end an accept that waits.
    kit.running.callback(listener.close)
    kit.running.callback(listener.shutdown, socket.SHUT_RDWR)
    return f"127.0.0.1:{listener.getsockname()[1]}"


@dataclass
class Heard:
    """What a client has heard of one stream."""

    pairs: list
    data: bytes = b""
    # The code of its reset.
    reset: int | None = None
    ended: bool = False

    def said(self, name):
        return [value for key, value in self.pairs if key == name]

    def answer(self):
        """Its bytes, its status and the code of its reset."""
        return self.data, "".join(self.said("grpc-status")), self.reset


class Client:
    """A client's side of one connection, which sends what it is told and takes what comes."""

    def __init__(self, kit, address, within_s=5):
        host, _, port = address.rpartition(":")
        self.peer = socket.create_connection((host, int(port)), timeout=within_s)
        kit.running.callback(self.peer.close)
        self.decoder, self.streams, self.goaways, self.pongs = hpack.Decoder(), {}, [], []
        self.closed = False
        self.send(PREFACE + frame(SETTINGS, 0, 0))

    def send(self, data):
        self.peer.sendall(data)

    def heard(self, stream):
        return self.streams.setdefault(stream, Heard([]))

    def until(self, enough):
        """Takes frames until it is enough, or the connection is closed."""
        coming = frames(self.peer)
        while not enough():
            got = next(coming, None)
            if got is None:
                self.closed = True
                return
            self.take(got)

    def ended(self, *streams):
        """Takes frames until these streams have ended: gives what was heard of each."""
        try:
            self.until(lambda: all(self.heard(stream).ended for stream in streams))
        except TimeoutError:
            raise AssertionError(f"not all of the streams {streams} end: {self.streams}") from None
        return [self.heard(stream).answer() for stream in streams]

    def take(self, got):
        if got.kind == SETTINGS and not got.flags & ACK:
            self.send(frame(SETTINGS, ACK, 0))
        elif got.kind == PING and not got.flags & ACK:
            self.send(frame(PING, ACK, 0, got.payload))
        elif got.kind == PING:
            self.pongs.append(got.payload)
        elif got.kind == GOAWAY:
            last, code = struct.unpack(">II", got.payload[:8])
            self.goaways.append((last, code, got.payload[8:]))
        elif got.kind == RST_STREAM:
            self.heard(got.stream).reset = int.from_bytes(got.payload, "big")
            self.heard(got.stream).ended = True
        elif got.kind == HEADERS:
            self.heard(got.stream).pairs += self.decoder.decode(got.payload)
        elif got.kind == DATA:
            self.heard(got.stream).data += got.payload
        if got.kind in (HEADERS, DATA) and got.flags & END_STREAM:
            self.heard(got.stream).ended = True
