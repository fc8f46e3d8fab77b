# Regression tests of Python itself: outcome of each test of the module test_io.
. /scar/cases/python-tests test_io
