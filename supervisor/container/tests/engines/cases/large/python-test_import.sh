# Regression tests of Python itself: outcome of each test of the module test_import.
. /scar/cases/python-tests test_import
