"""The connection of the target ends before that of the client: by GOAWAY, a close, a reset, or the death of the target."""

import signal

ENDS = ("goaway:after=2", "close:after=2", "reset:after=2", "abort:after=2,status=UNAVAILABLE")


def through_a_proxy(kit, fault, number):
    server = kit.background("serve", kit.root / "captures/zero-ids.gcap", "--rate", "max", *fault)
    kept = kit.file(f"proxy-{number}.gcap")
    proxy = kit.background("proxy", "-l", "127.0.0.1:0", "-t", server.grpc, "--plaintext", "-o", kept, code=(0, 3))
    record = ("record", "-t", proxy.grpc, "--job-id", "zero-ids", "--plaintext", "-o")
    return server, proxy, kept, record


def case_the_target_ends_the_connection(kit):
    """The proxy does not panic, and its capture is whole and holds the call."""
    for number, fault in enumerate(ENDS):
        _, proxy, kept, record = through_a_proxy(kit, ["--fault", fault], number)
        kit.run(*record, kit.file(f"client-{number}.gcap"), code=None)
        # Another call after it, on a new connection: the proxy lives on.
        kit.run(*record, kit.file(f"client-{number}-again.gcap"), code=None)
        proxy.finish()
        assert kit.json("verify", kept)["calls"] >= 2, fault


def case_the_target_dies(kit):
    """The same when the target's process is killed between two calls."""
    server, proxy, kept, record = through_a_proxy(kit, [], 0)
    kit.run(*record, kit.file("client.gcap"))
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()
    kit.run(*record, kit.file("again.gcap"), "--connect-timeout", "1s", code=None)
    proxy.finish()
    assert kit.json("verify", kept)["calls"] >= 1


def case_the_target_was_never_there(kit):
    """The call ends UNAVAILABLE for the client, and the proxy goes on."""
    kept = kit.file("proxy.gcap")
    proxy = kit.background("proxy", "-l", "127.0.0.1:0", "-t", "127.0.0.1:1", "--plaintext", "--reflect=never", "-o", kept, code=(0, 1, 3, 4))
    record = ("record", "-t", proxy.grpc, "--method", "/t.S/U", "--plaintext", "--reflect=never", "--connect-timeout", "2s")
    ran = kit.run(*record, "-o", kit.file("client.gcap"), code=None)
    assert ran.code, "a call that nobody answered is no success"
    proxy.finish()
