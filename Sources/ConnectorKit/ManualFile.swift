public import Books
public import Kernel

/// One file of a form: its bytes, and what of each entry stands in it.
public struct ManualFile: Sendable {
    /// A posting in the file.
    public struct Item: Sendable, Equatable {
        public var key: PostKey
        public var revision: Int
        public var reference: String
        public var currency: Currency
        /// The sum of its amounts in the form's column of amounts, without their signs; minor units.
        public var figure_minor: Int64
        public var findable: Bool
    }

    /// What was not written as it is: cut, or with letters replaced.
    public struct Note: Sendable, Equatable {
        public var reference: String
        public var full: String
        public var written: String
    }

    /// A posting that the form can't carry, and why.
    public struct Left: Sendable {
        public var key: PostKey
        public var fault: Fault

        public init(key: PostKey, fault: Fault) {
            self.key = key
            self.fault = fault
        }
    }

    public var number: Int
    public var bytes: [UInt8]
    public var rows: Int
    public var items: [Item]
    public var notes: [Note]

    /// Files for these documents, as many as the form's bounds ask for, in their order; what can't be written is left with its reason.
    /// - first: the number of the first file.
    public static func files(
        _ form: ManualForm, _ wants: [Want], first: Int, _ facts: ConnectionFacts
    ) -> (files: [ManualFile], left: [Left]) {
        var files: [ManualFile] = [], left: [Left] = []
        var open = Draft(form, number: first)
        for want in wants {
            do throws(Fault) {
                guard form.carries.contains(want.document.plan.form) else {
                    throw Fault("manual_form_unsupported", stage: .post, disposition: .hold,
                        summary: "\(form.name) does not carry the form \(want.document.plan.form.rawValue)",
                        remedy: "Choose another form for it, or wait for the ledger's API.")
                }
                if try open.take(want, facts) { continue }
                if let file = open.closed() { files.append(file) }
                open = Draft(form, number: first + files.count)
                guard try open.take(want, facts) else {
                    throw Fault("manual_too_large", stage: .post, disposition: .hold, summary: "the document is too large for one file of \(form.name)",
                        remedy: "Post it in the ledger by hand, or wait for its API.")
                }
            } catch { left.append(Left(key: want.document.key, fault: error)) }
        }
        if let file = open.closed() { files.append(file) }
        return (files, left)
    }

    /// A document to be written.
    public struct Want: Sendable {
        public var document: LedgerDocument
        public var before: LedgerDocument?
        public var party: String
        public var source: String

        public init(document: LedgerDocument, before: LedgerDocument? = nil, party: String, source: String) {
            self.document = document
            self.before = before
            self.party = party
            self.source = source
        }
    }

    private struct Draft {
        let form: ManualForm
        let number: Int
        var bytes: [UInt8]
        var rows: Int
        var items: [Item] = []
        var notes: [Note] = []
        var taken: Set<String> = []

        init(_ form: ManualForm, number: Int) {
            self.form = form
            self.number = number
            bytes = []
            rows = form.heading.count
            let pen = Pen(form.writing)
            for row in form.heading { bytes += pen.line(row.map { Array($0.utf8) }) }
        }

        /// False when the file has no room for it.
        mutating func take(_ want: Want, _ facts: ConnectionFacts) throws(Fault) -> Bool {
            let document = want.document
            guard items.count < form.bounds.entries, number < 32_768 else { return false }
            let reference = form.reference(ManualPlace(
                batch: number, entry: items.count + 1, key: document.key, revision: document.revision, isChange: want.before != nil))
            guard !taken.contains(reference) else { return false }
            let entry = ManualEntry(document: document, before: want.before, reference: reference, party: want.party, source: want.source)
            let cells = try form.rows(entry, facts)
            var pen = Pen(form.writing)
            var written: [UInt8] = form.writing.emptyRowBetween && !items.isEmpty ? [13, 10] : []
            for row in cells {
                let fields = try pen.fields(row, reference)
                written += pen.line(fields)
            }
            guard rows + cells.count <= form.bounds.rows, bytes.count + written.count <= form.bounds.bytes else { return false }
            let findable = want.before == nil && form.findable.contains(document.plan.form)
            items.append(Item(
                key: document.key, revision: document.revision, reference: reference, currency: document.plan.currency,
                figure_minor: try Self.figure(cells, form, document.plan.currency), findable: findable))
            taken.insert(reference)
            bytes += written
            rows += cells.count
            notes += pen.notes
            return true
        }

        func closed() -> ManualFile? {
            items.isEmpty ? nil : ManualFile(number: number, bytes: bytes, rows: rows, items: items, notes: notes)
        }

        private static func figure(_ rows: [[ManualCell]], _ form: ManualForm, _ currency: Currency) throws(Fault) -> Int64 {
            var sum: Int64 = 0
            for row in rows where row.indices.contains(form.columns.figure) {
                guard case .number(let text) = row[form.columns.figure] else { continue }
                guard let amount = Money(text, currency) else {
                    throw Fault("manual_amount_unfit", stage: .post, disposition: .bug, summary: "a form wrote an amount that is none of its currency")
                }
                let (next, over) = sum.addingReportingOverflow(abs(amount.minor))
                guard !over else {
                    throw Fault("manual_too_large", stage: .post, disposition: .hold, summary: "the document's amounts are too large for a file")
                }
                sum = next
            }
            return sum
        }
    }
}

/// Writes fields for a form, and keeps what could not be written as it was.
private struct Pen {
    let writing: ManualWriting
    var notes: [ManualFile.Note] = []

    init(_ writing: ManualWriting) { self.writing = writing }

    mutating func fields(_ row: [ManualCell], _ reference: String) throws(Fault) -> [[UInt8]] {
        var out: [[UInt8]] = []
        for cell in row {
            switch cell {
            case .empty: out.append([])
            case .number(let text): out.append(Array(text.utf8))
            case .exact(let text, let most): out.append(try exact(text, most))
            case .text(let text, let most): out.append(words(text, most, reference))
            }
        }
        return out
    }

    /// Between the form's separators, in quotes where they are needed, with the line's end.
    func line(_ fields: [[UInt8]]) -> [UInt8] {
        var out: [UInt8] = []
        for (n, field) in fields.enumerated() {
            if n > 0 { out.append(writing.separator) }
            guard writing.quotes, field.contains(where: { $0 == writing.separator || $0 == 34 || $0 == 10 || $0 == 13 }) else {
                out += field
                continue
            }
            out.append(34)
            for byte in field { out += byte == 34 ? [34, 34] : [byte] }
            out.append(34)
        }
        return out + [13, 10]
    }

    /// - Throws: `manual_text_unfit`.
    private func exact(_ text: String, _ most: Int) throws(Fault) -> [UInt8] {
        let fits = text.count <= most && !Self.isFormula(text) && text.unicodeScalars.allSatisfy { $0.value >= 32 && $0.value != 127 }
            && (writing.quotes || !text.utf8.contains { $0 == 34 || $0 == writing.separator })
        let (bytes, same) = encode(text)
        guard fits, same else {
            throw Fault("manual_text_unfit", stage: .post, disposition: .hold, summary: "the file can't hold this name as it is",
                remedy: "Give the account or code a name of plain letters, \(most) characters at most, that does not begin with = + - or @.",
                position: String(text.prefix(60)))
        }
        return bytes
    }

    private mutating func words(_ text: String, _ most: Int, _ reference: String) -> [UInt8] {
        let scalars = text.unicodeScalars.map { $0.value < 32 || [0x7f, 0x2028, 0x2029].contains($0.value) ? " " : $0 }
        var plain = String(String.UnicodeScalarView(scalars))
        if !writing.quotes { plain = plain.replacing("\"", with: "'") }
        if Self.isFormula(plain) { plain = "'" + plain }
        let cut = String(plain.prefix(most))
        let (bytes, same) = encode(cut)
        if !same || cut.count < plain.count {
            notes.append(ManualFile.Note(reference: reference, full: text, written: same ? cut : String(decoding: Self.folded(cut), as: UTF8.self)))
        }
        return bytes
    }

    /// A spreadsheet would calculate it.
    static func isFormula(_ text: String) -> Bool {
        // What can't be seen before it does not help.
        guard let first = text.unicodeScalars.first(where: { ![0x20, 0xa0, 0x200b, 0xfeff].contains($0.value) }) else { return false }
        return ["=", "+", "-", "@", "\t", "\r", "\u{ff1d}", "\u{ff0b}", "\u{ff0d}", "\u{ff20}"].contains(first)
    }

    private func encode(_ text: String) -> (bytes: [UInt8], same: Bool) {
        guard writing.encoding == .windows1252 else { return (Array(text.utf8), true) }
        var out: [UInt8] = [], same = true
        for scalar in text.unicodeScalars {
            if let byte = Windows1252.byte(scalar) {
                out.append(byte)
            } else {
                out += Windows1252.nearest(scalar)
                same = false
            }
        }
        return (out, same)
    }

    private static func folded(_ text: String) -> [UInt8] {
        text.unicodeScalars.flatMap { scalar in Windows1252.byte(scalar) == nil ? Windows1252.nearest(scalar) : Array(String(scalar).utf8) }
    }
}

/// The eight-bit alphabet of desktop programs.
/// - Source: WHATWG Encoding Standard, index windows-1252.
enum Windows1252 {
    private static let high: [UInt32: UInt8] = [
        0x20ac: 0x80, 0x201a: 0x82, 0x0192: 0x83, 0x201e: 0x84, 0x2026: 0x85, 0x2020: 0x86, 0x2021: 0x87, 0x02c6: 0x88, 0x2030: 0x89, 0x0160: 0x8a,
        0x2039: 0x8b, 0x0152: 0x8c, 0x017d: 0x8e, 0x2018: 0x91, 0x2019: 0x92, 0x201c: 0x93, 0x201d: 0x94, 0x2022: 0x95, 0x2013: 0x96, 0x2014: 0x97,
        0x02dc: 0x98, 0x2122: 0x99, 0x0161: 0x9a, 0x203a: 0x9b, 0x0153: 0x9c, 0x017e: 0x9e, 0x0178: 0x9f,
    ]
    /// Letters of Latin Extended-A and what is nearest to them.
    private static let near: [(letters: String, plain: UInt8)] = [
        ("ĀĂĄ", 65), ("āăą", 97), ("ĆĈĊČ", 67), ("ćĉċč", 99), ("ĎĐ", 68), ("ďđ", 100), ("ĒĔĖĘĚ", 69), ("ēĕėęě", 101), ("ĜĞĠĢ", 71), ("ĝğġģ", 103),
        ("ĨĪĬĮİ", 73), ("ĩīĭįı", 105), ("Ķ", 75), ("ķ", 107), ("ĹĻĽĿŁ", 76), ("ĺļľŀł", 108), ("ŃŅŇ", 78), ("ńņň", 110), ("ŌŎŐ", 79), ("ōŏő", 111),
        ("ŔŖŘ", 82), ("ŕŗř", 114), ("ŚŜŞ", 83), ("śŝş", 115), ("ŢŤŦ", 84), ("ţťŧ", 116), ("ŨŪŬŮŰŲ", 85), ("ũūŭůűų", 117), ("ŹŻ", 90), ("źż", 122),
    ]

    static func byte(_ scalar: Unicode.Scalar) -> UInt8? {
        switch scalar.value {
        case 0 ..< 0x80, 0xa0 ... 0xff: UInt8(scalar.value)
        default: high[scalar.value]
        }
    }

    /// One letter without its marks, or a question mark.
    static func nearest(_ scalar: Unicode.Scalar) -> [UInt8] {
        [near.first { $0.letters.unicodeScalars.contains(scalar) }?.plain ?? UInt8(ascii: "?")]
    }
}
