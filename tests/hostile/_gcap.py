"""Takes a capture file apart and puts it together again, according to src/file/FORMAT.md and without code of the
product.

`Capture.read` returns the parts, with the chunks decoded into records. `Capture.sealed` writes them with correct
lengths, counts, positions, checksums and digests, so that a change passes all checks and reaches the code after
them. A field that must stay wrong is given in `Chunk.lies`, `Capture.index_lies` or `Capture.summary_lies`.
"""

import hashlib
import struct
from dataclasses import dataclass, field

import crc32c
import zstandard

MAGIC = b"\x5c\x2a\x4d\x18"
ZSTD, FLOAT, STORED = 1, 2, 3
CALL_START, HEADERS, MESSAGE, HALF_CLOSE, END, GAP, NOTE = range(7)
# What a decoded chunk may come to here: the script itself must stay small, for its size counts as its children's.
MOST_DECODED = 32 << 20
# A mutant is no larger: what is hostile about larger files is their size.
MOST_MUTANT = 32 << 20


class TooLarge(Exception):
    """The file would be larger than any that is wanted."""


def u32(number):
    return struct.pack("<I", number & 0xFFFFFFFF)


def u64(number):
    return struct.pack("<Q", number & 0xFFFFFFFFFFFFFFFF)


def text(value):
    value = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else bytes(value)
    return u64(len(value)) + value


def metadata(pairs):
    return u64(len(pairs)) + b"".join(text(name) + text(value) for name, value in pairs)


def part(tag, body):
    """One part, its length and checksum right."""
    head = MAGIC + u32(len(body) + 8) + tag + body
    return head + u32(crc32c.crc32c(head))


def pack_zstd(raw):
    return zstandard.ZstdCompressor(level=1).compress(raw)


def schema_part(descriptor_set):
    """The schema as an ancillary part."""
    return b"schm", u64(len(descriptor_set)) + pack_zstd(descriptor_set)


def schema_of(side):
    """The descriptor set in a part that `schema_part` made; None in another, and in one that was damaged."""
    tag, content = side
    found = frames(content[8:]) if tag == b"schm" else None
    return found[0] if found else None


def frames(stored):
    """The contents of a sequence of zstd frames; None where they cannot be read."""
    found = []
    while stored:
        reader = zstandard.ZstdDecompressor().decompressobj()
        try:
            content = reader.decompress(stored)
        except zstandard.ZstdError:
            return None
        if not reader.eof or len(content) > MOST_DECODED:
            return None
        found.append(content)
        stored = reader.unused_data
    return found


@dataclass
class Record:
    """One event record: its head's fixed members, its kind, what follows."""

    call: int
    seq: int
    offset: int
    kind: int
    rest: bytes

    @classmethod
    def read(cls, data):
        call, seq, offset, kind = struct.unpack_from("<IQQI", data)
        return cls(call, seq, offset, kind, data[24:])

    def bytes(self):
        return u32(self.call) + u64(self.seq) + u64(self.offset) + u32(self.kind) + self.rest

    @property
    def direction(self):
        """0 sent, 1 received, for a message."""
        return struct.unpack_from("<I", self.rest)[0] if len(self.rest) >= 4 else None


def message(call, seq, offset, payload, received=True, compressed=False):
    return Record(call, seq, offset, MESSAGE, u32(int(received)) + bytes([compressed]) + payload)


@dataclass
class Chunk:
    """A chunk: its records, or its stored bytes where these are not understood or shall stay."""

    records: list = None
    codec: int = ZSTD
    stored: bytes = None
    raw: bytes = None
    head: dict = None
    lies: dict = field(default_factory=dict)
    # Ancillary parts before it: (tag, content behind `previous`).
    before: list = field(default_factory=list)


@dataclass
class Capture:
    """A capture in memory."""

    version: tuple = (1, 0)
    needs: bytes = b"0.1.0".ljust(12, b"\0")
    anchor: int = 0
    attributes: list = field(default_factory=list)
    chunks: list = field(default_factory=list)
    index_lies: dict = field(default_factory=dict)
    summary_lies: dict = field(default_factory=dict)
    finished: bool = True
    # What the summary said when it was read: it stays where a chunk is not understood here (codec float).
    told: dict = None

    @classmethod
    def read(cls, data):
        self, before = cls(finished=False), []
        for tag, body, stored in parts(data):
            if tag == b"GCAP":
                self.version = struct.unpack_from("<HH", body)
                self.needs = body[4:16]
            elif tag == b"HEAD":
                self.anchor, self.attributes = read_header(body)
            elif tag == b"CHNK":
                self.chunks.append(read_chunk(body, stored))
                self.chunks[-1].before, before = before, []
            elif tag[:1].islower():
                before.append((tag, body[8:]))
            elif tag == b"DONE":
                self.finished = True
                self.told = dict(zip(SUMMARY, struct.unpack_from("<12Q", body)), sha256=body[96:128])
        return self

    @property
    def records(self):
        return [record for chunk in self.chunks for record in chunk.records or []]

    def header(self):
        body = u64(self.anchor) + u64(len(self.attributes))
        return body + b"".join(text(name) + text(value) for name, value in self.attributes)

    def sealed(self, most=None):
        """The file, right in everything but what the lies say; TooLarge beyond `most` bytes of it, or of a chunk."""
        out = bytearray(part(b"GCAP", struct.pack("<HH", *self.version) + self.needs))
        out += part(b"HEAD", self.header())
        entries, content, total = [], hashlib.sha256(), dict.fromkeys(SUMMARY, 0)
        calls, known, last_ancillary = set(), {}, 0
        for number, chunk in enumerate(self.chunks):
            # The same chunk may stand there hundreds of times.
            if id(chunk) not in known:
                for tag, side in chunk.before:
                    at = len(out)
                    out += part(tag, u64(last_ancillary) + side)
                    last_ancillary = at
                known[id(chunk)] = describe(chunk, 0, 0, most)
            head, stored, digests = known[id(chunk)]
            head = dict(head, number=number, first_event=total["events"])
            content.update(digests)
            total["chunks"] += 1
            total["events"] += head["events"]
            total["raw_bytes"] += head["raw_len"]
            total["last_offset"] = max(total["last_offset"], head["max_offset"])
            count([record for record in chunk.records or [] if isinstance(record, Record)], total, calls)
            head.update(chunk.lies)
            entries.append((len(out), head))
            if most and len(out) + len(stored) > most:
                raise TooLarge
            out += part(b"CHNK", chunk_body(head)) + stored
        total["calls"] = len(calls)
        if not self.finished:
            return bytes(out)
        if entries:
            total["last_index"] = len(out)
            out += part(b"INDX", index_body(entries, self.index_lies))
        total["sha256"] = content.digest()
        if self.told and any(chunk.records is None for chunk in self.chunks):
            total.update(self.told, last_index=total["last_index"])
        total["last_ancillary"] = last_ancillary
        total.update(self.summary_lies)
        out += part(b"DONE", b"".join(u64(total[name]) for name in SUMMARY) + total["sha256"])
        return bytes(out)


SUMMARY = (
    "last_index last_ancillary chunks events calls messages message_bytes sent_messages sent_bytes gaps raw_bytes last_offset".split()
)


def count(records, total, calls):
    for record in records:
        if record.call:
            calls.add(record.call)
        if record.kind == MESSAGE and len(record.rest) >= 5:
            names = ("messages", "message_bytes") if record.direction else ("sent_messages", "sent_bytes")
            total[names[0]] += 1
            total[names[1]] += len(record.rest) - 5
        if record.kind == GAP and len(record.rest) >= 12:
            total["gaps"] = min(total["gaps"] + struct.unpack_from("<Q", record.rest, 4)[0], (1 << 64) - 1)


def bodies_of(records, most=None):
    """The bytes of each record; the same record may stand there thousands of times."""
    known, bodies, size = {}, [], 0
    for record in records:
        if id(record) not in known:
            known[id(record)] = record if isinstance(record, bytes) else record.bytes()
        bodies.append(known[id(record)])
        size += len(bodies[-1])
        if most and size > most:
            raise TooLarge
    return bodies


def describe(chunk, number, first, most=None):
    """The right head of a chunk, its stored bytes, and the digests of its records, joined."""
    if chunk.records is None:
        head = dict(chunk.head, number=number, first_event=first)
        stored, digests = chunk.stored, b""
    else:
        bodies = bodies_of(chunk.records, most)
        raw = chunk.raw or b"".join(u32(len(body)) + body for body in bodies)
        stored = chunk.stored if chunk.stored is not None else pack_zstd(raw)
        known_digests = {body: hashlib.sha256(body).digest() for body in set(bodies)}
        digests = b"".join(known_digests[body] for body in bodies)
        known = [record for record in chunk.records if isinstance(record, Record)]
        calls = {}
        for record in known:
            tally = calls.setdefault(record.call, [0, 0])
            if record.kind == MESSAGE and record.direction in (0, 1):
                tally[record.direction] += 1
        offsets = [record.offset for record in known] or [0]
        head = {
            "number": number,
            "first_event": first,
            "events": len(bodies),
            "min_offset": min(offsets),
            "max_offset": max(offsets),
            "control": any(record.kind != MESSAGE for record in known),
            "calls": [(call, *tally) for call, tally in sorted(calls.items())],
            "codec": chunk.codec,
            "raw_len": len(raw),
            "sha256": hashlib.sha256(digests).digest(),
        }
    return dict(head, stored_len=len(stored), stored_crc32c=crc32c.crc32c(stored)), stored, digests


def chunk_body(head):
    calls = b"".join(u32(call) + u32(sent) + u32(received) for call, sent, received in head["calls"])
    return b"".join(
        [
            u64(head["number"]),
            u64(head["first_event"]),
            u32(head["events"]),
            u64(head["min_offset"]),
            u64(head["max_offset"]),
            bytes([head["control"]]),
            u64(head.get("calls_len", len(head["calls"]))),
            calls,
            bytes([head["codec"] & 255]),
            u64(head["raw_len"]),
            u64(head["stored_len"]),
            u32(head["stored_crc32c"]),
            head["sha256"],
        ]
    )


def index_body(entries, lies):
    """One index block over all chunks; `lies` maps an entry's number to members that are wrong, or names `previous`."""
    body = u64(lies.get("previous", 0)) + u64(lies.get("entries", len(entries)))
    for at, (byte, head) in enumerate(entries):
        said = dict(head, byte=byte, calls=[call for call, _, _ in head["calls"]])
        said.update(lies.get(at, {}))
        body += b"".join(u64(said[name]) for name in ("byte", "number", "first_event", "min_offset", "max_offset"))
        body += bytes([said["control"]]) + u64(len(said["calls"])) + b"".join(u32(call) for call in said["calls"])
    return body


def parts(data):
    """(tag, body, stored bytes of a chunk) of each part of a whole file."""
    at = 0
    while at + 12 <= len(data):
        length = struct.unpack_from("<I", data, at + 4)[0]
        tag, body = data[at + 8 : at + 12], data[at + 12 : at + 4 + length]
        at += 8 + length
        stored = b""
        if tag == b"CHNK":
            size = read_head(body)["stored_len"]
            stored = data[at : at + size]
            at += size
        yield tag, body, stored


def read_header(body):
    anchor, many = struct.unpack_from("<QQ", body)
    at, attributes = 16, []
    for _ in range(many):
        name, at = read_text(body, at)
        value, at = read_text(body, at)
        attributes.append((name, value))
    return anchor, attributes


def read_text(body, at):
    length = struct.unpack_from("<Q", body, at)[0]
    return body[at + 8 : at + 8 + length], at + 8 + length


def read_head(body):
    number, first, events, low, high, control, many = struct.unpack_from("<QQIQQBQ", body)
    at = 45
    calls = [struct.unpack_from("<III", body, at + 12 * i) for i in range(many)]
    codec, raw, stored, crc = struct.unpack_from("<BQQI", body, at + 12 * many)
    return {
        "number": number,
        "first_event": first,
        "events": events,
        "min_offset": low,
        "max_offset": high,
        "control": bool(control),
        "calls": calls,
        "codec": codec,
        "raw_len": raw,
        "stored_len": stored,
        "stored_crc32c": crc,
        "sha256": body[-32:],
    }


def read_chunk(body, stored):
    head = read_head(body)
    if head["codec"] == FLOAT:
        return Chunk(codec=FLOAT, stored=stored, head=head)
    raw, at, records = frames(stored)[0], 0, []
    while at < len(raw):
        length = struct.unpack_from("<I", raw, at)[0]
        records.append(Record.read(raw[at + 4 : at + 4 + length]))
        at += 4 + length
    return Chunk(records=records, head=head)
