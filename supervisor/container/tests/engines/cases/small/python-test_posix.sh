# Regression tests of Python itself: outcome of each test of the module test_posix.
. /scar/cases/python-tests test_posix
