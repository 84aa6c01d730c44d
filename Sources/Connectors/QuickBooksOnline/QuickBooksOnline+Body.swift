internal import Books
public import ConnectorKit
public import Kernel
internal import Wire

extension QuickBooksOnlineConnector {
    /// What the document becomes there; `nil` for a form that we don't write. Money in by a clearing or bank account
    /// is a payment; by any other account (a gift card's liability) it is a journal, because payments can only be
    /// deposited to bank and current asset accounts, and so is one with a fee or a rounding beside it. Money out is a
    /// journal always: a refund receipt would repeat the credit memo's lines. What moves money between accounts of
    /// our own or stands for many orders is a journal.
    func entity(of document: LedgerDocument) -> Entity? {
        switch document.plan.form {
        case .invoice: .invoice
        case .creditNote: .creditMemo
        case .salesReceipt: .salesReceipt
        case .payment: document.depositTender == nil ? .journalEntry : .payment
        case .refundPayment, .journal, .reversal, .settlement, .payout, .deposit, .summary: .journalEntry
        case .bill: .bill
        case .purchaseOrder: .purchaseOrder
        case .memo, .salesOrder: nil
        }
    }

    /// The request body that creates the document.
    /// - Parameter taxes: how it tells its taxes.
    /// - Throws: `unsupported_form`, `account_not_bound`, `item_not_found`, `party_not_found`, `original_not_posted`,
    ///   `unbalanced`,
    /// `negative_total`, `tax_without_line`, `no_lines`, `tax_code_unbound`, `tax_code_invalid`: nothing is sent then.
    func body(of document: LedgerDocument, _ taxes: Taxation = .total) throws(Fault) -> (entity: Entity, body: JSON) {
        guard let entity = entity(of: document) else { throw Self.unsupported(document.plan.form) }
        if needsParty(document, entity), document.party == nil {
            let who = entity.isPurchase ? "vendor" : "customer"
            throw Self.refusal(
                "party_not_found", "the document's \(who) is not in QuickBooks Online",
                "Create the \(who) and try again.")
        }
        switch entity {
        case .invoice, .creditMemo, .salesReceipt: return (entity, try salesBody(document, entity, taxes))
        case .payment: return (entity, try paymentBody(document))
        case .journalEntry: return (entity, try journalBody(document))
        case .bill, .purchaseOrder: return (entity, try purchaseBody(document, entity, taxes))
        }
    }

    func needsParty(_ document: LedgerDocument, _ entity: Entity) -> Bool {
        entity == .journalEntry ? document.lines.contains(where: \.isReceivable) : true
    }

    // MARK: Invoices, credit memos, sales receipts

    private func salesBody(_ document: LedgerDocument, _ entity: Entity, _ taxes: Taxation) throws(Fault) -> JSON {
        guard let form = SalesForm(document, entity) else { throw Self.unsupported(document.plan.form) }
        try Self.check(form, document, entity)
        let currency = document.plan.currency
        var lines: [JSON] = []
        let placed = try Dimensions(document)
        for line in form.lines { lines.append(try Self.salesLine(line, currency, placed, try taxes.code(line))) }
        if let discount = form.discount {
            let account = try Self.remoteID(discount.account)
            lines.append([
                "Amount": number(discount.minor, currency), "DetailType": "DiscountLineDetail",
                "DiscountLineDetail": .object(
                    [("PercentBased", false), ("DiscountAccountRef", reference(account))] + (taxes.discountCode.map { [("TaxCodeRef", reference($0))] } ?? [])),
            ])
        }
        var members = header(document)
        if entity == .invoice { members.append(("DueDate", .string(document.plan.date.description))) }
        if let party = document.party { members.append(("CustomerRef", reference(party))) }
        if let deposit = form.deposit { members.append(("DepositToAccountRef", reference(try Self.remoteID(deposit)))) }
        members += placed.header
        members.append(("Line", .array(lines)))
        // Stated even when zero: left out, automated sales tax would work out one of its own.
        members += try taxes.members(document, form.lines, discount: form.discount?.minor ?? 0, tax: form.tax, sign: form.sign, isPurchase: false)
        return .object(members)
    }

    /// What every document has: number, date, currency, and the note that `find` and people read.
    func header(_ document: LedgerDocument) -> [(key: String, value: JSON)] {
        var members: [(key: String, value: JSON)] = [
            ("DocNumber", .string(document.key.text)), ("TxnDate", .string(document.plan.date.description)),
            ("CurrencyRef", reference(document.plan.currency.code)),
        ]
        if let rate = document.plan.rate { members.append(("ExchangeRate", .decimal(rate.shortest))) }
        members.append(("PrivateNote", .string(Self.note(of: document))))
        return members
    }

    /// `cf:<key> REF`, and behind ` | ` whatever else people should know.
    static func note(of document: LedgerDocument) -> String {
        let more = [document.plan.reference, document.plan.note].compactMap(\.self).filter { !$0.isEmpty }
        let words = (["cf:\(document.key) \(document.reference)"] + more).joined(separator: " | ")
        return cut(cleanedLine(words), utf16: QuickBooksLimits.documentNote)
    }

    private static func check(_ form: SalesForm, _ document: LedgerDocument, _ entity: Entity) throws(Fault) {
        let currency = document.plan.currency
        guard !form.lines.isEmpty || form.discount != nil else {
            throw form.tax == 0
                ? refusal(
                    "no_lines", "the document has no lines",
                    "QuickBooks Online takes no empty document: enter it there if it is needed.")
                : refusal(
                    "tax_without_line",
                    "the document is tax alone, and QuickBooks Online takes tax only with a line it is charged on",
                    "Correct the tax in QuickBooks Online by a sales tax adjustment.")
        }
        let total = Money(minor: form.total, currency)
        guard form.tax >= 0, form.total >= 0 else {
            throw refusal(
                "negative_total",
                "the document comes to \(total.text), its tax to \(Money(minor: form.tax, currency).text)",
                "QuickBooks Online takes neither below zero: enter it there as the opposite document.")
        }
        let tendered = form.deposit == nil ? 0 : document.plan.total.minor - form.total
        guard entity == .salesReceipt ? tendered >= 0 : form.total == document.plan.total.minor else {
            throw unbalanced("its lines come to \(total.text), its total is \(document.plan.total.text)")
        }
    }

    private static func salesLine(_ line: SalesForm.Line, _ currency: Currency, _ placed: Dimensions, _ code: String?) throws(Fault) -> JSON {
        guard let item = line.source.item else {
            throw refusal(
                "item_not_found", "\"\(cut(line.source.plan.text, utf16: 60))\" has no item in QuickBooks Online",
                "Create the item and try again.",
                position: line.source.plan.role.text)
        }
        var detail: [(key: String, value: JSON)] = [("ItemRef", reference(item))]
        if let (quantity, price) = line.multiplied(currency) {
            detail.append(("Qty", .decimal(quantity)))
            detail.append(("UnitPrice", .decimal(price)))
        }
        if let code { detail.append(("TaxCodeRef", reference(code))) }
        if let name = placed.ofLine(line.source) { detail.append(("ClassRef", reference(name))) }
        var members: [(key: String, value: JSON)] = []
        let text = cut(line.source.plan.text, utf16: QuickBooksLimits.lineNote)
        if !text.isEmpty { members.append(("Description", .string(text))) }
        members.append(("Amount", number(line.minor, currency)))
        members.append(("DetailType", "SalesItemLineDetail"))
        members.append(("SalesItemLineDetail", .object(detail)))
        return .object(members)
    }

    // MARK: Payments and journals

    private func paymentBody(_ document: LedgerDocument) throws(Fault) -> JSON {
        guard let tender = document.depositTender, tender.plan.amount.minor > 0 else {
            throw Self.unbalanced("it takes in nothing")
        }
        let total = document.plan.total
        guard tender.plan.amount == total else { throw Self.unbalanced("its tender is not its total of \(total.text)") }
        var members = header(document)
        // A payment's own number field is another one.
        members[0] = ("PaymentRefNum", .string(document.key.text))
        if let party = document.party { members.append(("CustomerRef", reference(party))) }
        members.append(("TotalAmt", number(total.minor, document.plan.currency)))
        members.append(("DepositToAccountRef", reference(try Self.remoteID(tender.account))))
        if let invoice = document.appliesTo {
            members.append(
                (
                    "Line",
                    [
                        [
                            "Amount": number(total.minor, document.plan.currency),
                            "LinkedTxn": [["TxnId": .string(invoice), "TxnType": "Invoice"]],
                        ]
                    ]
                ))
        } else if document.plan.appliesTo != nil {
            throw Self.refusal(
                "original_not_posted", "the invoice it pays is not in QuickBooks Online",
                "None needed: it waits for the invoice.")
        }
        return .object(members)
    }

    private func journalBody(_ document: LedgerDocument) throws(Fault) -> JSON {
        let currency = document.plan.currency
        let form = JournalForm(document), entries = form.entries
        guard !form.isMixed else {
            throw Self.refusal(
                "lines_in_currencies", "its lines are in several currencies, and a journal has one",
                "Have the processor pay out in the currency of the sales or in the home currency, or enter it by hand.")
        }
        guard !entries.isEmpty else { throw Self.unbalanced("it moves nothing") }
        let sum = entries.map(\.minor).reduce(0, +)
        guard sum == 0 else {
            throw Self.unbalanced("debits and credits differ by \(Money(minor: sum, currency).text)")
        }
        if let other = Self.otherParty(document) {
            throw Self.refusal(
                "receivable_of_many", "it leaves something owed by \(other), and a journal names one customer",
                "Set the policy customer: house where sales are summed up.")
        }
        guard entries.filter(\.line.isReceivable).count <= 1 else {
            throw Self.refusal(
                "two_receivables",
                "it has lines on two receivable accounts, and QuickBooks Online takes one in a journal",
                "Bind the receivable roles to one account.")
        }
        var lines: [JSON] = []
        for entry in entries {
            var detail: [(key: String, value: JSON)] = [
                ("PostingType", entry.minor > 0 ? "Debit" : "Credit"),
                ("AccountRef", reference(try Self.remoteID(entry.line.account))),
            ]
            if entry.line.isReceivable, let party = document.party {
                detail.append(("Entity", ["Type": "Customer", "EntityRef": reference(party)]))
            }
            // A journal has both at its lines, wherever other documents have them.
            if let id = entry.line.dimensions["class"] {
                detail.append(("ClassRef", reference(Dimensions.id(id))))
            }
            if let id = entry.line.dimensions["department"] { detail.append(("DepartmentRef", reference(id))) }
            let words = entry.line.plan.text.isEmpty ? document.reference : entry.line.plan.text
            lines.append([
                "Description": .string(cut(words, utf16: QuickBooksLimits.lineNote)),
                "Amount": number(abs(entry.minor), currency), "DetailType": "JournalEntryLineDetail",
                "JournalEntryLineDetail": .object(detail),
            ])
        }
        return .object(header(document) + [("Line", .array(lines))])
    }

    /// Somebody beside the document's party who owes or is owed: only what stands for many orders can have that.
    private static func otherParty(_ document: LedgerDocument) -> String? {
        guard [.summary, .settlement].contains(document.plan.form) else { return nil }
        return document.lines.first { $0.isReceivable && $0.plan.role.detail != document.plan.party && !$0.plan.amount.isZero }?.plan.role.detail
    }

    // MARK: Refusals of our own

    /// Journals can be judged as soon as their accounts are known; sales forms when their items and customer are. Of taxes the company's country says
    /// something.
    public func objections(to document: LedgerDocument, _ connection: ConnectionFacts) -> [Fault] {
        guard document.plan.effect == .post else { return [] }
        let abroad = Self.objectionsAbroad(to: document, entity(of: document), connection)
        guard abroad.isEmpty, !document.plan.form.isPurchase else { return abroad }
        guard entity(of: document) ?? .journalEntry == .journalEntry else { return [] }
        var known = document
        known.party = known.party ?? "0"
        do throws(Fault) {
            _ = try body(of: known)
            return []
        } catch {
            return [error]
        }
    }

    static func remoteID(_ account: BoundAccount) throws(Fault) -> String {
        guard let id = account.remoteID, !id.isEmpty else {
            throw refusal(
                "account_not_bound", "account \(account.code) is not in QuickBooks Online",
                "Create the account or bind the role anew.")
        }
        return id
    }

    static func unsupported(_ form: PostingForm) -> Fault {
        refusal(
            "unsupported_form", "QuickBooks Online documents of form \(form.rawValue) are not written",
            "Choose another policy for such sales.")
    }

    static func unbalanced(_ why: String) -> Fault {
        Fault(
            "unbalanced", stage: .post, disposition: .bug, summary: "the document does not add up: \(why)",
            remedy: "Report it.")
    }

    static func refusal(_ code: String, _ summary: String, _ remedy: String, position: String? = nil) -> Fault {
        Fault(code, stage: .post, disposition: .hold, summary: summary, remedy: remedy, position: position)
    }
}
