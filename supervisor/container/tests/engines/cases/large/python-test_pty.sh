# Regression tests of Python itself: outcome of each test of the module test_pty.
. /scar/cases/python-tests test_pty
