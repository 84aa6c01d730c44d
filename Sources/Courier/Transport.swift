public import HTTPClient
public import Wire

/// What carries a request there and its answer back. `HTTPClient` in production; a script in tests and simulations.
public protocol Transport: Sendable {
    /// One exchange; never throws, because what matters is whether bytes may have left. `timeout`: for the whole exchange, queueing included.
    /// `startBy`: monotonic time after which it is not begun, looked at right before the first byte: a process may have stood still since its
    /// caller looked.
    func send(_ request: HTTPRequest, timeout: Duration, startBy: Duration?) async -> HTTPOutcome
}

extension HTTPClient: Transport {}
