"""A server under test: `capture serve` with the capture that through_proxy.py recorded for the same request.

usage: connectconformance --mode server --conf CONF -- python from_capture.py CAPTURE OUTDIR RATE
"""

import os
import sys

import _wire


def main():
    binary, out, rate = sys.argv[1:4]
    request = _wire.read(sys.stdin.buffer)
    place = _wire.folder(out, request, f"serve-{rate}-{os.environ.get('ROUND', '1')}")
    recorded = os.path.join(place, "x.gcap")
    anywhere = ["--grpc", "127.0.0.1:0", "--rest", "127.0.0.1:0"]
    process, port = _wire.capture(
        place, f"serve-{rate}-{os.environ.get('ROUND', '1')}", [binary, "serve", recorded, *anywhere, "--rate", rate]
    )
    _wire.answer(port)
    _wire.until_stopped(process)


if __name__ == "__main__":
    main()
