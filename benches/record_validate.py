#!/usr/bin/env python3
"""What live validation costs, and how much memory a large capture takes: `record_validate.py BINARY CAPTURE FOLDER`.

Three measurements with the release binary, each side by side in one run:

1. A stream paced at 100 MB/s, recorded with and without `--validate`, in turn: messages lost, and the ratio of the
   medians of the time it takes.
2. Reading a capture (`cat --raw` to nowhere) against validating it, in turn.
3. Peak memory of `validate`, `verify` and `cat` on a capture of GIGABYTES (default 10), which is made from CAPTURE's
   messages over and over; its size matters here, not its compression.

CAPTURE should hold a real recording, such as captures/optodas-quake.gcap. FOLDER needs room for the large file.
"""

import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import time

RUNS = 5


def run(*args):
    """Runs a command; gives its wall seconds, peak memory in MB, and what it printed."""
    began = time.monotonic()
    process = subprocess.Popen(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    return time.monotonic() - began, usage.ru_maxrss / 1000, out, os.waitstatus_to_exitcode(status)


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def encoded(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def timestamps(data):
    """Place and value of every row's start and end in length-delimited DataStream messages."""
    found, at = [], 0
    while at < len(data):
        length, at = varint(data, at)
        message_end = at + length
        while at < message_end:
            key, at = varint(data, at)
            if key == 0x0A:
                length, at = varint(data, at)
                row_end = at + length
                while at < row_end:
                    key, at = varint(data, at)
                    if key & 7 == 2:
                        length, at = varint(data, at)
                        at += length
                    else:
                        place = at
                        value, at = varint(data, at)
                        found.append((place, value))
            else:
                at += 8
    return found


def make_large(binary, capture, path, gigabytes):
    """A capture of so many gigabytes of messages, imported from a pipe; each round of the recording begins where the
    one before it ended."""
    data = subprocess.run([binary, "cat", "--raw", capture], check=True, capture_output=True).stdout
    places = timestamps(data)
    span = max(value for _, value in places) - min(value for _, value in places)
    importing = subprocess.Popen([binary, "import", "-", "-o", path, "--force", "--job-id", "large", "--level", "1"],
                                 stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    for number in range(int(gigabytes * 1e9 / len(data)) + 1):
        shifted = bytearray(data)
        for place, value in places:
            old, new = encoded(value), encoded(value + number * span)
            assert len(old) == len(new)
            shifted[place:place + len(new)] = new
        importing.stdin.write(shifted)
    importing.stdin.close()
    if importing.wait() != 0:
        raise SystemExit("the large capture could not be made")
    return path


def record(binary, target, job, out, *more):
    took, memory, text, code = run(binary, "record", "--target", target, "--job-id", job, "--plaintext", "--force",
                                   "-o", out, "--format", "json", *more)
    report = json.loads(text)
    assert code == 0 and not report["lossy"] and report["gaps"] == 0, report
    return took, memory, report


def main():
    if len(sys.argv) not in (4, 5):
        raise SystemExit(__doc__)
    binary, capture, folder = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
    gigabytes = float(sys.argv[4]) if len(sys.argv) == 5 else 10.0
    medium = make_large(binary, capture, str(folder / "medium.gcap"), 0.5)
    info = json.loads(subprocess.run([binary, "info", "--format", "json", medium], check=True, capture_output=True).stdout)
    rate = 100.0 / (info["message_bytes"] / 1e6 / (info["duration_ns"] / 1e9))
    serve = subprocess.Popen([binary, "serve", medium, "--rate", f"{rate:.6f}"], stdout=subprocess.PIPE, text=True)
    try:
        ready = json.loads(serve.stdout.readline())
        plain, judged = [], []
        for _ in range(RUNS):
            took, _, report = record(binary, ready["grpc"], ready["job_ids"][0], str(folder / "out.gcap"))
            plain.append(took)
            messages = report["messages"]
            took, memory, report = record(binary, ready["grpc"], ready["job_ids"][0], str(folder / "out.gcap"),
                                          "--validate")
            judged.append(took)
            assert report["messages"] == messages and report["validation"]["frames"] == messages
    finally:
        serve.kill()
        serve.wait()
    ratio = statistics.median(judged) / statistics.median(plain)
    print(f"record 100 MB/s, {info['message_bytes'] / 1e6:.0f} MB: {statistics.median(plain):.2f} s, with --validate "
          f"{statistics.median(judged):.2f} s, ratio {ratio:.3f}, none lost, peak memory {memory:.0f} MB")

    read, validate = [], []
    for _ in range(RUNS):
        read.append(run("sh", "-c", f"exec {binary} cat --raw {medium} > /dev/null")[0])
        validate.append(run(binary, "validate", medium)[0])
    print(f"read {statistics.median(read):.2f} s, validate {statistics.median(validate):.2f} s, "
          f"ratio {statistics.median(validate) / statistics.median(read):.2f}")
    (folder / "out.gcap").unlink()
    pathlib.Path(medium).unlink()

    large = make_large(binary, capture, str(folder / "large.gcap"), gigabytes)
    size = os.path.getsize(large) / 1e9
    for command in (["validate", large], ["verify", large], ["stats", large]):
        took, memory, _, code = run(binary, *command)
        print(f"{command[0]:<9} {size:.2f} GB: {took:.1f} s, peak memory {memory:.0f} MB, exit code {code}")
    pathlib.Path(large).unlink()


if __name__ == "__main__":
    main()
