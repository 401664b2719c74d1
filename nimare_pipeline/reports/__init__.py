"""Tables to figures to one HTML file, from the derivatives folder alone."""
