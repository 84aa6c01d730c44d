internal import Books
internal import ConnectorKit
internal import Kernel
internal import Wire

extension SageIntacctConnector {
    /// `cf:<key> <reference> | …`: how changes of ours are told from those of others.
    static func description(_ document: LedgerDocument) -> String {
        var out = plain(cut("\(mark)\(document.key) \(plain(document.reference))", characters: IntacctLimits.memo))
        for extra in [document.plan.reference, document.plan.note].compactMap(\.self).map(plain) where !extra.isEmpty {
            let longer = "\(out) | \(extra)"
            if longer.count <= IntacctLimits.memo { out = longer }
        }
        return out
    }

    static let mark = "cf:"

    /// Our key at the head of a description.
    static func key(ofWords words: String?) -> PostKey? {
        guard let words, words.hasPrefix(mark) else { return nil }
        let rest = words.dropFirst(mark.count)
        guard rest.dropFirst(16).first.map({ $0 == " " }) ?? true else { return nil }
        return PostKey(rest.prefix(16))
    }

    /// The full title; the SKU or the role's name where a line has none, and the reference of a document without either.
    static func memo(_ line: PostingLine, _ document: LedgerDocument) -> String {
        for text in [line.text, line.sku].map(plain) where !text.isEmpty { return plain(cut(text, characters: IntacctLimits.memo)) }
        let words = line.role.text.replacing("_", with: " ").replacing(":", with: ": ")
        return plain(cut("\(words), \(plain(document.reference))", characters: IntacctLimits.memo))
    }

    /// Functions of the older kind take a date in parts.
    static func date(_ day: LocalDate, _ name: String, _ writer: inout XMLWriter) {
        let (year, month, date) = day.civil
        writer.start(name)
        writer.element("year", "\(year)")
        writer.element("month", two(month))
        writer.element("day", two(date))
        writer.end()
    }

    /// Objects take `mm/dd/yyyy`.
    static func slashed(_ day: LocalDate) -> String {
        let (year, month, date) = day.civil
        return "\(two(month))/\(two(date))/\(year)"
    }

    static func day(slashed text: String) -> LocalDate? {
        let parts = text.prefix(10).split(separator: "/")
        guard parts.count == 3, let month = Int(parts[0]), let day = Int(parts[1]), let year = Int(parts[2]), (1 ... 9_999).contains(year) else { return nil }
        return LocalDate(year: year, month: month, day: day)
    }

    private static func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }

    static func account(_ account: BoundAccount) throws(Fault) -> String {
        guard account.known, !account.code.isEmpty, account.code == plain(account.code) else {
            let code = cut(plain(account.code), characters: 60)
            throw refused("account_not_bound", "account \(code) is not in Sage Intacct", "Create the account or bind the role anew.")
        }
        return account.code
    }

    static func party(_ document: LedgerDocument) throws(Fault) -> String {
        guard let party = document.party.map(plain), !party.isEmpty, party.count <= IntacctLimits.setting else {
            throw refused("party_missing", "the \(document.plan.form.isPurchase ? "supplier" : "customer") of the document is not known", "Report it.")
        }
        return party
    }

    /// A purchase order there is a document of the Purchasing application: of a kind that each company defines, which may post to its books, with an
    /// item of its catalogue on each line. None of it can be known from here.
    /// - Source: api.xsd: create_potransaction needs transactiontype, payto, returnto, and of each line itemid and quantity.
    static func unsupported(_ form: PostingForm) -> Fault {
        let why = form == .purchaseOrder ? ": there it is a document of a kind that the company defines, with an item of its catalogue on each line" : ""
        return refused("form_unsupported", "Sage Intacct takes no \(form.rawValue.replacing("_", with: " ")) from us\(why)", form.remedyWhereUnsupported)
    }
}

/// The currency of a document and how it becomes the base currency.
struct Conversion: Sendable, Equatable {
    var currency: String
    var base: String?
    /// Base units per unit; `nil` in the base currency.
    var rate: String?

    static let dailyRate = "Intacct Daily Rate"

    /// - Throws: `rate_out_of_range` (reject).
    init(_ document: LedgerDocument) throws(Fault) {
        let plan = document.plan
        currency = plan.currency.code
        base = plan.rate == nil ? currency : plan.lines.lazy.compactMap { $0.base?.currency.code }.first
        rate = try plan.rate.map { rate throws(Fault) in try Conversion.text(rate) }
    }

    /// - Throws: `rate_out_of_range` (reject).
    static func text(_ rate: ExactDecimal) throws(Fault) -> String {
        let shortest = rate.shortest
        let rounded = shortest.scale <= IntacctLimits.rateScale ? shortest : shortest.rescaled(toScale: IntacctLimits.rateScale)?.shortest
        guard let rounded, !rounded.isZero, !rounded.isNegative, rounded.coefficient < 1_000_000_000_000_000_000_000 else {
            throw SageIntacctConnector.refused("rate_out_of_range", "the document's rate can't be written", "Check the order's rate in the source.")
        }
        return rounded.description
    }

    /// In functions of the older kind; a kind of rate has to be named where none is stated.
    func write(_ writer: inout XMLWriter, base writesBase: Bool = true) {
        if writesBase, let base { writer.element("basecurr", base) }
        writer.element("currency", currency)
        if let rate { writer.element("exchrate", rate) } else { writer.element("exchratetype", Conversion.dailyRate) }
    }

    func writeObject(_ writer: inout XMLWriter) {
        if let base { writer.element("BASECURR", base) }
        writer.element("CURRENCY", currency)
        if let rate { writer.element("EXCHANGE_RATE", rate) } else { writer.element("EXCH_RATE_TYPE_ID", Conversion.dailyRate) }
    }
}

/// Where money is put, and how it came.
struct MoneyPlace: Sendable, Equatable {
    enum Place: Sendable, Equatable {
        /// A bank account of cash management.
        case bank(String)
        /// An account of the ledger that holds what is not at the bank yet: a processor's clearing account.
        case held(String)
    }

    var place: Place
    var method: String

    init(_ line: LedgerDocument.Line) throws(Fault) {
        if let bank = line.bank { place = .bank(bank) } else { place = .held(try SageIntacctConnector.account(line.account)) }
        method = MoneyPlace.method(line.plan.role)
    }

    /// `clearing:card:USD`, `cash:till-1`.
    private static func method(_ role: Role) -> String {
        let words = role.text.split(separator: ":")
        if words.contains("cash") { return "Cash" }
        if words.contains("check") || words.contains("cheque") { return "Printed Check" }
        return words.contains("card") ? "Credit Card" : "EFT"
    }

    func write(bank: String, held: String, method name: String, _ writer: inout XMLWriter) {
        switch place {
        case .bank(let id): writer.element(bank, id)
        case .held(let account): writer.element(held, account)
        }
        writer.element(name, method)
    }
}
