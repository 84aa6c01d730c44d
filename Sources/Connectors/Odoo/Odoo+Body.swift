internal import Books
internal import ConnectorKit
internal import Kernel
internal import Wire

/// Ids of currencies by code, where documents need them.
typealias CurrencyIDs = [String: Int]
/// What taxes are for, by id: `sale`, `purchase`, `none`.
typealias TaxUses = [Int: String]

extension OdooConnector {
    /// What a planned posting becomes there: the values of an `account.move`. The same for create and update.
    /// - Throws: `form_unsupported`, what `TradeForm` and `EntryForm` throw, and faults that name what the document lacks: all reject, but for
    ///   `waits_for_document`.
    static func values(of document: LedgerDocument, _ dialect: Dialect, _ currencies: CurrencyIDs) throws(Fault) -> [(key: String, value: JSON)] {
        guard let form = OdooForm(document.plan.form) else { throw unsupported(document.plan.form) }
        guard !document.waits else {
            throw Fault(
                "waits_for_document", stage: .post, disposition: .retry, summary: "the document that the payment settles is not in Odoo yet",
                remedy: "None needed: it is tried again.")
        }
        switch form {
        case .sales, .bill: return try trade(document, form, dialect, currencies)
        case .order: throw refused("form_unsupported", "an order is no move", "Report it.")
        case .entry: return try entry(document, dialect, currencies)
        }
    }

    // MARK: Invoices, credit notes and bills

    private static func trade(
        _ document: LedgerDocument, _ form: OdooForm, _ dialect: Dialect, _ currencies: CurrencyIDs
    ) throws(Fault) -> [(key: String, value: JSON)] {
        let plan = document.plan
        let party = try party(document)
        let trade = try TradeForm(document)
        var members: [(key: String, value: JSON)] = [
            ("move_type", .string(form.moveType ?? "")), ("partner_id", .id(party)), ("invoice_date", .string(plan.date.description)),
            ("date", .string(plan.date.description)), ("ref", .string(reference(document))),
            ("invoice_origin", .string(cut(plain(document.reference), characters: OdooLimits.reference))),
            // What a supplier finds his money by is his own number.
            ("payment_reference", .string(cut(plain((form == .bill ? plan.note : nil) ?? document.reference), characters: OdooLimits.reference))),
        ]
        // A payment term of the partner's would move it. A credit note falls due never.
        if form != .sales(isCredit: true) { members.append(("invoice_date_due", .string((document.due ?? plan.date).description))) }
        members.append(("invoice_payment_term_id", false))
        if let journal = form == .bill ? dialect.purchaseJournal : dialect.salesJournal { members.append(("journal_id", .id(journal))) }
        if let currency = try currency(plan, currencies) {
            members.append(("currency_id", .id(currency)))
            if dialect.statesRate { members.append(("invoice_currency_rate", .decimal(try rate(plan)))) }
        }
        var commands: [JSON] = []
        for line in trade.lines { commands.append([0, 0, .object(try item(line, plan.currency, dialect))]) }
        members.append(("invoice_line_ids", .array(commands)))
        return members
    }

    private static func item(_ line: TradeForm.Line, _ currency: Currency, _ dialect: Dialect) throws(Fault) -> [(key: String, value: JSON)] {
        let (quantity, price) = line.multiplied(currency)
        var members: [(key: String, value: JSON)] = [
            ("name", .string(description(line.source.plan))), ("quantity", .decimal(quantity)), ("price_unit", .number(price.text)), ("discount", 0),
            ("account_id", .id(try account(line.source.account))),
            // None too must be said: an account's own taxes would be taken otherwise.
            ("tax_ids", [[6, 0, .ids(line.taxes)]]),
        ]
        members += try analytic(line.source, dialect)
        return members
    }

    // MARK: Entries

    private static func entry(_ document: LedgerDocument, _ dialect: Dialect, _ currencies: CurrencyIDs) throws(Fault) -> [(key: String, value: JSON)] {
        let plan = document.plan
        let entry = try EntryForm(document)
        let currency = try currency(plan, currencies)
        let party = entry.items.contains(where: \.line.isReceivable) ? try party(document) : nil
        var commands: [JSON] = []
        for item in entry.items {
            let words = plain(item.line.plan.text)
            var members: [(key: String, value: JSON)] = [
                ("account_id", .id(try account(item.line.account))),
                ("name", .string(cut(words.isEmpty ? plain(document.reference) : words, characters: OdooLimits.description))),
                ("debit", .number(Money(minor: max(0, item.base.minor), item.base.currency).text)),
                ("credit", .number(Money(minor: max(0, -item.base.minor), item.base.currency).text)), ("tax_ids", [[6, 0, []]]),
            ]
            if let currency {
                members.append(("currency_id", .id(currency)))
                members.append(("amount_currency", .number(Money(minor: item.minor, plan.currency).text)))
            }
            if item.line.isReceivable, let party { members.append(("partner_id", .id(party))) }
            members += try analytic(item.line, dialect)
            commands.append([0, 0, .object(members)])
        }
        var members: [(key: String, value: JSON)] = [
            ("move_type", "entry"), ("date", .string(plan.date.description)), ("ref", .string(reference(document))),
        ]
        if let party { members.append(("partner_id", .id(party))) }
        if let journal = dialect.generalJournal { members.append(("journal_id", .id(journal))) }
        members.append(("line_ids", .array(commands)))
        return members
    }

    // MARK: Fields

    /// `cf:<key> <reference>`: how `find` knows a document again.
    static func reference(_ document: LedgerDocument) -> String {
        var out = plain(cut("cf:\(document.key) \(plain(document.reference))", characters: OdooLimits.reference))
        for extra in [document.plan.reference, document.plan.note].compactMap(\.self).map(plain) where !extra.isEmpty {
            let longer = "\(out) | \(extra)"
            if longer.count <= OdooLimits.reference { out = longer }
        }
        return out
    }

    /// Our key at the head of a `ref`.
    static func key(of ref: String?) -> PostKey? {
        guard let ref, ref.hasPrefix("cf:") else { return nil }
        let rest = ref.dropFirst(3)
        guard rest.dropFirst(16).first.map({ $0 == " " }) ?? true else { return nil }
        return PostKey(rest.prefix(16))
    }

    /// The full title; the SKU or the role's name where a line has none.
    static func description(_ line: PostingLine) -> String {
        for text in [line.text, line.sku].map(plain) where !text.isEmpty { return cut(text, characters: OdooLimits.description) }
        let words = line.role.text.replacing("_", with: " ").replacing(":", with: ": ")
        return cut(words.prefix(1).uppercased() + words.dropFirst(), characters: OdooLimits.description)
    }

    /// Analytic accounts: the dimensions `analytic`, `analytic_<plan>`, each an id. All of the line goes to all of them together.
    static func analytic(_ line: LedgerDocument.Line, _ dialect: Dialect) throws(Fault) -> [(key: String, value: JSON)] {
        let named = line.dimensions.filter { $0.key == "analytic" || $0.key.hasPrefix("analytic_") }.sorted { $0.key < $1.key }
        var ids: [Int] = []
        for (name, value) in named {
            guard let id = recordID(value) else {
                throw refused(
                    "dimension_invalid", "the dimension \(cut(plain(name), characters: 60)) is no id of an analytic account in Odoo",
                    "Set it to the id of an analytic account.")
            }
            if !ids.contains(id) { ids.append(id) }
        }
        guard let first = ids.first else { return [] }
        guard dialect.hasDistribution else { return [("analytic_account_id", .id(first))] }
        return [("analytic_distribution", .object([(ids.map(String.init).joined(separator: ","), 100)]))]
    }

    private static func account(_ account: BoundAccount) throws(Fault) -> Int {
        guard let id = recordID(account.remoteID) else {
            throw refused("account_not_bound", "account \(account.code) is not in Odoo", "Create the account or bind the role anew.")
        }
        return id
    }

    static func party(_ document: LedgerDocument) throws(Fault) -> Int {
        guard let id = recordID(document.party) else {
            throw refused("party_missing", "the contact of the document is not known", "Report it.")
        }
        return id
    }

    /// `nil` in the company's own currency.
    private static func currency(_ plan: PlannedPosting, _ currencies: CurrencyIDs) throws(Fault) -> Int? {
        guard plan.rate != nil else { return nil }
        guard let id = currencies[plan.currency.code] else {
            throw refused("currency_inactive", "\(plan.currency) is not active in Odoo", "Activate the currency in Odoo.")
        }
        return id
    }

    /// Odoo's rate is in units of the document's currency per unit of the company's, ours the other way round.
    static func rate(_ plan: PlannedPosting) throws(Fault) -> ExactDecimal {
        let scale = OdooLimits.rateScale
        guard let rate = plan.rate?.shortest, rate.coefficient > 0, rate.scale <= 36 - scale, rate.coefficient < largestRate else {
            throw refused("rate_out_of_range", "the document's rate can't be written", "Check the order's rate in the source.")
        }
        let one = (0 ..< rate.scale + scale).reduce(Int128(1)) { product, _ in product * 10 }
        let out = ExactDecimal(coefficient: ExactDecimal.divideHalfUp(one, rate.coefficient), scale: scale)
        guard !out.isZero else { throw refused("rate_out_of_range", "the document's rate can't be written", "Check the order's rate in the source.") }
        return out.shortest
    }

    private static let largestRate: Int128 = 1_000_000_000_000_000_000_000_000

    static func unsupported(_ form: PostingForm) -> Fault {
        let remedy = form == .salesReceipt
            ? "Set the policy sale_form to invoice_payment: Odoo makes tax on invoices." : form.remedyWhereUnsupported
        return refused("form_unsupported", "Odoo takes no \(form.rawValue.replacing("_", with: " ")) from us", remedy)
    }
}
