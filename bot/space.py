"""Put Pincite on a Hugging Face Space: `python -m bot.space USER/NAME`, or `--dry-run` to see what would go.

What goes is what git tracks and the page needs, read from the working tree; files that the Space has beyond these
are removed from it. It stands in `bot` since it ships the bot and its page; it knows nothing of either. Nothing is
sent without a token (`HF_TOKEN`, or `hf auth login` before), and a dry run asks nobody.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from index.config import ROOT
from ingest.cli import fail_clearly
from ingest.errors import PinciteError

MAX_BYTES = 50_000_000
SHIPPED = ("app.py", "bot", "corpus", "eval/results", "index", "ingest", "LICENSE", "README.md", "requirements.txt")
ZEROGPU_TORCH = "torch>=2.8,<2.12"  # what ZeroGPU takes; elsewhere a newer one is welcome
_REPO = re.compile(r"[\w.-]{1,96}/[\w.-]{1,96}")


@dataclass(frozen=True, slots=True)
class File:
    """A file of the Space: its path in the repository and its size in bytes."""

    path: str
    size: int


def shipped_files(root: Path = ROOT) -> list[File]:
    """What goes to the Space, by path.

    Raises:
        PinciteError: not a git checkout, a tracked file that is gone or a link, or more than `MAX_BYTES`.
    """
    command = ["git", "-C", str(root), "ls-files", "-z", "--", *SHIPPED]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        raise PinciteError(f"{root} is no git checkout: clone the repository, what git tracks is what goes") from None
    paths = sorted(path for path in listed.split("\0") if path)
    for path in paths:
        if (root / path).is_symlink() or not (root / path).is_file():
            raise PinciteError(f"{path} is tracked by git but no plain file: restore it (git checkout {path})")
    files = [File(path, (root / path).stat().st_size) for path in paths]
    if (total := sum(f.size for f in files)) > MAX_BYTES:
        largest = max(files, key=lambda f: f.size)
        raise PinciteError(f"{total:,} bytes are more than {MAX_BYTES:,}; the largest file is {largest.path}")
    return files


def stage(files: list[File], folder: Path, zerogpu: bool, root: Path = ROOT) -> None:
    """Copy the files into a folder as the Space will have them; for ZeroGPU with a torch that it takes."""
    for file in files:
        target = folder / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / file.path, target)
    if zerogpu:
        requirements = folder / "requirements.txt"
        text, changed = re.subn(r"^torch\b.*$", ZEROGPU_TORCH, requirements.read_text(encoding="utf-8"), flags=re.M)
        if changed != 1:
            raise PinciteError("requirements.txt has no line of its own for torch, which ZeroGPU needs capped")
        requirements.write_text(text, encoding="utf-8")


def push(repo: str, files: list[File], zerogpu: bool) -> str:
    """Make the Space if there is none and bring it to these files. Returns its address.

    Raises:
        PinciteError: no token, no network, or the hub refuses.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError, OfflineModeIsEnabled

    api = HfApi()
    try:
        api.create_repo(repo, repo_type="space", space_sdk="gradio", exist_ok=True)
        with tempfile.TemporaryDirectory() as scratch:
            stage(files, Path(scratch), zerogpu)
            api.upload_folder(
                repo_id=repo, folder_path=scratch, repo_type="space", delete_patterns="*", commit_message="Sync"
            )
    except (HfHubHTTPError, LocalTokenNotFoundError, OfflineModeIsEnabled, OSError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise PinciteError(f"{repo} could not be written ({reason}): check HF_TOKEN and the network") from None
    return f"https://huggingface.co/spaces/{repo}"


def main(argv: list[str] | None = None) -> int:
    """Parse the command line; list, or list and push."""
    parser = argparse.ArgumentParser(prog="python -m bot.space", description=__doc__)
    parser.add_argument("repo", nargs="?", default="", metavar="USER/NAME")
    parser.add_argument("--dry-run", action="store_true", help="list the files and their size, send nothing")
    parser.add_argument("--zerogpu", action="store_true", help=f"for ZeroGPU hardware: {ZEROGPU_TORCH}")
    args = parser.parse_args(argv)
    if not args.dry_run and not _REPO.fullmatch(args.repo):
        raise PinciteError(f"{args.repo!r} names no Space: give USER/NAME (make space REPO=USER/NAME), or --dry-run")
    files = shipped_files()
    for file in files:
        print(f"{file.size:>10,}  {file.path}")
    print(f"{sum(f.size for f in files):>10,}  bytes in {len(files)} files")
    if not args.dry_run:
        print(push(args.repo, files, args.zerogpu))
    return 0


if __name__ == "__main__":
    fail_clearly(main)
