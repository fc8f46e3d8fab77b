# Regression tests of Python itself: outcome of each test of the module test_select.
. /scar/cases/python-tests test_select
