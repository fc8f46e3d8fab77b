# Regression tests of Python itself: outcome of each test of the module test_stat.
. /scar/cases/python-tests test_stat
