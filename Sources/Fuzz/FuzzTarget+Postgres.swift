internal import FoundationEssentials
internal import Kernel
internal import Postgres

extension FuzzTarget {
    /// The first byte says what the rest is read as.
    static func pgvalue(_ input: [UInt8]) -> Verdict {
        guard let kind = input.first else { return .fine("nothing") }
        let rest = input.dropFirst()
        return values[Int(kind) % values.count](rest)
    }

    /// A kind of field each; the last two are what the server says of an error.
    private static let values: [@Sendable (ArraySlice<UInt8>) -> Verdict] = [
        { value(Int64.self, $0) }, { value(Int32.self, $0) }, { value(Bool.self, $0) }, { value(String.self, $0) }, { value(UUID.self, $0) }, { value(Timestamp.self, $0) },
        { value(LocalDate.self, $0) }, { value(PostgresJSON.self, $0) }, { value([UInt8].self, $0) }, { value([Int64].self, $0) }, { value([String].self, $0) },
        { value([String?].self, $0) }, { value([Bool?].self, $0) }, { value([UUID].self, $0) }, { value([[UInt8]].self, $0) }, { value([Timestamp].self, $0) },
        { numeric($0) }, { numerics($0) }, { loginError($0) }, { valueError($0) },
    ]

    /// What is read is read again from what would be sent.
    private static func value<T: PostgresEncodable & PostgresDecodable & Equatable>(_ type: T.Type, _ bytes: ArraySlice<UInt8>) -> Verdict {
        guard let value = T(postgres: PostgresCell(oid: T.postgresOID, bytes: bytes)) else { return .fine("no \(T.self)") }
        let sent = value.postgresBind
        guard let back = sent.bytes, let again = T(postgres: PostgresCell(oid: sent.oid, bytes: back[...])), again == value else { return .broken("another \(T.self) after sending it back") }
        return .fine("read \(T.self) \(size(bytes.count) / 3)")
    }

    /// A number is the one that its digits say, put together as text.
    private static func numeric(_ bytes: ArraySlice<UInt8>) -> Verdict {
        let value = ExactDecimal(postgres: PostgresCell(oid: PostgresOID.numeric, bytes: bytes))
        let told = written(bytes).flatMap { ExactDecimal($0) }
        // A reader may refuse what is beyond it; what it takes must be right.
        if let value, value != told { return .broken("\(value) was read, and it says \(told.map(\.description) ?? "nothing")") }
        return .fine(value == nil ? "no number" : "read a number \(size(bytes.count) / 2)")
    }

    /// PostgreSQL's digits of base 10,000 as a decimal text, cut to the digits that are shown.
    private static func written(_ bytes: ArraySlice<UInt8>) -> String? {
        let words = stride(from: bytes.startIndex, to: bytes.endIndex - 1, by: 2).map { Int(bytes[$0]) << 8 | Int(bytes[$0 + 1]) }
        guard words.count >= 4, words[0] <= words.count - 4, words[2] == 0 || words[2] == 0x4000, words[3] <= 30 else { return nil }
        let weight = words[1] >= 0x8000 ? words[1] - 0x10000 : words[1]
        var groups: [Int: Int] = [:]
        for index in 0 ..< words[0] where words[4 + index] != 0 {
            guard words[4 + index] <= 9_999 else { return nil }
            groups[weight - index] = words[4 + index]
        }
        let first = groups.keys.max() ?? 0
        guard first < 20 else { return nil }
        func group(_ place: Int) -> String {
            let text = String(groups[place] ?? 0)
            return String(repeating: "0", count: 4 - text.count) + text
        }
        let whole = stride(from: max(0, first), through: 0, by: -1).map(group).joined().drop { $0 == "0" }
        let part = (1 ... 8).map { group(-$0) }.joined().prefix(words[3])
        return (words[2] == 0 ? "" : "-") + (whole.isEmpty ? "0" : String(whole)) + (part.isEmpty ? "" : "." + part)
    }

    private static func numerics(_ bytes: ArraySlice<UInt8>) -> Verdict {
        let list = [ExactDecimal?](postgres: PostgresCell(oid: PostgresOID.numericArray, bytes: bytes))
        return .fine(list == nil ? "no numbers" : "read numbers \(min(4, list?.count ?? 0))")
    }

    /// libpq's text on a login that failed: a state of five letters or digits, or none.
    private static func loginError(_ bytes: ArraySlice<UInt8>) -> Verdict {
        let error = ServerError(connecting: String(decoding: bytes, as: UTF8.self))
        guard error.sqlstate.isEmpty || (error.sqlstate.utf8.count == 5 && error.sqlstate.utf8.allSatisfy { (48 ... 57).contains($0) || (65 ... 90).contains($0) }) else {
            return .broken("SQLSTATE \(error.sqlstate)")
        }
        guard !error.fault.code.isEmpty, !error.fault.summary.isEmpty else { return .broken("an error without words") }
        return .fine(error.sqlstate.isEmpty ? "no state" : "read a state, \(error.fault.disposition)")
    }

    /// What stands in quotes of a message about a value (class 22) is told nowhere, in whatever language the server speaks.
    private static func valueError(_ bytes: ArraySlice<UInt8>) -> Verdict {
        let value = String(decoding: bytes, as: UTF8.self), unlikely = "Zq7~\(value)~Zq7"
        for (before, after) in [("invalid input syntax for type integer: \"", "\""), ("ungültige Eingabesyntax für Typ integer: »", "«"), ("invalid \"", "\" in \"json\"")] {
            let fault = ServerError(sqlstate: "22P02", message: before + unlikely + after).fault
            if "\(fault)".contains("Zq7") { return .broken("the value is told: \(fault.summary)") }
        }
        return .fine("read an error \(size(bytes.count) / 3)")
    }
}
