# Regression tests of Python itself: outcome of each test of the module test_ctypes.
. /scar/cases/python-tests test_ctypes
