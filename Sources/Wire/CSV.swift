public import Kernel

/// How a CSV file is written, and how much of anything it may have.
public struct CSVForm: Sendable {
    public var separator: UInt8 = UInt8(ascii: ",")
    /// Rows may have more or fewer fields than the first.
    public var ragged = false
    public var bytes = Limits.jsonBytes
    public var columns = 1_000
    public var fieldBytes = 1 << 20

    public init() {}
}

/// Reads comma-separated values row by row. Fields may stand in quotes, in which `""` is a quote and line breaks are text; rows end in CRLF, LF or
/// CR, the last one in nothing if it likes. A byte order mark is passed over; empty lines are.
/// - Source: RFC 4180.
public struct CSVReader: Sendable {
    private let bytes: [UInt8]
    private let form: CSVForm
    private var at = 0
    private var line = 1
    private var width: Int?
    private var ended = false

    public init(_ bytes: [UInt8], form: CSVForm = CSVForm()) {
        self.bytes = bytes
        self.form = form
        if bytes.starts(with: [0xef, 0xbb, 0xbf]) { at = 3 }
    }

    /// The next row; `nil` after the last. After a fault there is nothing more to read.
    /// - Throws: `malformed_csv`, position `line L`, also for files beyond the bounds.
    public mutating func next() throws(Fault) -> [String]? {
        guard !ended else { return nil }
        guard bytes.count <= form.bytes else { throw wrong("it is too large") }
        while takeLineEnd() {}
        guard at < bytes.count else {
            ended = true
            return nil
        }
        var row: [String] = []
        while true {
            row.append(try field())
            guard row.count <= form.columns else { throw wrong("a row has too many fields") }
            guard at < bytes.count, bytes[at] == form.separator else { break }
            at += 1
        }
        if let width, row.count != width, !form.ragged {
            throw wrong("the row has \(row.count) fields where the first has \(width)")
        }
        width = width ?? row.count
        if !takeLineEnd(), at < bytes.count { throw wrong("something follows a closing quote") }
        return row
    }

    private mutating func field() throws(Fault) -> String {
        guard at < bytes.count, bytes[at] == UInt8(ascii: "\"") else { return try plain() }
        var text: [UInt8] = []
        let first = line
        at += 1
        while true {
            guard at < bytes.count else {
                line = first
                throw wrong("a quoted field never ends")
            }
            let c = bytes[at]
            at += 1
            if c == UInt8(ascii: "\"") {
                guard at < bytes.count, bytes[at] == c else { return try string(text) }
                at += 1
            } else if c == 10 || (c == 13 && !(at < bytes.count && bytes[at] == 10)) {
                line += 1
            }
            text.append(c)
            guard text.count <= form.fieldBytes else { throw wrong("a field is too long") }
        }
    }

    private mutating func plain() throws(Fault) -> String {
        let start = at
        while at < bytes.count, bytes[at] != form.separator, bytes[at] != 10, bytes[at] != 13 {
            guard bytes[at] != UInt8(ascii: "\"") else { throw wrong("a quote stands in a field without quotes") }
            at += 1
        }
        guard at - start <= form.fieldBytes else { throw wrong("a field is too long") }
        return try string(Array(bytes[start ..< at]))
    }

    private mutating func string(_ text: [UInt8]) throws(Fault) -> String {
        guard let string = String(validating: text, as: UTF8.self) else { throw wrong("the bytes are not UTF-8") }
        return string
    }

    private mutating func takeLineEnd() -> Bool {
        guard at < bytes.count, bytes[at] == 10 || bytes[at] == 13 else { return false }
        at += bytes[at] == 13 && at + 1 < bytes.count && bytes[at + 1] == 10 ? 2 : 1
        line += 1
        return true
    }

    private mutating func wrong(_ reason: String) -> Fault {
        ended = true
        return Fault(
            "malformed_csv", stage: .wire, disposition: .reject, summary: "the file is not valid CSV: \(reason)",
            remedy: "Export it anew, in UTF-8, with every field that needs it in quotes.", position: "line \(line)")
    }
}

/// Writes comma-separated values: rows end in CRLF, fields stand in quotes where they need them.
public struct CSVWriter: Sendable {
    public private(set) var bytes: [UInt8] = []
    private let separator: UInt8

    public init(separator: UInt8 = UInt8(ascii: ",")) { self.separator = separator }

    public mutating func row(_ fields: [String]) {
        for (index, field) in fields.enumerated() {
            if index > 0 { bytes.append(separator) }
            // A row of one empty field would be an empty line.
            let quotes = fields.count == 1 && field.isEmpty || needsQuotes(field, first: index == 0)
            guard quotes else {
                bytes += field.utf8
                continue
            }
            bytes.append(34)
            for byte in field.utf8 {
                if byte == 34 { bytes.append(34) }
                bytes.append(byte)
            }
            bytes.append(34)
        }
        bytes += [13, 10]
    }

    private func needsQuotes(_ field: String, first: Bool) -> Bool {
        field.utf8.contains { $0 == separator || $0 == 34 || $0 == 10 || $0 == 13 } || first && field.utf8.starts(with: [0xef, 0xbb, 0xbf])
    }
}
