"""Creates a token as its own process: ``python killed_creation.py PATH``, the administrator's password on stdin."""

from __future__ import annotations

import sys
from pathlib import Path

from kind_stage import Stage, change, read

from koprogo_fleet.secrets.kinds.api_token import ApiToken, ApiTokenSpec

if __name__ == "__main__":
    stage = Stage({"koprogo/shop": {"admin": sys.stdin.read()}})
    ApiToken().create(read(ApiTokenSpec, Path(sys.argv[1]).read_text()), change(), stage.tools)
