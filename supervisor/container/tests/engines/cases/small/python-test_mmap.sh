# Regression tests of Python itself: outcome of each test of the module test_mmap.
. /scar/cases/python-tests test_mmap
