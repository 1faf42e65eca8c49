"""The configuration: built into components, checked before anything is built, and the rules of what
fits together.
"""
