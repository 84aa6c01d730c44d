public import Kernel

/// A strict HTTP/1.1 request parser (RFC 9112) as a pure machine: bytes in with `receive`, events out with `next`.
///
/// It takes what the grammar's MUSTs allow and none of the leniencies the RFC permits: two readers of one connection
/// that disagree on where a request ends are how requests get smuggled. How the bytes are cut into pieces never changes
/// the events, except where a body's pieces begin and end.
public struct HTTPParser: Sendable {
    public enum Event: Sendable, Equatable {
        /// The head is whole. Set `bodyBytesMost` now: the next call of `next` holds the body against it.
        case head(HTTPRequestHead)
        /// A piece of the body, not empty.
        case body([UInt8])
        /// The request is whole; the next event belongs to another one.
        case end
        /// The request is refused; nothing follows, and further bytes are ignored.
        case refused(HTTPRefusal)
    }

    /// Bounds in bytes and pieces; the defaults are the house's.
    public struct Bounds: Sendable {
        public var requestLineBytes = Limits.requestLineBytes
        public var headerBytes = Limits.headerBytes
        public var headerCount = Limits.headerCount
        /// Over all chunks of one body.
        public var chunkExtensionBytes = ServerLimits.chunkExtensionBytes
        public var trailerBytes = ServerLimits.trailerBytes

        public init() {}
    }

    private enum State: Sendable {
        case requestLine, fields, admission(HTTPRequestHead.Framing), sized(Int)
        case chunkSize, chunk(Int), chunkEnd, trailers, finished, refused
    }

    private enum Step { case event(Event), again, starved }

    /// Memory for what is being received, of all connections that one thread serves: each is lent it while it has something in hand, so that a thousand idle
    /// ones hold nothing. Blocks of its size are dear to get and to give back, over and over.
    struct Rooms: Sendable {
        fileprivate var buffer: [UInt8] = []
        fileprivate var body: [UInt8] = []

        /// Takes back a body that was handed out and is not used any more.
        mutating func recycle(_ body: consuming [UInt8]) {
            if body.capacity <= ServerLimits.keptBufferBytes, body.capacity > self.body.capacity { self.body = body }
        }

        var bytes: Int { buffer.capacity + body.capacity }
    }

    /// The largest body taken, in bytes.
    public var bodyBytesMost: Int
    private let bounds: Bounds
    private var state = State.requestLine
    private var buffer: [UInt8] = []
    /// First byte not yet consumed.
    private var start = 0
    /// First byte not yet searched for a line's end, so that a line dripping in is searched once, not once a byte.
    private var searched = 0
    private var skippedBlankLine = false
    private var builder: HeadBuilder?
    /// Bytes of the present request's fields, then of its trailers.
    private var fieldBytes = 0
    private var trailerCount = 0
    private var bodyBytes = 0
    private var extensionBytes = 0

    public init(bounds: Bounds = Bounds(), bodyBytesMost: Int = Limits.apiBodyBytes) {
        self.bounds = bounds
        self.bodyBytesMost = bodyBytesMost
    }

    /// Bytes received and not yet consumed by an event.
    public var bufferedBytes: Int { buffer.count - start }

    /// Whether it stands between two requests with nothing of the next one received. A blank line that it passed over is nothing: old clients send one after a body.
    public var isIdle: Bool {
        if case .requestLine = state { return bufferedBytes == 0 }
        return false
    }

    /// Memory it holds, used or not.
    var roomBytes: Int { buffer.capacity }

    /// As `receive`, into the rooms' memory where it has none of its own.
    mutating func receive(_ bytes: UnsafeRawBufferPointer, _ rooms: inout Rooms) {
        if buffer.capacity == 0 { swap(&buffer, &rooms.buffer) }
        receive(bytes)
    }

    /// Gives its memory back where nothing in it is unread. For when `next` has said that it needs more bytes, or its events are not wanted for now.
    mutating func rest(_ rooms: inout Rooms) {
        guard start == buffer.count, buffer.capacity > 0 else { return }
        buffer.removeAll(keepingCapacity: true)
        (start, searched) = (0, 0)
        if buffer.capacity <= ServerLimits.keptBufferBytes, buffer.capacity > rooms.buffer.capacity { swap(&buffer, &rooms.buffer) }
        buffer = []
    }

    /// Takes bytes from the connection. The caller bounds how much it hands over before it asks for events.
    public mutating func receive(_ bytes: some Collection<UInt8>) {
        if case .refused = state { return }
        compact()
        buffer.append(contentsOf: bytes)
    }

    /// The next event, or `nil` when it needs more bytes.
    public mutating func next() -> Event? {
        var rooms = Rooms()
        return next(&rooms)
    }

    /// As `next`; a body's piece is in the rooms' memory where there is some.
    mutating func next(_ rooms: inout Rooms) -> Event? {
        while true {
            do throws(HTTPRefusal) {
                switch try step(&rooms) {
                case .event(let event): return event
                case .again: continue
                case .starved: return nil
                }
            } catch {
                state = .refused
                buffer = []
                (start, searched) = (0, 0)
                return .refused(error)
            }
        }
    }

    private mutating func step(_ rooms: inout Rooms) throws(HTTPRefusal) -> Step {
        switch state {
        case .requestLine: return try requestLine()
        case .fields: return try fields()
        case .admission(let framing): return try admit(framing)
        case .sized(let remaining):
            guard remaining > 0 else { return become(.finished) }
            return take(remaining, &rooms) { .sized($0) }
        case .chunkSize: return try chunkSize()
        case .chunk(let remaining):
            guard remaining > 0 else { return become(.chunkEnd) }
            return take(remaining, &rooms) { .chunk($0) }
        case .chunkEnd: return try chunkEnd()
        case .trailers: return try trailers()
        case .finished:
            (skippedBlankLine, builder, fieldBytes, trailerCount, bodyBytes, extensionBytes) = (false, nil, 0, 0, 0, 0)
            state = .requestLine
            if start == buffer.count { compact() }
            return .event(.end)
        case .refused: return .starved
        }
    }

    private mutating func become(_ next: State) -> Step {
        state = next
        return .again
    }

    // MARK: Head

    private mutating func requestLine() throws(HTTPRefusal) -> Step {
        guard start < buffer.count else { return .starved }
        // Something that is not HTTP at all, such as a TLS greeting, has no line end to wait for.
        let first = buffer[start]
        guard Octets.isToken(first) || first == Octets.carriageReturn else {
            throw first == Octets.lineFeed ? .bareLineFeed : .malformedRequestLine
        }
        guard let line = try takeLine(most: bounds.requestLineBytes, tooLong: .requestLineTooLong) else {
            return .starved
        }
        if line.isEmpty {
            guard !skippedBlankLine else { throw .malformedRequestLine }
            skippedBlankLine = true
            return .again
        }
        builder = try buffer.withUnsafeBufferPointer { bytes throws(HTTPRefusal) in
            try HeadBuilder(requestLine: UnsafeBufferPointer(rebasing: bytes[line]))
        }
        return become(.fields)
    }

    private mutating func fields() throws(HTTPRefusal) -> Step {
        let room = max(0, bounds.headerBytes - fieldBytes)
        guard let line = try takeLine(most: room, tooLong: .fieldsTooLarge) else { return .starved }
        guard !line.isEmpty else {
            guard let head = try builder?.finish() else { throw .malformedRequestLine }
            builder = nil
            fieldBytes = 0
            state = .admission(head.framing)
            return .event(.head(head))
        }
        fieldBytes += line.count + 2
        guard let count = builder?.fieldCount, count < bounds.headerCount else { throw .tooManyFields }
        try buffer.withUnsafeBufferPointer { bytes throws(HTTPRefusal) in try builder?.add(UnsafeBufferPointer(rebasing: bytes[line])) }
        return .again
    }

    // MARK: Body

    private mutating func admit(_ framing: HTTPRequestHead.Framing) throws(HTTPRefusal) -> Step {
        switch framing {
        case .none: return become(.finished)
        case .length(let length):
            guard length <= bodyBytesMost else { throw .bodyTooLarge }
            return become(.sized(length))
        case .chunked: return become(.chunkSize)
        }
    }

    private mutating func take(_ remaining: Int, _ rooms: inout Rooms, _ next: (Int) -> State) -> Step {
        let count = min(remaining, bufferedBytes)
        guard count > 0 else { return .starved }
        var piece = rooms.body
        rooms.body = []
        piece.removeAll(keepingCapacity: true)
        piece.append(contentsOf: buffer[start ..< start + count])
        start += count
        searched = start
        state = next(remaining - count)
        return .event(.body(piece))
    }

    private mutating func chunkSize() throws(HTTPRefusal) -> Step {
        let most = ServerLimits.chunkSizeDigits + bounds.chunkExtensionBytes
        guard let range = try takeLine(most: most, tooLong: .chunkExtensionsTooLong) else { return .starved }
        let line = buffer[range]
        let digits = line.prefix { Octets.hexValue($0) != nil }
        guard !digits.isEmpty, digits.count <= ServerLimits.chunkSizeDigits else { throw .invalidChunkSize }
        let rest = line[digits.endIndex...]
        if !rest.isEmpty {
            guard rest.first(where: { !Octets.isBlank($0) }) == Octets.semicolon else { throw .invalidChunkSize }
            guard ChunkExtensions.isList(rest) else { throw .invalidChunkExtension }
        }
        extensionBytes += rest.count
        guard extensionBytes <= bounds.chunkExtensionBytes else { throw .chunkExtensionsTooLong }
        var size = 0
        for digit in digits { size = size << 4 | Int(Octets.hexValue(digit) ?? 0) }
        guard size > 0 else { return become(.trailers) }
        guard size <= bodyBytesMost - bodyBytes else { throw .bodyTooLarge }
        bodyBytes += size
        return become(.chunk(size))
    }

    private mutating func chunkEnd() throws(HTTPRefusal) -> Step {
        for (offset, octet) in [Octets.carriageReturn, Octets.lineFeed].enumerated() {
            guard start + offset < buffer.count else { return .starved }
            guard buffer[start + offset] == octet else { throw .missingChunkEnd }
        }
        start += 2
        searched = start
        return become(.chunkSize)
    }

    /// Trailers are checked like fields, then dropped: nothing of ours reads them, and a field that arrives after the
    /// decisions it should have influenced is a trap.
    private mutating func trailers() throws(HTTPRefusal) -> Step {
        let room = max(0, bounds.trailerBytes - fieldBytes)
        guard let line = try takeLine(most: room, tooLong: .trailersTooLarge) else { return .starved }
        guard !line.isEmpty else { return become(.finished) }
        fieldBytes += line.count + 2
        trailerCount += 1
        guard trailerCount <= bounds.headerCount else { throw .trailersTooLarge }
        try buffer.withUnsafeBufferPointer { bytes throws(HTTPRefusal) in _ = try HeadBuilder.field(UnsafeBufferPointer(rebasing: bytes[line])) }
        return .again
    }

    // MARK: Buffer

    /// Consumes one line ended by CR LF; the range leaves both out. `nil`: not there yet.
    private mutating func takeLine(most: Int, tooLong: HTTPRefusal) throws(HTTPRefusal) -> Range<Int>? {
        guard let end = Octets.lineEnd(buffer, from: searched) else {
            searched = buffer.count
            // Whatever comes, the line is longer than `most` and its CR by now.
            guard buffer.count - start <= most + 1 else { throw tooLong }
            return nil
        }
        guard end - start <= most + 1 else { throw tooLong }
        guard end > start, buffer[end - 1] == Octets.carriageReturn else { throw .bareLineFeed }
        let line = start ..< end - 1
        start = end + 1
        searched = start
        return line
    }

    /// Forgets consumed bytes, and gives large buffers back so that a thousand idle connections stay small.
    private mutating func compact() {
        if start == buffer.count {
            if buffer.capacity > ServerLimits.keptBufferBytes {
                buffer = []
            } else {
                buffer.removeAll(keepingCapacity: true)
            }
            (start, searched) = (0, 0)
        } else if start > ServerLimits.keptBufferBytes {
            buffer.removeFirst(start)
            (start, searched) = (0, searched - start)
        }
    }
}
