# Regression tests of Python itself: outcome of each test of the module test_asyncio.
. /scar/cases/python-tests test_asyncio
