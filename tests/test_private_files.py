"""Files and directories that nobody but their owner reads."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest

from recon.archive.directory import ArchiveDirectory
from recon.backup.directory import BackupDirectory
from recon.errors import BackupError, ConfigError
from recon.private_files import prepare_directory


def test_a_private_directory_is_made_with_what_leads_to_it_and_found_again(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b"
    for _ in range(2):
        prepare_directory(path, "a backup", BackupError)
    assert stat.S_IMODE(path.stat().st_mode) == 0o700


def test_archive_and_backup_refuse_what_others_may_read_each_in_its_own_words(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    refused = re.escape(f"{tmp_path} is open to other accounts, and")
    with pytest.raises(ConfigError, match=f"^{refused} an archive holds all; chmod 700 it$"):
        ArchiveDirectory(tmp_path).prepare()
    with pytest.raises(BackupError, match=f"^{refused} a backup holds all; chmod 700 it$"):
        BackupDirectory(tmp_path).prepare()


def test_what_is_no_directory_is_told(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"")
    with pytest.raises(BackupError, match=r"file cannot be used: File exists$"):
        prepare_directory(file, "a backup", BackupError)
