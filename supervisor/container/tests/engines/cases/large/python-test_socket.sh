# Regression tests of Python itself: outcome of each test of the module test_socket.
. /scar/cases/python-tests test_socket
