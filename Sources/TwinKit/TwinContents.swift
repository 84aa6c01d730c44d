internal import Crypto
public import Wire

/// The contents of the files that a twin keeps. The journal has them in pieces, because its lines are bounded; an id is given once, so that what
/// was kept never changes.
public struct TwinContents: Sendable {
    private static let tag = "Content"
    /// Bytes of one line's piece, before Base64.
    private static let pieceBytes = 3 << 18

    private var byID: [String: [UInt8]] = [:]
    private var fresh: [String] = []

    public init() {}

    public subscript(_ id: String) -> [UInt8]? { byID[id] }

    public mutating func add(_ id: String, _ bytes: [UInt8]) {
        byID[id] = bytes
        fresh.append(id)
    }

    /// What the journal has not seen. Goes before the record of whatever refers to it: pieces that nothing refers to do no harm.
    public var changes: [JSON] {
        fresh.flatMap { id -> [JSON] in
            let bytes = byID[id] ?? []
            return stride(from: 0, to: max(1, bytes.count), by: Self.pieceBytes).map { at in
                let piece = Array(bytes[at ..< min(bytes.count, at + Self.pieceBytes)])
                return ["t": .string(Self.tag), "id": .string(id), "at": .number("\(at)"), "v": .string(Base64.encode(piece))]
            }
        }
    }

    public mutating func commit() { fresh = [] }

    public mutating func rollback() {
        for id in fresh { byID[id] = nil }
        fresh = []
    }

    /// Takes a journal's record in, if it is one of these.
    public mutating func replay(_ record: JSON) -> Bool {
        guard record["t"]?.string == Self.tag else { return false }
        guard let id = record["id"]?.string, let at = record["at"]?.int, let piece = record["v"]?.string.flatMap({ Base64.decode($0) }) else { return true }
        // A piece of the same offset after a crash between two appends stands for itself.
        byID[id, default: []].removeSubrange(min(at, byID[id]?.count ?? 0)...)
        byID[id, default: []] += piece
        return true
    }
}
