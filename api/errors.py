"""What the API answers when it does not answer a result."""

from modernrpc.exceptions import RPCException

SERVER_ERROR = -32000  # JSON-RPC 2.0's range for the application's own errors


class ApiError(RPCException):
    """An error whose text the client may read: the only kind that leaves the server."""

    def __init__(self, message: str, code: int = SERVER_ERROR, data: object = None) -> None:
        super().__init__(code=code, message=message, data=data)


class InternalError(ApiError):
    """Something unexpected happened; the log knows what."""

    def __init__(self) -> None:
        super().__init__("Internal server error", code=-32603)
