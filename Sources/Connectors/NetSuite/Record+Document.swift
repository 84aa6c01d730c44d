internal import Books
internal import ConnectorKit
internal import Kernel

/// Ids of currencies by code.
typealias CurrencyIDs = [String: String]

extension Record {
    /// What a planned posting becomes there, the same for both APIs and for create and update.
    /// - Throws: `form_unsupported`, what `SalesForm` and `JournalForm` throw, and faults that name what the document lacks (all hold);
    ///   `waits_for_document` (retry).
    init(_ document: LedgerDocument, _ settings: Settings, _ currencies: CurrencyIDs) throws(Fault) {
        guard let kind = document.kind else { throw Record.unsupported(document.plan.form) }
        guard !document.waits else {
            throw Fault(
                "waits_for_document", stage: .post, disposition: .retry, summary: "the document that the payment settles is not in NetSuite yet",
                remedy: "None needed: it is tried again.")
        }
        self.init(kind: kind, externalID: document.externalID)
        switch kind {
        case .invoice, .creditMemo, .cashSale: try fillSales(document, settings, currencies)
        case .vendorBill, .purchaseOrder: try fillPurchase(document, settings, currencies)
        case .customerPayment, .customerRefund: try fillPayment(document, settings, currencies)
        default: try fillJournal(document, settings, currencies)
        }
    }

    mutating func fillHeader(_ document: LedgerDocument, _ currencies: CurrencyIDs) throws(Fault) {
        let plan = document.plan
        fields.add("tranDate", .day(plan.date))
        if let rate = plan.rate {
            guard let id = currencies[plan.currency.code] else {
                throw NetSuite.refused("currency_inactive", "\(plan.currency) is not active in NetSuite", "Activate the currency in NetSuite.")
            }
            fields.add("currency", .ref(id))
            fields.add("exchangeRate", .number(rate.shortest.description))
        }
        fields.add("memo", .text(Record.memo(document)))
    }

    /// The reference, and behind ` | ` whatever else people should know.
    static func memo(_ document: LedgerDocument) -> String {
        let more = [document.plan.reference, document.plan.note].compactMap(\.self).map(plain).filter { !$0.isEmpty }
        return cut(([plain(document.reference)] + more).joined(separator: " | "), utf16: NetSuiteLimits.memo)
    }

    // MARK: Sales

    private mutating func fillSales(_ document: LedgerDocument, _ settings: Settings, _ currencies: CurrencyIDs) throws(Fault) {
        let form = try SalesForm(document, kind)
        fields.add("entity", .ref(try Record.party(document)))
        try fillHeader(document, currencies)
        if kind == .invoice { fields.add("dueDate", .day(document.plan.date)) }
        fields.add("otherRefNum", .text(cut(plain(document.reference), utf16: NetSuiteLimits.otherRefNum)))
        if let deposit = form.deposit {
            fields.add("undepFunds", .choice(false))
            fields.add("account", .ref(try Record.account(deposit)))
        } else if let control = document.receivable {
            fields.add("account", .ref(try Record.account(control.account)))
        }
        // Credit is given by the payment that refunds it, or by people.
        if kind == .creditMemo { fields.add("autoApply", .flag(false)) }
        try classify(form.lines.map(\.source), settings)
        if settings.tax == .suiteTax { fields.add("taxDetailsOverride", .flag(true)) }
        var lines: [Fields] = [], details: [Fields] = []
        for (index, line) in form.lines.enumerated() {
            let mark = "L\(index + 1)"
            lines.append(try Record.item(line, mark, document.plan.currency, settings))
            if settings.tax == .suiteTax { details += try line.taxes.map { tax throws(Fault) in try Record.detail(tax, line, mark, document.plan.currency) } }
        }
        fields.add("item", .lines(lines))
        if settings.tax == .suiteTax { fields.add("taxDetails", .lines(details)) }
    }

    private static func item(_ line: SalesForm.Line, _ mark: String, _ currency: Currency, _ settings: Settings) throws(Fault) -> Fields {
        guard let item = line.source.item, isID(item) else {
            throw NetSuite.refused(
                "item_not_found", "\"\(cut(plain(line.source.plan.text), utf16: 60))\" has no item in NetSuite", "Create the item and try again.",
                position: line.source.plan.role.text)
        }
        let (quantity, price) = line.multiplied(currency)
        var out = Fields([("item", .ref(item))])
        let note = cut(plain(line.source.plan.text), utf16: NetSuiteLimits.lineNote)
        if !note.isEmpty { out.add("description", .text(note)) }
        out.add("quantity", .number(quantity.description))
        // A price of its own: any other price level would take the item's.
        out.add("price", .ref("-1"))
        out.add("rate", .number(price.description))
        out.add("amount", .number(Money(minor: line.minor, currency).text))
        try tax(line, mark, currency, settings, &out)
        if !settings.classifiesHeader { for (name, id) in try classes(of: line.source, settings) { out.add(name, .ref(id)) } }
        return out
    }

    static func tax(_ line: SalesForm.Line, _ mark: String, _ currency: Currency, _ settings: Settings, _ out: inout Fields) throws(Fault) {
        switch settings.tax {
        case .suiteTax: out.add("taxDetailsReference", .text(mark))
        case .legacyUS:
            guard line.taxes.isEmpty else {
                throw NetSuite.refused(
                    "tax_code_invalid", "an account of the United States without SuiteTax takes no tax code and amount on lines",
                    "Bind the tax code to NONE: its tax then becomes a line on its own account. Or set the connection's tax to suitetax.")
            }
            out.add("isTaxable", .flag(false))
        case .legacy:
            guard let tax = line.taxes.first else { return }
            guard line.taxes.count == 1, tax.code.type == nil else {
                throw NetSuite.refused(
                    "tax_code_invalid", "a line has taxes of several codes, and NetSuite takes one",
                    "Bind them all to one tax code or tax group of NetSuite's.")
            }
            out.add("taxCode", .ref(tax.code.code))
            // Stated even when zero: left out, NetSuite would work out one of its own.
            out.add("tax1Amt", .number(Money(minor: tax.minor, currency).text))
            out.add("grossAmt", .number(Money(minor: line.minor + tax.minor, currency).text))
        }
    }

    static func detail(_ tax: SalesForm.Tax, _ line: SalesForm.Line, _ mark: String, _ currency: Currency) throws(Fault) -> Fields {
        guard let type = tax.code.type else {
            throw NetSuite.refused("tax_code_invalid", "the tax code \(tax.code.code) has no tax type", "Bind the tax code as type/code: 5/9.")
        }
        return Fields([
            ("taxDetailsReference", .mark(mark)), ("taxType", .bare(type)), ("taxCode", .ref(tax.code.code)),
            ("taxBasis", .number(Money(minor: line.minor, currency).text)), ("taxRate", .number((tax.percent ?? .zero).shortest.description)),
            ("taxAmount", .number(Money(minor: tax.minor, currency).text)),
        ])
    }

    // MARK: Payments

    private mutating func fillPayment(_ document: LedgerDocument, _ settings: Settings, _ currencies: CurrencyIDs) throws(Fault) {
        let total = document.plan.total, out = kind == .customerRefund
        guard let tender = document.depositTender, (out ? -tender.plan.amount.minor : tender.plan.amount.minor) == total.minor, total.minor > 0 else {
            throw NetSuite.unbalanced("its tender is not its total of \(total.text)")
        }
        fields.add("customer", .ref(try Record.party(document)))
        try fillHeader(document, currencies)
        if let control = document.receivable { fields.add("arAcct", .ref(try Record.account(control.account))) }
        if !out {
            fields.add("payment", .number(total.text))
            fields.add("autoApply", .flag(false))
            fields.add("undepFunds", .choice(false))
        }
        fields.add("account", .ref(try Record.account(tender.account)))
        try classify([tender], settings)
        guard let other = document.appliesTo, isID(other) else {
            guard !out else { throw NetSuite.unbalanced("it refunds nothing that is in NetSuite") }
            return
        }
        fields.add("apply", .lines([Fields([("apply", .flag(true)), ("doc", .mark(other)), ("amount", .number(total.text))])]))
    }

    // MARK: Journals

    private mutating func fillJournal(_ document: LedgerDocument, _ settings: Settings, _ currencies: CurrencyIDs) throws(Fault) {
        let form = try JournalForm(document), currency = document.plan.currency
        if let subsidiary = settings.subsidiary { fields.add("subsidiary", .ref(subsidiary)) }
        try fillHeader(document, currencies)
        fields.add("approved", .flag(true))
        var lines: [Fields] = []
        for entry in form.entries {
            let amount = Value.number(Money(minor: abs(entry.minor), currency).text)
            var line = Fields([("account", .ref(try Record.account(entry.line.account))), (entry.minor > 0 ? "debit" : "credit", amount)])
            let words = plain(entry.line.plan.text)
            line.add("memo", .text(cut(words.isEmpty ? plain(document.reference) : words, utf16: NetSuiteLimits.lineNote)))
            if entry.line.isReceivable { line.add("entity", .ref(try Record.party(document))) }
            for (name, id) in try Record.classes(of: entry.line, settings) { line.add(name, .ref(id)) }
            lines.append(line)
        }
        fields.add("line", .lines(lines))
    }

    // MARK: Parts

    /// Department, class and location of a line, its own or the connection's.
    static func classes(of line: LedgerDocument.Line, _ settings: Settings) throws(Fault) -> [(String, String)] {
        var out: [(String, String)] = []
        for name in Settings.dimensions {
            guard let value = line.dimensions[name].map(plain) ?? settings.defaults[name] else { continue }
            guard isID(value) else {
                throw NetSuite.refused(
                    "dimension_invalid", "the dimension \(name) is \(cut(value, utf16: 60)), which is no id in NetSuite",
                    "Set it to the id of a \(name).", position: name)
            }
            out.append((name, value))
        }
        return out
    }

    /// On the document itself: where all lines that have one agree.
    mutating func classify(_ lines: [LedgerDocument.Line], _ settings: Settings) throws(Fault) {
        var found: [String: Set<String>] = [:]
        for line in lines { for (name, id) in try Record.classes(of: line, settings) { found[name, default: []].insert(id) } }
        for name in Settings.dimensions {
            guard let ids = found[name], let id = ids.first else { continue }
            if ids.count == 1 {
                fields.add(name, .ref(id))
            } else if settings.classifiesHeader {
                throw NetSuite.refused(
                    "dimension_invalid", "lines of the document have different ids of \(name), and the account takes one for all",
                    "Set the connection's classify to lines, or one \(name) for the whole document.", position: name)
            }
        }
    }

    static func account(_ account: BoundAccount) throws(Fault) -> String {
        guard let id = account.remoteID, isID(id) else {
            throw NetSuite.refused("account_not_bound", "account \(account.code) is not in NetSuite", "Create the account or bind the role anew.")
        }
        return id
    }

    static func party(_ document: LedgerDocument) throws(Fault) -> String {
        guard let id = document.party, isID(id) else {
            throw NetSuite.refused("party_not_found", "the document's customer or vendor is not in NetSuite", "Create it and try again.")
        }
        return id
    }

    static func unsupported(_ form: PostingForm) -> Fault {
        let name = form.rawValue.replacing("_", with: " ")
        return NetSuite.refused("form_unsupported", "NetSuite takes no \(name) from us", form.remedyWhereUnsupported)
    }
}
