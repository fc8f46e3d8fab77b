# Regression tests of Python itself: outcome of each test of the module test_signal.
. /scar/cases/python-tests test_signal
