internal import Books
public import ConnectorKit
public import Kernel
internal import Wire

extension SapBusinessOneConnector {
    /// What a planned posting becomes there, and where. The same for preview, create and update.
    /// - Throws: `form_unsupported`, what the forms throw, and faults that name what the document lacks: all reject, but for `waits_for_document`.
    static func body(of document: LedgerDocument, _ dialect: Dialect, drawnFrom order: OpenOrder? = nil) throws(Fault) -> (set: EntitySet, body: JSON) {
        guard let set = EntitySet(document) else { throw unsupported(document.plan.form) }
        guard document.plan.effect == .post else {
            throw refused("void_not_created", "a document that is void was never in SAP Business One", "Report it: nothing is to be sent.")
        }
        guard !document.waits else {
            throw Fault(
                "waits_for_document", stage: .post, disposition: .retry, summary: "the document that the payment settles is not in SAP Business One yet",
                remedy: "None needed: it is tried again.")
        }
        switch set {
        case .invoices, .creditNotes, .purchaseInvoices, .purchaseOrders, .orders: return (set, try trade(document, set, dialect, order))
        case .incomingPayments, .vendorPayments: return (set, try payment(document, set, dialect))
        case .journalEntries: return (set, try entry(document, dialect))
        }
    }

    /// What can be told before anything is sent: party, items, and what a payment settles, are looked up later.
    public func objections(to document: LedgerDocument, _ connection: ConnectionFacts) -> [Fault] {
        guard document.plan.effect == .post else { return [] }
        var known = document
        known.party = known.party ?? "known"
        if known.plan.appliesTo != nil { known.appliesTo = known.appliesTo ?? "1" }
        for index in known.lines.indices { known.lines[index].item = known.lines[index].item ?? "known" }
        do throws(Fault) {
            _ = try Self.body(of: known, try Dialect(connection))
            return []
        } catch {
            return [error]
        }
    }

    // MARK: Invoices, credit notes, bills and orders

    private static func trade(_ document: LedgerDocument, _ set: EntitySet, _ dialect: Dialect, _ order: OpenOrder?) throws(Fault) -> JSON {
        let plan = document.plan
        let day = JSON.string(plan.date.description)
        let party = try party(document)
        let form = try SalesForm(document)
        let lineKind = set.lines(dialect)
        var members: [(key: String, value: JSON)] = [
            ("CardCode", .string(party)), ("DocType", lineKind == .service ? "dDocument_Service" : "dDocument_Items"), ("DocDate", day),
            // A payment term of the partner's would move it. Of an order it is when the goods are wanted: as soon as they can come.
            ("TaxDate", day), ("DocDueDate", .string((document.due ?? plan.date).description)),
            // So would a discount of the partner's the total.
            ("DiscountPercent", 0),
        ]
        let reference = plain(document.reference)
        if let field = dialect.keyField {
            members.append((field, .string("cf:\(document.key)")))
            members.append(("NumAtCard", .string(cut(reference, utf16: B1Limits.numAtCard))))
        } else {
            members.append(("NumAtCard", .string(cut("cf:\(document.key) \(reference)", utf16: B1Limits.numAtCard))))
        }
        members += try currency(plan, dialect)
        members.append(("Comments", .string(words(document, limit: B1Limits.comments))))
        if let branch = dialect.branch { members.append(("BPL_IDAssignedToInvoice", .id(branch))) }
        var lines: [JSON] = []
        var open = order
        for line in form.lines {
            let members = try item(line, document, lineKind, dialect)
            lines.append(.object(members + (open?.take(members) ?? [])))
        }
        members.append(("DocumentLines", .array(lines)))
        return .object(members)
    }

    private static func item(
        _ line: SalesForm.Line, _ document: LedgerDocument, _ kind: Dialect.Lines, _ dialect: Dialect
    ) throws(Fault) -> [(key: String, value: JSON)] {
        let currency = document.plan.currency
        var members: [(key: String, value: JSON)] = []
        switch kind {
        case .service:
            members.append(("ItemDescription", .string(document.plan.form.isPurchase ? counted(line.source.plan) : description(line.source.plan))))
            members.append(("AccountCode", .string(try account(line.source.account))))
            // Of a document in a foreign currency LineTotal is the company's own.
            members.append((document.plan.rate == nil ? "LineTotal" : "RowTotalFC", money(line.minor, currency)))
        case .items:
            guard let item = line.source.item, !item.isEmpty else {
                throw refused("item_missing", "the item of \(description(line.source.plan)) is not known", "Report it.")
            }
            let (quantity, price) = line.multiplied(currency)
            members.append(("ItemCode", .string(item)))
            members.append(("ItemDescription", .string(description(line.source.plan))))
            members.append(("AccountCode", .string(try account(line.source.account))))
            members.append(("Quantity", .decimal(quantity)))
            members.append(("UnitPrice", .number(price.text)))
            // A price of a price list's would bring its discount along.
            members.append(("DiscountPercent", 0))
            if document.plan.rate != nil { members.append(("Currency", .string(dialect.code(of: currency)))) }
        }
        if let code = line.code ?? (document.plan.form.isPurchase ? dialect.purchaseExemptCode : dialect.exemptCode) {
            members.append((dialect.taxCodes.field, .string(code)))
            // Stated even where it is zero: it would be worked out otherwise.
            members.append(("TaxTotal", money(line.tax, currency)))
        }
        return members + (try dimensions(line.source))
    }

    // MARK: Payments

    private static func payment(_ document: LedgerDocument, _ set: EntitySet, _ dialect: Dialect) throws(Fault) -> JSON {
        let plan = document.plan
        guard let form = PaymentForm(document), let first = form.tenders.first else {
            throw refused("payment_malformed", "a payment needs a line on the receivable", "Report it.")
        }
        let day = JSON.string(plan.date.description)
        var members: [(key: String, value: JSON)] = [
            // Refunds go to customers as well.
            ("DocType", "rCustomer"), ("CardCode", .string(try party(document))), ("DocDate", day), ("TaxDate", day), ("DueDate", day),
        ]
        members += try currency(plan, dialect)
        members += [
            ("TransferAccount", .string(try account(first.account))), ("TransferDate", day), ("TransferReference", .string("cf:\(document.key)")),
            ("TransferSum", money(first.minor, plan.currency)),
        ]
        if form.tenders.count > 1 {
            members.append(("CashAccount", .string(try account(form.tenders[1].account))))
            members.append(("CashSum", money(form.tenders[1].minor, plan.currency)))
        }
        members.append(("Remarks", .string(words(document, limit: B1Limits.comments))))
        if let branch = dialect.branch { members.append(("BPLID", .id(branch))) }
        if let other = plan.appliesTo {
            guard let id = document.appliesTo.flatMap({ recordID($0) }) else {
                throw refused("remote_id_missing", "SAP Business One's number of the document that it settles is not known", "Report it.")
            }
            members.append(("PaymentInvoices", [
                .object([
                    ("LineNum", 0), ("DocEntry", .id(id)), ("InvoiceType", .string(invoiceType(other.form))),
                    (plan.rate == nil ? "SumApplied" : "AppliedFC", money(form.total, plan.currency)),
                ]),
            ]))
        }
        return .object(members)
    }

    static func invoiceType(_ form: PostingForm) -> String { form == .creditNote ? "it_CredItnote" : "it_Invoice" }

    // MARK: Entries

    private static func entry(_ document: LedgerDocument, _ dialect: Dialect) throws(Fault) -> JSON {
        let plan = document.plan
        let form = try EntryForm(document)
        let day = JSON.string(plan.date.description)
        var lines: [JSON] = []
        for item in form.items {
            var members: [(key: String, value: JSON)] = []
            // Who owes is named; the account is the partner's own.
            if item.line.isReceivable {
                members.append(("ShortName", .string(try party(document))))
            } else {
                members.append(("AccountCode", .string(try account(item.line.account))))
            }
            let isDebit = item.minor == 0 ? item.base.minor >= 0 : item.minor > 0
            // A difference of rates is a line without an amount of its own; the sides of both amounts are the same otherwise.
            let base = isDebit ? item.base : -item.base
            members.append((isDebit ? "Debit" : "Credit", .number(base.text)))
            if plan.rate != nil, item.minor != 0 {
                members.append((isDebit ? "FCDebit" : "FCCredit", money(abs(item.minor), plan.currency)))
                members.append(("FCCurrency", .string(dialect.code(of: plan.currency))))
            }
            let text = plain(item.line.plan.text)
            if !text.isEmpty { members.append(("LineMemo", .string(cut(text, utf16: B1Limits.memo)))) }
            if let branch = dialect.branch { members.append(("BPLID", .id(branch))) }
            members += try dimensions(item.line)
            lines.append(.object(members))
        }
        return .object([
            ("ReferenceDate", day), ("DueDate", day), ("TaxDate", day), ("Memo", .string(words(document, limit: B1Limits.memo))),
            ("Reference", .string("cf:\(document.key)")), ("JournalEntryLines", .array(lines)),
        ])
    }

    // MARK: Fields

    /// Our key at the head of a reference.
    static func key(of text: String?) -> PostKey? {
        guard let text, text.hasPrefix("cf:") else { return nil }
        let rest = text.dropFirst(3)
        guard rest.dropFirst(16).first.map({ $0 == " " }) ?? true else { return nil }
        return PostKey(rest.prefix(16))
    }

    /// What people read.
    private static func words(_ document: LedgerDocument, limit: Int) -> String {
        let all = [document.reference, document.plan.reference ?? "", document.plan.note ?? ""].map(plain).filter { !$0.isEmpty }
        return cut(all.joined(separator: " | "), utf16: limit)
    }

    /// The title; the SKU or the role's name where a line has none.
    static func description(_ line: PostingLine) -> String {
        for text in [line.text, line.sku].map(plain) where !text.isEmpty { return cut(text, utf16: B1Limits.lineText) }
        let words = plain(line.role.text.replacing("_", with: " ").replacing(":", with: ": "))
        return cut(words.prefix(1).uppercased() + words.dropFirst(), utf16: B1Limits.lineText)
    }

    /// What is bought, and how much of it, since no quantity says so: `20 × CUP-1, Cup`.
    private static func counted(_ line: PostingLine) -> String {
        let what = [plain(line.sku), plain(line.text)].filter { !$0.isEmpty }.joined(separator: ", ")
        guard let quantity = line.quantity, !what.isEmpty else { return description(line) }
        return cut("\(quantity.shortest) × \(what)", utf16: B1Limits.lineText)
    }

    private static func dimensions(_ line: LedgerDocument.Line) throws(Fault) -> [(key: String, value: JSON)] {
        var members: [(key: String, value: JSON)] = []
        for name in dimensionNames {
            guard let text = line.dimensions[name.ours].map(plain), !text.isEmpty else { continue }
            let most = name.theirs == "ProjectCode" ? B1Limits.projectCode : B1Limits.costingCode
            // Cut, it would be another one's code.
            guard text.utf16.count <= most else {
                throw refused(
                    "dimension_invalid", "the dimension \(name.ours) is \(cut(text, utf16: 60)), which is no code in SAP Business One",
                    "Set it to a code of at most \(most) characters.")
            }
            members.append((name.theirs, .string(text)))
        }
        return members
    }

    private static func money(_ minor: Int64, _ currency: Currency) -> JSON { .number(Money(minor: minor, currency).text) }

    private static func account(_ account: BoundAccount) throws(Fault) -> String {
        guard let code = account.remoteID, !code.isEmpty else {
            throw refused("account_not_bound", "account \(account.code) is not in SAP Business One", "Create the account or bind the role anew.")
        }
        return code
    }

    private static func party(_ document: LedgerDocument) throws(Fault) -> String {
        guard let code = document.party, !code.isEmpty else {
            throw refused("party_missing", "the \(document.plan.form.isPurchase ? "supplier" : "customer") of the document is not known", "Report it.")
        }
        return code
    }

    /// The document's currency in the company's own code, and its rate where it is a foreign one.
    private static func currency(_ plan: PlannedPosting, _ dialect: Dialect) throws(Fault) -> [(key: String, value: JSON)] {
        let code = JSON.string(dialect.code(of: plan.currency))
        guard plan.rate != nil else { return [("DocCurrency", code)] }
        return [("DocCurrency", code), ("DocRate", .decimal(try rate(plan, dialect)))]
    }

    /// Ours is in the company's units per one of the document's: direct. Companies may state the other way round.
    static func rate(_ plan: PlannedPosting, _ dialect: Dialect) throws(Fault) -> ExactDecimal {
        let fault = refused("rate_out_of_range", "the document's rate can't be written", "Check the order's rate in the source.")
        guard let rate = plan.rate?.shortest, rate.coefficient > 0, rate.scale <= 24, rate.coefficient < largestRate else { throw fault }
        let scale = B1Limits.rateScale
        var out = rate.scale <= scale ? rate : rate.rounded(toScale: scale)
        if dialect.rate == .indirect {
            let one = (0 ..< rate.scale + scale).reduce(Int128(1)) { product, _ in product * 10 }
            out = ExactDecimal(coefficient: ExactDecimal.divideHalfUp(one, rate.coefficient), scale: scale)
        }
        guard !out.isZero else { throw fault }
        return out.shortest
    }

    private static let largestRate: Int128 = 1_000_000_000_000_000_000_000_000

    static func unsupported(_ form: PostingForm) -> Fault {
        let remedy = form == .salesReceipt
            ? "Set the policy sale_form to invoice_payment: SAP Business One makes tax on invoices." : form.remedyWhereUnsupported
        return refused("form_unsupported", "SAP Business One takes no \(form.rawValue.replacing("_", with: " ")) from us", remedy)
    }
}

extension JSON {
    static func id(_ id: Int) -> JSON { .number("\(id)") }
}
