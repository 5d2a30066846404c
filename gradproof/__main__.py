"""`python -m gradproof` is the command gradproof."""

from __future__ import annotations

import sys

from gradproof.cli import main

sys.exit(main())
