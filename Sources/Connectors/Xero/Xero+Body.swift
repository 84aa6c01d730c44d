internal import Books
internal import ConnectorKit
internal import Kernel
internal import Wire

extension XeroConnector {
    /// The tax type of a line without tax.
    static let noTax = "NONE"

    /// What a planned posting becomes there. The same for create and update.
    /// - Throws: `form_unsupported`, what `SalesLines` throws, and faults that name what the document lacks; all
    ///   reject.
    static func body(of document: LedgerDocument, _ connection: ConnectionFacts) throws(Fault) -> JSON {
        let tracking = try Tracking(connection)
        switch Endpoint(document) {
        case .invoices: return try trade(document, .invoices, type: document.plan.form == .bill ? bill : "ACCREC", tracking, connection)
        case .creditNotes: return try trade(document, .creditNotes, type: "ACCRECCREDIT", tracking, connection)
        case .purchaseOrders: return try trade(document, .purchaseOrders, type: nil, tracking, connection)
        case .payments: return try payment(document, connection)
        case .manualJournals: return try journal(document, tracking)
        case .bankTransactions: return try bankTransaction(document, tracking, connection)
        case nil: throw unsupported(document.plan.form)
        }
    }

    // MARK: What is sold and bought

    /// The type of a supplier's bill; sales invoices stand in the same lists.
    private static let bill = "ACCPAY"

    static func isBill(_ row: JSONView) -> Bool { row["Type"].string == bill }

    /// Invoices, credit notes, bills and purchase orders.
    private static func trade(
        _ document: LedgerDocument, _ endpoint: Endpoint, type: String?, _ tracking: Tracking, _ connection: ConnectionFacts
    ) throws(Fault) -> JSON {
        let plan = document.plan
        guard let party = document.party, !party.isEmpty else {
            throw refused("party_missing", "the contact of the document is not known", "Report it.")
        }
        if document.isGathered || plan.form.isPurchase { try checkAccounts(document) }
        let lines = try SalesLines(document).lines
        var members: [(key: String, value: JSON)] = []
        if let type { members.append(("Type", .string(type))) }
        members += [("Status", "AUTHORISED"), ("Contact", .object([("ContactID", .string(party))]))]
        if let field = endpoint.numberField { members.append((field, .string(number(document)))) }
        // Xero keeps none of bills.
        if type != bill { members.append(("Reference", .string(reference(document, extras: [plan.reference, plan.note])))) }
        members.append(("Date", .string(plan.date.description)))
        if endpoint == .invoices { members.append(("DueDate", .string((document.due ?? plan.date).description))) }
        members += [("LineAmountTypes", "Exclusive"), ("CurrencyCode", .string(plan.currency.code))]
        if let rate = try currencyRate(plan, connection) { members.append(("CurrencyRate", rate)) }
        members.append(("LineItems", .array(lines.map { item($0, plan.currency, tracking, isOrdered: plan.form == .purchaseOrder) })))
        return .object(members)
    }

    private static func item(_ line: SalesLines.Line, _ currency: Currency, _ tracking: Tracking, isOrdered: Bool) -> JSON {
        // One unit at the line's net: quantity times a rounded price need not give the line back.
        // What is ordered is counted by whoever sends it: as many units where their price has the list's two decimals, else in words.
        var (quantity, price) = (JSON.number("1"), amount(line.net, currency)), words = description(line.source.plan)
        if isOrdered, let ordered = line.source.plan.quantity?.shortest, ordered != .one {
            if ordered.scale <= XeroLimits.quantityScale, let unit = UnitPrice(line.net, of: ordered, currency, scaleMost: currency.decimals) {
                (quantity, price) = (.decimal(unit.quantity), .decimal(unit.price))
            } else {
                words = cut(plain("\(ordered) × \(line.source.plan.sku), \(words)"), utf16: XeroLimits.description)
            }
        }
        var members: [(key: String, value: JSON)] = [
            ("Description", .string(words)), ("Quantity", quantity), ("UnitAmount", price),
            account(line.source.account, code: "AccountCode"), ("TaxType", .string(line.source.taxCode ?? noTax)),
        ]
        if line.source.taxCode != nil { members.append(("TaxAmount", amount(line.tax, currency))) }
        return .object(members + tracking.members(of: line.source))
    }

    // MARK: Payments

    private static func payment(_ document: LedgerDocument, _ connection: ConnectionFacts) throws(Fault) -> JSON {
        let plan = document.plan
        let tenders = document.tenders
        if plan.form != .journal, document.lines.contains(where: { $0.plan.part != .tender && $0.plan.part != .control }) {
            throw refused(
                "payment_with_rest", "Xero payments take no bank fee and no cash rounding beside the money",
                "Enter this payment by hand; for fees set the policy bank_fee_cap to 0, for cash leave out cash_rounding.")
        }
        guard tenders.count == 1, plan.total.minor > 0, tenders[0].plan.amount.magnitude == plan.total else {
            throw refused("payment_malformed", "a payment needs one account and an amount above zero", "Report it.")
        }
        let target: (object: String, id: String)
        switch (plan.form, plan.appliesTo?.form) {
        case (.payment, .invoice), (.journal, .invoice), (.payment, .bill): target = ("Invoice", "InvoiceID")
        case (.refundPayment, .creditNote): target = ("CreditNote", "CreditNoteID")
        default:
            throw refused(
                "refund_without_credit_note",
                "Xero pays money back on a credit note only, and takes money in on an invoice or pays it out on a bill only",
                "Write this payment by hand, or give the refund its credit note in the source.")
        }
        guard let id = document.appliesTo, !id.isEmpty else {
            throw Fault(
                "waits_for_document", stage: .post, disposition: .retry,
                summary: "the document that the payment settles is not in Xero yet",
                remedy: "None needed: it is tried again.")
        }
        var members: [(key: String, value: JSON)] = [
            (target.object, .object([(target.id, .string(id))])),
            ("Account", .object([account(tenders[0].account, code: "Code")])),
            ("Date", .string(plan.date.description)), ("Amount", amount(plan.total.minor, plan.currency)),
            ("Reference", .string(reference(document))),
        ]
        if let rate = try currencyRate(plan, connection) { members.append(("CurrencyRate", rate)) }
        return .object(members)
    }

    // MARK: Journals

    private static func journal(_ document: LedgerDocument, _ tracking: Tracking) throws(Fault) -> JSON {
        try checkAccounts(document)
        let amounts = try journalAmounts(document)
        guard amounts.map(\.amount.minor).reduce(0, +) == 0, !amounts.isEmpty else {
            throw refused("document_unbalanced", "the journal's lines don't come to zero", "Report it.")
        }
        let lines: [JSON] = amounts.map { line, money in
            .object([
                ("LineAmount", .number(money.text)), account(line.account, code: "AccountCode"),
                ("Description", .string(description(line.plan))), ("TaxType", .string(noTax)),
            ] + tracking.members(of: line))
        }
        return .object([
            ("Narration", .string(reference(document, extras: [document.plan.reference, document.plan.note]))),
            ("Date", .string(document.plan.date.description)), ("Status", "POSTED"), ("LineAmountTypes", "NoTax"),
            ("JournalLines", .array(lines)),
        ])
    }

    /// Manual journals have no currency: what they hold is base currency.
    static func journalAmounts(_ document: LedgerDocument) throws(Fault) -> [(line: LedgerDocument.Line, amount: Money)]
    {
        var out: [(line: LedgerDocument.Line, amount: Money)] = []
        let plan = document.plan
        for line in document.lines {
            // A line of another currency counts as what the books carry it at.
            let own = plan.rate == nil && line.plan.amount.currency == plan.currency
            guard let amount = own ? line.plan.amount : line.plan.base ?? (line.plan.amount.currency == plan.currency ? nil : line.plan.amount) else {
                throw refused("base_amount_missing", "a journal in \(plan.currency) has no base amounts", "Report it.")
            }
            out.append((line, amount))
        }
        guard Set(out.map(\.amount.currency)).count <= 1 else { throw mixed() }
        return out
    }

    static func mixed() -> Fault {
        refused(
            "lines_in_currencies", "its lines are in several currencies, and a document in Xero has one",
            "Have the processor pay out in the currency of the sales or in the base currency, or enter it by hand.")
    }

    // MARK: Fields

    /// Our key. What stands as reference on the screens of a bill is its number, so that one has words behind the key; whatever lists numbers
    /// parts them by commas.
    static func number(_ document: LedgerDocument) -> String {
        guard document.plan.form == .bill else { return document.key.text }
        return plain(cut(reference(document).replacing(",", with: ";"), utf16: XeroLimits.billNumber))
    }

    /// `cf:<key> <reference>`: how `find` knows a payment again, so nothing that a revision may change is in it.
    /// `extras` follow where there is room for the whole of them.
    static func reference(_ document: LedgerDocument, extras: [String?] = []) -> String {
        // `where` has no published way to escape a quote.
        let words = document.reference.replacing("\"", with: "'").replacing("\\", with: "/")
        var out = plain(cut(plain("cf:\(document.key) \(words)"), utf16: XeroLimits.reference))
        for extra in extras.compactMap(\.self).map(plain) where !extra.isEmpty {
            let longer = "\(out) | \(extra)"
            if longer.utf16.count <= XeroLimits.reference { out = longer }
        }
        return out
    }

    /// The full title; the SKU or the role's name where a line has none, because Xero wants at least one character.
    static func description(_ line: PostingLine) -> String {
        for text in [line.text, line.sku].map(plain) where !text.isEmpty {
            return plain(cut(text, utf16: XeroLimits.description))
        }
        let words = line.role.text.replacing("_", with: " ").replacing(":", with: ": ")
        return cut(words.prefix(1).uppercased() + words.dropFirst(), utf16: XeroLimits.description)
    }

    /// By code; accounts without one by their id.
    static func account(_ account: BoundAccount, code: String) -> (key: String, value: JSON) {
        let name = accountName(account)
        return name == account.code ? (code, .string(name)) : ("AccountID", .string(name))
    }

    /// What an account is called in requests and answers: its code, or its id where `code` is only its name.
    static func accountName(_ account: BoundAccount) -> String {
        guard let id = account.remoteID, account.code == account.name || account.code.count > XeroLimits.accountCode
        else { return account.code }
        return id
    }

    /// `nil` in base currency. The plan's rate is base units per document unit; Xero's, as most read it, document
    /// units per base unit (base = amount / rate). Public sources disagree, so a connection can turn it round:
    /// setting `rate_direction` = `base_per_document`.
    static func currencyRate(_ plan: PlannedPosting, _ connection: ConnectionFacts) throws(Fault) -> JSON? {
        guard let rate = plan.rate?.shortest else { return nil }
        let scale = XeroLimits.rateScale
        var out = ExactDecimal.zero
        if rate.coefficient > 0, rate.scale <= 30 - scale, rate.coefficient < Self.largestRate {
            if connection.settings["rate_direction"] == "base_per_document" {
                out = rate.rounded(toScale: scale)
            } else {
                let one = (0 ..< rate.scale + scale).reduce(Int128(1)) { product, _ in product * 10 }
                out = ExactDecimal(coefficient: ExactDecimal.divideHalfUp(one, rate.coefficient), scale: scale)
            }
        }
        guard !out.isZero else {
            throw refused(
                "rate_out_of_range", "the rate \(rate) can't be written with \(scale) decimals",
                "Check the order's rate in the source.")
        }
        return .decimal(out)
    }

    /// Keeps rounding inside 37 digits.
    private static let largestRate: Int128 = 1_000_000_000_000_000_000_000_000_000_000

    private static func amount(_ minor: Int64, _ currency: Currency) -> JSON {
        .number(Money(minor: minor, currency).text)
    }

    static func refused(_ code: String, _ summary: String, _ remedy: String) -> Fault {
        Fault(code, stage: .post, disposition: .reject, summary: summary, remedy: remedy)
    }

    static func unsupported(_ form: PostingForm) -> Fault {
        let remedy =
            form == .salesReceipt
            ? "Xero has no sales receipts: set the policy sale_form to invoice_payment."
            : form.remedyWhereUnsupported
        return refused("form_unsupported", "Xero takes no \(form.rawValue.replacing("_", with: " ")) from us", remedy)
    }
}
