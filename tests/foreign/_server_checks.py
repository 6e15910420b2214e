"""A Python server that `capture record` records."""

import concurrent.futures
import contextlib
import json

import grpc

import _capture_binary as capture_binary
import datastream_pb2
import datastream_pb2_grpc


class Job(datastream_pb2_grpc.DataStreamServiceServicer):
    """One job, named `py`, that sends prepared frames."""

    def __init__(self, frames, then=None):
        self.frames = frames
        self.then = then

    def StreamSpectrograms(self, request, context):  # pylint: disable=invalid-name
        if request.job_id != "py":
            context.abort(grpc.StatusCode.NOT_FOUND, f"no job {request.job_id}")
        for number, frame in enumerate(self.frames, start=1):
            yield frame
            if number == request.max_frames:
                return
        if self.then:
            context.abort(*self.then)

    def CheckHealth(self, request, context):  # pylint: disable=invalid-name
        return datastream_pb2.HealthResponse(healthy=True, version="python")


def frames(count, sensors=8, bins=64):
    """Frames whose values all differ."""
    made = []
    for number in range(count):
        row = datastream_pb2.SpectrogramRow(canvasId="python", startTimestamp=number * 100, endTimestamp=number * 100 + 100)
        for sensor in range(sensors):
            values = [-160 + ((number * 7919 + sensor * 104729 + at * 1299709) % 4093) / 32 for at in range(bins)]
            row.sensors.add(id=sensor, intensity=values)
        made.append(datastream_pb2.DataStream(rows=[row], current_max_amp=-32, current_min_amp=-160))
    return made


@contextlib.contextmanager
def serving(job, compression=None):
    """Serves a job on a free port; gives the address."""
    pool = concurrent.futures.ThreadPoolExecutor(max_workers=4)
    server = grpc.server(pool, compression=compression)
    datastream_pb2_grpc.add_DataStreamServiceServicer_to_server(job, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


def record(target, capture, *args, code=0):
    """Records from the server; the report."""
    flags = ["--plaintext", "--job-id", "py", "--format", "json", "--target", target, "-o", capture]
    return json.loads(capture_binary.run("record", *flags, *args, code=code))


def serialized(made):
    return [frame.SerializeToString() for frame in made]


def check_python_server_recorded():
    """capture record gets every byte from a Python server"""
    made = frames(200)
    with serving(Job(made)) as target, capture_binary.output() as capture:
        report = record(target, capture)
        assert (report["messages"], report["lossy"]) == (200, False), report
        assert capture_binary.raw_messages(capture) == serialized(made)
        capture_binary.run("verify", capture)


def check_gzip_server_recorded():
    """messages that a Python server compresses are recorded compressed, and come out inflated"""
    made = frames(50)
    with serving(Job(made), grpc.Compression.Gzip) as target, capture_binary.output() as capture:
        record(target, capture)
        assert capture_binary.raw_messages(capture) == serialized(made)
        lines = capture_binary.run("cat", "--format", "json", capture).decode().splitlines()
        events = [json.loads(line) for line in lines]
        received = [event for event in events if event["event"] == "message" and event["direction"] == "received"]
        assert len(received) == 50
        headers = next(event["metadata"] for event in events if event["event"] == "headers")
        encoding = dict((name, value) for name, value in headers).get("grpc-encoding")
        # The recorder offers no encoding; the C core compresses all the same.
        assert encoding == "gzip", encoding
        assert all(event["compressed"] for event in received)
        assert all("rows" in event["message"] for event in received), "they are decoded for the eye"


def check_large_message():
    """a message of 20 MB is recorded"""
    made = frames(1, sensors=50, bins=100_000)
    with serving(Job(made)) as target, capture_binary.output() as capture:
        report = record(target, capture)
        assert report["message_bytes"] > 20_000_000, report["message_bytes"]
        assert capture_binary.raw_messages(capture) == serialized(made)


def check_max_frames_of_a_python_server():
    """--max-frames records exactly that many frames of a Python server"""
    made = frames(20)
    with serving(Job(made)) as target, capture_binary.output() as capture:
        report = record(target, capture, "--max-frames", "5")
        assert report["messages"] == 5, report
        assert capture_binary.raw_messages(capture) == serialized(made[:5])


def check_python_server_errors():
    """a Python server's own error is the exit code, after the frames that came"""
    made = frames(3)
    then = (grpc.StatusCode.DATA_LOSS, "the fibre is cut: žluť")
    with serving(Job(made, then)) as target, capture_binary.output() as capture:
        report = record(target, capture, code=64 + 15)
        assert report["messages"] == 3, report
        assert report["endings"][0]["message"] == "the fibre is cut: žluť", report
        assert capture_binary.raw_messages(capture) == serialized(made)


def check_python_server_wrong_job():
    """a Python server that does not know the job gives exit code 69"""
    with serving(Job([])) as target, capture_binary.output() as capture:
        flags = ["--plaintext", "--target", target, "--job-id", "12-70788", "-o", capture]
        capture_binary.run("record", *flags, code=64 + 5)
        capture_binary.run("verify", capture)
