"""grpc-go's interop cases, recorded by the proxy and served again to clients that are slower and faster.

usage: interop.py CAPTURE BIN

BIN is the folder of grpc-go's interop `client` and `server` (README.md says how they are installed). The cases are recorded
twice: as they are, and from a client whose every packet takes DELAY_S more. Both captures are then served at rate 0.5, 1
and max: the first to a client that is as fast and to one that is slower, the second to one that is faster than the one that
was recorded. What was recorded must satisfy each. Prints a line for each capture, client and rate, what failed, and at the
end `N passed, N failed`.
"""

import asyncio
import contextlib
import json
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
# Not served here: how much of it is recorded depends on when its deadline of 1 ms passes, and a client that comes further than
# the recorded one did is told NOT_FOUND.
RACES = "timeout_on_sleeping_server"
RATES = ["0.5", "1", "max"]
# Ten times what a case of a few round trips takes without it.
DELAY_S = 0.02
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
def go_server(bins):
    """grpc-go's server, which does not say where it listens: on a port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    silent = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([f"{bins}/server", "-port", str(port)], **silent)
    try:
        until = time.monotonic() + HANGS_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                assert process.poll() is None and time.monotonic() < until, "grpc-go's server did not start"
                time.sleep(0.1)
        yield port
    finally:
        process.kill()
        process.wait()


def satisfies(bins, case, port):
    command = [f"{bins}/client", "-server_host", "127.0.0.1", "-server_port", str(port), "-test_case", case]
    try:
        ran = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=HANGS_S, check=False)
    except subprocess.TimeoutExpired:
        return f"{case} hangs"
    last = ran.stderr.strip().splitlines()[-1:]
    return None if ran.returncode == 0 else f"{case}: {' '.join(last)[:300]}"


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    binary, bins = (str(pathlib.Path(path).resolve()) for path in sys.argv[1:3])
    passed = failed = 0

    def every_case(name, port, cases):
        nonlocal passed, failed
        began = time.monotonic()
        problems = [problem for case in cases if (problem := satisfies(bins, case, port))]
        passed += len(cases) - len(problems)
        failed += len(problems)
        took_s = time.monotonic() - began
        print(f"{name}: {len(cases) - len(problems)} of {len(cases)} cases ({took_s:.1f} s)", *problems, sep="\n  ", flush=True)

    with tempfile.TemporaryDirectory() as place, go_server(bins) as server:
        for recorded, delay_s in [("quick", 0), ("slow", DELAY_S)]:
            capture = f"{place}/{recorded}.gcap"
            proxy = [binary, "proxy", "-l", "127.0.0.1:0", "-t", f"127.0.0.1:{server}", "--plaintext", "-o", capture]
            with running(proxy, f"{place}/{recorded}.proxy") as port:
                every_case(f"recorded from a {recorded} client", Relay(port, delay_s).port if delay_s else port, CASES)
            cases = [case for case in CASES if case != RACES]
            for rate in RATES:
                serve = [binary, "serve", capture, "--grpc", "127.0.0.1:0", "--rest", "127.0.0.1:0", "--rate", rate]
                clients = [("quick", 0)] if recorded == "slow" else [("quick", 0), ("slow", DELAY_S)]
                for client, delay_s in clients:
                    with running(serve, f"{place}/serve") as port:
                        name = f"recorded from a {recorded} client, served to a {client} one at rate {rate}"
                        every_case(name, Relay(port, delay_s).port if delay_s else port, cases)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
