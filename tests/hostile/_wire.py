"""Changes to bytes: plain bytes, protobuf messages, texts and JSON."""

import gzip
import json
import zlib

import zstandard

from _seeds import field, varint

NUMBERS = [0, 1, 2, 7, 127, 128, 255, 256, 4095, 4096, 4097, 65_535, 65_536, (1 << 31) - 1, 1 << 31, (1 << 32) - 1]
NUMBERS += [1 << 32, 1 << 33, 1_000_000_000, (1 << 63) - 1, 1 << 63, (1 << 64) - 1, (1 << 64) - 1000]
TEXTS = [
    "", "\0", "a\x1b[2J\x1b]0;owned\x07b", "line\nsecond\r\n\x85\u2028third", "\u202egnirts", "\ufffe\uffff", "]]>", "<b>&amp;\"'",
    "</script><script>alert(1)</script>", "| a | `b` [c](javascript:d) \\", "../../../../etc/passwd", "/", "%0d%0a%s%n%00", "-",
    "x" * 70_000, "\U0001f600" * 300, "a\u0300" * 200, "NaN", "-1", "1e400", "99999999999999999999", "\x9b31m", "\x7f\x08\x08",
    "datastream", "pandadatastream", "/datastream.DataStreamService/StreamSpectrograms", "/t.S/U", "gzip", "cut by slice",
]  # fmt: skip
BYTES = [b"\xff\xfe\xfd", b"\xc3\x28", b"\xed\xa0\x80", b"\0" * 5000, b"\x1f\x8b\x08\0\0", b"\x28\xb5\x2f\xfd"]
JSONS = [
    None, True, -1, 0, 1e308, 1 << 70, "x", "\x1b[31m", [], {}, [[[[]]]], {"": ""}, "http://[::1", "0", "-5", 65_536, 1e-320,
    {"1": 0, "a": "b"}, [1, "a", None], "http://user:pw@host:99999/x",
]  # fmt: skip
_CACHE = {}


def number(rng, near=0):
    pick = rng.random()
    if pick < 0.4:
        return rng.choice(NUMBERS)
    if pick < 0.8:
        return (near + rng.randint(-3, 3)) & ((1 << 64) - 1)
    return rng.getrandbits(rng.choice((8, 16, 31, 32, 48, 63, 64)))


def words(rng):
    """A text that hurts whoever prints it."""
    if rng.random() < 0.2:
        return rng.choice(BYTES)
    some = rng.choice(TEXTS)
    return (some if rng.random() < 0.7 else some + rng.choice(TEXTS)).encode()


def flip(rng, data):
    """Any damage that a disk or a transfer does. Always another file than before."""
    if not data:
        return b"\0"
    at = rng.randrange(len(data))
    end = min(len(data), at + rng.choice((1, 1, 4, 16, 512, 4096)))
    kind = rng.randrange(8)
    if kind <= 2:
        changed = bytearray(data)
        for _ in range(rng.choice((1, 1, 1, 3, 20))):
            changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        return bytes(changed)
    if kind == 3:
        return data[:at]
    if kind == 4:
        return data[:at] + data[end:]
    if kind == 5:
        return data[:end] + data[at:end] + data[end:]
    if kind == 6:
        return data[:at] + rng.randbytes(end - at) + data[end:]
    return data[:at] + b"\0" * (end - at) + data[end:]


def bomb(kind, size):
    """`size` zero bytes, packed; made piece by piece, for this process must stay small."""
    if (kind, size) not in _CACHE:
        if kind == "zstd":
            packer = zstandard.ZstdCompressor(level=1).compressobj(size=size)
        else:
            packer = zlib.compressobj(6, zlib.DEFLATED, 31 if kind == "gzip" else 15)
        piece = bytes(1 << 20)
        _CACHE[kind, size] = b"".join([packer.compress(piece) for _ in range(size >> 20)] + [packer.flush()])
    return _CACHE[kind, size]


def fields(data):
    """(number, wire type, value) of each field; None when it is no message."""
    at, found = 0, []

    def read():
        nonlocal at
        value = shift = 0
        while at < len(data) and shift < 70:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
        return None

    while at < len(data):
        tag = read()
        if tag is None or not tag >> 3:
            return None
        kind = tag & 7
        if kind == 0:
            value = read()
            if value is None:
                return None
        elif kind in (1, 2, 5):
            size = read() if kind == 2 else (8 if kind == 1 else 4)
            if size is None or at + size > len(data):
                return None
            value = data[at : at + size]
            at += size
        else:
            return None
        found.append((tag >> 3, kind, value))
    return found


def build(found):
    out = bytearray()
    for tag, kind, value in found:
        out += varint(tag << 3 | kind)
        if kind == 0:
            out += varint(value)
        else:
            out += (varint(len(value)) if kind == 2 else b"") + value
    return bytes(out)


def proto(rng, data, depth=0):
    """A message changed in one place, at any depth: the lengths around it are right again."""
    found = fields(data)
    if not found or rng.random() < 0.08:
        return rng.choice((flip, lambda rng, _: words(rng), lambda rng, _: nested(rng)))(rng, data)
    at = rng.randrange(len(found))
    tag, kind, value = found[at]
    pick = rng.random()
    if kind == 2 and depth < 20 and pick < 0.6:
        found[at] = (tag, 2, proto(rng, value, depth + 1))
    elif pick < 0.7:
        new = number(rng, value) if kind == 0 else words(rng) if kind == 2 else rng.randbytes(len(value))
        found[at] = (tag, kind, new)
    elif pick < 0.76:
        found[at : at + 1] = [found[at]] * rng.choice((0, 2, 2, 100, 3000))
    elif pick < 0.82:
        rng.shuffle(found)
    elif pick < 0.88:
        found[at] = (rng.choice((1, 2, 3, 15, 16, 99, (1 << 29) - 1)), kind, value)
    elif pick < 0.91:
        found.insert(at, (tag, 2, nested(rng)))
    elif pick < 0.93:
        return build(found[:at]) + varint(tag << 3 | 2) * rng.choice((1000, 300_000)) + build(found[at:])
    elif pick < 0.95:
        return build(found) + (varint(tag << 3 | 2) + b"\0") * rng.choice((1000, 100_000, 1_000_000))
    else:
        head = varint(tag << 3 | rng.choice((0, 1, 2, 3, 4, 5, 6, 7)))
        return build(found[:at]) + head + varint(number(rng, len(data))) + build(found[at + 1 :])
    return build(found)


def nested(rng):
    """A message in a message, or a group in a group, deep enough for a stack."""
    deep = rng.choice((10, 99, 101, 1000, 20_000))
    if rng.random() < 0.5:
        tag = varint(rng.choice((1, 4, 5, 10)) << 3 | 3)
        return tag * deep + (b"" if rng.random() < 0.5 else bytes([tag[0] + 1]) * deep)
    tag, inner = rng.choice((1, 2, 4, 5, 6)), b""
    for _ in range(min(deep, 2000)):
        inner = field(tag, inner)
    return inner


def compressed(rng, payload):
    """A packed message that is not what it says, or far more."""
    return rng.choice(
        (
            lambda: payload,
            lambda: gzip.compress(payload, mtime=0),
            lambda: flip(rng, gzip.compress(payload, mtime=0)),
            lambda: gzip.compress(payload, mtime=0)[:-9],
            lambda: gzip.compress(payload, mtime=0) * 2,
            lambda: zlib.compress(payload),
            lambda: bomb("gzip", rng.choice((1, 64, 512)) << 20),
            lambda: bomb("deflate", 64 << 20),
            lambda: gzip.compress(bomb("gzip", 512 << 20), mtime=0),
        )
    )()


def text_json(rng, data):
    """JSON changed in one value, or no JSON any more."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return flip(rng, data)
    pick = rng.random()
    if pick < 0.15:
        return flip(rng, data)
    if pick < 0.2:
        return b"[" * rng.choice((100, 200_000))
    holders = []

    def walk(inner):
        for key, below in inner.items() if isinstance(inner, dict) else enumerate(inner):
            holders.append((inner, key))
            if isinstance(below, (dict, list)):
                walk(below)

    if isinstance(value, (dict, list)):
        walk(value)
    if not holders:
        return json.dumps(rng.choice(JSONS)).encode()
    holder, key = rng.choice(holders)
    if isinstance(holder, dict) and rng.random() < 0.2:
        holder[words(rng).decode("utf-8", "replace")] = holder.pop(key)
    else:
        text = words(rng).decode("utf-8", "replace")
        holder[key] = rng.choice(JSONS) if rng.random() < 0.6 else text
    return json.dumps(value, ensure_ascii=rng.random() < 0.5).encode()
