# Regression tests of Python itself: outcome of each test of the module test_tarfile.
. /scar/cases/python-tests test_tarfile
