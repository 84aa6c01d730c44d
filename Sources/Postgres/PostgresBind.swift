/// One value on its way to the server: its type, how it is written, and its bytes. Prints its type only.
public struct PostgresBind: Sendable, Hashable, CustomStringConvertible {
    public enum Format: Int32, Sendable { case text = 0, binary = 1 }

    /// The type's object identifier; 0 lets the server infer it.
    public var oid: UInt32
    public var format: Format
    /// `nil` is SQL null.
    public var bytes: [UInt8]?

    public init(oid: UInt32, format: Format = .binary, bytes: [UInt8]?) {
        self.oid = oid
        self.format = format
        self.bytes = bytes
    }

    public var description: String { "bind of \(PostgresOID.name(oid))" }
}

/// Object identifiers of the built-in types we read and write.
/// - Source: PostgreSQL's src/include/catalog/pg_type.dat; they are fixed for built-in types.
public enum PostgresOID {
    public static let bool: UInt32 = 16
    public static let bytea: UInt32 = 17
    public static let char: UInt32 = 18
    public static let name: UInt32 = 19
    public static let int8: UInt32 = 20
    public static let int2: UInt32 = 21
    public static let int4: UInt32 = 23
    public static let text: UInt32 = 25
    public static let oid: UInt32 = 26
    public static let json: UInt32 = 114
    public static let unknown: UInt32 = 705
    public static let bpchar: UInt32 = 1042
    public static let varchar: UInt32 = 1043
    public static let date: UInt32 = 1082
    public static let timestamptz: UInt32 = 1184
    public static let numeric: UInt32 = 1700
    public static let uuid: UInt32 = 2950
    public static let jsonb: UInt32 = 3802
    public static let boolArray: UInt32 = 1000
    public static let byteaArray: UInt32 = 1001
    public static let int2Array: UInt32 = 1005
    public static let int4Array: UInt32 = 1007
    public static let textArray: UInt32 = 1009
    public static let int8Array: UInt32 = 1016
    public static let dateArray: UInt32 = 1182
    public static let timestamptzArray: UInt32 = 1185
    public static let numericArray: UInt32 = 1231
    public static let uuidArray: UInt32 = 2951
    public static let jsonbArray: UInt32 = 3807
    /// The first identifier of types that are not built in: enums, domains' bases, composites, extensions.
    public static let firstUser: UInt32 = 16_384

    private static let names: [UInt32: String] = [
        bool: "bool", bytea: "bytea", char: "char", name: "name", int8: "int8", int2: "int2", int4: "int4", text: "text",
        oid: "oid", json: "json", unknown: "unknown", bpchar: "bpchar", varchar: "varchar", date: "date",
        timestamptz: "timestamptz", numeric: "numeric", uuid: "uuid", jsonb: "jsonb", boolArray: "bool[]",
        byteaArray: "bytea[]", int2Array: "int2[]", int4Array: "int4[]", textArray: "text[]", int8Array: "int8[]",
        dateArray: "date[]", timestamptzArray: "timestamptz[]", numericArray: "numeric[]", uuidArray: "uuid[]",
        jsonbArray: "jsonb[]", 700: "float4", 701: "float8", 1114: "timestamp", 1186: "interval", 2278: "void",
    ]

    /// The type's name for people: `int8`, or `type 16401` where it is not one of ours.
    static func name(_ oid: UInt32) -> String { names[oid] ?? "type \(oid)" }
}
