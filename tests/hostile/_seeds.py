"""The captures from which mutants are made: small captures of the repository, one capture with every kind of content,
and their exports.
"""

import gzip
import hashlib
import json
import struct
import subprocess

from google.protobuf import any_pb2, descriptor_pb2

import _gcap as g

SECOND = 1_000_000_000
ANCHOR = 1_795_507_200 * SECOND


def varint(number):
    out = bytearray()
    number &= (1 << 64) - 1
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number, payload):
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def schema():
    """A service of every shape: nested, repeated, map, group, Any, enum, unary and streams."""
    file = descriptor_pb2.FileDescriptorProto(name="t.proto", package="t", syntax="proto2")
    file.dependency.append("google/protobuf/any.proto")
    types = descriptor_pb2.FieldDescriptorProto
    message = file.message_type.add(name="M")

    def add(name, number, kind, label=types.LABEL_OPTIONAL, type_name=None):
        message.field.add(name=name, number=number, type=kind, label=label, type_name=type_name)

    add("password", 1, types.TYPE_STRING)
    add("id", 2, types.TYPE_INT64)
    add("data", 3, types.TYPE_BYTES)
    add("child", 4, types.TYPE_MESSAGE, type_name=".t.M")
    add("children", 5, types.TYPE_MESSAGE, types.LABEL_REPEATED, ".t.M")
    add("any", 6, types.TYPE_MESSAGE, type_name=".google.protobuf.Any")
    add("level", 7, types.TYPE_FLOAT, types.LABEL_REPEATED)
    add("kind", 8, types.TYPE_ENUM, type_name=".t.Kind")
    add("pairs", 9, types.TYPE_MESSAGE, types.LABEL_REPEATED, ".t.M.PairsEntry")
    add("group", 10, types.TYPE_GROUP, type_name=".t.M.Group")
    add("ok", 11, types.TYPE_BOOL)
    entry = message.nested_type.add(name="PairsEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=types.TYPE_STRING, label=types.LABEL_OPTIONAL)
    entry.field.add(name="value", number=2, type=types.TYPE_INT32, label=types.LABEL_OPTIONAL)
    group = message.nested_type.add(name="Group")
    group.field.add(name="password", number=1, type=types.TYPE_STRING, label=types.LABEL_OPTIONAL)
    kind = file.enum_type.add(name="Kind")
    kind.value.add(name="ZERO", number=0)
    kind.value.add(name="ONE", number=1)
    service = file.service.add(name="S")
    for name, client, server in (("U", 0, 0), ("D", 0, 1), ("C", 1, 0), ("B", 1, 1)):
        service.method.add(
            name=name, input_type=".t.M", output_type=".t.M", client_streaming=bool(client), server_streaming=bool(server)
        )
    any_file = descriptor_pb2.FileDescriptorProto.FromString(any_pb2.DESCRIPTOR.serialized_pb)
    return descriptor_pb2.FileDescriptorSet(file=[any_file, file]).SerializeToString()


def everything():
    """Every kind of event, of ending and of metadata, messages compressed and plain, and a proxy's notes."""
    inner = field(1, b"hunter2") + varint(2 << 3) + varint(-5)
    payload = (
        inner
        + field(3, bytes(range(64)))
        + field(4, inner)
        + field(5, inner)
        + field(6, field(1, b"type.googleapis.com/t.M") + field(2, inner))
        + field(7, struct.pack("<8f", *range(8)))
        + varint(8 << 3)
        + b"\x01"
        + field(9, field(1, b"k") + b"\x10\x05")
        + b"\x53"
        + field(1, b"hunter2")
        + b"\x54\x58\x01"
    )
    endings = [
        g.u32(0) + g.u32(0) + g.text("") + g.metadata([("grpc-status", "0"), ("x-end-bin", "AAEC")]) + b"\0",
        g.u32(0) + g.u32(5) + g.text("no job Ä\n") + g.metadata([("grpc-status", "5")]) + b"\x01",
        g.u32(1) + g.u32(1) + b"\0" + g.text("CANCEL (8)") + b"\0",
        g.u32(2) + g.text("reset: INTERNAL_ERROR") + b"\x01" + b"\0" + b"\0" + b"\0",
        g.u32(3) + g.u32(2) + g.u64(SECOND),
        None,
        g.u32(1) + g.u32(2) + b"\1" + g.u32(7) + g.text("REFUSED_STREAM") + b"\0",
        g.u32(2) + g.text("GOAWAY") + b"\1" + b"\1" + g.u32(8) + b"\1" + g.u32(3) + g.u32(11) + g.text("too_many_pings") + b"\0",
        g.u32(1) + g.u32(0) + b"\0" + g.text("cut by slice at 1.000 s: the call went on") + b"\1",
    ]
    records, at = [], 0
    for call, ending in enumerate(endings, 1):
        method = f"/t.S/{'UDCBUDCBU'[call - 1]}"
        meta = [("content-type", "application/grpc"), ("grpc-encoding", "gzip"), ("authorization", "Bearer s3cret")]
        start = g.text(method) + g.text("job.example:443") + g.text("10.0.0.1:5000") + g.metadata(meta)
        more = [] if call % 2 else [("connection", g.u32(call)), ("certificate-sha256", bytes(32)), ("later", b"\xff")]
        steps = [
            (g.CALL_START, start + g.metadata(more)),
            (g.MESSAGE, g.u32(0) + b"\0" + payload),
            (g.HALF_CLOSE, b""),
            (g.HEADERS, g.metadata([("content-type", "application/grpc"), ("grpc-encoding", "gzip")])),
            (g.MESSAGE, g.u32(1) + b"\x01" + gzip.compress(payload, mtime=0)),
            (g.MESSAGE, g.u32(1) + b"\0" + payload),
            (g.GAP, g.u32(1) + g.u64(3) + g.text("queue was full")),
            (g.MESSAGE, g.u32(1) + b"\0" + payload[: 40 * call]),
        ]
        if ending:
            steps.append((g.END, ending))
        for seq, (kind, rest) in enumerate(steps, 1):
            at += 7_000_000
            records.append(g.Record(call, seq, at, kind, rest))
    exchange = {
        "rest": {
            "method": "POST",
            "path": "/focus-server/configure?token=s3cret",
            "request": {"password": "hunter2", "nfftSelection": 512},
            "status": 200,
            "response": {"job_id": "12-1", "stream_url": "http://10.0.0.1", "stream_port": "80"},
            "job": "10.0.0.1:80",
            "proxied": "127.0.0.1:5001",
        }
    }
    for seq, (author, words) in enumerate([("proxy", json.dumps(exchange)), ("me", "a remark")], 1):
        records.append(g.Record(0, seq, at + seq, g.NOTE, g.text(author) + g.text(words)))
    half = len(records) // 2
    configure = json.dumps({"nfftSelection": 512, "channels": {"min": 1, "max": 4}, "start_time": None}).encode()
    answer = json.dumps(
        {"status": "", "job_id": "12-1", "stream_url": "10.0.0.1", "stream_port": 80, "stream_amount": 1,
         "channel_to_stream_index": {"1": 0}, "lines_dt": 0.1, "frequencies_list": [1, 2], "metadata": {"site": "x"}}
    ).encode()
    attributes = [
        (b"tool", b"grpc-capture test"),
        (b"source", b"10.0.0.1:80"),
        (b"job-id", b"12-1"),
        (b"descriptor-sha256", hashlib.sha256(schema()).hexdigest().encode()),
        (b"configure.request", configure),
        (b"configure.response", answer),
        (b"tag.site", b"north"),
    ]
    chunks = [g.Chunk(records[:half], before=[g.schema_part(schema())]), g.Chunk(records[half:])]
    return g.Capture(anchor=ANCHOR, attributes=attributes, chunks=chunks).sealed()


# The repository's own, small enough that a run takes milliseconds.
SHIPPED = (
    "empty-stream format-1.0 nan production trailers-only-error unknown-fields zero-ids".split()
)
# Name of an export's flag, ending of its file, and whether `import` reads it.
EXPORTS = (("mcap", "mcap"), ("binlog", "binlog"), ("frames", "bin"))


class Seeds:
    """What mutants are made of: `captures` maps a name to bytes, `exports` a form to files, `bundles` zip archives."""

    def __init__(self, binary, root, folder):
        self.captures = {name: (root / "captures" / f"{name}.gcap").read_bytes() for name in SHIPPED}
        self.captures["everything"] = everything()
        self.exports = {form: [] for form, _ in EXPORTS}
        self.bundles = []
        self.paths = {}
        for name, data in self.captures.items():
            path = folder / f"{name}.seed.gcap"
            path.write_bytes(data)
            self.paths[name] = str(path)
            for form, ending in EXPORTS:
                out = folder / f"{name}.{ending}"
                run = [binary, "export", path, f"--{form}", out, "--force"]
                subprocess.run(run, capture_output=True, check=False)
                if out.exists():
                    self.exports[form].append((name, out.read_bytes()))
        for name in ("nan", "everything"):
            out = folder / f"{name}.zip"
            subprocess.run([binary, "bundle", self.paths[name], "-o", out, "--force"], capture_output=True, check=False)
            if out.exists():
                self.bundles.append((name, out.read_bytes()))
        # Each is served as it is, for `replay` of its mutants.
        self.servers, self.served = [], {}
        for name, path in self.paths.items():
            serve = [binary, "serve", path, "--rate", "max", "--grpc", "127.0.0.1:0", "--rest", "127.0.0.1:0"]
            server = subprocess.Popen(serve, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            self.servers.append(server)
            self.served[name] = json.loads(server.stdout.readline())["grpc"].rpartition("//")[2]
        lost = [form for form, found in self.exports.items() if not found] + ([] if self.bundles else ["bundle"])
        assert not lost, f"no seed could be made for {lost}"

    def end(self):
        for server in self.servers:
            server.kill()
            server.wait()
