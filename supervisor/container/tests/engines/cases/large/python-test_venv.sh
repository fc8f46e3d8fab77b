# Regression tests of Python itself: outcome of each test of the module test_venv.
. /scar/cases/python-tests test_venv
