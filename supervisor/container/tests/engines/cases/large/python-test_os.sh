# Regression tests of Python itself: outcome of each test of the module test_os.
. /scar/cases/python-tests test_os
