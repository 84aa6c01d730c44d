public import FoundationEssentials
public import Kernel

/// What may stand in an interpolation of `SQL`. Values travel in PostgreSQL's binary form (`numeric` as text).
/// An enum with a raw value of such a type conforms by declaring it.
public protocol PostgresEncodable: Sendable {
    /// The type a null of this kind is sent as.
    static var postgresOID: UInt32 { get }
    var postgresBind: PostgresBind { get }
}

/// What may be an element of an array: `[String]` is `text[]`, `[Int64?]` is `int8[]` with nulls. `[UInt8]` is `bytea`.
public protocol PostgresArrayElement: PostgresEncodable, PostgresDecodable {
    static var postgresArrayOID: UInt32 { get }
    static func postgresBind(array: [Self]) -> PostgresBind
    static func postgresBind(arrayWithNulls array: [Self?]) -> PostgresBind
    static func postgresArray(_ cell: PostgresCell) -> [Self]?
}

extension PostgresArrayElement {
    public static func postgresBind(array: [Self]) -> PostgresBind { postgresBind(arrayWithNulls: array.map { $0 }) }

    public static func postgresBind(arrayWithNulls array: [Self?]) -> PostgresBind {
        var out: [UInt8] = []
        out.reserveCapacity(20 + array.count * 12)
        out.appendBigEndian(Int32(array.isEmpty ? 0 : 1))
        let flagsAt = out.count
        out.appendBigEndian(Int32(0))
        out.appendBigEndian(postgresOID)
        if !array.isEmpty {
            out.appendBigEndian(Int32(clamping: array.count))
            out.appendBigEndian(Int32(1))
        }
        for element in array {
            if let bytes = element?.postgresBind.bytes {
                out.appendBigEndian(Int32(clamping: bytes.count))
                out += bytes
            } else {
                out[flagsAt + 3] = 1
                out.appendBigEndian(Int32(-1))
            }
        }
        return PostgresBind(oid: postgresArrayOID, bytes: out)
    }
}

extension Array where Element == UInt8 {
    mutating func appendBigEndian(_ value: some FixedWidthInteger) {
        var shift = value.bitWidth - 8
        while shift >= 0 {
            append(UInt8(truncatingIfNeeded: value >> shift))
            shift -= 8
        }
    }

    init(bigEndian value: some FixedWidthInteger) {
        self = []
        reserveCapacity(value.bitWidth / 8)
        appendBigEndian(value)
    }
}

extension PostgresEncodable where Self: RawRepresentable, RawValue: PostgresEncodable {
    public static var postgresOID: UInt32 { RawValue.postgresOID }
    public var postgresBind: PostgresBind { rawValue.postgresBind }
}

extension PostgresArrayElement where Self: RawRepresentable, RawValue: PostgresArrayElement {
    public static var postgresArrayOID: UInt32 { RawValue.postgresArrayOID }
}

extension Bool: PostgresArrayElement {
    public static var postgresOID: UInt32 { PostgresOID.bool }
    public static var postgresArrayOID: UInt32 { PostgresOID.boolArray }
    public var postgresBind: PostgresBind { PostgresBind(oid: PostgresOID.bool, bytes: [self ? 1 : 0]) }
}

extension Int: PostgresArrayElement {
    public static var postgresOID: UInt32 { PostgresOID.int8 }
    public static var postgresArrayOID: UInt32 { PostgresOID.int8Array }
    public var postgresBind: PostgresBind { PostgresBind(oid: PostgresOID.int8, bytes: [UInt8](bigEndian: Int64(self))) }
}

extension Int64: PostgresArrayElement {
    public static var postgresOID: UInt32 { PostgresOID.int8 }
    public static var postgresArrayOID: UInt32 { PostgresOID.int8Array }
    public var postgresBind: PostgresBind { PostgresBind(oid: PostgresOID.int8, bytes: [UInt8](bigEndian: self)) }
}

extension Int32: PostgresArrayElement {
    public static var postgresOID: UInt32 { PostgresOID.int4 }
    public static var postgresArrayOID: UInt32 { PostgresOID.int4Array }
    public var postgresBind: PostgresBind { PostgresBind(oid: PostgresOID.int4, bytes: [UInt8](bigEndian: self)) }
}

extension String: PostgresArrayElement {
    public static var postgresOID: UInt32 { PostgresOID.text }
    public static var postgresArrayOID: UInt32 { PostgresOID.textArray }
    /// Sent in binary form, so that a NUL character is refused by the server instead of ending the string early.
    public var postgresBind: PostgresBind { PostgresBind(oid: PostgresOID.text, bytes: Array(utf8)) }
}

extension UUID: PostgresArrayElement {
    public static var postgresOID: UInt32 { PostgresOID.uuid }
    public static var postgresArrayOID: UInt32 { PostgresOID.uuidArray }
    public var postgresBind: PostgresBind {
        PostgresBind(oid: PostgresOID.uuid, bytes: withUnsafeBytes(of: uuid) { Array($0) })
    }
}

extension Identifier: PostgresEncodable, PostgresDecodable, PostgresArrayElement {
    public static var postgresOID: UInt32 { PostgresOID.uuid }
    public static var postgresArrayOID: UInt32 { PostgresOID.uuidArray }
    public var postgresBind: PostgresBind { uuid.postgresBind }
}

/// Microseconds between 1970-01-01 and PostgreSQL's own epoch, 2000-01-01.
let postgresEpochMicroseconds: Int64 = 946_684_800_000_000
let postgresEpochDays = 10_957

extension Timestamp: PostgresArrayElement {
    public static var postgresOID: UInt32 { PostgresOID.timestamptz }
    public static var postgresArrayOID: UInt32 { PostgresOID.timestamptzArray }
    /// The extremes of Int64 mean infinity on the wire; an instant that far away is sent as one the server refuses
    /// instead.
    public var postgresBind: PostgresBind {
        let (value, overflow) = microseconds.subtractingReportingOverflow(postgresEpochMicroseconds)
        let sent = overflow || value == .min ? Int64.min + 1 : value
        return PostgresBind(oid: PostgresOID.timestamptz, bytes: [UInt8](bigEndian: sent))
    }
}

extension LocalDate: PostgresArrayElement {
    public static var postgresOID: UInt32 { PostgresOID.date }
    public static var postgresArrayOID: UInt32 { PostgresOID.dateArray }
    public var postgresBind: PostgresBind {
        let days = max(Int(Int32.min) + 1, min(Int(Int32.max) - 1, daysSince1970 - postgresEpochDays))
        return PostgresBind(oid: PostgresOID.date, bytes: [UInt8](bigEndian: Int32(days)))
    }
}

extension ExactDecimal: PostgresArrayElement {
    public static var postgresOID: UInt32 { PostgresOID.numeric }
    public static var postgresArrayOID: UInt32 { PostgresOID.numericArray }
    public var postgresBind: PostgresBind {
        PostgresBind(oid: PostgresOID.numeric, format: .text, bytes: Array(description.utf8))
    }
    public static func postgresBind(arrayWithNulls array: [ExactDecimal?]) -> PostgresBind {
        let list = array.map { $0?.description ?? "NULL" }.joined(separator: ",")
        return PostgresBind(oid: PostgresOID.numericArray, format: .text, bytes: Array("{\(list)}".utf8))
    }
}

/// A JSON text for a `jsonb` column; read from `jsonb` and `json`.
public struct PostgresJSON: Sendable, Hashable, PostgresArrayElement {
    public var bytes: [UInt8]

    public init(_ bytes: [UInt8]) { self.bytes = bytes }

    public static var postgresOID: UInt32 { PostgresOID.jsonb }
    public static var postgresArrayOID: UInt32 { PostgresOID.jsonbArray }
    /// The binary form of jsonb is a version byte, 1, before the text.
    public var postgresBind: PostgresBind { PostgresBind(oid: PostgresOID.jsonb, bytes: [1] + bytes) }
}

/// A byte by itself is an `int2`; it conforms so that `[UInt8]` can be `bytea`.
extension UInt8: PostgresArrayElement {
    public static var postgresOID: UInt32 { PostgresOID.int2 }
    public static var postgresArrayOID: UInt32 { PostgresOID.int2Array }
    public var postgresBind: PostgresBind { PostgresBind(oid: PostgresOID.int2, bytes: [0, self]) }
    public static func postgresBind(array: [UInt8]) -> PostgresBind { PostgresBind(oid: PostgresOID.bytea, bytes: array) }
    public static func postgresArray(_ cell: PostgresCell) -> [UInt8]? {
        guard cell.oid == PostgresOID.bytea, let bytes = cell.bytes else { return nil }
        return Array(bytes)
    }
}

extension Array: PostgresEncodable where Element: PostgresArrayElement {
    public static var postgresOID: UInt32 { Element.postgresBind(array: []).oid }
    public var postgresBind: PostgresBind { Element.postgresBind(array: self) }
}

extension Array: PostgresArrayElement where Element == UInt8 {
    public static var postgresArrayOID: UInt32 { PostgresOID.byteaArray }
}

extension Optional: PostgresEncodable where Wrapped: PostgresEncodable {
    public static var postgresOID: UInt32 { Wrapped.postgresOID }
    public var postgresBind: PostgresBind { self?.postgresBind ?? PostgresBind(oid: Wrapped.postgresOID, bytes: nil) }
}

extension Optional: PostgresArrayElement where Wrapped: PostgresArrayElement {
    public static var postgresArrayOID: UInt32 { Wrapped.postgresArrayOID }
    public static func postgresBind(array: [Wrapped?]) -> PostgresBind { Wrapped.postgresBind(arrayWithNulls: array) }
    public static func postgresBind(arrayWithNulls array: [Wrapped??]) -> PostgresBind {
        Wrapped.postgresBind(arrayWithNulls: array.map { $0 ?? nil })
    }
}
