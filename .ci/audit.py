"""Asks the advisory service of PyPI for known holes in the packages of .venv, with pip-audit, half a minute.

Status 1 where there is one. One that cannot be mended, or does not concern us, is excepted by a line in
.ci/audit_exceptions.txt: its name, such as GHSA-1234-5678-9abc, and why. Where the service cannot be asked, this
says so, and does not fail: holes of others must not keep us from working without a network.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
BIN = "Scripts" if os.name == "nt" else "bin"


def ask(packages: str) -> str:
    """What pip-audit, in an environment of its own, says of such lines as "numpy==2.1.3", as JSON; or its error."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        python, listed = Path(folder, BIN, "python"), Path(folder, "packages.txt")
        listed.write_text(packages)
        install = ["-m", "pip", "--disable-pip-version-check", "install", "-q", "pip-audit>=2.9"]
        audit = ["-m", "pip_audit", "--no-deps", "--disable-pip", "--progress-spinner", "off"]
        done = subprocess.run([python, *install], capture_output=True, text=True)
        if not done.returncode:
            command = [python, *audit, "--format", "json", "--requirement", listed]
            done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        return done.stdout or done.stderr


def judge(answer: str, exceptions: dict[str, str]) -> tuple[list[str], int]:
    """What is to be said, and the status: 1 for a hole that is not excepted."""
    try:
        packages = json.loads(answer)["dependencies"]
    except (ValueError, KeyError, TypeError):
        last = (answer.strip().splitlines() or ["it said nothing"])[-1]
        return [f"Known holes were NOT looked for: pip-audit could not ask. {last:.300}"], 0
    asked = [package for package in packages if "skip_reason" not in package]
    if not asked:  # as behind a mirror that has packages, but no advisories
        return [
            f"Known holes were NOT looked for: none of {len(packages)} packages is known there."
        ], 0
    said, failed, met = [], False, set()
    for package in asked:
        for hole in package["vulns"]:
            names = {hole["id"], *hole.get("aliases", [])}
            excepted = sorted(names & exceptions.keys())
            met.update(excepted)
            failed |= not excepted
            mended = ", ".join(hole["fix_versions"]) or "nothing yet"
            why = f"excepted: {exceptions[excepted[0]]}" if excepted else f"mended in {mended}"
            said.append(f"{package['name']} {package['version']}: {hole['id']}, {why}")
    said += [
        f"{name} is excepted for nothing: remove its line" for name in exceptions if name not in met
    ]
    left = len(packages) - len(asked)
    return [*said, f"{len(asked)} packages asked for, {left} not known there."], int(failed)


def read_exceptions(text: str) -> dict[str, str]:
    """By name why; every line must say it."""
    lines = [
        line.split(maxsplit=1) for line in text.splitlines() if line.strip()[:1] not in ("", "#")
    ]
    if wrong := [line for line in lines if len(line) != 2]:
        raise SystemExit(f"audit_exceptions.txt: {wrong[0][0]} needs a reason behind its name.")
    return dict(lines)


def main() -> int:
    """Says what is known of the packages of this environment."""
    freeze = [sys.executable, "-m", "pip", "freeze", "--exclude-editable"]
    packages = subprocess.run(freeze, capture_output=True, text=True, check=True).stdout
    pinned = "\n".join(line for line in packages.splitlines() if "==" in line)
    try:
        answer = ask(pinned)
    except subprocess.TimeoutExpired:
        answer = "no answer within two minutes"
    said, status = judge(answer, read_exceptions((HERE / "audit_exceptions.txt").read_text()))
    print("\n".join(said))
    return status


if __name__ == "__main__":
    sys.exit(main())
