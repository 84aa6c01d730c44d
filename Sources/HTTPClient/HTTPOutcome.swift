public import Kernel
public import Wire

/// What became of one exchange. The difference between the last two is what the posting protocol stands on: only a
/// request that was certainly not sent may be sent again without looking first.
public enum HTTPOutcome: Sendable {
    /// A complete answer, of any status, and not packed.
    case answered(HTTPResponse)
    /// Not a byte of the request left: refused by policy, name not found, no connection, no TLS, cancelled or timed
    /// out before.
    case notSent(Fault)
    /// Bytes may have left and no complete answer came: the other side may or may not have acted.
    case unknown(Fault)

    /// The answer, if there is one.
    public var response: HTTPResponse? {
        if case .answered(let response) = self { response } else { nil }
    }

    /// The fault, unless there is an answer.
    public var fault: Fault? {
        switch self {
        case .answered: nil
        case .notSent(let fault), .unknown(let fault): fault
        }
    }
}

/// Bounds and ages of outgoing exchanges; tests make them smaller.
struct ExchangeLimits: Sendable {
    /// Bytes of a reply's body.
    var replyBytesMax = Limits.replyBodyBytes
    /// Bytes of a reply's header section, interim replies included.
    var replyHeaderBytesMax = 256 << 10
    /// Exchanges in progress or queued in one client.
    var exchangesMax = 2048
    /// Connections kept or open in one client.
    var connectionsMax = 256
    /// Seconds to reach the peer, TLS included.
    var connectSeconds = Limits.connectSeconds
    /// A read reuses a connection that was idle for at most this many seconds.
    var readReuseSeconds = 60
    /// The same for a write. Short, because a peer that hangs up on an idle connection just as a write leaves turns
    /// that write's outcome into "unknown"; common servers hang up after 5 seconds or more.
    var writeReuseSeconds = 3
    /// libcurl's handles kept for further exchanges.
    var spareHandlesMax = 64
    /// Characters of a URL.
    var urlBytesMax = 16 << 10
}
