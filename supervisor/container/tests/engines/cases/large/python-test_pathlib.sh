# Regression tests of Python itself: outcome of each test of the module test_pathlib.
. /scar/cases/python-tests test_pathlib
