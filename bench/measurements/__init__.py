"""What is measured, one module for each thing that has to be set up for it."""
