internal import Wire

/// One client's connection. Only the poll thread touches it.
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

    let id: UInt64
    let descriptor: Int32
    let peer: HTTPPeer
    var parser: HTTPParser
    var phase = Phase.idle
    /// Of the request being read or answered.
    var head: HTTPRequestHead?
    var body: [UInt8] = []
    /// Bytes of the body received, by now perhaps the handler's; counted until it is answered.
    var heldBytes = 0
    var outbox = Outbox()
    /// Monotonic microseconds; `.max`: none.
    var deadline = Int64.max
    var closesAfterAnswer = false
    /// The client has closed its side.
    var sawEnd = false
    var saidContinue = false
    var lingeredBytes = 0

    init(id: UInt64, descriptor: Int32, peer: HTTPPeer, parser: HTTPParser) {
        self.id = id
        self.descriptor = descriptor
        self.peer = peer
        self.parser = parser
    }

    var isReading: Bool { phase == .idle || phase == .head || phase == .body }

    /// While a request is answered the client may send ahead, within a bound.
    var wantsBytes: Bool {
        guard !sawEnd else { return false }
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

/// Bytes on their way out, in pieces so that a body is never copied.
struct Outbox {
    private var pieces: [[UInt8]] = []
    private var next = 0
    private var offset = 0

    var isEmpty: Bool { next == pieces.count }

    mutating func append(_ piece: [UInt8]) {
        if !piece.isEmpty { pieces.append(piece) }
    }

    /// Sends until everything is gone or the socket is full; says whether the connection still stands and whether
    /// anything moved.
    mutating func flush(_ descriptor: Int32) -> (stands: Bool, moved: Bool) {
        var moved = false
        while next < pieces.count {
            let transfer = pieces[next].withUnsafeBytes { bytes in
                Sockets.send(
                    descriptor, UnsafeRawBufferPointer(rebasing: bytes[offset...]), more: next + 1 < pieces.count)
            }
            guard case .bytes(let count) = transfer else { return (transfer == .wouldBlock, moved) }
            moved = true
            offset += count
            if offset == pieces[next].count {
                pieces[next] = []
                next += 1
                offset = 0
            }
        }
        pieces.removeAll(keepingCapacity: true)
        next = 0
        return (true, moved)
    }
}
