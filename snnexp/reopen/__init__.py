"""The one way back into a finished run: its configuration, data and trained network, under changes
if need be.

from snnexp.reopen.reopened import reopened

run = reopened(Path("outputs/train/2026-01-01_12-00-00_s1"), ["timesteps=32"])
evaluation = run.session.evaluator(run.network, run.session.test, count=True)
"""
