"""Tests for faults that were found earlier. They must not come back.

usage: run.py CAPTURE [NAME...]

Each folder here is a case. Its `case.py` holds functions `case_...(kit)`, which make inputs and run the binary
CAPTURE on them (`_kit.py`). The first line of a function says what must hold. NAME selects the folders whose name
begins so. Prints one line for each function, the reason for each skipped function, and at the end `N passed, N
failed`.

The packages are those of tests/foreign/requirements.txt. If `go` is installed, _go/ is built into target/ci-go for
the cases that need grpc-go. If $NODE_MODULES has @grpc/grpc-js, the cases use it too.
"""

import importlib.util
import inspect
import pathlib
import sys
import tempfile
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "hostile")]

import _kit  # pylint: disable=wrong-import-position


def load(folder):
    spec = importlib.util.spec_from_file_location(folder.name.replace("-", "_"), folder / "case.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = [(name, thing) for name, thing in vars(module).items() if name.startswith("case_") and inspect.isfunction(thing)]
    assert found, f"{folder}/case.py has no function case_..."
    return found


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    binary, wanted = str(pathlib.Path(sys.argv[1]).resolve()), sys.argv[2:]
    runner = _kit.Runner()
    passed = failed = skipped = 0
    for folder in sorted(path.parent for path in HERE.glob("*/case.py")):
        if wanted and not any(folder.name.startswith(name) for name in wanted):
            continue
        for name, case in load(folder):
            title = f"{folder.name} {name.removeprefix('case_').replace('_', ' ')}"
            with tempfile.TemporaryDirectory() as place:
                kit = _kit.Kit(binary, runner, folder, pathlib.Path(place))
                try:
                    case(kit)
                    verdict, passed = "ok", passed + 1
                except _kit.Skipped as reason:
                    verdict, skipped = f"skipped: {reason}", skipped + 1
                except Exception as error:  # pylint: disable=broad-exception-caught
                    verdict, failed = "FAILED: " + (str(error) or repr(error)), failed + 1
                    if not isinstance(error, AssertionError):
                        traceback.print_exc()
                finally:
                    kit.end()
            took = f"{time.monotonic() - kit.began:.1f} s, {kit.rss_mb:.0f} MB"
            print(f"{title}: {verdict} ({took})", flush=True)
    runner.end()
    if skipped:
        print(f"{skipped} skipped")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
