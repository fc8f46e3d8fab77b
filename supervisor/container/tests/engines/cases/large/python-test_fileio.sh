# Regression tests of Python itself: outcome of each test of the module test_fileio.
. /scar/cases/python-tests test_fileio
