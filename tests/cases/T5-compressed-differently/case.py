"""The recorded client and the served client use different compression. The call is found anyway."""

import gzip

import grpc

import _grpcio as grpcio
import _h2 as h2

METHOD, ANSWER = "/t.S/Unary", b"re:" + b"a" * 200
REQUEST, OTHER = b"a" * 200, b"b" * 200
GZIP, PLAIN = grpc.Compression.Gzip, grpc.Compression.NoCompression
ASKED = (("x-gzip", "1"),)


def server(kit):
    def answer(request, context):
        if ("x-gzip", "1") in context.invocation_metadata():
            context.set_compression(GZIP)
        return b"re:" + request

    return grpcio.serve(kit, {METHOD: grpc.unary_unary_rpc_method_handler(answer)})


def ask(kit, address, compression, metadata=(), request=REQUEST):
    call = grpcio.channel(kit, address).unary_unary(METHOD)
    return grpcio.code(call, request, timeout=5, compression=compression, metadata=metadata)


def recorded(kit, *calls):
    """A served capture of calls that were made through a proxy: gives its address, and how often a message was compressed."""
    proxy = kit.proxy(server(kit))
    for compression, metadata, request in calls:
        assert ask(kit, proxy.grpc, compression, metadata, request) == b"re:" + request
    proxy.finish()
    compressed = [event["compressed"] for event in kit.events(proxy.kept) if event["event"] == "message"]
    return kit.background("serve", proxy.kept, "--rate", "max").grpc, compressed


def raw(kit, address, body, more):
    """The answer's flag, its bytes and its encoding, by a client that says what it accepts, and nothing else."""
    client = h2.Client(kit, address)
    client.send(h2.call(1, METHOD, body[5:], more=more).replace(h2.prefixed(body[5:]), body))
    ((data, status, _),) = client.ended(1)
    return data[:1], data[5:], client.heard(1).said("grpc-encoding"), status


def case_recorded_compressed_asked_plainly(kit):
    """A request that was recorded with gzip answers the same request without."""
    address, compressed = recorded(kit, (GZIP, (), OTHER), (GZIP, ASKED, REQUEST))
    assert compressed == [True, False, True, True], compressed
    for compression in (PLAIN, GZIP):
        assert ask(kit, address, compression) == ANSWER, ask(kit, address, compression)


def case_recorded_plainly_asked_compressed(kit):
    """And the other way; which of several calls it is, is told by what the request says."""
    address, compressed = recorded(kit, (PLAIN, (), OTHER), (PLAIN, (), REQUEST))
    assert not any(compressed)
    for compression in (GZIP, PLAIN):
        for request in (REQUEST, OTHER, REQUEST):
            came = ask(kit, address, compression, request=request)
            assert came == b"re:" + request, f"{compression}: {came}"


def case_a_client_that_accepts_no_gzip_gets_none(kit):
    """The answer that was recorded with gzip comes plainly, without `grpc-encoding`, when gzip is not accepted."""
    address, _ = recorded(kit, (GZIP, ASKED, REQUEST))
    for accepted in ((), (("grpc-accept-encoding", "identity"),), (("grpc-accept-encoding", "deflate"),)):
        flag, data, encoding, status = raw(kit, address, h2.prefixed(REQUEST), accepted)
        assert (flag, data, status) == (b"\0", ANSWER, "0"), f"{accepted}: {flag} {data[:40]} {status}"
        assert encoding in ([], ["identity"]), f"{accepted}: {encoding}"


def case_a_client_that_accepts_gzip_gets_what_was_recorded(kit):
    """The recorded bytes, with their flag and `grpc-encoding: gzip`."""
    address, _ = recorded(kit, (GZIP, ASKED, REQUEST))
    flag, data, encoding, status = raw(kit, address, h2.prefixed(REQUEST), (("grpc-accept-encoding", "deflate, gzip"),))
    assert (flag, encoding, status) == (b"\1", ["gzip"], "0"), f"{flag} {encoding} {status}"
    assert gzip.decompress(data) == ANSWER


def case_grpc_go(kit):
    """The same by grpc-go: recorded with gzip, asked without, and the other way."""
    peer = kit.go("peer")
    target, _ = kit.peer(peer, "server")
    ways = [[], ["-gz"], ["-gz", "-ask-gz"], ["-ask-gz"]]
    for recorded_with in ways:
        proxy = kit.proxy(target)
        told = ("unary", "-d", REQUEST.decode(), "-a")
        right = f'"{ANSWER.decode()}" <nil>\n'
        assert kit.client(peer, *told, proxy.grpc, *recorded_with) == right
        proxy.finish()
        served = kit.background("serve", proxy.kept, "--rate", "max")
        for asked_with in ways:
            came = kit.client(peer, *told, served.grpc, *asked_with)
            assert came == right, f"recorded with {recorded_with}, asked with {asked_with}: {came}"
        served.finish()
