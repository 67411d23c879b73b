"""The tests, and what they share."""

import os
import sys
from pathlib import Path

# Mercurial's client is the one that was installed with the tests, whether or not the shell knows it.
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
