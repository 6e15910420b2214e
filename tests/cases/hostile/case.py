"""Captures with correct checksums and harmful content."""

import random
import socket
import threading
import xml.etree.ElementTree

import _gcap as g
import _h2 as h2
import _wire as w
from _seeds import field, varint

METHOD = "/datastream.DataStreamService/StreamSpectrograms"
START = g.Record(1, 1, 0, g.CALL_START, g.text(METHOD) + g.text("a:1") + g.text("b:2") + g.metadata([]) + g.metadata([]))
OK = g.u32(0) * 2 + g.text("") + g.metadata([]) + b"\0"
ATTRIBUTES = [(b"tool", b"by hand"), (b"dialect", b"datastream"), (b"job-id", b"hostile")]
MB = 1 << 20


def sealed(*chunks, **more):
    return g.Capture(anchor=10**18, attributes=ATTRIBUTES, chunks=list(chunks), **more).sealed()


def of_zeros(size, **lies):
    """A chunk of zero bytes, which are records of no length."""
    return g.Chunk([], stored=w.bomb("zstd", size), lies={"raw_len": size, "events": size // 4, **lies})


def long_message(size):
    """A chunk of one record of zeros but for its head, packed piece by piece."""
    head = g.message(1, 2, 5, b"").bytes()
    packer = g.zstandard.ZstdCompressor(level=1).compressobj(size=size)
    piece = bytes(MB)
    data = packer.compress(g.u32(size - 4) + head)
    left = size - 4 - len(head)
    while left:
        data += packer.compress(piece[: min(left, MB)])
        left -= min(left, MB)
    lies = {"raw_len": size, "events": 1, "min_offset": 5, "max_offset": 5, "calls": [(1, 0, 1)]}
    return g.Chunk([], stored=data + packer.flush(), lies=lies)


def float_constant(size):
    """Codec float: one run of so many equal floats, which the plan alone tells of."""
    head = g.u32(size - 4) + g.message(1, 2, 5, b"").bytes()
    floats = (size - len(head)) // 4
    plan = varint(1) + varint(floats) + varint(0) * 3 + varint(1) + varint(len(head)) + varint(floats) + varint(2) + varint(1) + bytes(4)
    stored = b"".join(map(g.pack_zstd, (plan, head, b"", b"", b"", b"")))
    lies = {"raw_len": size, "events": 1, "min_offset": 5, "max_offset": 5, "calls": [(1, 0, 1)]}
    return g.Chunk([], codec=g.FLOAT, stored=stored, lies=lies)


BOMBS = {
    "zero records of 256 MB": lambda: sealed(of_zeros(256 * MB)),
    "8 chunks of 128 MB": lambda: sealed(*[of_zeros(128 * MB)] * 8),
    "200 chunks of 64 MB": lambda: sealed(*[of_zeros(64 * MB)] * 20),
    "a length that is far less": lambda: sealed(of_zeros(512 * MB, raw_len=100)),
    "a length that is far more": lambda: sealed(of_zeros(1 * MB, raw_len=1 << 30)),
    "one message of 1 GB": lambda: sealed(g.Chunk([START]), long_message(1 << 30)),
    "one message of 1 GB, unfinished": lambda: sealed(g.Chunk([START]), long_message(1 << 30), finished=False),
    "floats of 1 GB": lambda: sealed(g.Chunk([START]), float_constant(1 << 30)),
    "a frame of 2 GB behind the records": lambda: sealed(g.Chunk([START], stored=g.pack_zstd(b"\1") + w.bomb("zstd", 2048 * MB))),
    "a million records of a byte": lambda: sealed(g.Chunk([b"\0"] * 1_000_000)),
}


def case_bombs(kit):
    """verify, recover, validate, cat and the rest of each: an error or a finding, under 300 MB."""
    for number, (name, make) in enumerate(BOMBS.items()):
        path = kit.file(f"bomb-{number}.gcap", make())
        for command in (["verify"], ["validate"], ["stats"], ["cat"], ["cat", "--raw"], ["info"]):
            ran = kit.run(command[0], path, *command[1:], code=None)
            assert ran.code or command[0] == "info", f"{name}: {command[0]} exits 0"
        kit.run("recover", path, "-o", kit.file("out.gcap"), "--force", code={3, 4})
        kit.run("redact", path, "-o", kit.file("out.gcap"), "--force", code={1, 3, 4})


def wide(unit, count, compressed=False):
    """One message that declares rows, sensors or fields without end."""
    payload = unit * count
    if compressed:
        payload = w.gzip.compress(payload, 1, mtime=0)
    start = g.Record(1, 1, 0, g.CALL_START, g.text(METHOD) + g.text("a:1") + g.text("b:2") + g.metadata([("grpc-encoding", "gzip")]) + g.metadata([]))
    headers = g.Record(1, 2, 0, g.HEADERS, g.metadata([("grpc-encoding", "gzip")]) + g.metadata([]))
    records = [start, headers, g.message(1, 3, 1, payload, compressed=compressed), g.Record(1, 4, 2, g.END, OK)]
    return sealed(g.Chunk(records[:2]), g.Chunk(records[2:3]), g.Chunk(records[3:]))


WIDE = {
    "empty rows": lambda: wide(b"\x0a\0", 40_000_000),
    "empty rows, gzip": lambda: wide(b"\x0a\0", 40_000_000, True),
    "rows of an empty sensor": lambda: wide(field(1, field(2, b"")), 10_000_000),
    "sensors in one row": lambda: sealed(g.Chunk([START, g.message(1, 2, 1, field(1, field(2, b"") * 20_000_000)), g.Record(1, 3, 2, g.END, OK)])),
    "unpacked floats": lambda: sealed(g.Chunk([START, g.message(1, 2, 1, field(1, field(2, b"\x15\0\0\0\0" * 8_000_000))), g.Record(1, 3, 2, g.END, OK)])),
    "unknown fields": lambda: wide(b"\x78\0", 20_000_000),
}


def case_messages_that_declare_more_than_they_are(kit):
    """validate, stats, report, snapshot and diff stay under 300 MB."""
    for number, (name, make) in enumerate(WIDE.items()):
        data = make()
        path = kit.file(f"wide-{number}.gcap", data)
        for command in ("validate", "stats", "snapshot"):
            kit.run(command, path, code={0, 1, 3, 4})
        kit.run("report", path, "-o", kit.file("r.html"), "--force", code={0, 1, 3, 4})
        kit.run("diff", path, path, code={0, 1, 3, 4})


ODD_TEXTS = ["a\ufffeb", "\uffff", "\x01\x02", "]]>", "\U0001ffff", "\x1b[31m\x9b", "\u2028\x85", "\ud800", "</testcase>"]


def case_junit_is_well_formed(kit):
    """An XML reader reads `validate --junit` whatever a status message holds, and no byte of it is a control character."""
    for number, odd in enumerate(ODD_TEXTS):
        if odd == "\ud800":
            continue
        end = g.u32(0) + g.u32(13) + g.text(odd) + g.metadata([]) + b"\0"
        path = kit.file(f"junit-{number}.gcap", sealed(g.Chunk([START, g.Record(1, 2, 1, g.END, end)])))
        kit.run("validate", path, "--junit", kit.file("o.xml"), code={0, 1})
        data = (kit.place / "o.xml").read_bytes()
        xml.etree.ElementTree.fromstring(data)
        assert not any(byte < 32 and byte not in b"\n\t" for byte in data), odd
        (kit.place / "o.xml").unlink()


FORGED = "forged ok"


def smuggled():
    """A chunk whose message holds a whole chunk of its own in clear, and that chunk's place."""
    forged_end = g.u32(0) * 2 + g.text(FORGED) + g.metadata([]) + b"\0"
    forged = [g.message(1, 3, 6, FORGED.encode()), g.Record(1, 4, 7, g.END, forged_end)]
    rng = random.Random(18)
    inner = []
    for number, first in ((1, 2), (2, 3)):
        head, stored, _ = g.describe(g.Chunk(forged), number, first)
        inner.append(g.part(b"CHNK", g.chunk_body(dict(head, number=number, first_event=first))) + stored)
    payload = rng.randbytes(40_000) + inner[0] + rng.randbytes(100) + inner[1] + rng.randbytes(300_000)
    outer = g.Chunk([g.message(1, 2, 5, payload)])
    opening = g.Chunk([START, g.Record(1, 9, 1, g.HALF_CLOSE, b"")])
    after = g.Chunk([g.message(1, 3, 9, b"real"), g.Record(1, 4, 10, g.END, OK)])
    whole = sealed(opening, outer, after)
    place = whole.find(payload[:64])
    assert place > 0, "the payload does not stand there in clear"
    return whole, place, place + len(payload)


def case_what_stands_inside_a_payload_is_no_event(kit):
    """`recover` of such a file, torn in any way, makes no event of the forged chunk."""
    whole, begin, end = smuggled()
    torn = {
        "cut behind the forged chunk": whole[: end - 1000],
        "a hole behind the forged chunk": whole[: end - 200_000] + whole[end - 100_000 :],
        "a hole before the forged chunk": whole[: begin + 1000] + whole[begin + 30_000 :],
        "a flipped byte before it": whole[: begin + 5] + bytes([whole[begin + 5] ^ 1]) + whole[begin + 6 :],
        "its own head is gone": whole.replace(whole[begin - 400 : begin - 100], b"", 1),
        "it is twice": whole[: end - 1000] + whole[begin - 200 :],
    }
    for number, (name, data) in enumerate(torn.items()):
        path, out = kit.file(f"torn-{number}.gcap", data), kit.file(f"out-{number}.gcap")
        assert kit.run("verify", path, code=None).code, f"{name}: verify exits 0"
        kit.run("recover", path, "-o", out, code={3, 4})
        if (kit.place / f"out-{number}.gcap").exists():
            for record in g.Capture.read(open(out, "rb").read()).records:
                forged = FORGED.encode() in record.rest and len(record.rest) < 1000
                assert not forged, f"{name}: the forged chunk became an event"


def case_resync_is_linear(kit):
    """A file of parts that are none is searched in time that grows with its size."""
    head = sealed(g.Chunk([START]), finished=False)
    false_part = g.MAGIC + g.u32(60 * MB) + b"CHNK"
    path = kit.file("false.gcap", head + (false_part + bytes(8)) * (2 * MB // 20) + bytes(MB))
    for command in (["verify", path], ["recover", path, "-o", kit.file("o.gcap")]):
        ran = kit.run(*command, code={3, 4})
        assert ran.cpu_s < 5, f"{command[0]} computes for {ran.cpu_s:.1f} s"


def sink():
    """The address of a target that takes everything and answers nothing."""
    listener = socket.create_server(("127.0.0.1", 0))

    def take(peer):
        with peer:
            while peer.recv(MB):
                pass

    def accept():
        while True:
            threading.Thread(target=take, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return f"127.0.0.1:{listener.getsockname()[1]}"


def request(*more):
    """The block of a request, and bytes behind it."""
    return h2.call(1, "/t.S/X", b"")[9:].split(h2.frame(h2.DATA, h2.END_STREAM, 1, h2.prefixed(b"")))[0] + b"".join(more)


LIST = (["verify"], ["info"], ["info", "--format", "json"], ["validate"])


def ask(kit, proxy, payloads, commands=LIST):
    """Sends each on a connection of its own, and reads the capture of it."""
    host, port = proxy.grpc.rsplit(":", 1)
    for payload in payloads:
        with socket.create_connection((host, int(port))) as client:
            client.sendall(h2.PREFACE + h2.frame(h2.SETTINGS, 0, 0) + payload)
            client.shutdown(socket.SHUT_WR)
            while client.recv(MB):
                pass
    proxy.finish()
    for command in commands:
        ran = kit.run(command[0], proxy.kept, *command[1:], code=None)
        assert ran.cpu_s < 5, f"{command} computes for {ran.cpu_s:.1f} s"


def case_a_client_that_repeats_a_field(kit):
    """A proxy keeps a part of metadata that cost their client a byte each, exits 3, and the capture is read in little memory."""
    first = b"\x40\x05x-big\x7f\xa1\x1e" + b"z" * 4000 + b"\xbe" * 4000
    opened = b"".join(h2.frame(h2.HEADERS, h2.END_HEADERS, 3 + 2 * at, request(b"\xbe" * 4100)) for at in range(100))
    bomb = h2.frame(h2.HEADERS, h2.END_HEADERS, 1, request(first)) + opened
    proxy = kit.proxy(sink(), code={3})
    ask(kit, proxy, [bomb] * 8, (*LIST, ["diff", proxy.kept]))


def case_many_open_calls(kit):
    """100,000 calls that were opened and not ended are listed in little memory."""
    opened = b"".join(h2.frame(h2.HEADERS, h2.END_HEADERS, 1 + 2 * at, request()) for at in range(100_000))
    proxy = kit.proxy(sink())
    ask(kit, proxy, [opened])
    assert b"100,000 calls" in kit.run("info", proxy.kept).out
