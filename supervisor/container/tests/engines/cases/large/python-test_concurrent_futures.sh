# Regression tests of Python itself: outcome of each test of the module test_concurrent_futures.
. /scar/cases/python-tests test_concurrent_futures
