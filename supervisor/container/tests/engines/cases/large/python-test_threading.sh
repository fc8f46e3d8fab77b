# Regression tests of Python itself: outcome of each test of the module test_threading.
. /scar/cases/python-tests test_threading
