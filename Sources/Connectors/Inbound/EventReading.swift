internal import Books
internal import Kernel
internal import Wire

/// An event whose form has been checked, as documents. Each tells the whole object as of its version, so that order and repetition can't matter.
struct EventReading {
    private let object: InboundObject
    private let profile: InboundConnector.Profile
    private let settings: InboundSettings
    let isDeleted: Bool
    let id: String
    let version: Int64
    let occurred: Timestamp
    let body: Part

    init(_ event: JSON, _ object: InboundObject, _ profile: InboundConnector.Profile, _ settings: InboundSettings, deleted: Bool) throws(Fault) {
        let root = Part(json: event, pointer: "")
        self.object = object
        self.profile = profile
        self.settings = settings
        isDeleted = deleted
        id = try root.needed("object_id")
        guard let version = event["object_version"]?.int else { throw root.unreadable("object_version", "is missing", "Add it.") }
        self.version = Int64(version)
        occurred = try root.moment("occurred_at")
        body = root.part("data")
    }

    func documents() throws(Fault) -> [SourceDocument] {
        switch object {
        case .salesOrder, .job: try order()
        case .invoice: try invoice()
        case .payment: [try payment()]
        case .deposit: [try deposit()]
        case .creditNote: [try creditNote()]
        case .fulfilment: [try fulfilment()]
        case .registerClosure: try closure()
        case .goodsReturn: try goodsReturn()
        case .bill: [try bill()]
        case .inventoryThreshold: [try level()]
        }
    }

    /// Orders and closures share no ids with invoices, whatever the sender calls them.
    private static func order(_ id: String) -> String { "order:\(id)" }

    private func document(_ own: String, in caseID: String, at: Timestamp, _ body: SourceDocument.Body) -> SourceDocument {
        SourceDocument(id: own, caseID: caseID, version: version, at: at, body: body)
    }

    /// A document's end: one note, however often it ends.
    private func end(of own: String, at: Timestamp, _ kind: Cancellation.Kind) -> SourceDocument {
        document("\(own)/end", in: own, at: at, .cancellation(Cancellation(kind: kind)))
    }

    // MARK: What is sold

    private func invoice() throws(Fault) -> [SourceDocument] {
        if isDeleted { return [end(of: id, at: occurred, .deleted)] }
        var sale = try SaleReading(body, profile.source).sale()
        sale.isInvoice = true
        sale.bills = (body.text("order") ?? body.text("job")).map(Self.order)
        sale.isDraft = body.text("status") == "draft"
        for part in body.list("deposits_applied") {
            sale.deposits.append(
                DepositApplied(id: try part.needed("id"), deposit: try part.needed("deposit"), amount: try part.money("amount", sale.currency)))
        }
        let told = document(id, in: id, at: try body.moment("issued_on"), .sale(sale))
        guard body.text("status") == "void" else { return [told] }
        return [told, end(of: id, at: body.text("voided_on") == nil ? occurred : try body.moment("voided_on"), .voided)]
    }

    private func order() throws(Fault) -> [SourceDocument] {
        let own = Self.order(id)
        if isDeleted { return [end(of: own, at: occurred, .deleted)] }
        var sale = try SaleReading(body, profile.source).sale()
        sale.isDraft = !settings.ordersAreSales || body.text("status") == "draft"
        let told = document(own, in: own, at: try body.moment("placed_on"), .sale(sale))
        return body.text("status") == "void" ? [told, end(of: own, at: occurred, .cancelled)] : [told]
    }

    /// A till's day: one sale, and a payment for each way that it was paid.
    private func closure() throws(Fault) -> [SourceDocument] {
        let own = "closure:\(id)"
        if isDeleted { return [end(of: own, at: occurred, .deleted)] }
        var sale = try SaleReading(body, "pos").sale()
        let at = try body.moment("closed_at")
        sale.isTillDay = true
        var out = [document(own, in: own, at: at, .sale(sale))]
        var seen: Set<String> = []
        for part in body.list("tenders") {
            let method = try part.needed("method")
            guard seen.insert(method).inserted else { throw part.unreadable("method", "is there twice", "Add the amounts of \(method) up.") }
            let payment = Payment(gateway: method, amount: try part.money("counted", sale.currency), status: .success)
            out.append(document("\(own)/\(method)", in: own, at: at, .payment(payment)))
        }
        return out
    }

    // MARK: What is bought

    /// It shares no ids with what is sold.
    private func bill() throws(Fault) -> SourceDocument {
        let own = "bill:\(id)"
        guard !isDeleted else {
            let currency = try body.currency()
            let none = Bill(number: id, supplier: "none", currency: currency, lines: [], total: .zero(currency), isVoid: true)
            return document(own, in: own, at: occurred, .bill(none))
        }
        let sale = try SaleReading(body, profile.source).sale()
        let bill = Bill(
            number: sale.number, supplier: try body.needed("supplier"), currency: sale.currency, rate: sale.rate, lines: sale.lines, total: sale.total,
            due: body.text("due_on") == nil ? nil : try body.moment("due_on"), isVoid: ["draft", "void"].contains(body.text("status") ?? ""))
        return document(own, in: own, at: try body.moment("issued_on"), .bill(bill))
    }

    // MARK: Stock

    /// Each version is a reading of its own: that there was enough in between is what makes the next order another one.
    private func level() throws(Fault) -> SourceDocument {
        let own = "\(id)@\(version)", caseID = "stock:\(id)"
        guard !isDeleted else {
            return document(own, in: caseID, at: occurred, .stockLevel(StockLevel(sku: "", onHand: .zero, threshold: .zero, isWatched: false)))
        }
        let currency = body.text("currency") == nil ? nil : try body.currency()
        let unitCost = try body.decimal("unit_cost")
        if unitCost != nil, currency == nil {
            throw body.unreadable("currency", "is missing beside unit_cost", "Add the currency that unit_cost is in.")
        }
        let level = StockLevel(
            sku: try body.needed("sku"), title: body.text("description") ?? "", location: body.text("location"),
            onHand: try body.decimal("on_hand") ?? .zero, threshold: try body.decimal("threshold") ?? .zero, quantity: try body.decimal("reorder_quantity"),
            unitCost: unitCost, currency: currency, rate: try body.decimal("rate"), supplier: body.text("supplier"))
        return document(own, in: caseID, at: occurred, .stockLevel(level))
    }

    // MARK: Money

    /// The case that a payment or credit note belongs to.
    private func settled() throws(Fault) -> String {
        switch (body.text("invoice"), body.text("order")) {
        case (let invoice?, nil): return invoice
        case (nil, let order?): return Self.order(order)
        default:
            throw body.unreadable(
                "invoice", "and order: exactly one of them must be there", "Name the document that it belongs to; without one send a deposit.")
        }
    }

    private func status(_ part: Part) -> Payment.Status {
        switch part.text("status") {
        case "paid": .success
        case "void": .voided
        default: .pending
        }
    }

    private func payment() throws(Fault) -> SourceDocument {
        let caseID = try settled(), currency = try body.currency()
        guard !isDeleted else {
            return document(id, in: caseID, at: occurred, .payment(Payment(gateway: "none", amount: .zero(currency), status: .voided)))
        }
        let payment = Payment(
            gateway: try body.needed("method"), amount: try body.money("amount", currency), status: status(body), reference: body.text("reference"))
        return document(id, in: caseID, at: try body.moment("received_on"), .payment(payment))
    }

    private func deposit() throws(Fault) -> SourceDocument {
        let currency = try body.currency(), caseID = "deposit:\(id)"
        guard !isDeleted else {
            return document(id, in: caseID, at: occurred, .deposit(Deposit(gateway: "none", amount: .zero(currency), status: .voided)))
        }
        let deposit = Deposit(
            gateway: try body.needed("method"), amount: try body.money("amount", currency), status: status(body),
            customer: body.part("customer").text("id") ?? "house", rate: try body.decimal("rate"))
        return document(id, in: caseID, at: try body.moment("received_on"), .deposit(deposit))
    }

    // MARK: What has left

    /// What is under way or was taken back says that nothing left.
    private func fulfilment() throws(Fault) -> SourceDocument {
        let caseID = try settled()
        guard !isDeleted else { return document(id, in: caseID, at: occurred, .fulfilment(Fulfilment(lines: []))) }
        let at = try body.moment("left_on"), isDone = body.text("status") == "done"
        var out = Fulfilment(lines: [], isAll: isDone && body.list("lines").isEmpty)
        var seen: Set<String> = []
        for part in body.list("lines") {
            let line = try part.needed("line")
            guard seen.insert(line).inserted else { throw part.unreadable("line", "is there twice", "Add the units of \(line) up.") }
            guard let quantity = try part.decimal("quantity"), !quantity.isZero else { throw part.unreadable("quantity", "is nothing", "Leave the line out.") }
            if isDone { out.lines.append(Fulfilment.Line(line: line, quantity: quantity)) }
        }
        return document(id, in: caseID, at: at, .fulfilment(out))
    }

    // MARK: What is taken back

    private func creditNote() throws(Fault) -> SourceDocument {
        let caseID = try settled(), currency = try body.currency()
        var refund = Refund(currency: currency, taxIncluded: body.flag("tax_included"), lines: [], total: .zero(currency), transactions: [])
        guard !isDeleted else { return document(id, in: caseID, at: occurred, .refund(refund)) }
        let at = try body.moment("issued_on")
        try credit(&refund)
        for part in body.list("refunds") {
            let paid: Payment.Status = part.text("status") == "paid" ? .success : part.text("status") == "void" ? .voided : .pending
            refund.transactions.append(
                MoneyMovement(
                    id: try part.needed("id"), gateway: try part.needed("method"), amount: try part.money("amount", currency), status: paid,
                    at: part.text("paid_on") == nil ? at : try part.moment("paid_on")))
        }
        // With nothing in it, the ledger is to have nothing of it.
        if ["draft", "void"].contains(body.text("status") ?? "") { (refund.lines, refund.adjustments, refund.transactions) = ([], [], []) }
        refund.total = refund.transactions.filter { $0.status == .success }.map(\.amount).total(currency)
        return document(id, in: caseID, at: at, .refund(refund))
    }

    private func credit(_ refund: inout Refund) throws(Fault) {
        var sum = Money.zero(refund.currency), seen: Set<String> = []
        for part in body.list("lines") {
            let own = try part.needed("id"), net = try part.money("net", refund.currency)
            guard seen.insert(own).inserted else { throw part.unreadable("id", "is there twice", "Give each line an id of its own.") }
            let taxes = try SaleReading.taxes(part, refund.currency)
            let taxed = taxes.map(\.amount).total(refund.currency)
            let whole = refund.taxIncluded ? net : net + taxed
            sum += whole
            if let line = part.text("invoice_line") {
                refund.lines.append(
                    RefundLine(
                        line: line, quantity: try part.decimal("quantity") ?? .one, net: net, taxes: taxes, reasonCode: part.text("reason_code"),
                        restocked: part.json.member("restocked")?.bool))
            } else {
                refund.adjustments.append(RefundAdjustment(id: own, kind: .goodwill, amount: whole, taxes: taxes))
            }
        }
        let total = try body.money("total", refund.currency)
        guard sum == total else { throw body.unbalanced("total", "is \(total.text), its lines come to \(sum.text)") }
    }
}

/// What is sold, as invoices, orders and closures state it alike.
struct SaleReading {
    private let body: Part
    private let source: String
    private let currency: Currency

    init(_ body: Part, _ source: String) throws(Fault) {
        self.body = body
        self.source = source
        currency = try body.currency()
    }

    /// - Throws: `unbalanced_record` where the lines do not come to the total.
    func sale() throws(Fault) -> Sale {
        let shared = try Self.taxes(body, currency), included = body.flag("tax_included"), tip = try body.money("tip", currency)
        var lines: [SaleLine] = [], seen: Set<String> = []
        for part in body.list("lines") {
            let line = try Self.line(part, currency, isTaxed: shared.isEmpty)
            guard seen.insert(line.id).inserted else { throw part.unreadable("id", "is there twice", "Give each line an id of its own.") }
            lines.append(line)
        }
        let nets = lines.map { $0.net ?? $0.gross }.total(currency)
        let taxed = (lines.flatMap { $0.taxes ?? [] } + shared).map(\.amount).total(currency)
        let total = try body.money("total", currency), parts = (included ? nets : nets + taxed) + tip
        guard parts == total else { throw body.unbalanced("total", "is \(total.text), its parts come to \(parts.text)") }
        let customer = body.part("customer")
        let relief = body.text("tax_relief").flatMap { TaxRelief.Kind(rawValue: $0) }
        return Sale(
            number: try body.needed("number"), source: source, customer: customer.text("id") ?? "house", currency: currency, rate: try body.decimal("rate"),
            taxIncluded: included, taxExempt: body.flag("tax_exempt"), lines: lines,
            orderTaxes: shared.enumerated().map { OrderTax(id: "T\($0.offset + 1)", part: $0.element) }, tip: tip.isZero ? nil : tip, total: total,
            poNumber: body.text("po_number"), relief: relief.map { TaxRelief(kind: $0, customerNumber: customer.text("tax_number")) })
    }

    static func line(_ part: Part, _ currency: Currency, isTaxed: Bool) throws(Fault) -> SaleLine {
        let net = try part.money("net", currency), discount = try part.money("discount", currency), gross = net + discount
        let quantity = try part.decimal("quantity") ?? .one
        if let price = try part.decimal("unit_price"), let product = price.multiplied(by: quantity) {
            let rest = product.subtracting(gross.decimal).map { $0.isNegative ? -$0 : $0 }
            guard let rest, !(Money(minor: 1, currency).decimal < rest) else {
                throw part.unbalanced("net", "with its discount is \(gross.text), quantity times unit price is another amount")
            }
        }
        let taxes = try taxes(part, currency)
        guard isTaxed || taxes.isEmpty else {
            throw part.unreadable("taxes", "and those of the whole document exclude each other", "State taxes for each line or for the document.")
        }
        return SaleLine(
            id: try part.needed("id"), sku: part.text("sku") ?? "", title: part.text("description") ?? part.text("sku") ?? "", group: part.text("group"),
            quantity: quantity, gross: gross, discount: discount, net: net, taxes: isTaxed ? taxes : nil, location: part.text("location"),
            taxCode: part.text("tax_code"))
    }

    static func taxes(_ part: Part, _ currency: Currency) throws(Fault) -> [TaxPart] {
        var out: [TaxPart] = []
        for tax in part.list("taxes") {
            out.append(TaxPart(jurisdiction: tax.text("jurisdiction"), rate: try tax.decimal("rate"), amount: try tax.money("amount", currency)))
        }
        return out
    }
}
