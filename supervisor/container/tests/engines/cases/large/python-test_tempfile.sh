# Regression tests of Python itself: outcome of each test of the module test_tempfile.
. /scar/cases/python-tests test_tempfile
