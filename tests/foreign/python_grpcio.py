#!/usr/bin/env python3
"""Python grpcio as client and server of the built binary: `python_grpcio.py BINARY`.

Python grpcio uses the C core of gRPC and shares no code with the recorder. The checks need grpcio, grpcio-tools,
grpcio-health-checking and grpcio-reflection. They compile protos/*.proto with protoc.

Prints one line for each check and `N passed, M failed` at the end. Exits with 1 if a check failed.
"""

import importlib
import pathlib
import sys
import tempfile
import traceback

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent


def compile_protos(into):
    """Compiles protos/*.proto with protoc, and makes the modules importable."""
    import grpc_tools
    from grpc_tools import protoc

    well_known = pathlib.Path(grpc_tools.__file__).parent / "_proto"
    protos = sorted(str(path) for path in (ROOT / "protos").glob("*.proto"))
    if not protos:
        raise SystemExit(f"no .proto file in {ROOT / 'protos'}")
    command = ["protoc", f"-I{ROOT / 'protos'}", f"-I{well_known}", f"--python_out={into}", f"--grpc_python_out={into}"]
    if protoc.main(command + protos) != 0:
        raise SystemExit("protoc failed")
    sys.path.insert(0, str(into))


def checks():
    """Every function of the two modules whose name begins with `check_`, in the order in which they are written."""
    for module in (importlib.import_module("_client_checks"), importlib.import_module("_server_checks")):
        for name, check in vars(module).items():
            if name.startswith("check_"):
                yield check


def main():
    if len(sys.argv) != 2:
        raise SystemExit(f"usage: {sys.argv[0]} BINARY")
    # Nothing is left behind in the source tree.
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(HERE))
    passed = failed = 0
    with tempfile.TemporaryDirectory() as generated:
        compile_protos(generated)
        import _capture_binary as capture_binary

        capture_binary.use(pathlib.Path(sys.argv[1]).resolve(), ROOT)
        for check in checks():
            try:
                check()
            except Exception:  # pylint: disable=broad-except
                failed += 1
                print(f"FAIL  {check.__doc__}", flush=True)
                traceback.print_exc()
            else:
                passed += 1
                print(f"ok    {check.__doc__}", flush=True)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
