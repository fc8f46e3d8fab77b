# Regression tests of Python itself: outcome of each test of the module test_faulthandler.
. /scar/cases/python-tests test_faulthandler
