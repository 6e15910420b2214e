#!/usr/bin/env python3
"""curl, nghttp, h2load and Java as clients of `capture serve`, in plain text and with TLS: `curl_nghttp_java.py
BINARY`.

curl and nghttp use the HTTP/2 library nghttp2 and know nothing of gRPC. h2load opens many streams at once. grpc-java
is an independent implementation of gRPC. Each client must receive every message of a capture. The message digests
are compared. Without Java, its check is left out. The netty package of Debian finds no ALPN in newer JDKs, so Java
is tested in plain text only.
"""

import glob
import hashlib
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import _capture_binary as capture_binary  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
JOB = "optodas-quake"
METHOD = "/datastream.DataStreamService/StreamSpectrograms"
FIELDS = ["-H", "content-type: application/grpc", "-H", "te: trailers"]
# Where Debian puts libgrpc-java, libnetty-java, libperfmark-java and libguava-java.
JARS = "/usr/share/java"
NEEDED = ["grpc-netty*.jar", "netty*.jar", "perfmark*.jar", "guava*.jar"]
# A client that takes longer hangs.
HANGS_S = 90


def asked(*command):
    """What a client prints."""
    done = subprocess.run([str(part) for part in command], capture_output=True, timeout=HANGS_S, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr.decode()}"
    return done.stdout


def messages(data):
    """The messages of an answer, each behind gRPC's prefix."""
    at, found = 0, []
    while at < len(data):
        assert data[at] == 0, "a compressed message"
        end = at + 5 + int.from_bytes(data[at + 1 : at + 5], "big")
        assert end <= len(data), "the last message is cut"
        found.append(data[at + 5 : end])
        at = end
    return found


def check(target, authority, request, expected):
    """All clients, against one server."""
    way = "through TLS" if authority else "in plain text"
    url = f"{'https' if authority else 'http'}://{target}{METHOD}"
    trust = ["--cacert", authority] if authority else ["--http2-prior-knowledge"]
    assert messages(asked("curl", "-sS", *trust, *FIELDS, "--data-binary", f"@{request}", url)) == expected
    print(f"ok    curl gets every message, {way}", flush=True)
    assert messages(asked("nghttp", *(["-y"] if authority else []), *FIELDS, "-d", request, url)) == expected
    print(f"ok    nghttp gets every message, {way}", flush=True)
    loaded = asked("h2load", "-n", 40, "-c", 4, "-m", 5, *FIELDS, "-d", request, url).decode()
    assert "40 succeeded, 0 failed, 0 errored" in loaded, loaded
    print(f"ok    h2load gets 40 answers of 5 streams at once on each of 4 connections, {way}", flush=True)
    if authority:
        return
    if shutil.which("java") and all(glob.glob(f"{JARS}/{name}") for name in NEEDED):
        said = asked("java", "-cp", f"{JARS}/*", HERE / "java" / "Client.java", target).decode()
        digest = hashlib.sha256(capture_binary.run("cat", "--raw", capture_binary.shipped(f"{JOB}.gcap"))).hexdigest()
        assert said.split() == [str(len(expected)), digest], said
        print(f"ok    grpc-java gets every message, {way}", flush=True)
    else:
        print("skip  grpc-java: there is no java, or none of Debian's libraries for it", flush=True)


def main():
    if len(sys.argv) != 2:
        raise SystemExit(f"usage: {sys.argv[0]} BINARY")
    capture_binary.use(pathlib.Path(sys.argv[1]).resolve(), ROOT)
    capture = capture_binary.shipped(f"{JOB}.gcap")
    expected = capture_binary.raw_messages(capture)
    assert expected
    with tempfile.TemporaryDirectory() as folder:
        request = pathlib.Path(folder) / "request"
        name = JOB.encode()
        message = bytes([0x0A, len(name)]) + name
        request.write_bytes(bytes([0]) + len(message).to_bytes(4, "big") + message)
        with capture_binary.serve(capture, "--rate", "max") as ready:
            check(ready["grpc"], None, request, expected)
        authority = f"{folder}/ca.pem"
        with capture_binary.serve(capture, "--rate", "max", f"--self-signed={authority}") as ready:
            check(ready["grpc"], authority, request, expected)


if __name__ == "__main__":
    main()
