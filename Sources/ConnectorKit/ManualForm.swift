public import Books
public import Kernel

/// One of the files that a ledger itself can import: what a person takes there when its API is down, or where there is none. Data and two functions,
/// so that every form is rendered, bounded and read back by one piece of code (`ManualFile`).
public struct ManualForm: Sendable {
    /// `journal-csv`, everywhere.
    public var id: String
    /// For people: `Xero manual journals (CSV)`.
    public var name: String
    /// `generic-journal/1`: changes with the columns.
    public var version: String
    public var writing: ManualWriting
    public var bounds: ManualBounds
    /// Rows before the first entry; the last of them names the columns. Empty where the ledger wants none.
    public var heading: [[String]]
    /// Column of the entry's reference, and of the amounts whose sum, without their signs, a list from the ledger is compared with.
    public var columns: (reference: Int, figure: Int)
    /// Forms of postings that it can carry.
    public var carries: Set<PostingForm>
    /// Of those, the forms that the connector's `find` sees once the file is imported. Empty: only a person knows.
    public var findable: Set<PostingForm>
    /// What a person does there, one sentence each.
    public var steps: [String]
    /// Where the columns and rules come from.
    public var source: String
    /// How an entry is named; the same for the same place.
    public var reference: @Sendable (ManualPlace) -> String
    /// An entry's rows, all of one width.
    public var rows: @Sendable (ManualEntry, ConnectionFacts) throws(Fault) -> [[ManualCell]]
    /// The entry's reference in a cell of its column, as the ledger shows it.
    public var readsReference: @Sendable (String) -> String

    public init(
        id: String, name: String, version: String, writing: ManualWriting, bounds: ManualBounds, heading: [[String]], columns: (reference: Int, figure: Int),
        carries: Set<PostingForm>, findable: Set<PostingForm> = [], steps: [String], source: String, reference: @escaping @Sendable (ManualPlace) -> String,
        readsReference: @escaping @Sendable (String) -> String = { $0 },
        rows: @escaping @Sendable (ManualEntry, ConnectionFacts) throws(Fault) -> [[ManualCell]]
    ) {
        self.id = id
        self.name = name
        self.version = version
        self.writing = writing
        self.bounds = bounds
        self.heading = heading
        self.columns = columns
        self.carries = carries
        self.findable = findable
        self.steps = steps
        self.source = source
        self.reference = reference
        self.readsReference = readsReference
        self.rows = rows
    }
}

/// How a form's file is written; rows end in CRLF.
public struct ManualWriting: Sendable, Equatable {
    public enum Encoding: String, Sendable {
        case utf8 = "utf-8"
        /// What it lacks is written in the nearest letters, and noted.
        case windows1252 = "windows-1252"
    }

    public var separator: UInt8
    public var encoding: Encoding
    /// Fields may stand in quotes; where they may not, quotes in texts become apostrophes.
    public var quotes: Bool
    /// An empty row stands between entries.
    public var emptyRowBetween: Bool
    /// `csv`, with the media type that goes with it.
    public var ending: String
    public var mediaType: String

    public init(separator: UInt8, encoding: Encoding, quotes: Bool = true, emptyRowBetween: Bool = false, ending: String, mediaType: String) {
        self.separator = separator
        self.encoding = encoding
        self.quotes = quotes
        self.emptyRowBetween = emptyRowBetween
        self.ending = ending
        self.mediaType = mediaType
    }

    /// Comma-separated UTF-8 without a byte order mark.
    /// - Source: RFC 4180.
    public static let csv = ManualWriting(separator: 44, encoding: .utf8, ending: "csv", mediaType: "text/csv; charset=utf-8")
}

/// What one file may hold; an entry never straddles two.
public struct ManualBounds: Sendable, Equatable {
    public var rows: Int
    public var entries: Int
    public var bytes: Int

    public init(rows: Int, entries: Int, bytes: Int) {
        self.rows = rows
        self.entries = entries
        self.bytes = bytes
    }
}

/// Where an entry stands, to name it by.
public struct ManualPlace: Sendable {
    /// Of the connection, from 1.
    public var batch: Int
    /// In the batch, from 1.
    public var entry: Int
    public var key: PostKey
    public var revision: Int
    /// It takes back what the ledger has.
    public var isChange: Bool

    public init(batch: Int, entry: Int, key: PostKey, revision: Int, isChange: Bool) {
        self.batch = batch
        self.entry = entry
        self.key = key
        self.revision = revision
        self.isChange = isChange
    }

    /// Eight letters and digits, unlike any other of the connection: `CF00A01C`, of 32 767 batches of 32 767 entries.
    public var short: String { "CF" + Self.three(batch) + Self.three(entry) }

    /// The posting's key, `0123456789ABCDEF`, and `-R2` from the second revision on: 20 characters at most.
    public var keyed: String { key.text.uppercased() + (revision > 1 ? "-R\(revision)" : "") }

    private static func three(_ number: Int) -> String {
        let digits = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ")
        return String([digits[number >> 10 & 31], digits[number >> 5 & 31], digits[number & 31]])
    }
}

/// One field of a file.
public enum ManualCell: Sendable, Equatable {
    case empty
    /// Words for people: cut to this many characters; what a spreadsheet would take for a formula gets an apostrophe.
    case text(String, most: Int)
    /// A name or number that the ledger matches: written exactly or not at all.
    case exact(String, most: Int)
    /// Digits, point and sign of our own making.
    case number(String)
}

/// One posting for a file: what ought to be there, and what is to be taken back for it.
public struct ManualEntry: Sendable {
    public var document: LedgerDocument
    /// What the ledger has by an earlier file.
    public var before: LedgerDocument?
    public var reference: String
    /// The customer's name there.
    public var party: String
    /// The platform that the documents come from: `shopify`.
    public var source: String

    public init(document: LedgerDocument, before: LedgerDocument? = nil, reference: String, party: String, source: String) {
        self.document = document
        self.before = before
        self.reference = reference
        self.party = party
        self.source = source
    }

    /// One line of the journal that brings the ledger from what it has to what it ought to have. Debit positive.
    public struct Leg: Sendable, Equatable {
        public var role: Role
        public var account: BoundAccount
        public var amount: Money
        public var base: Money?
        public var text: String
        public var taxCode: String?
        public var dimensions: [String: String]
        /// It takes back.
        public var isReversal: Bool
        public var part: PostingLine.Part
    }

    /// The entry as journal lines, without those of zero; they balance.
    /// - Throws: `manual_nothing` where no line is left; `manual_unbalanced`; `manual_account_unknown` naming the role.
    public func legs() throws(Fault) -> [Leg] {
        var out: [Leg] = []
        if let before, before.plan.effect == .post { out += try Self.legs(before, reversed: true) }
        if document.plan.effect == .post { out += try Self.legs(document, reversed: false) }
        guard !out.isEmpty else {
            throw Fault("manual_nothing", stage: .post, disposition: .hold, summary: "nothing of it moves any account",
                remedy: "Leave it out: there is nothing to import.")
        }
        var sums: [Currency: Int64] = [:]
        for leg in out {
            let (sum, over) = sums[leg.amount.currency, default: 0].addingReportingOverflow(leg.amount.minor)
            guard !over else { throw Self.unbalanced(document.reference) }
            sums[leg.amount.currency] = sum
        }
        guard sums.values.allSatisfy({ $0 == 0 }) else { throw Self.unbalanced(document.reference) }
        return out
    }

    private static func legs(_ document: LedgerDocument, reversed: Bool) throws(Fault) -> [Leg] {
        var out: [Leg] = []
        for line in document.lines where !line.plan.amount.isZero {
            guard line.account.known else {
                throw Fault("manual_account_unknown", stage: .post, disposition: .hold,
                    summary: "the role \(line.plan.role) is not bound to an account of the ledger",
                    remedy: "Bind it in the account structure.", position: line.plan.role.text)
            }
            out.append(Leg(
                role: line.plan.role, account: line.account, amount: reversed ? -line.plan.amount : line.plan.amount,
                base: reversed ? line.plan.base.map { -$0 } : line.plan.base,
                text: line.plan.text.isEmpty ? line.plan.role.text : line.plan.text, taxCode: line.taxCode, dimensions: line.dimensions, isReversal: reversed,
                part: line.plan.part))
        }
        return out
    }

    private static func unbalanced(_ reference: String) -> Fault {
        Fault("manual_unbalanced", stage: .post, disposition: .hold, summary: "the journal of \(reference) does not balance",
            remedy: "Look at its lines: no ledger imports it.")
    }

    /// The same in one currency, for files that have no column for it.
    /// - Throws: what `legs()` throws, and `manual_currency`.
    public func legs(only currency: Currency) throws(Fault) -> [Leg] {
        let all = try legs()
        guard all.allSatisfy({ $0.amount.currency == currency }) else {
            throw Fault("manual_currency", stage: .post, disposition: .hold, summary: "the file holds amounts in \(currency) only",
                remedy: "Use another form, or post it in the ledger by hand.")
        }
        return all
    }
}

extension ManualEntry {
    /// For files of documents, which only ever add: what is there already is changed and taken back by journals.
    /// - Throws: `manual_change_unfit`.
    public func isNew() throws(Fault) {
        guard before == nil, document.plan.effect == .post else {
            throw Fault("manual_change_unfit", stage: .post, disposition: .hold, summary: "the file adds documents only, and this changes one or takes it back",
                remedy: "Hand it over as a journal, or change the document in the ledger by hand.")
        }
    }
}

extension ManualCell {
    /// A tax code as the importer wants it: by the words that people see, `tax_name_<code>` among the connection's settings. Empty for none.
    /// - Throws: `manual_tax_unnamed`.
    public static func taxName(_ code: String?, _ facts: ConnectionFacts) throws(Fault) -> ManualCell {
        guard let code else { return .empty }
        guard let name = facts.settings["tax_name_\(code)"], !name.isEmpty else {
            throw Fault("manual_tax_unnamed", stage: .post, disposition: .hold,
                summary: "the importer names tax codes by the words that people see, and \(code) has none",
                remedy: "Set tax_name_\(code) on the ledger's connection.", position: "settings.tax_name_\(code)")
        }
        return .exact(name, most: 100)
    }

    /// Debit and credit of an amount in two columns, one of them empty.
    public static func sides(_ amount: Money) -> [ManualCell] {
        amount.minor > 0 ? [.number(amount.text), .empty] : [.empty, .number((-amount).text)]
    }
}

extension LocalDate {
    /// `03/04/2026` for the fourth of March.
    public var monthFirst: String { Self.slashed(civil.month, civil.day, civil.year) }
    /// `04/03/2026` for the fourth of March.
    public var dayFirst: String { Self.slashed(civil.day, civil.month, civil.year) }

    private static func slashed(_ a: Int, _ b: Int, _ year: Int) -> String {
        func two(_ n: Int) -> String { n < 10 ? "0\(n)" : "\(n)" }
        let y = "\(year)"
        return "\(two(a))/\(two(b))/\(String(repeating: "0", count: max(0, 4 - y.count)))\(y)"
    }
}
