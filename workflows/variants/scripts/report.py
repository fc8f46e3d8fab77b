#!/usr/bin/env python3
"""Names of all joint calls since the last report."""

import os
import pathlib

calls = sorted(path.name for path in pathlib.Path(os.environ["SCAR_INPUT_DIR"]).iterdir())
pathlib.Path(os.environ["SCAR_OUT"], "summary.txt").write_text("\n".join(calls) + "\n")
