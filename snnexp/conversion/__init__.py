"""From an analog network to a spiking one: what stands in the way, thresholds, and how well the
layers agree.
"""
