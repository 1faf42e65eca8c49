"""Modules that see all timesteps at once, and the units that turn current into spikes."""
