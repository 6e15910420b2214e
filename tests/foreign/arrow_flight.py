#!/usr/bin/env python3
"""Arrow Flight by pyarrow, another service that nobody here wrote: `arrow_flight.py BINARY`.

A Flight client transfers tables through `capture proxy`, and gets the same again from `capture serve` of what the proxy
recorded. `validate` passes, and names a wrong status and a killed server first.
"""

import contextlib
import pathlib
import signal
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import numpy  # noqa: E402
import pyarrow  # noqa: E402
import pyarrow.flight as flight  # noqa: E402

import _capture_binary as capture_binary  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
ROWS, BATCH = 200_000, 20_000


def table():
    """The same table in every process: 3.2 MB."""
    at = numpy.arange(ROWS)
    return pyarrow.table({"number": at, "level": (at * 7919 % 4093) / 32.0})


class Server(flight.FlightServerBase):
    """Serves one table, counts the rows of what is put, doubles what is exchanged, and knows one action."""

    def do_get(self, context, ticket):
        if ticket.ticket == b"endless":
            batch = table().to_batches()[0].slice(0, 10)
            return flight.GeneratorStream(batch.schema, (batch for _ in iter(int, 1)))
        if ticket.ticket != b"levels":
            raise flight.FlightServerError(f"no table {ticket.ticket.decode()}")
        return flight.RecordBatchStream(table(), options=pyarrow.ipc.IpcWriteOptions(allow_64bit=True))

    def do_put(self, context, descriptor, reader, writer):
        rows = sum(chunk.data.num_rows for chunk in reader)
        writer.write(str(rows).encode())

    def do_exchange(self, context, descriptor, reader, writer):
        writer.begin(reader.schema)
        for chunk in reader:
            writer.write_batch(chunk.data)

    def do_action(self, context, action):
        return [flight.Result(action.body.to_pybytes()[::-1])]


def serve():
    """A server in a process of its own, so that it can be killed."""
    server = Server("grpc://127.0.0.1:0")
    print(server.port, flush=True)
    server.serve()


@contextlib.contextmanager
def server():
    command = [sys.executable, __file__, "--serve"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process, f"127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


def talk(address):
    """What a client gets: a table, the count of rows put, what it exchanged, and the answer to an action."""
    with flight.FlightClient(f"grpc://{address}") as client:
        got = client.do_get(flight.Ticket(b"levels")).read_all()
        writer, reader = client.do_put(flight.FlightDescriptor.for_path("levels"), table().schema)
        with writer:
            for batch in table().to_batches(max_chunksize=BATCH):
                writer.write_batch(batch)
            writer.done_writing()
            put = reader.read().to_pybytes()
        writer, reader = client.do_exchange(flight.FlightDescriptor.for_path("levels"))
        with writer:
            writer.begin(table().schema)
            exchanged = []
            for batch in table().to_batches(max_chunksize=BATCH):
                writer.write_batch(batch)
                exchanged.append(reader.read_chunk().data)
            writer.done_writing()
        turned = [result.body.to_pybytes() for result in client.do_action(flight.Action("turn", b"drawer"))]
    assert got == table(), "the table is another"
    assert put == str(ROWS).encode() and turned == [b"reward"], (put, turned)
    assert pyarrow.Table.from_batches(exchanged) == table(), "what was exchanged is another"


def check_talk(folder):
    capture = f"{folder}/flight.gcap"
    with server() as (_, target), capture_binary.proxy(target, capture) as address:
        talk(address)
    print("ok    a client gets, puts and exchanges tables through the proxy", flush=True)
    verdict = capture_binary.run("validate", capture).decode()
    assert verdict.startswith("PASS"), verdict
    print("ok    validate passes", flush=True)
    for rate in ("1", "max"):
        with capture_binary.serving("serve", capture, "--grpc", "127.0.0.1:0", "--rest", "127.0.0.1:0", "--rate", rate) as address:
            talk(address)
        print(f"ok    a client gets the same against serve at rate {rate}", flush=True)
    with server() as (_, target):
        capture_binary.run("replay", capture, "--target", target)
    print("ok    a new server answers the recorded requests as the recorded one did", flush=True)


def check_wrong_status(folder):
    capture = f"{folder}/status.gcap"
    with server() as (_, target), capture_binary.proxy(target, capture) as address, flight.FlightClient(f"grpc://{address}") as client:
        try:
            client.do_get(flight.Ticket(b"nothing")).read_all()
            raise AssertionError("a table that is not there was got")
        except flight.FlightServerError:
            pass
    rule, text = capture_binary.first_finding(capture)
    assert rule == "error-status" and "DoGet" in text and "no table nothing" in text, text
    print("ok    a wrong status fails, and is named with its method", flush=True)


def check_killed(folder):
    capture = f"{folder}/killed.gcap"
    with server() as (process, target), capture_binary.proxy(target, capture) as address:
        with flight.FlightClient(f"grpc://{address}") as client:
            reader = client.do_get(flight.Ticket(b"endless"))
            reader.read_chunk()
            process.send_signal(signal.SIGKILL)
            try:
                while True:
                    reader.read_chunk()
            except (flight.FlightError, pyarrow.ArrowException):
                pass
    rule, text = capture_binary.first_finding(capture)
    assert rule == "broken-call" and "DoGet" in text, text
    print("ok    a killed server fails, and the broken call is named with its method", flush=True)


def main():
    if sys.argv[1] == "--serve":
        serve()
        return
    capture_binary.use(str(pathlib.Path(sys.argv[1]).resolve()), ROOT)
    with tempfile.TemporaryDirectory() as folder:
        check_talk(folder)
        check_wrong_status(folder)
        check_killed(folder)


if __name__ == "__main__":
    main()
