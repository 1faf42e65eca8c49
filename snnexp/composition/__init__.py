"""Configurations as they are typed: composed by Hydra, with its errors in the words of this
program.
"""
