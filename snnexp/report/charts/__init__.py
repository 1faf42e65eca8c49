"""What is drawn, as data: a chart says what stands where, and not how it looks."""
