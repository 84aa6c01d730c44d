public import FoundationEssentials
public import Kernel

/// One field of one row in binary form: its type and its bytes, `nil` for null.
public struct PostgresCell: Sendable {
    public let oid: UInt32
    public let bytes: ArraySlice<UInt8>?

    public init(oid: UInt32, bytes: ArraySlice<UInt8>?) {
        self.oid = oid
        self.bytes = bytes
    }

    /// The bytes as one big-endian integer; `nil` when there are not exactly as many as `T` has.
    func integer<T: FixedWidthInteger>(_: T.Type = T.self) -> T? {
        guard let bytes, bytes.count == T.bitWidth / 8 else { return nil }
        return bytes.reduce(T.zero) { $0 << 8 | T(truncatingIfNeeded: $1) }
    }

    /// The value of any integer type.
    var wholeNumber: Int64? {
        switch oid {
        case PostgresOID.int8: integer(Int64.self)
        case PostgresOID.int4: integer(Int32.self).map(Int64.init)
        case PostgresOID.int2: integer(Int16.self).map(Int64.init)
        case PostgresOID.oid: integer(UInt32.self).map(Int64.init)
        default: nil
        }
    }
}

/// What a field can be read as. An enum with a raw value of such a type conforms by declaring it.
public protocol PostgresDecodable: Sendable {
    /// `nil` when type or value does not fit, null included.
    init?(postgres cell: PostgresCell)
}

extension PostgresDecodable where Self: RawRepresentable, RawValue: PostgresDecodable {
    public init?(postgres cell: PostgresCell) {
        guard let raw = RawValue(postgres: cell) else { return nil }
        self.init(rawValue: raw)
    }
}

extension PostgresArrayElement {
    /// Reads a one-dimensional array; every element must fit.
    public static func postgresArray(_ cell: PostgresCell) -> [Self]? {
        guard let bytes = cell.bytes else { return nil }
        var reader = ByteReader(bytes)
        guard let dimensions = reader.integer(Int32.self), reader.integer(Int32.self) != nil,
            let element = reader.integer(UInt32.self), accepts(element: element)
        else { return nil }
        if dimensions == 0 { return [] }
        guard dimensions == 1, let count = reader.integer(Int32.self), count >= 0, reader.integer(Int32.self) != nil,
            Int(count) <= bytes.count / 4
        else { return nil }
        var out: [Self] = []
        out.reserveCapacity(Int(count))
        for _ in 0 ..< count {
            guard let length = reader.integer(Int32.self) else { return nil }
            var part: ArraySlice<UInt8>?
            if length >= 0 {
                part = reader.take(Int(length))
                if part == nil { return nil }
            }
            guard let value = Self(postgres: PostgresCell(oid: element, bytes: part)) else { return nil }
            out.append(value)
        }
        return out
    }

    /// An empty `int4[]` is not an empty `[String]`: the declared type must fit even without elements.
    private static func accepts(element oid: UInt32) -> Bool {
        let texts: Set<UInt32> = [PostgresOID.text, PostgresOID.varchar, PostgresOID.bpchar, PostgresOID.name]
        let integers: Set<UInt32> = [PostgresOID.int2, PostgresOID.int4, PostgresOID.int8, PostgresOID.oid]
        let own = postgresOID
        if own == oid { return true }
        if texts.contains(own) { return texts.contains(oid) || oid >= PostgresOID.firstUser }
        if integers.contains(own) { return integers.contains(oid) }
        return own == PostgresOID.jsonb && oid == PostgresOID.json
    }
}

struct ByteReader {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

    mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
        guard count <= rest.count else { return nil }
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count)
    }

    mutating func integer<T: FixedWidthInteger>(_: T.Type = T.self) -> T? {
        take(T.bitWidth / 8)?.reduce(T.zero) { $0 << 8 | T(truncatingIfNeeded: $1) }
    }
}

extension Bool: PostgresDecodable {
    public init?(postgres cell: PostgresCell) {
        guard cell.oid == PostgresOID.bool, let byte = cell.integer(UInt8.self) else { return nil }
        self = byte != 0
    }
}

extension Int64: PostgresDecodable {
    public init?(postgres cell: PostgresCell) {
        guard let value = cell.wholeNumber else { return nil }
        self = value
    }
}

extension Int: PostgresDecodable {
    public init?(postgres cell: PostgresCell) {
        guard let value = cell.wholeNumber else { return nil }
        self.init(exactly: value)
    }
}

extension Int32: PostgresDecodable {
    public init?(postgres cell: PostgresCell) {
        guard let value = cell.wholeNumber else { return nil }
        self.init(exactly: value)
    }
}

extension UInt8: PostgresDecodable {
    public init?(postgres cell: PostgresCell) {
        guard let value = cell.wholeNumber else { return nil }
        self.init(exactly: value)
    }
}

extension String: PostgresDecodable {
    /// Reads the text types, `json`, and enums or other types of the database's own whose binary form is their text.
    public init?(postgres cell: PostgresCell) {
        guard let bytes = cell.bytes else { return nil }
        switch cell.oid {
        case PostgresOID.text, PostgresOID.varchar, PostgresOID.bpchar, PostgresOID.name, PostgresOID.unknown,
            PostgresOID.json, PostgresOID.char:
            self = String(decoding: bytes, as: UTF8.self)
        case PostgresOID.firstUser...:
            // A composite's binary form begins with a count, so it has a zero byte; no text has one.
            guard !bytes.contains(0), let text = String(validating: bytes, as: UTF8.self) else { return nil }
            self = text
        default: return nil
        }
    }
}

extension UUID: PostgresDecodable {
    public init?(postgres cell: PostgresCell) {
        guard cell.oid == PostgresOID.uuid, let b = cell.bytes, b.count == 16 else { return nil }
        var raw: uuid_t = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        withUnsafeMutableBytes(of: &raw) { $0.copyBytes(from: b) }
        self.init(uuid: raw)
    }
}

extension Identifier {
    public init?(postgres cell: PostgresCell) {
        guard let uuid = UUID(postgres: cell) else { return nil }
        self.init(uuid)
    }
}

extension Timestamp: PostgresDecodable {
    /// Reads `timestamptz`; infinity does not fit.
    public init?(postgres cell: PostgresCell) {
        guard cell.oid == PostgresOID.timestamptz, let value = cell.integer(Int64.self), value != .max, value != .min
        else { return nil }
        let (sum, overflow) = value.addingReportingOverflow(postgresEpochMicroseconds)
        guard !overflow else { return nil }
        self.init(microseconds: sum)
    }
}

extension LocalDate: PostgresDecodable {
    /// Reads `date`; infinity does not fit.
    public init?(postgres cell: PostgresCell) {
        guard cell.oid == PostgresOID.date, let value = cell.integer(Int32.self), value != .max, value != .min
        else { return nil }
        self.init(daysSince1970: Int(value) + postgresEpochDays)
    }
}

extension ExactDecimal: PostgresDecodable {
    /// Reads `numeric` (not a number and infinity do not fit, nor do more than 37 digits) and the integer types.
    /// - Source: PostgreSQL's numeric_send: digit count, weight, sign and display scale, then digits of base 10,000.
    public init?(postgres cell: PostgresCell) {
        if let whole = cell.wholeNumber {
            self.init(coefficient: Int128(whole), scale: 0)
            return
        }
        guard cell.oid == PostgresOID.numeric, let bytes = cell.bytes else { return nil }
        var reader = ByteReader(bytes)
        guard let count = reader.integer(Int16.self), let weight = reader.integer(Int16.self),
            let sign = reader.integer(UInt16.self), let shown = reader.integer(UInt16.self),
            sign == 0 || sign == 0x4000, shown <= 30, count >= 0
        else { return nil }
        var value: Int128 = 0
        for index in 0 ..< Int(count) {
            guard let digit = reader.integer(Int16.self), (0 ... 9999).contains(digit) else { return nil }
            let exponent = 4 * (Int(weight) - index) + Int(shown)
            guard let part = Int128(digit).scaled(by: exponent) else { return nil }
            let (sum, overflow) = value.addingReportingOverflow(part)
            guard !overflow else { return nil }
            value = sum
        }
        guard value < Int128(1).scaled(by: 37) ?? 0 else { return nil }
        self.init(coefficient: sign == 0 ? value : -value, scale: Int(shown))
    }
}

extension Int128 {
    /// This × 10^`exponent`; a negative exponent cuts. `nil` when it does not fit.
    fileprivate func scaled(by exponent: Int) -> Int128? {
        if self == 0 || exponent < -4 { return 0 }
        var value = self
        for _ in 0 ..< abs(exponent) {
            if exponent < 0 {
                value /= 10
            } else {
                let (product, overflow) = value.multipliedReportingOverflow(by: 10)
                guard !overflow else { return nil }
                value = product
            }
        }
        return value
    }
}

extension PostgresJSON {
    public init?(postgres cell: PostgresCell) {
        guard let bytes = cell.bytes else { return nil }
        switch cell.oid {
        case PostgresOID.json: self.init(Array(bytes))
        case PostgresOID.jsonb where bytes.first == 1: self.init(Array(bytes.dropFirst()))
        default: return nil
        }
    }
}

extension Array: PostgresDecodable where Element: PostgresArrayElement {
    public init?(postgres cell: PostgresCell) {
        guard let elements = Element.postgresArray(cell) else { return nil }
        self = elements
    }
}

extension Optional: PostgresDecodable where Wrapped: PostgresDecodable {
    public init?(postgres cell: PostgresCell) {
        if cell.bytes == nil {
            self = .none
            return
        }
        guard let value = Wrapped(postgres: cell) else { return nil }
        self = .some(value)
    }
}
