"""What people are told to do before they start the Compose files."""

import os
import re
import subprocess
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOBODY = 65534
HEADER = (ROOT / "docker" / "compose.yaml").read_text("utf-8").partition("\nname:")[0]
SAID = {
    "docs/how-to/gpu.md": (ROOT / "docs" / "how-to" / "gpu.md").read_text("utf-8"),
    "docker/compose.yaml": re.sub(r"\\\n# +", "", HEADER),
}


@pytest.mark.parametrize("where", SAID)
def test_anybody_can_write_the_secrets_as_it_is_said(where: str) -> None:
    """Who is not root too; the container, which runs as another user, may then read them."""
    commands = re.findall(r"(?:install|printf)[^#\n]*secrets/[^#\n]*", SAID[where])
    with tempfile.TemporaryDirectory() as folder:
        secrets = Path(folder, "secrets")
        secrets.mkdir()
        user = NOBODY if os.getuid() == 0 else None
        if user is not None:
            os.chown(folder, user, user)
            os.chown(secrets, user, user)
        environment = {"PATH": os.environ["PATH"], "DISCORD_TOKEN": "planted"}
        script = "\n".join(["set -e", *commands])
        done = subprocess.run(["sh", "-c", script], cwd=folder, env=environment, user=user, check=False)
        written = {
            file.name: (file.read_text("utf-8"), file.stat().st_mode & 0o004) for file in secrets.iterdir()
        }

    assert done.returncode == 0
    assert written == {
        "discord_token": ("planted", 0o004),
        "slack_bot_token": ("", 0o004),
        "slack_app_token": ("", 0o004),
    }
