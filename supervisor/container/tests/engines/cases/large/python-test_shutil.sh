# Regression tests of Python itself: outcome of each test of the module test_shutil.
. /scar/cases/python-tests test_shutil
