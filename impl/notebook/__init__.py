"""The seed notebook's code in our own words, every defect kept. Do not use it: compare with it."""
