"""Regenerate everything that is made from the contracts: Python stubs with types under scoreline/<area>/v1/ and the
descriptor set that Envoy transcodes from. Run by `make protos`; `python protos/generate.py --check` fails when the
committed files are not what the contracts give."""

import argparse
import filecmp
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import grpc_tools

ROOT = Path(__file__).resolve().parent.parent
CONTRACTS = ROOT / "protos"
THIRD_PARTY = CONTRACTS / "third_party"
DESCRIPTORS = Path("scoreline/descriptors.binpb")
# Not imported by any contract, but Envoy needs it to print error details as JSON.
ALSO_DESCRIBED = "google/rpc/error_details.proto"


def generate(out: Path) -> list[Path]:
    """Write all generated files under `out`; returns their paths relative to it, sorted."""
    files = sorted(str(p.relative_to(CONTRACTS)) for p in CONTRACTS.glob("scoreline/*/v1/*.proto"))
    includes = [
        f"-I{CONTRACTS}",
        f"-I{THIRD_PARTY}",
        f"-I{Path(grpc_tools.__file__).parent / '_proto'}",
    ]
    (out / DESCRIPTORS).parent.mkdir(parents=True, exist_ok=True)
    # Beside the interpreter, wherever PATH points.
    plugin = f"--plugin=protoc-gen-mypy_grpc={Path(sys.executable).parent / 'protoc-gen-mypy_grpc'}"
    protoc = [sys.executable, "-m", "grpc_tools.protoc", plugin, *includes]
    with_rpcs = [f for f in files if f.endswith("_service.proto")]
    outputs = [f"--python_out={out}", f"--pyi_out={out}"]
    subprocess.run([*protoc, *outputs, *files], check=True)
    rpc_outputs = [f"--grpc_python_out={out}", f"--mypy_grpc_out=quiet:{out}"]
    subprocess.run([*protoc, *rpc_outputs, *with_rpcs], check=True)
    described = [f"--descriptor_set_out={out / DESCRIPTORS}", "--include_imports"]
    subprocess.run([*protoc, *described, *files, ALSO_DESCRIBED], check=True)
    for package in {out / Path(f).parent for f in files}:
        for folder in (package, package.parent):
            (folder / "__init__.py").touch()
    return sorted(p.relative_to(out) for p in out.rglob("*") if p.is_file())


def committed() -> list[Path]:
    """Generated files in the tree, relative to its root."""
    found = [p for p in ROOT.glob("scoreline/*/v1/*") if p.is_file()]
    packages = {p.parent.parent / "__init__.py" for p in found}
    return sorted(p.relative_to(ROOT) for p in {*found, *packages, ROOT / DESCRIPTORS})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    check: bool = parser.parse_args().check
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch)
        wanted = generate(out)
        if check:
            same = wanted == committed() and all(
                filecmp.cmp(out / p, ROOT / p, shallow=False) for p in wanted
            )
            if not same:
                print("Generated code is out of date: run `make protos` and commit the result.")
            return 0 if same else 1
        for stale in set(committed()) - set(wanted):
            (ROOT / stale).unlink(missing_ok=True)
        for path in wanted:
            (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(out / path, ROOT / path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
