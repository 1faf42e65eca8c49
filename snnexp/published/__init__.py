"""Networks as folders that others can load: written in the layout of the Hugging Face Hub, and
fetched from wherever such a folder lies.
"""
