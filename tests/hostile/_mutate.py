"""Mutants: captures with damage that the checksums show, captures with damage that they do not show, exports and
bundles.

A mutant records what is known about it. `damaged` is true if its bytes are not those of a writer, so that no command
may call it whole. `contradicts` is true if the checksums are correct but one part contradicts another.
"""

import copy
import io
import struct
import zipfile
from dataclasses import dataclass

import _gcap as g
import _wire as w
from _seeds import varint


@dataclass
class Mutant:
    """Bytes, what was done to them, and what may not be said of them."""

    seed: str
    form: str
    data: bytes
    how: str
    damaged: bool = False
    contradicts: bool = False
    # True when only an index block was touched: the events are all there for who reads them in order.
    index_only: bool = False


def mutant(rng, seeds):
    """A mutant; where one would become too large, the next."""
    while True:
        try:
            return attempt(rng, seeds)
        except g.TooLarge:
            pass


def attempt(rng, seeds):
    pick = rng.random()
    if pick < 0.14:
        return export(rng, seeds)
    if pick < 0.16:
        return bundle(rng, seeds)
    name = rng.choice(list(seeds.captures))
    if rng.random() < 0.35:
        name = "everything"
    data = seeds.captures[name]
    if pick < 0.36:
        return unsealed(rng, seeds, name, data)
    return sealed(rng, name, data)


def unsealed(rng, seeds, name, data):
    how = "flip"
    if rng.random() < 0.15:
        other = seeds.captures[rng.choice(list(seeds.captures))]
        how, changed = "splice", data[: rng.randrange(len(data))] + other[rng.randrange(len(other)) :]
    elif rng.random() < 0.25:
        how, changed = parts_moved(rng, data)
    else:
        changed = w.flip(rng, data)
    return Mutant(name, "capture", changed, how, damaged=changed not in seeds.captures.values(), index_only=how == INDEX_ONLY)


# The parts that hold events are as they were.
INDEX_ONLY = "index blocks moved"


def parts_moved(rng, data):
    """Whole parts left out, twice, or in another order: each checksum holds, the file does not."""
    at, cuts = 0, []
    while at < len(data):
        size = 8 + struct.unpack_from("<I", data, at + 4)[0]
        tag = data[at + 8 : at + 12]
        if tag == b"CHNK":
            size += g.read_head(data[at + 12 : at + size - 4])["stored_len"]
        cuts.append((tag, data[at : at + size]))
        at += size
    events = [cut for cut in cuts if cut[0] != b"INDX"]
    one = rng.randrange(len(cuts))
    kind = rng.randrange(4)
    if kind == 0:
        how = f"without {cuts.pop(one)[0].decode()}"
    elif kind == 1:
        cuts.insert(rng.randrange(len(cuts) + 1), cuts[one])
        how = f"{cuts[one][0].decode()} twice"
    elif kind == 2:
        rng.shuffle(cuts)
        how = "parts shuffled"
    else:
        body = rng.randbytes(rng.choice((4, 100)))
        cuts.insert(len(cuts), (b"", body))
        how = "bytes behind the end"
    if [cut for cut in cuts if cut[0] != b"INDX"] == events:
        how = INDEX_ONLY
    return how, b"".join(cut for _, cut in cuts)


def sealed(rng, name, data):
    capture = g.Capture.read(data)
    done, contradicts, index_only = [], False, False
    if rng.random() < 0.22:
        # A lie stands alone: another change might make it true.
        way = rng.choice((chunk_lie, chunk_lie, index_lie, summary_lie))
        said = way(rng, capture)
        contradicts, index_only = said is not None, way is index_lie
        done.append(f"{way.__name__} {said}")
    else:
        for _ in range(rng.choice((1, 1, 1, 2, 4))):
            way = rng.choice(WAYS)
            said = way(rng, capture)
            if said:
                done.append(f"{way.__name__} {said}")
    changed = capture.sealed(g.MOST_MUTANT)
    if not contradicts and rng.random() < 0.03:
        changed, said = part_body(rng, changed)
        done.append(said)
    how = "; ".join(done) or "as it was"
    return Mutant(name, "capture", changed, how, contradicts=contradicts, index_only=index_only)


def some_record(rng, capture):
    chunks = [chunk for chunk in capture.chunks if chunk.records]
    if not chunks:
        return None, None, None
    chunk = rng.choice(chunks)
    at = rng.randrange(len(chunk.records))
    record = chunk.records[at]
    return chunk, at, record if isinstance(record, g.Record) else None


def record_head(rng, capture):
    _, _, record = some_record(rng, capture)
    if record is None:
        return None
    name = rng.choice(("call", "seq", "offset", "kind"))
    near = getattr(record, name)
    new = rng.randrange(12) if name == "kind" and rng.random() < 0.8 else w.number(rng, near)
    setattr(record, name, new & (0xFFFFFFFF if name in ("call", "kind") else (1 << 64) - 1))
    return f"{name} {near} -> {new}"


def texts(data):
    """Where a record's rest has a length and so many bytes: (place, length)."""
    found = []
    for at in range(len(data) - 8):
        size = struct.unpack_from("<Q", data, at)[0]
        if 0 < size <= len(data) - at - 8 and size < 1 << 20:
            found.append((at, size))
    return found


def record_rest(rng, capture):
    """What follows the head of a record that is no message: its texts, their lengths, its choices and numbers."""
    for _ in range(20):
        _, _, record = some_record(rng, capture)
        if record is not None and record.kind != g.MESSAGE and record.rest:
            break
    else:
        return None
    rest, places = record.rest, texts(record.rest[:4096])
    pick = rng.random()
    if places and pick < 0.5:
        at, size = rng.choice(places)
        old = rest[at + 8 : at + 8 + size]
        new = w.text_json(rng, old) if old[:1] == b"{" else w.words(rng)
        record.rest = rest[:at] + g.text(new) + rest[at + 8 + size :]
        return f"text {old[:20]} -> {new[:20]}"
    if places and pick < 0.65:
        at, size = rng.choice(places)
        new = w.number(rng, size)
        record.rest = rest[:at] + g.u64(new) + rest[at + 8 :]
        return f"length {size} -> {new}"
    if pick < 0.8:
        at = rng.randrange(max(1, len(rest) - 3))
        new = rng.choice((rng.randrange(20), w.number(rng)))
        record.rest = rest[:at] + g.u32(new) + rest[at + 4 :]
        return f"number at {at} -> {new}"
    if pick < 0.9:
        record.rest = g.metadata([(w.words(rng), w.words(rng)) for _ in range(rng.choice((1, 50, 3000)))])
        return "metadata"
    record.rest = w.flip(rng, rest)
    return "bytes"


def payload(rng, capture):
    for _ in range(20):
        _, _, record = some_record(rng, capture)
        if record is not None and record.kind == g.MESSAGE and len(record.rest) > 5:
            break
    else:
        return None
    head, data = record.rest[:5], record.rest[5:]
    pick = rng.random()
    if pick < 0.12:
        data = w.compressed(rng, data)
        record.rest = head[:4] + b"\x01" + data
        return f"compressed, {len(data)} bytes"
    if pick < 0.16:
        # Millions of empty rows, sensors, or numbers, in few bytes.
        unit = rng.choice((b"\x0a\0", b"\x0a\x04\x12\0\x12\0", b"\x0a\x02\x12\0", b"\x08\0", b"\x18\x01", b"\x4a\0"))
        record.rest = head + unit * rng.choice((1000, 100_000, 1_000_000))
        return f"{unit!r} many times"
    if pick < 0.19:
        record.rest = head[:4] + bytes([rng.randrange(256)]) + data
        return "compressed flag"
    if head[4] == 1:
        unpacked = g.zstandard and _gunzip(data)
        if unpacked is not None:
            data = w.gzip.compress(w.proto(rng, unpacked), 1, mtime=0)
            record.rest = head + data
            return "message inside gzip"
    record.rest = head + w.proto(rng, data)
    return "message"


def _gunzip(data):
    try:
        return w.gzip.decompress(data) if len(data) < 100_000 else None
    except (OSError, EOFError, w.zlib.error):
        return None


def records_moved(rng, capture):
    chunk, at, record = some_record(rng, capture)
    if chunk is None:
        return None
    kind = rng.randrange(6)
    if kind == 0:
        del chunk.records[at]
        return f"record {at} gone"
    if kind == 1:
        many = rng.choice((1, 5, 2000))
        small = record is not None and len(record.rest) < 4096 and len(chunk.records) < 100
        chunk.records[at:at] = [chunk.records[at]] * (many if small else 1)
        return f"record {at} again and again"
    if kind == 2:
        rng.shuffle(chunk.records)
        return "shuffled"
    if kind == 3:
        other, to, _ = some_record(rng, capture)
        chunk.records[at], other.records[to] = other.records[to], chunk.records[at]
        return f"{at} and {to} swapped"
    if kind == 4:
        many = rng.choice((100, 2000))
        calls = [g.Record(1000 + i, 1, 5, g.CALL_START, g.text("/t.S/U") + g.text("") + g.text("") + g.u64(0) * 2) for i in range(many)]
        chunk.records.extend(calls)
        return f"{many} calls more"
    if record is None:
        return None
    chunk.records.insert(at, copy.copy(record))
    chunk.records[at].kind = rng.randrange(7)
    return "another kind"


def record_sizes(rng, capture):
    """The lengths before the records lie, or the records are too short to have a head."""
    chunk, at, _ = some_record(rng, capture)
    if chunk is None:
        return None
    kind = rng.randrange(4)
    if kind == 0:
        size = rng.choice((0, 1, 3, 4, 23))
        many = rng.choice((1, 1000, 40_000))
        chunk.records[at:at] = [bytes(size)] * many
        return f"{many} records of {size} bytes"
    bodies = g.bodies_of(chunk.records, g.MOST_MUTANT)
    raw = b"".join(g.u32(len(body)) + body for body in bodies)
    if kind == 1:
        size = rng.choice((1, 16, 64, 256)) << 20
        chunk.stored = w.bomb("zstd", size)
        chunk.lies = {"raw_len": rng.choice((size, size, len(raw), size - 1, w.number(rng)))}
        return f"{size >> 20} MB of zero bytes"
    if kind == 2:
        raw = raw[: rng.randrange(len(raw))]
    else:
        place = sum(4 + len(body) for body in bodies[:at])
        raw = raw[:place] + g.u32(w.number(rng, len(bodies[at]))) + raw[place + 4 :]
    chunk.raw = raw or b"\0"
    return "record length"


def attributes(rng, capture):
    if not capture.attributes or rng.random() < 0.1:
        name = rng.choice((b"slice", b"continues", b"continues.anchor", b"timing", b"redacted", b"tag.x", b"dialect"))
        value = rng.choice((w.words(rng), b"rows", b'{"of":null,"range":"dump 1","from_ns":0,"to_ns":18446744073709551615}'))
        capture.attributes.append((name, value))
        return f"{name.decode()} = {value[:20]}"
    at = rng.randrange(len(capture.attributes))
    name, value = capture.attributes[at]
    pick = rng.random()
    if pick < 0.1:
        capture.attributes[at : at + 1] = [(name, value)] * rng.choice((0, 2, 500))
        return f"{name.decode(errors='replace')} not once"
    if pick < 0.15:
        capture.attributes[at] = (w.words(rng), value)
        return "name"
    if value[:1] in (b"{", b"["):
        new = w.text_json(rng, value)
    else:
        new = w.words(rng)
    capture.attributes[at] = (name, new)
    return f"{name.decode(errors='replace')} -> {len(new)} bytes {new[:20]}"


def ancillary(rng, capture):
    """Another schema, one that is no frame, or a part that nobody knows."""
    chunk = rng.choice(capture.chunks) if capture.chunks else None
    if chunk is None:
        return None
    known = [(other, at) for other in capture.chunks for at, side in enumerate(other.before) if side[0] == b"schm"]
    pick = rng.random()
    if not known or pick < 0.2:
        tag = rng.choice((b"schm", b"schM", b"zonE", b"note"))
        chunk.before = chunk.before + [(tag, rng.randbytes(rng.choice((0, 7, 8, 40))))]
        return f"{tag.decode()} added"
    other, at = rng.choice(known)
    descriptor_set = g.schema_of(other.before[at])
    if descriptor_set is None:
        return None
    other.before = list(other.before)
    if pick < 0.4:
        lie = g.u64(w.number(rng, len(descriptor_set))) + other.before[at][1][8:]
        other.before[at] = (b"schm", lie)
        return "length of the schema"
    new = w.proto(rng, descriptor_set)
    other.before[at] = g.schema_part(new)
    return f"schema -> {len(new)} bytes"


def anchor(rng, capture):
    capture.anchor = w.number(rng, capture.anchor)
    return str(capture.anchor)


LIES = ("number", "first_event", "events", "min_offset", "max_offset", "control", "calls", "raw_len")


def lie(rng, name, right):
    if name == "control":
        return not right
    if name == "calls":
        right = list(right)
        wrong = right + [(w.number(rng, 1) & 0xFFFFFFFF, 1, 1)] * rng.choice((1, 1, 1000))
        return rng.choice((wrong, [], [(call, sent + 1, got) for call, sent, got in right] or wrong))
    most = (1 << 32) - 1 if name == "events" else (1 << 64) - 1
    new = w.number(rng, right) & most
    return new if new != right else right ^ 1


def chunk_lie(rng, capture):
    if not capture.chunks:
        return None
    at = rng.randrange(len(capture.chunks))
    chunk = capture.chunks[at]
    first = sum(len(before.records) if before.records is not None else before.head["events"] for before in capture.chunks[:at])
    right, _, _ = g.describe(chunk, at, first)
    name = rng.choice(LIES)
    chunk.lies[name] = lie(rng, name, right[name])
    if name == "calls" and sorted(chunk.lies[name]) == sorted(right[name]):
        return None
    return f"chunk {at}: {name} {str(right[name])[:30]} -> {str(chunk.lies[name])[:30]}"


def index_lie(rng, capture):
    if not capture.chunks or not capture.finished:
        return None
    if rng.random() < 0.15:
        name = rng.choice(("previous", "entries"))
        wrong = w.number(rng, len(capture.chunks))
        if wrong == (0 if name == "previous" else len(capture.chunks)):
            wrong += 1
        capture.index_lies[name] = wrong
        return f"{name} -> {wrong}"
    at = rng.randrange(len(capture.chunks))
    name = rng.choice(("byte", "number", "first_event", "min_offset", "max_offset", "calls"))
    # No file of the seeds is as long as this, and no chunk has such a number, call or offset.
    wrong = [rng.choice((77, 1 << 31))] if name == "calls" else rng.choice(((1 << 40) + 1, (1 << 64) - 1, (1 << 50) + rng.randrange(99)))
    capture.index_lies[at] = {name: wrong}
    return f"entry {at}: {name} -> {wrong}"


def summary_lie(rng, capture):
    if not capture.finished:
        return None
    name = rng.choice(g.SUMMARY)
    # No seed counts as far as that.
    wrong = rng.choice((1 << 40, (1 << 64) - 1, (1 << 63) + rng.randrange(99)))
    capture.summary_lies[name] = wrong
    return f"{name} -> {wrong}"


def codec(rng, capture):
    """Another codec's name, and for codec float other planes and another plan."""
    floats = [chunk for chunk in capture.chunks if chunk.codec == g.FLOAT]
    if not floats:
        chunk, _, _ = some_record(rng, capture)
        if chunk is None:
            return None
        chunk.codec = rng.choice((0, 2, 3, 4, 5, 255))
        return f"codec {chunk.codec}"
    chunk = rng.choice(floats)
    contents = g.frames(chunk.stored)
    if not contents:
        return None
    at = 0 if rng.random() < 0.7 else rng.randrange(len(contents))
    contents[at] = plan(rng, contents[at]) if at == 0 else w.flip(rng, contents[at])
    if rng.random() < 0.1:
        contents = contents[: rng.randrange(len(contents))] or contents * 2
    chunk.stored = b"".join(g.pack_zstd(content) for content in contents)
    return f"float frame {at}"


def plan(rng, data):
    """The plan of a float chunk, one of its numbers changed."""
    numbers, at = [], 0
    while at < len(data):
        value = shift = 0
        while at < len(data):
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        numbers.append(value)
    if not numbers:
        return w.flip(rng, data)
    at = rng.randrange(len(numbers))
    kind = rng.randrange(4)
    if kind < 2:
        numbers[at] = w.number(rng, numbers[at])
    elif kind == 2:
        del numbers[at]
    else:
        numbers[at:at] = [numbers[at]] * rng.choice((1, 8, 1000))
    return b"".join(map(varint, numbers))


def bodies(rng, capture):
    """No summary, no chunk, or another version."""
    kind = rng.randrange(4)
    if len(capture.chunks) > 100:
        kind = 0
    if kind == 0:
        capture.finished = False
        return "unfinished"
    if kind == 1:
        capture.version = (w.number(rng, 1) & 0xFFFF, w.number(rng, 3) & 0xFFFF)
        return f"version {capture.version}"
    if kind == 2:
        capture.chunks = capture.chunks[: rng.randrange(len(capture.chunks) + 1)]
        return f"{len(capture.chunks)} chunks"
    capture.chunks = capture.chunks * (rng.choice((2, 300)) if len(capture.records) < 100 else 2)
    return f"{len(capture.chunks)} chunks"


def part_body(rng, data):
    """The body of one part changed byte by byte, its checksum right again."""
    cuts = list(g.parts(data))
    one = rng.randrange(len(cuts))
    out = bytearray()
    for at, (tag, body, stored) in enumerate(cuts):
        out += g.part(tag, w.flip(rng, body) if at == one else body) + stored
    return bytes(out), f"body of {cuts[one][0].decode()}"


WAYS = (record_head, record_rest, record_rest, payload, payload, payload, records_moved, record_sizes, attributes)
WAYS += (attributes, codec, anchor, bodies, ancillary)


def export(rng, seeds):
    form = rng.choice(list(seeds.exports))
    name, data = rng.choice(seeds.exports[form])
    if rng.random() < 0.35:
        return Mutant(name, form, w.flip(rng, data), "flip")
    changed = {"mcap": mcap, "binlog": delimited, "frames": delimited}[form](rng, data)
    return Mutant(name, form, changed, "changed inside")


def delimited(rng, data):
    """Messages behind their lengths, some of them changed."""
    messages, at = [], 0
    while at < len(data):
        size = shift = 0
        while at < len(data):
            byte = data[at]
            at += 1
            size |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        messages.append(data[at : at + size])
        at += size
    for _ in range(rng.choice((1, 1, 5))):
        if not messages:
            break
        at = rng.randrange(len(messages))
        pick = rng.random()
        if pick < 0.75:
            messages[at] = w.proto(rng, messages[at])
        elif pick < 0.85:
            messages[at : at + 1] = [messages[at]] * rng.choice((0, 2, 1000))
        else:
            rng.shuffle(messages)
    out = b"".join(varint(len(message)) + message for message in messages)
    return out + (varint(w.number(rng)) if rng.random() < 0.1 else b"")


def mcap(rng, data):
    """Records of an MCAP file: their opcodes, lengths, texts, chunks; checksums are 0, which means that there is none."""
    magic, out, at = data[:8], [], 8
    while at + 9 <= len(data) - 8:
        op, size = struct.unpack_from("<BQ", data, at)
        out.append([op, data[at + 9 : at + 9 + size]])
        at += 9 + size
    if rng.random() < 0.5:
        # A chunk's records stand in the file itself: the same to a reader.
        flat = []
        for op, body in out:
            flat.extend(inside(body) if op == 6 else [[op, body]])
        out = [[op, body] for op, body in flat if op not in (7, 8, 10, 11, 13, 14)]
    for _ in range(rng.choice((1, 1, 4))):
        one = rng.randrange(len(out))
        pick = rng.random()
        if pick < 0.1:
            out[one][0] = rng.randrange(20)
        elif pick < 0.25:
            out[one : one + 1] = [list(out[one]) for _ in range(rng.choice((0, 2, 200)))]
            if not out:
                break
        elif pick < 0.3:
            rng.shuffle(out)
        else:
            out[one][1] = mcap_body(rng, *out[one])
    body = b"".join(struct.pack("<BQ", op, len(content)) + content for op, content in out)
    if rng.random() < 0.1:
        body += struct.pack("<BQ", rng.randrange(16), w.number(rng))
    return magic + body + (magic if rng.random() < 0.9 else b"")


def inside(body):
    """The records of an MCAP chunk that is zstd, or plain."""
    size = struct.unpack_from("<I", body, 28)[0]
    name, at = body[32 : 32 + size], 32 + size
    content = body[at + 8 :]
    if name == b"zstd":
        content = (g.frames(content) or [b""])[0]
    at, found = 0, []
    while at + 9 <= len(content):
        op, size = struct.unpack_from("<BQ", content, at)
        found.append([op, content[at + 9 : at + 9 + size]])
        at += 9 + size
    return found


def mcap_body(rng, op, body):
    if op == 6 and rng.random() < 0.6:
        head = body[:16] + struct.pack("<Q", rng.choice((0, 1 << 30, w.number(rng)))) + g.u32(0) + g.u32(4) + b"zstd"
        content = w.bomb("zstd", rng.choice((1, 256)) << 20) if rng.random() < 0.5 else w.flip(rng, g.pack_zstd(body))
        return head + g.u64(len(content)) + content
    if op == 5 and len(body) > 22 and rng.random() < 0.7:
        return body[:22] + w.proto(rng, body[22:])
    if op == 3 and rng.random() < 0.5:
        at = body.rfind(b"protobuf") + 12
        new = w.proto(rng, body[at:])
        return body[: at - 4] + g.u32(len(new)) + new
    places = [at for at in range(len(body) - 4) if 0 < struct.unpack_from("<I", body, at)[0] <= len(body) - at - 4]
    if places and rng.random() < 0.6:
        at = rng.choice(places)
        size = struct.unpack_from("<I", body, at)[0]
        new = w.words(rng)
        length = g.u32(len(new) if rng.random() < 0.8 else w.number(rng))
        return body[:at] + length + new + body[at + 4 + size :]
    return w.flip(rng, body)


def bundle(rng, seeds):
    name, data = rng.choice(seeds.bundles)
    if rng.random() < 0.4:
        return Mutant(name, "bundle", w.flip(rng, data), "flip")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [(entry.filename, archive.read(entry)) for entry in archive.infolist()]
    at = rng.randrange(len(members))
    member, content = members[at]
    pick = rng.random()
    if pick < 0.35:
        evil = w.words(rng).decode("utf-8", "replace")
        member = rng.choice(("../x", "/etc/x", "a\\..\\x", "c:x", "capture.gcap/x", evil)) or "x"
    elif pick < 0.6:
        content = w.text_json(rng, content) if content[:1] == b"{" else w.flip(rng, content)
    elif pick < 0.7:
        content = bytes(rng.choice((1, 64)) << 20)
    elif pick < 0.8:
        members.append((member, content))
    members[at] = (member, content)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for member, content in members:
            entry = zipfile.ZipInfo(member.replace("\0", "") or "x")
            entry.compress_type = rng.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED))
            if rng.random() < 0.1:
                entry.external_attr = 0o120777 << 16
            archive.writestr(entry, content)
    return Mutant(name, "bundle", out.getvalue(), f"member {member[:30]!r}")
