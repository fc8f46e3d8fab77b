# Regression tests of Python itself: outcome of each test of the module test_glob.
. /scar/cases/python-tests test_glob
