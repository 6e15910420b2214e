"""Client certificates of X.509 version 1, as `openssl x509 -req` makes them without extensions.

The private key of the authority of these files is deleted. The certificates are valid from 2020 to 2120.
"""

import grpc

import _grpcio as grpcio


def server(kit):
    """A server that lets in only clients of ca.pem, and tells who called."""

    def who(_, context):
        (name,) = context.auth_context()["x509_common_name"]
        return name

    key, certificate, authority = ((kit.folder / name).read_bytes() for name in ("server.key", "server.pem", "ca.pem"))
    credentials = grpc.ssl_server_credentials([(key, certificate)], root_certificates=authority, require_client_auth=True)
    return grpcio.serve(kit, {"/t.S/U": grpc.unary_unary_rpc_method_handler(who)}, credentials)


def shown(kit):
    return "--cacert", kit.folder / "ca.pem", "--cert", kit.folder / "client.pem", "--key", kit.folder / "client.key"


def case_it_is_shown_by_record(kit):
    """record reaches a server that asks for it, which knows the client by its name."""
    told = ("--reflect=never", "--method", "/t.S/U", "--request-file", kit.file("request", "r"))
    out = kit.file("o.gcap")
    said = kit.json("record", "-t", server(kit), *shown(kit), *told, "-o", out)
    assert said["endings"][0]["status"] == "OK", said["endings"]
    assert kit.run("cat", out, "--raw").out == b"\x06client"


def case_it_is_shown_by_proxy(kit):
    """The same for proxy, towards its target."""
    flags = ("-l", "127.0.0.1:0", "-t", server(kit), *shown(kit), "--reflect=never", "-o", kit.file("p.gcap"))
    proxy = kit.background("proxy", *flags)
    came = grpcio.code(grpcio.channel(kit, proxy.grpc).unary_unary("/t.S/U"), b"r", timeout=10)
    assert came == b"client", came
    proxy.finish()


def case_a_client_that_shows_none_is_still_turned_away(kit):
    """What makes the others work is the certificate: without it there is no call."""
    told = ("--reflect=never", "--method", "/t.S/U", "--request-file", kit.file("request", "r"), "--connect-timeout", "2s")
    ran = kit.run("record", "-t", server(kit), *shown(kit)[:2], *told, "-o", kit.file("o.gcap"), code=None)
    assert ran.code, "a server that asks for a certificate let in a client without one"
