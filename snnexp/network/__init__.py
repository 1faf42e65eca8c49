"""Networks, the blueprint from which every form is built, and their parts."""
