internal import Wire

/// One client's connection. Only the poll thread touches it, and nothing that it calls comes back to the same property: the run-time check of
/// that, a few per cent of a request, is off where a property changes in place.
final class Connection {
    enum Phase {
        /// Between requests.
        case idle
        case head, body
        /// The handler has the request.
        case handling
        case answering
        /// Everything is said; waits for the client to close, so that a reset can't overtake the answer.
        case lingering
        case closed
    }

    struct Interest: Equatable {
        var reading, writing: Bool
    }

    let id: UInt64
    let descriptor: Int32
    let peer: HTTPPeer
    @exclusivity(unchecked) var parser: HTTPParser
    var phase = Phase.idle
    /// Of the request being read or answered.
    var head: HTTPRequestHead?
    @exclusivity(unchecked) var body: [UInt8] = []
    /// Bytes of the body received and not yet handed to a handler.
    var heldBytes = 0
    @exclusivity(unchecked) var outbox = Outbox()
    /// What the poller was last told.
    var watched = Interest(reading: false, writing: false)
    /// Monotonic microseconds; `.max`: none.
    var deadline = Int64.max
    var closesAfterAnswer = false
    /// The client has closed its side.
    var sawEnd = false
    var saidContinue = false
    /// It holds whole requests, whose turn comes when the other connections have had theirs.
    var isQueued = false
    var lingeredBytes = 0

    init(id: UInt64, descriptor: Int32, peer: HTTPPeer, parser: HTTPParser) {
        self.id = id
        self.descriptor = descriptor
        self.peer = peer
        self.parser = parser
    }

    /// Memory for what it receives and sends, used or not.
    var roomBytes: Int { parser.roomBytes + body.capacity + outbox.roomBytes }

    var isReading: Bool { phase == .idle || phase == .head || phase == .body }

    /// While a request is answered the client may send ahead, within a bound.
    var wantsBytes: Bool {
        guard !sawEnd, !isQueued else { return false }
        switch phase {
        case .idle, .head, .body, .lingering: return true
        case .handling, .answering: return parser.bufferedBytes < ServerLimits.readAheadBytes
        case .closed: return false
        }
    }

    /// Forgets the answered request.
    func beginNextRequest() {
        phase = .idle
        head = nil
        body = []
        saidContinue = false
    }
}

/// Bytes on their way out: a head with its body, or a head and then a large body, which is never copied.
struct Outbox {
    private var bytes: [UInt8] = []
    private var body: [UInt8] = []
    /// Of both.
    private var sent = 0

    var isEmpty: Bool { sent == bytes.count + body.count }
    var roomBytes: Int { bytes.capacity + body.capacity }

    mutating func append(_ line: [UInt8]) { bytes += line }

    mutating func append(_ answer: ResponseEncoder.Encoded) {
        if bytes.isEmpty { bytes = answer.bytes } else { bytes += answer.bytes }
        body = answer.body
    }

    /// Sends until everything is gone or the socket is full; says whether the connection still stands and whether
    /// anything moved.
    mutating func flush(_ descriptor: Int32) -> (stands: Bool, moved: Bool) {
        let before = sent
        while !isEmpty {
            let transfer = sent < bytes.count
                ? Outbox.send(bytes, from: sent, descriptor, more: !body.isEmpty)
                : Outbox.send(body, from: sent - bytes.count, descriptor, more: false)
            guard case .bytes(let count) = transfer else { return (transfer == .wouldBlock, sent > before) }
            sent += count
        }
        let moved = sent > before
        (bytes, body, sent) = ([], [], 0)
        return (true, moved)
    }

    private static func send(_ bytes: [UInt8], from start: Int, _ descriptor: Int32, more: Bool) -> Sockets.Transfer {
        bytes.withUnsafeBytes { Sockets.send(descriptor, UnsafeRawBufferPointer(rebasing: $0[start...]), more: more) }
    }
}
