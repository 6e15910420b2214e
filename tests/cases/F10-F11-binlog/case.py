"""gRPC binary logs that begin in the middle of a call, that have gaps, or that have the framing of Java."""

from _seeds import field, varint

HEADER, MESSAGE, TRAILER = "header", "message", "trailer"
TYPES = {"client header": 1, "server header": 2, "client message": 3, "server message": 4, "half close": 5, "trailer": 6}
CALL = [("client header", 1), ("client message", 2), ("half close", 3), ("server header", 4), ("server message", 5), ("trailer", 6)]


def entry(call, sequence, kind, payload=b"x", method=b"/a.B/C", at=1_700_000_000):
    """One GrpcLogEntry."""
    out = field(1, varint(1 << 3) + varint(at)) + varint(2 << 3) + varint(call) + varint(3 << 3) + varint(sequence)
    # A log has one side: that of the server.
    out += varint(4 << 3) + varint(TYPES[kind]) + varint(5 << 3) + varint(2)
    if kind == "client header":
        out += field(6, field(1, b"") + field(2, method) + field(3, b"h:1"))
    elif kind == "server header":
        out += field(7, field(1, b""))
    elif "message" in kind:
        out += field(8, varint(1 << 3) + varint(len(payload)) + field(2, payload))
    elif kind == "trailer":
        out += field(9, field(1, b""))
    return out


def go_log(entries):
    """As grpc-go's sink writes them: four bytes of length before each."""
    return b"".join(len(data).to_bytes(4, "big") + data for data in entries)


def java_log(entries):
    """As grpc-java's sink writes them: a varint before each."""
    return b"".join(varint(len(data)) + data for data in entries)


def whole_call(call=1):
    return [entry(call, sequence, kind) for kind, sequence in CALL]


def case_a_log_that_begins_mid_call(kit):
    """What has no beginning is counted, and the exit code is 3."""
    late = [entry(1, 40, "server message"), entry(1, 41, "server message"), entry(1, 42, "trailer")]
    for name, log in (("go", go_log), ("java", java_log)):
        path = kit.file(f"mid.{name}.binlog", log(late[:2] + whole_call(2) + late[2:]))
        ran = kit.run("import", path, "-o", kit.file(f"{name}.gcap"), code=3)
        assert b"3" in ran.out + ran.err or b"2" in ran.out + ran.err, "no count is said"
        kit.run("verify", kit.file(f"{name}.gcap"))
        assert any(event.get("method") == "/a.B/C" for event in kit.events(kit.file(f"{name}.gcap"))), "the whole call is lost"


def case_a_log_with_a_hole(kit):
    """Entries that are missing by their sequence ids are counted as a gap, and the exit code is 3."""
    entries = [data for data, (kind, _) in zip(whole_call(), CALL) if kind != "server header"]
    entries[3:3] = []
    holed = [entry(1, 1, "client header"), entry(1, 2, "client message"), entry(1, 9, "server message"), entry(1, 10, "trailer")]
    kit.run("import", kit.file("holed.binlog", go_log(holed)), "-o", kit.file("holed.gcap"), code=3)
    kit.run("verify", kit.file("holed.gcap"))


def case_times_that_run_backwards(kit):
    """They are said and exit 3, or kept."""
    entries = [entry(1, sequence, kind, at=1_700_000_000 - 5 * sequence) for kind, sequence in CALL]
    ran = kit.run("import", kit.file("back.binlog", go_log(entries)), "-o", kit.file("back.gcap"), code={0, 3})
    assert ran.code == 3 or "-" in str(kit.events(kit.file("back.gcap"))), "changed times, exit 0"


def case_javas_delimited_log(kit):
    """It is recognised by its first bytes, and its calls are there."""
    for name, calls in (("one", [1]), ("three", [1, 2, 3])):
        data = java_log([data for call in calls for data in whole_call(call)])
        kit.run("import", kit.file(f"{name}.binlog", data), "-o", kit.file(f"{name}.gcap"))
        starts = [event for event in kit.events(kit.file(f"{name}.gcap")) if event["event"] == "call_start"]
        assert [event["method"] for event in starts] == ["/a.B/C"] * len(calls), starts


def case_what_is_no_log_is_named(kit):
    """A capture, a zip, gzip, JSON, Parquet, an LFS pointer, HTML: exit 4 and no capture, not frames of garbage."""
    files = {
        "a.gcap": (kit.root / "captures/nan.gcap").read_bytes(),
        "a.zip": b"PK\x03\x04" + bytes(60),
        "a.gz": b"\x1f\x8b\x08\0\0\0\0\0\0\x03" + bytes(60),
        "a.zst": b"\x28\xb5\x2f\xfd\x24\x05\x29\0\0hello" + bytes(4),
        "a.json": b'{"event":"message","call":1}\n',
        "a.parquet": b"PAR1" + bytes(60) + b"PAR1",
        "a.npy": b"\x93NUMPY\x01\0v\0{'descr': '<f4'}",
        "pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12\n",
        "a.html": b"<!doctype html><html></html>",
        "a.png": b"\x89PNG\r\n\x1a\n" + bytes(60),
        "a.xml": b"<?xml version='1.0'?><a/>",
        "a.pcap": b"\xd4\xc3\xb2\xa1\x02\0\x04\0" + bytes(60),
    }
    for name, data in files.items():
        out = kit.file(name + ".out.gcap")
        ran = kit.run("import", kit.file(name, data), "-o", out, code={2, 4})
        assert not (kit.place / (name + ".out.gcap")).exists(), f"{name}: a capture was made"
        assert ran.err, f"{name}: nothing is said"
