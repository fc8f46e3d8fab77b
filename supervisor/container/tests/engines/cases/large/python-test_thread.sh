# Regression tests of Python itself: outcome of each test of the module test_thread.
. /scar/cases/python-tests test_thread
