"""Streams of very small messages, each in one DATA frame, as fast as flow control allows."""

import _grpcio as grpcio
import _h2 as h2

ONE_STREAM, PROXIED, JOBS, OF_A_JOB = 1_500_000, 500_000, 8, 60_000
# More than a window holds.
STALLED, OF_A_STALLED = 4, 20_000
METHOD = "/t.S/Stream"


def serve(kit, count):
    def answer(connection, stream, _):
        connection.send(h2.headers(stream, h2.ANSWER))
        connection.messages(stream, b"x", count)
        connection.send(h2.headers(stream, h2.OK, end=True))

    return h2.serve(kit, answer)


def one(kit):
    return "--reflect=never", "--method", METHOD, "--request-file", kit.file("request", "r")


def record(kit, *more):
    said = kit.json("record", "--plaintext", *more)
    return [(ending["messages"], ending["status"]) for job in said.get("jobs", [said]) for ending in job["endings"]]


def case_every_message_of_one_stream_is_recorded(kit):
    """A stream of 1,500,000 messages of one byte is recorded whole, and ends OK."""
    ends = record(kit, *one(kit), "-t", serve(kit, ONE_STREAM), "-o", kit.file("one.gcap"))
    assert ends == [(ONE_STREAM, "OK")], ends


def case_every_message_of_many_jobs_is_recorded(kit):
    """The same for jobs beside each other, each with a connection of its own."""
    target = serve(kit, OF_A_JOB)
    jobs = "".join(f'[[jobs]]\ntarget = "{target}"\njob_id = "{at}"\n' for at in range(JOBS))
    jobs = kit.file("jobs.toml", jobs)
    ends = record(kit, "--jobs", jobs, "--no-health-check", "--single", "-o", kit.file("jobs.gcap"))
    assert ends == [(OF_A_JOB, "OK")] * JOBS, ends


def case_every_message_through_a_proxy_is_recorded(kit):
    """A stream through a proxy is whole for the client and in the proxy's capture."""
    proxy = kit.proxy(serve(kit, PROXIED), code=(0,))
    ends = record(kit, *one(kit), "-t", proxy.grpc, "-o", kit.file("client.gcap"))
    assert ends == [(PROXIED, "OK")], ends
    proxy.finish()
    kept = kit.json("verify", proxy.kept)
    assert (kept["calls"], kept["messages"]) == (1, PROXIED), kept


def case_streams_that_nobody_reads_end_no_connection(kit):
    """Streams through a proxy that stall until another of their connection has ended are whole, each of them."""
    proxy = kit.proxy(serve(kit, OF_A_STALLED), code=(0,))
    channel = grpcio.channel(kit, proxy.grpc)
    streams = [channel.unary_stream(METHOD)(b"r", timeout=30) for _ in range(STALLED)]
    for stream in streams:
        next(stream)
    assert sum(1 for _ in channel.unary_stream(METHOD)(b"r", timeout=30)) == OF_A_STALLED
    for number, stream in enumerate(streams):
        assert 1 + sum(1 for _ in stream) == OF_A_STALLED, f"stream {number}"
    proxy.finish()
