"""Records the interop cases of grpc-go through the proxy, and serves them again to clients that are slower or faster.

usage: interop.py CAPTURE BIN

BIN is the folder with the interop programs `client` and `server` of grpc-go (README.md says how to install them).
The cases are recorded twice: from a normal client, and from a client that is SLOWER times as slow, because each of
its packets is delayed. The necessary delay is measured first. Both captures are then served at rate 0.5, 1 and max.
The first capture is served to a client with the recorded speed and to a slower one. The second capture is served to
a client that is faster than the recorded one. Every client must succeed. Prints one line for each capture, client
and rate, each failure, and at the end `N passed, N failed`.

The client of RACES gives up after 1 ms, usually before it has sent its call. It is recorded again until its capture
holds the call, at most RACE_RUNS times. It is served RACE_TURNS times, because it usually sends nothing there
either. If a capture has no call of this client, this is printed, and the client is not served from this capture.
"""

import asyncio
import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

CASES = [
    "empty_unary",
    "large_unary",
    "client_streaming",
    "server_streaming",
    "ping_pong",
    "empty_stream",
    "timeout_on_sleeping_server",
    "cancel_after_begin",
    "cancel_after_first_response",
    "status_code_and_message",
    "special_status_message",
    "custom_metadata",
    "unimplemented_method",
    "unimplemented_service",
]
RACES = "timeout_on_sleeping_server"
# On one thread it gets furthest within its millisecond, and sends its call in one run of four (in one of a hundred, where the
# machine is busy and the binary no release): a bound that is seldom reached, in batches that take a second or two.
RACE_THREADS = "1"
RACE_RUNS = 600
RACE_BATCH = 50
RACE_TURNS = 20
RATES = ["0.5", "1", "max"]
# The slow client takes so many times as long for its cases as the quick one.
SLOWER = 10
# More than that is aimed at, for no two runs take the same time.
MARGIN = 1.25
# A delay of each packet by which it is measured how much delay makes a client that slow.
PROBE_S = 0.02
# What the proxy has recorded can be read after this time.
FLUSHED_S = 2
# A case that takes longer hangs.
HANGS_S = 30
PIECE = 64 * 1024


class Relay:
    """Passes connections on to a port, each piece of bytes so much later, in both directions."""

    def __init__(self, port, delay_s):
        self.target, self.delay_s = port, delay_s
        self.loop, self.port = asyncio.new_event_loop(), None
        started = threading.Event()

        def work():
            asyncio.set_event_loop(self.loop)
            self.server = self.loop.run_until_complete(asyncio.start_server(self.serve, "127.0.0.1", 0))
            self.port = self.server.sockets[0].getsockname()[1]
            started.set()
            self.loop.run_forever()

        threading.Thread(target=work, daemon=True).start()
        started.wait()

    async def serve(self, reader, writer):
        to_target, from_target = writer, reader
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.target)
            await asyncio.gather(self.carry(from_target, writer), self.carry(reader, to_target))

    async def carry(self, reader, writer):
        """Keeps the order of what it passes on, and the end of it."""
        pieces = asyncio.Queue()

        async def send():
            while True:
                due, piece = await pieces.get()
                await asyncio.sleep(due - self.loop.time())
                if not piece:
                    break
                writer.write(piece)
                await writer.drain()

        sender = asyncio.ensure_future(send())
        with contextlib.suppress(OSError):
            while piece := await reader.read(PIECE):
                pieces.put_nowait((self.loop.time() + self.delay_s, piece))
        pieces.put_nowait((self.loop.time() + self.delay_s, b""))
        with contextlib.suppress(OSError):
            await sender
        writer.close()


@contextlib.contextmanager
def running(arguments, errors):
    """The binary, once it is ready: its gRPC port. It is ended as Ctrl-C does."""
    with open(errors, "w", encoding="utf-8") as file:
        process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=file, text=True)
    try:
        line = process.stdout.readline()
        if not line:
            sys.exit(pathlib.Path(errors).read_text(encoding="utf-8"))
        yield int(json.loads(line)["grpc"].rsplit(":", 1)[1])
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(HANGS_S)


@contextlib.contextmanager
def listening(name, command_for):
    """A server that does not say where it listens: `command_for` gives its command for a port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    silent = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command_for(port), **silent)
    try:
        until = time.monotonic() + HANGS_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                assert process.poll() is None and time.monotonic() < until, f"{name}'s server did not start"
                time.sleep(0.1)
        yield port
    finally:
        process.kill()
        process.wait()


def go_server(bins):
    return listening("grpc-go", lambda port: [f"{bins}/server", "-port", str(port)])


def satisfies(bins, case, port):
    command = [f"{bins}/client", "-server_host", "127.0.0.1", "-server_port", str(port), "-test_case", case]
    threads = {"GOMAXPROCS": RACE_THREADS} if case == RACES else {}
    silent = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True, "env": {**os.environ, **threads}}
    try:
        ran = subprocess.run(command, timeout=HANGS_S, check=False, **silent)
    except subprocess.TimeoutExpired:
        return f"{case} hangs"
    last = ran.stderr.strip().splitlines()[-1:]
    return None if ran.returncode == 0 else f"{case}: {' '.join(last)[:300]}"


def run_all(bins, cases, port):
    """What failed, and how long it took."""
    began = time.monotonic()
    problems = [problem for case in cases if (problem := satisfies(bins, case, port))]
    return problems, time.monotonic() - began


def slow_delay(bins, server):
    """By how much each packet is delayed so that a client takes SLOWER times as long: the cases are run without a delay and
    with PROBE_S, and what the latter takes more is so many packets that wait for one another."""
    cases = [case for case in CASES if case != RACES]
    quick_s = min(run_all(bins, cases, server)[1] for _ in range(2))
    probed_s = run_all(bins, cases, Relay(server, PROBE_S).port)[1]
    packets = (probed_s - quick_s) / PROBE_S
    delay_s = (SLOWER * MARGIN - 1) * quick_s / packets
    print(f"quick client: {quick_s:.2f} s for its cases; slow client: {delay_s * 1000:.0f} ms more for each packet", flush=True)
    return delay_s


def holds_race(binary, capture):
    """The call of RACES is the only one of its method that has a deadline."""
    command = [binary, "cat", capture, "--format", "json", "-q"]
    ran = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    events = map(json.loads, ran.stdout.splitlines())
    starts = (event for event in events if event["event"] == "call_start" and event["method"].endswith("/FullDuplexCall"))
    return any(name == "grpc-timeout" for start in starts for name, _ in start["metadata"])


def record_race(binary, bins, capture, port, most_runs):
    """Runs the case of RACES until the capture holds its call; what failed, and whether it does."""
    problems, runs = [], 0
    while runs < most_runs and not problems:
        problems += run_all(bins, [RACES] * RACE_BATCH, port)[0]
        runs += RACE_BATCH
        time.sleep(FLUSHED_S)
        if holds_race(binary, capture):
            print(f"  {RACES}: recorded within {runs} runs", flush=True)
            return problems, True
    print(f"  {RACES}: its client gave up before it had sent its call, in each of {runs} runs", flush=True)
    return problems, False


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    binary, bins = (str(pathlib.Path(path).resolve()) for path in sys.argv[1:3])
    passed = failed = 0

    def count(name, cases, problems, took_s):
        nonlocal passed, failed
        passed += len(cases) - len(problems)
        failed += len(problems)
        print(f"{name}: {len(cases) - len(problems)} of {len(cases)} cases ({took_s:.1f} s)", *problems, sep="\n  ", flush=True)

    def every_case(name, port, cases):
        problems, took_s = run_all(bins, [case for case in cases if case != RACES], port)
        if RACES in cases:
            problems += run_all(bins, [RACES] * RACE_TURNS, port)[0][:1]
        count(name, cases, problems, took_s)
        return took_s

    with tempfile.TemporaryDirectory() as place, go_server(bins) as server:
        slow_s = slow_delay(bins, server)
        recorded_s = {}
        for recorded, delay_s in [("quick", 0), ("slow", slow_s)]:
            capture = f"{place}/{recorded}.gcap"
            proxy = [binary, "proxy", "-l", "127.0.0.1:0", "-t", f"127.0.0.1:{server}", "--plaintext", "-o", capture]
            with running(proxy, f"{place}/{recorded}.proxy") as port:
                port = Relay(port, delay_s).port if delay_s else port
                cases = [case for case in CASES if case != RACES]
                recorded_s[recorded] = every_case(f"recorded from a {recorded} client", port, cases)
                # A packet of the slow client takes longer than its deadline: it is asked whether it can, and not for long.
                most_runs = RACE_BATCH if delay_s else RACE_RUNS
                problems, held = record_race(binary, bins, capture, port, most_runs)
                if held or problems:
                    count(f"recorded from a {recorded} client, {RACES}", [RACES], problems[:1], 0)
            for rate in RATES:
                serve = [binary, "serve", capture, "--grpc", "127.0.0.1:0", "--rest", "127.0.0.1:0", "--rate", rate]
                clients = [("quick", 0)] if recorded == "slow" else [("quick", 0), ("slow", slow_s)]
                for client, delay_s in clients:
                    with running(serve, f"{place}/serve") as port:
                        name = f"recorded from a {recorded} client, served to a {client} one at rate {rate}"
                        port = Relay(port, delay_s).port if delay_s else port
                        every_case(name, port, [*cases, RACES] if held else cases)
        print(f"the slow client took {recorded_s['slow'] / recorded_s['quick']:.1f} times as long as the quick one")
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
