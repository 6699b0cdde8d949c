"""What goes wrong at an endpoint: each is an ``answer`` of it, for tests of several subjects."""


def closes_at_once(_endpoint, _connection, _request):
    """Close the connection without an answer."""


def speaks_no_http(_endpoint, connection, _request):
    connection.sendall(b"220 mail.example ESMTP\r\n")


def hangs(endpoint, _connection, _request):
    endpoint.closing.wait(30)


def trickles(endpoint, connection, _request):
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
    while not endpoint.closing.wait(0.05):
        connection.sendall(b" ")
