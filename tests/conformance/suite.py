"""Runs the public RPC conformance suite against the proxy, and against `capture serve` with what the proxy recorded.

usage: suite.py CAPTURE BIN [ROUNDS]

BIN is the folder with `connectconformance` and `referenceserver` (README.md says how to install them). There are
four runs with gRPC: through the proxy, through the proxy with TLS, and against `capture serve` with the captures of the
first run, once at the recorded pace and once at full speed. The last two runs are repeated ROUNDS times, five by default.
Two more runs have the calls of gRPC, gRPC-Web and Connect over HTTP/1.1 and HTTP/2: through the proxy, where all must
pass and be recorded, and against `capture serve`, where 99 of 100 must pass.
Prints one line for each run, each failure in it, and at the end `N passed, N failed`.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
# Cases of each configuration in v1.0.5 of the suite: none may be left out without being noticed.
CASES = {"grpc.yaml": 324, "grpc-tls.yaml": 192, "all-protocols.yaml": 4838}
# A run that takes longer hangs.
HANGS_S = 170
# Of the cases of all protocols, so many of a hundred must pass against the served captures.
ENOUGH_PERCENT = 99
# Cases whose requests are no calls: their content type is that of another protocol.
NO_CALLS = 5
COUNTED = re.compile(r"^(\d+) passed, (\d+) failed", re.M)


def run(bins, configuration, stand_in, *arguments, turn=1, enough=False):
    command = [f"{bins}/connectconformance", "--max-servers", "1", "--mode", "server", "--conf", str(HERE / configuration)]
    command += ["--", sys.executable, str(HERE / stand_in), *arguments]
    began = time.monotonic()
    ran = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=HANGS_S,
        check=False,
        env={**os.environ, "ROUND": str(turn)},
    )
    counted = COUNTED.search(ran.stdout)
    passed = int(counted[1]) if counted else 0
    failed = CASES[configuration] - passed
    if failed or ran.returncode:
        print(ran.stdout[-8000:])
        failed = 0 if enough and 100 * passed >= ENOUGH_PERCENT * CASES[configuration] else max(failed, 1)
    return passed, failed, time.monotonic() - began


def recorded_calls(binary, out):
    """The number of calls in the captures of a folder."""
    calls = 0
    for capture in sorted(pathlib.Path(out).glob("*/x.gcap")):
        command = [binary, "cat", str(capture), "--format", "json", "-q"]
        events = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
        calls += events.stdout.count('"event":"call_start"')
    return calls


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    binary, bins = (str(pathlib.Path(path).resolve()) for path in sys.argv[1:3])
    rounds = int(sys.argv[3]) if len(sys.argv) == 4 else 5
    all_passed = all_failed = 0
    with (
        tempfile.TemporaryDirectory() as plain,
        tempfile.TemporaryDirectory() as tls,
        tempfile.TemporaryDirectory() as every,
    ):
        server = f"{bins}/referenceserver"
        runs = [
            ("through the proxy", ("grpc.yaml", "through_proxy.py", binary, plain, server), 1),
            ("through the proxy with TLS", ("grpc-tls.yaml", "through_proxy.py", binary, tls, server), 1),
        ]
        for turn in range(1, rounds + 1):
            for rate in ("1", "max"):
                runs.append((f"served at rate {rate}", ("grpc.yaml", "from_capture.py", binary, plain, rate), turn))
        protocols = "all-protocols.yaml"
        runs.append(("all protocols through the proxy", (protocols, "through_proxy.py", binary, every, server), 1))
        runs.append(("all protocols served", (protocols, "from_capture.py", binary, every, "max"), 1))
        for name, arguments, turn in runs:
            enough = arguments[:2] == (protocols, "from_capture.py")
            passed, failed, took_s = run(bins, *arguments, turn=turn, enough=enough)
            print(f"{name}: {passed} passed, {failed} failed ({took_s:.1f} s)", flush=True)
            all_passed += passed
            all_failed += failed
        calls, wanted = recorded_calls(binary, every), CASES[protocols] - NO_CALLS
        print(f"all protocols: {calls} calls recorded of {wanted}")
        all_failed += calls < wanted
    print(f"{all_passed} passed, {all_failed} failed")
    sys.exit(1 if all_failed else 0)


if __name__ == "__main__":
    main()
