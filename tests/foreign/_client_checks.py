"""A Python client of `capture serve`."""

import concurrent.futures
import contextlib

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

import _capture_binary as capture_binary
import datastream_pb2
import datastream_pb2_grpc
import pandadatastream_pb2
import pandadatastream_pb2_grpc

DEADLINE_S = 30
OPTIONS = [("grpc.max_receive_message_length", 100 * 1024 * 1024)]
STREAM = "/datastream.DataStreamService/StreamSpectrograms"


@contextlib.contextmanager
def connected(*args):
    """A channel to `capture serve ARGS`."""
    with capture_binary.serve(*args) as ready:
        with grpc.insecure_channel(ready["grpc"], options=OPTIONS) as channel:
            yield channel


def raw_stream(channel, request, method=STREAM):
    """The messages of a stream as bytes, undecoded."""
    call = channel.unary_stream(method, request_serializer=lambda message: message.SerializeToString())
    return list(call(request, timeout=DEADLINE_S))


def check_every_byte_of_a_real_recording():
    """a Python client gets every byte of a real recording from capture serve"""
    for name, frames in (("febus-jitter", 18), ("optodas-quake", 73)):
        capture = capture_binary.shipped(f"{name}.gcap")
        with connected(capture, "--rate", "max") as channel:
            got = raw_stream(channel, datastream_pb2.StreamRequest(job_id=name))
        expected = capture_binary.raw_messages(capture)
        assert len(got) == frames, f"{name}: {len(got)} frames"
        assert got == expected, f"{name}: bytes differ"


def check_frames_decode():
    """the classes generated from datastream.proto decode every frame, and encode it to the same bytes"""
    with connected(capture_binary.shipped("febus-jitter.gcap"), "--rate", "max") as channel:
        stub = datastream_pb2_grpc.DataStreamServiceStub(channel)
        request = datastream_pb2.StreamRequest(job_id="febus-jitter")
        frames = list(stub.StreamSpectrograms(request, timeout=DEADLINE_S))
    assert sum(len(frame.rows) for frame in frames) == 50
    rows = [row for frame in frames for row in frame.rows]
    assert {len(row.sensors) for row in rows} == {100}
    values = [value for row in rows for sensor in row.sensors for value in sensor.intensity]
    assert len(values) == 125_000
    assert sum(value == float("-inf") for value in values) == 2000
    raw = capture_binary.raw_messages(capture_binary.shipped("febus-jitter.gcap"))
    assert [frame.SerializeToString() for frame in frames] == raw


def check_wrong_job():
    """an unknown job is NOT_FOUND, and the message names it"""
    with connected(capture_binary.shipped("nan.gcap"), "--rate", "max") as channel:
        try:
            raw_stream(channel, datastream_pb2.StreamRequest(job_id="12-70788"))
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.NOT_FOUND, error
            assert "12-70788" in error.details(), error
        else:
            raise AssertionError("the stream of an unknown job ended with OK")


def check_recorded_error():
    """a job that was recorded as refused is refused in the same words"""
    with connected(capture_binary.shipped("trailers-only-error.gcap"), "--rate", "max") as channel:
        try:
            raw_stream(channel, datastream_pb2.StreamRequest(job_id="12-70789"))
        except grpc.RpcError as error:
            assert (error.code(), error.details()) == (grpc.StatusCode.NOT_FOUND, "no job 12-70789"), error
        else:
            raise AssertionError("it ended with OK")


def check_max_frames():
    """max_frames gives exactly that many frames, and 0 gives all"""
    capture = capture_binary.shipped("febus-jitter.gcap")
    expected = capture_binary.raw_messages(capture)
    with connected(capture, "--rate", "max") as channel:
        for count, frames in ((1, 1), (7, 7), (18, 18), (1000, 18), (0, 18)):
            got = raw_stream(channel, datastream_pb2.StreamRequest(job_id="febus-jitter", max_frames=count))
            assert got == expected[:frames], f"max_frames {count}: {len(got)} frames"


def check_unknown_fields_and_empty_streams():
    """unknown fields arrive as they were recorded, and an empty stream ends with OK"""
    capture = capture_binary.shipped("unknown-fields.gcap")
    with connected(capture, capture_binary.shipped("empty-stream.gcap"), "--rate", "max") as channel:
        got = raw_stream(channel, datastream_pb2.StreamRequest(job_id="unknown-fields"))
        assert got == capture_binary.raw_messages(capture)
        assert all(message.endswith(b"\x78\x07\x82\x01\x02\xca\xfe") for message in got)
        assert raw_stream(channel, datastream_pb2.StreamRequest(job_id="empty-stream")) == []


def check_health():
    """CheckHealth and grpc.health.v1 both say that the server is healthy"""
    with connected(capture_binary.shipped("nan.gcap")) as channel:
        stub = datastream_pb2_grpc.DataStreamServiceStub(channel)
        answer = stub.CheckHealth(datastream_pb2.HealthRequest(), timeout=DEADLINE_S)
        assert answer.healthy and answer.version, answer
        health = health_pb2_grpc.HealthStub(channel)
        for service in ("", "datastream.DataStreamService"):
            answer = health.Check(health_pb2.HealthCheckRequest(service=service), timeout=DEADLINE_S)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING, f"{service!r}: {answer}"


def check_reflection():
    """reflection describes the service well enough to call it"""
    with connected(capture_binary.shipped("nan.gcap")) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        assert "datastream.DataStreamService" in database.get_services()
        described = database.FindFileContainingSymbol("datastream.DataStreamService")
        methods = [method.name for service in described.service for method in service.method]
        assert methods == ["StreamSpectrograms", "CheckHealth"], methods


def check_production():
    """the production dialect gives each stream its own blocks, on all streams at once"""
    capture = capture_binary.shipped("production.gcap")
    with connected(capture, "--rate", "20") as channel, concurrent.futures.ThreadPoolExecutor() as pool:
        stub = pandadatastream_pb2_grpc.DataStreamServiceStub(channel)

        def read(stream):
            got = []
            call = stub.StreamData(pandadatastream_pb2.StreamDataRequest(stream_id=stream), timeout=DEADLINE_S)
            try:
                for block in call:
                    got.append(block.SerializeToString())
            except grpc.RpcError as error:
                return got, error.code()
            return got, grpc.StatusCode.OK

        for number, (got, code) in enumerate(pool.map(read, range(3)), start=1):
            assert got == capture_binary.raw_messages(capture, "--call", str(number)), f"stream {number - 1}"
            # It ends as it was recorded: the server closes an idle job.
            assert code == grpc.StatusCode.UNAVAILABLE, code


def check_cancel():
    """a client that cancels in mid-stream leaves the server well"""
    with connected(capture_binary.shipped("optodas-quake.gcap"), "--rate", "1") as channel:
        stub = datastream_pb2_grpc.DataStreamServiceStub(channel)
        request = datastream_pb2.StreamRequest(job_id="optodas-quake")
        call = stub.StreamSpectrograms(request, timeout=DEADLINE_S)
        next(call)
        call.cancel()
        again = stub.StreamSpectrograms(request, timeout=DEADLINE_S)
        assert next(again).rows
        again.cancel()
