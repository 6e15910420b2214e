"""Reads messages with gRPC's length prefix from stdin, and prints their number and message digest."""

import hashlib
import sys

data, at, messages, digest = sys.stdin.buffer.read(), 0, 0, hashlib.sha256()
while at < len(data):
    assert data[at] == 0, "a compressed message"
    length = int.from_bytes(data[at + 1 : at + 5], "big")
    message, rest = data[at + 5 : at + 5 + length], length
    assert len(message) == length, "the last message is cut"
    while rest > 127:
        digest.update(bytes([rest & 127 | 128]))
        rest >>= 7
    digest.update(bytes([rest]) + message)
    at, messages = at + 5 + length, messages + 1
print(messages, digest.hexdigest())
