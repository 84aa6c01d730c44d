internal import Books
public import ConnectorKit
public import Kernel
internal import Wire

extension SageIntacctConnector {
    /// What a planned posting becomes there: the function that creates it. The same for create and update.
    /// - Throws: `form_unsupported`, what `TradeLines` and `EntryLines` throw, and faults that name what the document lacks: all reject, but for
    ///   `waits_for_document`.
    static func content(of document: LedgerDocument, _ settings: Settings) throws(Fault) -> Function.Content {
        guard let record = Record(document) else { throw unsupported(document.plan.form) }
        guard !document.waits else {
            throw Fault(
                "waits_for_document", stage: .post, disposition: .retry, summary: "the document that the payment settles is not in Sage Intacct yet",
                remedy: "None needed: it is tried again.")
        }
        let content: Function.Content =
            switch record {
            case .invoice, .bill: try invoice(document, record, settings)
            case .adjustment: try adjustment(document, settings)
            case .payment: try payment(document)
            case .receipt: try receipt(document, settings)
            case .entry: try entry(document, settings)
            }
        guard content.bytes.count <= IntacctLimits.requestBytes else {
            throw refused(
                "document_too_large", "it comes to \(content.bytes.count) bytes, more than one request to Sage Intacct may have",
                "Set the policy posting to documents of fewer lines.")
        }
        return content
    }

    /// The request that the document would be written with says what stands in its way.
    public func objections(to document: LedgerDocument, _ connection: ConnectionFacts) -> [Fault] {
        guard document.plan.effect == .post else { return [] }
        var known = document
        known.party = known.party ?? "known"
        if known.plan.appliesTo != nil { known.appliesTo = known.appliesTo ?? "1" }
        do throws(Fault) {
            _ = try Self.content(of: known, try Settings(connection))
            return []
        } catch {
            return [error]
        }
    }

    // MARK: Receivables and payables

    /// What a supplier charges is written as what a customer is charged, under other names.
    /// - Source: api.xsd: create_invoice, create_bill; the order of elements is fixed.
    private static func invoice(_ document: LedgerDocument, _ record: Record, _ settings: Settings) throws(Fault) -> Function.Content {
        let isBill = record == .bill
        let trade = try TradeLines(document, record)
        guard !isBill || trade.sum >= 0 else {
            throw refused(
                "total_negative", "the bill comes to \(Money(minor: trade.sum, document.plan.currency).text)",
                "Sage Intacct takes no bill below zero: enter it there as an adjustment of payables.")
        }
        let party = try party(document)
        let currency = try Conversion(document)
        let items = try items(trade, document, settings)
        return Function.Content(isBill ? "create_bill" : "create_invoice") { writer in
            writer.element(isBill ? "vendorid" : "customerid", party)
            for name in ["datecreated", "dateposted"] { date(document.plan.date, name, &writer) }
            date(document.due ?? document.plan.date, "datedue", &writer)
            writer.element("action", "Submit")
            writer.element(isBill ? "billno" : "invoiceno", document.key.text)
            let order = cut(plain(document.reference), characters: IntacctLimits.poNumber)
            if !order.isEmpty { writer.element("ponumber", plain(order)) }
            writer.element("description", description(document))
            currency.write(&writer)
            if trade.hasTaxEntries, let solution = settings.taxSolution { writer.element("taxsolutionid", solution) }
            write(items, isBill ? "billitems" : "invoiceitems", &writer)
        }
    }

    /// A credit memo has amounts below zero, a debit memo above.
    /// - Source: api.xsd: create_aradjustment; developer.intacct.com, AR Adjustments: the sign.
    private static func adjustment(_ document: LedgerDocument, _ settings: Settings) throws(Fault) -> Function.Content {
        let trade = try TradeLines(document, .adjustment)
        let party = try party(document)
        let currency = try Conversion(document)
        let items = try items(trade, document, settings)
        return Function.Content("create_aradjustment") { writer in
            writer.element("customerid", party)
            for name in ["datecreated", "dateposted"] { date(document.plan.date, name, &writer) }
            writer.element("adjustmentno", document.key.text)
            writer.element("action", "Submit")
            writer.element("description", description(document))
            currency.write(&writer)
            if trade.hasTaxEntries, let solution = settings.taxSolution { writer.element("taxsolutionid", solution) }
            write(items, "aradjustmentitems", &writer)
        }
    }

    /// - Source: developer.intacct.com, AR Payments: Create AR Payment.
    private static func payment(_ document: LedgerDocument) throws(Fault) -> Function.Content {
        try TradeLines.check(document.plan)
        guard let tender = document.tenders.first, let invoice = document.appliesTo, isRecordNumber(invoice) else {
            throw refused("payment_malformed", "a payment needs one account and an invoice", "Report it.")
        }
        let party = try party(document)
        let money = try MoneyPlace(tender)
        let currency = try Conversion(document)
        return Function.Content("create") { writer in
            writer.start("ARPYMT")
            money.write(bank: "FINANCIALENTITY", held: "UNDEPOSITEDACCOUNTNO", method: "PAYMENTMETHOD", &writer)
            writer.element("CUSTOMERID", party)
            writer.element("DOCNUMBER", document.key.text)
            writer.element("DESCRIPTION", description(document))
            for name in ["RECEIPTDATE", "PAYMENTDATE"] { writer.element(name, slashed(document.plan.date)) }
            currency.writeObject(&writer)
            writer.start("ARPYMTDETAILS")
            writer.start("ARPYMTDETAIL")
            writer.element("RECORDKEY", invoice)
            writer.element("TRX_PAYMENTAMOUNT", document.plan.total.text)
            writer.end()
            writer.end()
            writer.end()
        }
    }

    /// A payment of no money, which matches an adjustment of ours with the document that it settles: a credit memo with an invoice, a debit memo
    /// with a credit memo.
    /// - Source: developer.intacct.com, AR Payments: RECORDKEY, POSADJKEY and ADJUSTMENTKEY of a detail.
    static func matching(_ document: LedgerDocument, id: String) throws(Fault) -> Function.Content? {
        guard let match = document.match else { return nil }
        let other = document.lines.first { !$0.isReceivable }
        guard let other else { throw refused("payment_malformed", "a payment needs an account", "Report it.") }
        let party = try party(document)
        let money = try MoneyPlace(other)
        let currency = try Conversion(document)
        let isRefund = document.plan.form == .refundPayment
        return Function.Content("create") { writer in
            writer.start("ARPYMT")
            money.write(bank: "FINANCIALENTITY", held: "UNDEPOSITEDACCOUNTNO", method: "PAYMENTMETHOD", &writer)
            writer.element("CUSTOMERID", party)
            writer.element("DOCNUMBER", document.matchNumber)
            writer.element("DESCRIPTION", description(document))
            for name in ["RECEIPTDATE", "PAYMENTDATE"] { writer.element(name, slashed(document.plan.date)) }
            currency.writeObject(&writer)
            writer.start("ARPYMTDETAILS")
            writer.start("ARPYMTDETAIL")
            writer.element(isRefund ? "POSADJKEY" : "RECORDKEY", isRefund ? id : match.other)
            writer.element("ADJUSTMENTKEY", isRefund ? match.other : id)
            writer.element("TRX_ADJUSTMENTAMOUNT", Money(minor: match.minor, document.plan.currency).text)
            writer.end()
            writer.end()
            writer.end()
        }
    }

    // MARK: Money without receivables

    /// - Source: api.xsd: record_otherreceipt; `payee` is who pays.
    private static func receipt(_ document: LedgerDocument, _ settings: Settings) throws(Fault) -> Function.Content {
        let trade = try TradeLines(document, .receipt)
        guard document.tenders.count == 1, let tender = document.tenders.first, tender.plan.amount == document.plan.total else {
            throw refused(
                "payment_malformed", "another receipt in Sage Intacct puts its money on one account", "Set the policy sale_form to invoice_payment.")
        }
        let money = try MoneyPlace(tender)
        let currency = try Conversion(document)
        let items = try items(trade, document, settings)
        let payer = cut(plain(document.plan.party), characters: IntacctLimits.partyName)
        return Function.Content("record_otherreceipt") { writer in
            date(document.plan.date, "paymentdate", &writer)
            writer.element("payee", payer.isEmpty ? "shop" : payer)
            date(document.plan.date, "receiveddate", &writer)
            writer.element("paymentmethod", money.method)
            switch money.place {
            case .held(let account): writer.element("undepglaccountno", account)
            case .bank(let id):
                writer.element("bankaccountid", id)
                date(document.plan.date, "depositdate", &writer)
            }
            writer.element("refid", document.key.text)
            writer.element("description", description(document))
            currency.write(&writer, base: false)
            if trade.hasTaxEntries, let solution = settings.taxSolution { writer.element("taxsolutionid", solution) }
            write(items, "receiptitems", &writer)
        }
    }

    // MARK: Journal entries

    /// - Source: developer.intacct.com, Journal Entries: TR_TYPE 1 is debit, -1 credit, amounts without a sign.
    private static func entry(_ document: LedgerDocument, _ settings: Settings) throws(Fault) -> Function.Content {
        let fields = try entryFields(document, settings)
        return Function.Content("create") { writer in
            writer.start("GLBATCH")
            writer.element("JOURNAL", settings.journal)
            fields(&writer)
            writer.end()
        }
    }

    /// The same entry with other lines: those that are not named go.
    static func entryUpdate(_ document: LedgerDocument, id: String, _ settings: Settings) throws(Fault) -> Function.Content {
        let fields = try entryFields(document, settings)
        return Function.Content("update") { writer in
            writer.start("GLBATCH")
            writer.element("RECORDNO", id)
            fields(&writer)
            writer.end()
        }
    }

    private static func entryFields(_ document: LedgerDocument, _ settings: Settings) throws(Fault) -> (inout XMLWriter) -> Void {
        let entry = try EntryLines(document)
        let rate = try entry.rate.map { rate throws(Fault) in try Conversion.text(rate) }
        var lines: [(line: EntryLines.Line, account: String, dimensions: [String: String])] = []
        for line in entry.lines {
            var dimensions = try Dimension.values(line.source, settings)
            if line.source.isReceivable, dimensions["customer"] == nil { dimensions["customer"] = document.party }
            lines.append((line, try account(line.source.account), dimensions))
        }
        return { writer in
            writer.element("BATCH_DATE", slashed(document.plan.date))
            writer.element("BATCH_TITLE", cut(description(document), characters: IntacctLimits.batchTitle))
            writer.element("REFERENCENO", document.key.text)
            writer.element("STATE", "Posted")
            writer.start("ENTRIES")
            for (line, account, dimensions) in lines {
                writer.start("GLENTRY")
                writer.element("ACCOUNTNO", account)
                writer.element("TR_TYPE", line.amount.minor < 0 ? "-1" : "1")
                writer.element("TRX_AMOUNT", line.amount.magnitude.text)
                writer.element("CURRENCY", entry.currency.code)
                if let rate { writer.element("EXCHANGE_RATE", rate) } else { writer.element("EXCH_RATE_TYPE_ID", Conversion.dailyRate) }
                writer.element("DESCRIPTION", memo(line.source.plan, document))
                for dimension in Dimension.all { if let value = dimensions[dimension.name] { writer.element(dimension.new, value) } }
                writer.end()
            }
            writer.end()
        }
    }

    // MARK: Lines

    private struct Item: Sendable {
        var account: String
        var offset: String?
        var amount: String
        var memo: String
        var dimensions: [String: String]
        var taxes: [(detail: String, amount: String)]
    }

    private static func items(_ trade: TradeLines, _ document: LedgerDocument, _ settings: Settings) throws(Fault) -> [Item] {
        let currency = document.plan.currency
        let control = document.lines.first { $0.plan.part == .control && $0.isReceivable }
        var out: [Item] = []
        for line in trade.lines {
            let offset = try settings.statesReceivable ? control.map { control throws(Fault) in try account(control.account) } : nil
            out.append(Item(
                account: try account(line.source.account), offset: offset, amount: Money(minor: line.minor, currency).text,
                memo: memo(line.source.plan, document), dimensions: try Dimension.values(line.source, settings),
                taxes: line.taxes.map { ($0.detail, Money(minor: $0.minor, currency).text) }))
        }
        return out
    }

    /// - Source: api.xsd: lineitem.
    private static func write(_ items: [Item], _ name: String, _ writer: inout XMLWriter) {
        writer.start(name)
        for item in items {
            writer.start("lineitem")
            writer.element("glaccountno", item.account)
            if let offset = item.offset { writer.element("offsetglaccountno", offset) }
            writer.element("amount", item.amount)
            writer.element("memo", item.memo)
            for dimension in Dimension.all { if let value = item.dimensions[dimension.name] { writer.element(dimension.old, value) } }
            if !item.taxes.isEmpty {
                writer.start("taxentries")
                for tax in item.taxes {
                    writer.start("taxentry")
                    writer.element("detailid", tax.detail)
                    writer.element("trx_tax", tax.amount)
                    writer.end()
                }
                writer.end()
            }
            writer.end()
        }
        writer.end()
    }
}
