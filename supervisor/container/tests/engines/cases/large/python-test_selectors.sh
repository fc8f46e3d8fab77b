# Regression tests of Python itself: outcome of each test of the module test_selectors.
. /scar/cases/python-tests test_selectors
