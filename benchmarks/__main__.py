"""Run a benchmark by name: `python -m benchmarks NAME [--json FILE] [its own options]`.

A benchmark is a module of this package with `SUMMARY`, `add_arguments(parser)` and
`run(args) -> dict`. `run` prints for people and returns the same figures for the JSON file.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from datetime import UTC, datetime
from importlib import import_module, metadata
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

PACKAGES = ("tensorflow-cpu", "tensorflow", "keras", "numpy", "streamlit", "distributed")


def names() -> list[str]:
    """The benchmarks there are: the modules beside this one, private ones left out."""
    folder = str(Path(__file__).parent)
    modules = (module.name for module in iter_modules([folder]))
    return sorted(name.replace("_", "-") for name in modules if not name.startswith("_"))


def module_of(name: str) -> Any:
    """The module of a benchmark: `draw-latency` is benchmarks/draw_latency.py."""
    return import_module(f"benchmarks.{name.replace('-', '_')}")


def machine() -> dict[str, Any]:
    """The facts about this machine without which a time means nothing."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return {
        "cpu": _cpu_name(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "memory_gb": _memory_gb(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **versions,
    }


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    found = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return found[0] if found else "unknown"


def _memory_gb() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (AttributeError, OSError, ValueError):
        return None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--list", action="store_true", help="say which benchmarks there are")
    commands = parser.add_subparsers(dest="name", metavar="NAME")
    for name in names():
        module = module_of(name)
        command = commands.add_parser(
            name, help=module.SUMMARY.replace("%", "%%"), description=module.__doc__
        )
        command.formatter_class = argparse.RawDescriptionHelpFormatter
        command.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
        module.add_arguments(command)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark that the command line names."""
    parser = _parser()
    args = parser.parse_args(arguments)
    if args.list or not args.name:
        for name in names():
            print(f"{name:<12} {module_of(name).SUMMARY}")
        return 0
    facts = machine()
    print(" · ".join(f"{name} {value}" for name, value in facts.items() if value is not None))
    started = datetime.now(UTC)
    result = module_of(args.name).run(args)
    if args.json:
        report = {
            "benchmark": args.name,
            "date": started.isoformat(timespec="seconds"),
            "seconds": round((datetime.now(UTC) - started).total_seconds(), 1),
            "machine": facts,
            "result": result,
        }
        args.json.write_text(json.dumps(report, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
