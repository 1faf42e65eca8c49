"""Networks that learn from spike counts: units that stand for spike trains as a whole, on the
weights of the spiking form.
"""
