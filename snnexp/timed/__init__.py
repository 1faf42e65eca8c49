"""Networks whose values are the times of single spikes, with exact gradients; infinity is a spike
that never comes.
"""
