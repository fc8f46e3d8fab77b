# Regression tests of Python itself: outcome of each test of the module test_posixpath.
. /scar/cases/python-tests test_posixpath
