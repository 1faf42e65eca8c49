"""Charts as SVG: small, with text that stays text, in the colours of the page around them."""
