# Regression tests of Python itself: outcome of each test of the module test_subprocess.
. /scar/cases/python-tests test_subprocess
