"""The parts of a report, one to a file: each makes a `Block` of what results have for it.

A new part is a file with a function `block(material)`, which gives None where there is nothing to
be shown, and its name in `snnexp/report/order.py`. The kinds of its plots stand in its `PLOTS`.
"""
