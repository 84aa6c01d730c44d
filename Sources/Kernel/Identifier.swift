public import FoundationEssentials

/// A UUID that belongs to one kind of thing: a `TenantID` does not fit where a `FlowID` is wanted.
/// Written as 36 lower-case characters everywhere (JSON, SQL, logs).
public struct Identifier<Kind>: Hashable, Sendable, Comparable, CustomStringConvertible {
    public let uuid: UUID

    public init(_ uuid: UUID) { self.uuid = uuid }

    /// Parses the 36-character form; `nil` for anything else.
    public init?(_ text: some StringProtocol) {
        guard text.utf8.count == 36, let uuid = UUID(uuidString: String(text)) else { return nil }
        self.uuid = uuid
    }

    public var description: String { uuid.uuidString.lowercased() }

    /// The 32 hexadecimal digits without hyphens, as PostgreSQL role names carry them.
    public var hex: String { String(description.filter { $0 != "-" }) }

    public static func < (left: Self, right: Self) -> Bool { left.description < right.description }
}

public enum ConsultancyKind {}
public enum TenantKind {}
public enum OrganisationKind {}
public enum ConnectionKind {}
public enum FlowKind {}
public enum EventKind {}
public enum DocumentKindTag {}
public enum KeyKind {}
public enum BatchKind {}
public enum ConsentKind {}
public enum UserKind {}

public typealias ConsultancyID = Identifier<ConsultancyKind>
public typealias TenantID = Identifier<TenantKind>
public typealias OrganisationID = Identifier<OrganisationKind>
public typealias ConnectionID = Identifier<ConnectionKind>
public typealias FlowID = Identifier<FlowKind>
public typealias EventID = Identifier<EventKind>
public typealias DocumentID = Identifier<DocumentKindTag>
public typealias APIKeyID = Identifier<KeyKind>
public typealias BatchID = Identifier<BatchKind>
public typealias ConsentID = Identifier<ConsentKind>
public typealias UserID = Identifier<UserKind>

/// Where identifiers and other chance come from; a parameter everywhere, so that a seed replays a run.
public protocol RandomSource: Sendable {
    /// `count` bytes; unpredictable in production, reproducible in simulations.
    func bytes(_ count: Int) -> [UInt8]
}

extension RandomSource {
    /// A version-4 UUID from this source.
    public func uuid() -> UUID {
        var b = bytes(16)
        b[6] = (b[6] & 0x0f) | 0x40
        b[8] = (b[8] & 0x3f) | 0x80
        return UUID(uuid: (b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]))
    }

    public func identifier<Kind>(_: Kind.Type = Kind.self) -> Identifier<Kind> { Identifier(uuid()) }

    /// A uniform number in `0 ..< bound`; `bound` must be positive.
    public func number(below bound: UInt64) -> UInt64 {
        precondition(bound > 0, "a random number needs a positive bound")
        let limit = UInt64.max - (UInt64.max % bound)
        while true {
            let value = bytes(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            if value < limit { return value % bound }
        }
    }
}
