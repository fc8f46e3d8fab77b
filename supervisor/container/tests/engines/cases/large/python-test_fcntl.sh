# Regression tests of Python itself: outcome of each test of the module test_fcntl.
. /scar/cases/python-tests test_fcntl
