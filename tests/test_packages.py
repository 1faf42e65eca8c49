"""What is built and shipped."""

import re

from tests.support.command_line import ROOT


def test_every_package_is_listed():
    listed = re.findall(r'^    "(snnexp[\w.]*)",$', (ROOT / "pyproject.toml").read_text(), re.M)
    folders = {path.parent.relative_to(ROOT) for path in ROOT.glob("snnexp/**/__init__.py")}
    assert {".".join(folder.parts) for folder in folders} <= set(listed)
    assert listed == sorted(listed)
