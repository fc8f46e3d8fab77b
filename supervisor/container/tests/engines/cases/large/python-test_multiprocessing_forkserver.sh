# Regression tests of Python itself: outcome of each test of the module test_multiprocessing_forkserver.
. /scar/cases/python-tests test_multiprocessing_forkserver
