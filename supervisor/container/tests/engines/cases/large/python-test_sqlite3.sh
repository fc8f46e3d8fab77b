# Regression tests of Python itself: outcome of each test of the module test_sqlite3.
. /scar/cases/python-tests test_sqlite3
