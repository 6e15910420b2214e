#!/usr/bin/env python3
"""What users write today: grpcio receives, zstandard compresses, a file takes it. `recorder.py ADDR OUT`."""

import json
import sys
import time

import grpc
import zstandard

METHOD = "/datastream.DataStreamService/StreamSpectrograms"


def main():
    addr, out, method = sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else METHOD
    began = time.monotonic()
    options = [("grpc.max_receive_message_length", -1)]
    total = 0
    with grpc.insecure_channel(addr, options=options) as channel, open(out, "wb") as file:
        stream = channel.unary_stream(method, request_serializer=bytes, response_deserializer=bytes)
        with zstandard.ZstdCompressor(level=3).stream_writer(file) as writer:
            for message in stream(b""):
                writer.write(len(message).to_bytes(4, "little"))
                writer.write(message)
                total += len(message)
    print(json.dumps({"bytes": total, "seconds": time.monotonic() - began}))


main()
