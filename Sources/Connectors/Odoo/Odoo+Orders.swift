internal import Books
public import ConnectorKit
public import Kernel
internal import Wire

/// A purchase order as it is written: by product, without tax, each line's price exact.
struct OrderForm: Sendable {
    struct Line: Sendable {
        var source: LedgerDocument.Line
        /// Odoo's id of the product.
        var product: Int
        var price: UnitPrice
        var minor: Int64
    }

    private(set) var lines: [Line] = []

    /// - Throws: `document_empty`, `item_not_found`, `price_not_exact`, `document_unbalanced` (all: reject).
    init(_ document: LedgerDocument) throws(Fault) {
        for line in document.lines where line.plan.part != .control { try add(line, document.plan.currency) }
        guard !lines.isEmpty else { throw OdooConnector.refused("document_empty", "an order without lines", "Report it.") }
        let sum = lines.map(\.minor).reduce(0, +)
        guard sum == document.plan.total.minor else {
            let found = Money(minor: sum, document.plan.currency).text
            throw OdooConnector.refused("document_unbalanced", "the lines come to \(found), the order to \(document.plan.total.text)", "Report it.")
        }
    }

    /// What is ordered is counted when it comes: never one unit at the whole amount.
    private mutating func add(_ line: LedgerDocument.Line, _ currency: Currency) throws(Fault) {
        let what = cut(plain(line.plan.sku.isEmpty ? line.plan.role.text : line.plan.sku), characters: 60)
        guard let product = recordID(line.item) else {
            throw OdooConnector.refused("item_not_found", "\(what) has no product in Odoo", "Create the product with that internal reference and try again.")
        }
        let minor = line.plan.amount.minor, scale = max(currency.decimals, OdooLimits.orderPriceScale)
        guard let price = UnitPrice(minor, of: line.plan.quantity ?? .one, currency, scaleMost: scale), price.quantity.scale <= OdooLimits.quantityScale else {
            throw OdooConnector.refused(
                "price_not_exact", "\(line.plan.amount.text) is no exact price of \(line.plan.quantity?.shortest.description ?? "none") of \(what) that Odoo can keep",
                "Enter the order in Odoo by hand, or have the source round its unit cost.")
        }
        lines.append(Line(source: line, product: product, price: price, minor: minor))
    }
}

// A request is created, read back, and confirmed when it comes to what is meant. A request has no effect, so one that does not is taken back. A
// confirmed order is between people and their supplier: it is cancelled from here, never changed.
extension OdooConnector {
    static let orderFields = [
        "id", "origin", "name", "state", "date_order", "partner_id", "currency_id", "amount_total", "amount_tax", "write_date",
    ]

    /// One order: two reads, the request, a read, the confirmation.
    func createOrder(_ document: LedgerDocument, _ dialect: Dialect) -> Exchange<[PostOutcome]> {
        guard document.plan.effect == .post else {
            return .finish([.rejected(Self.refused("void_not_created", "an order that is void was never in Odoo", "Report it: nothing is to be sent."))])
        }
        return written(document, dialect) { values in
            let asking = Asking(.write, "purchase.order", "create", [("vals_list", .array([.object(values)]))], units: 5)
            return .send(dialect.call(asking)) { answer in
                guard let id = Self.created(answer, dialect, 1)?.first else { return .finish(.unknown(Self.lost("it names no id of what was created"))) }
                return self.confirm(document, id: id, dialect) { self.takeBack(order: id, $0, dialect) }
            }
        }.map { [$0] }
    }

    /// The values of the order, once its products' units and its currency are known.
    private func written(
        _ document: LedgerDocument, _ dialect: Dialect, then next: @escaping @Sendable ([(key: String, value: JSON)]) -> Exchange<PostOutcome>
    ) -> Exchange<PostOutcome> {
        let form: OrderForm, party: Int
        do throws(Fault) { (form, party) = (try OrderForm(document), try Self.party(document)) } catch { return .finish(Self.outcome(error)) }
        return rows([Listing("product.product", [["id", "in", .ids(form.lines.map(\.product))]], ["id", "uom_id"])], dialect) { rows in
            var units: [Int: Int] = [:]
            for row in rows { if let id = row["id"]?.id, let unit = row["uom_id"]?.id { units[id] = unit } }
            let known = units
            // Always said: a supplier's own currency would be taken otherwise.
            return self.currencies([document.plan.currency.code], dialect) { currencies in
                do throws(Fault) { return next(try Self.values(form, of: document, party, currencies, known, dialect)) } catch { return .finish(Self.outcome(error)) }
            }
        }
    }

    private static func values(
        _ form: OrderForm, of document: LedgerDocument, _ party: Int, _ currencies: CurrencyIDs, _ units: [Int: Int], _ dialect: Dialect
    ) throws(Fault) -> [(key: String, value: JSON)] {
        let plan = document.plan
        guard let currency = currencies[plan.currency.code] else {
            throw refused("currency_inactive", "\(plan.currency) is not active in Odoo", "Activate the currency in Odoo.")
        }
        // Noon: half a day's difference of zones leaves the day as it is.
        let noon = JSON.string("\(plan.date) 12:00:00")
        var commands: [JSON] = []
        for line in form.lines {
            guard let unit = units[line.product] else {
                throw refused("item_not_found", "Odoo's product \(line.product) is not there any more", "Restore the product in Odoo, and try again.")
            }
            let words = description(line.source.plan)
            var members: [(key: String, value: JSON)] = [
                ("product_id", .id(line.product)), ("name", .string(words)), ("product_qty", .decimal(line.price.quantity)),
                // The product's own: a supplier's dozen would be ordered otherwise.
                (dialect.orderLine.unit, .id(unit)), ("price_unit", .decimal(line.price.price)), ("date_planned", noon), (dialect.orderLine.taxes, [[6, 0, []]]),
            ]
            if dialect.discountsOrders { members.append(("discount", 0)) }
            // Before version 16 an order's line calls it otherwise than a bill's.
            members += try analytic(line.source, dialect).map { ($0.key == "analytic_account_id" ? "account_analytic_id" : $0.key, $0.value) }
            commands.append([0, 0, .object(members)])
        }
        return [
            ("partner_id", .id(party)), ("date_order", noon), ("origin", .string(reference(document))), ("currency_id", .id(currency)),
            ("order_line", .array(commands)),
        ]
    }

    /// What can be told before contacts, products and the document that it settles are known.
    public func objections(to document: LedgerDocument, _ connection: ConnectionFacts) -> [Fault] {
        guard document.plan.effect == .post else { return [] }
        var known = document
        known.party = known.party ?? "1"
        if known.plan.appliesTo != nil { known.appliesTo = known.appliesTo ?? "1" }
        for i in known.lines.indices where itemKey(of: known.lines[i]) != nil { known.lines[i].item = known.lines[i].item ?? "1" }
        let currencies = [known.plan.currency.code: 1]
        do throws(Fault) {
            let dialect = try Dialect(connection)
            guard OdooForm(known.plan.form) == .order else {
                _ = try Self.values(of: known, dialect, currencies)
                return []
            }
            let form = try OrderForm(known)
            let units = Dictionary(form.lines.map { ($0.product, 1) }) { one, _ in one }
            _ = try Self.values(form, of: known, try Self.party(known), currencies, units, dialect)
            return []
        } catch {
            return [error]
        }
    }

    // MARK: Confirming

    /// Confirms a request that comes to what is meant; `refused` goes on with one that does not, or that Odoo won't confirm.
    private func confirm(
        _ document: LedgerDocument, id: Int, _ dialect: Dialect, refused: @escaping @Sendable (Fault) -> Exchange<PostOutcome>
    ) -> Exchange<PostOutcome> {
        rows([Self.order(id).paid], dialect) { rows in
            do throws(Fault) {
                guard let row = rows.first(where: { $0["id"]?.id == id }) else { throw Self.unreadable("the request is not there") }
                let total = try Items.minor(row["amount_total"], document.plan.currency, "amount_total")
                guard total == document.plan.total.minor, row["currency_id"]?.named == document.plan.currency.code else {
                    let found = Money(minor: total, document.plan.currency).text
                    return refused(Self.refused(
                        "price_differs", "Odoo makes \(found) of the order, and it is \(document.plan.total.text)",
                        "Let Odoo's product prices have as many digits as the unit cost, or enter the order there by hand."))
                }
            } catch { return .finish(.unknown(error)) }
            return self.step(Asking(.write, "purchase.order", "button_confirm", ids: [id], units: 0), dialect) { step in
                switch step {
                case .done: .finish(.posted(remoteID: String(id), version: nil))
                case .refused(let fault): refused(fault)
                case .unreadable: .finish(.unknown(Self.lost("whether the order was confirmed")))
                }
            }
        }
    }

    private static func order(_ id: Int) -> Listing { Listing("purchase.order", [["id", "=", .id(id)]], orderFields) }

    /// A request can be deleted once it is cancelled; a cancelled one that stays has no effect either.
    private func takeBack(order id: Int, _ fault: Fault, _ dialect: Dialect) -> Exchange<PostOutcome> {
        step(Asking(.write, "purchase.order", "button_cancel", ids: [id], units: 0), dialect) { step in
            guard case .done = step else { return .finish(.unknown(Self.lost("a refused request could not be taken back"))) }
            return self.step(Asking(.write, "purchase.order", "unlink", ids: [id], units: 0), dialect) { _ in .finish(.rejected(fault)) }
        }
    }

    // MARK: Change

    /// Goes on with a request that was never confirmed. What is confirmed stays as it is.
    func updateOrder(_ document: LedgerDocument, id: Int, _ dialect: Dialect) -> Exchange<PostOutcome> {
        standing(id, dialect) { state, _ in
            guard ["draft", "sent", "cancel"].contains(state) else { return .finish(.rejected(Self.confirmed)) }
            return self.written(document, dialect) { values in
                let anew = values.map { (key: $0.key, value: $0.key == "order_line" ? .array([[5, 0, 0]] + ($0.value.array ?? [])) : $0.value) }
                let write = Asking(.write, "purchase.order", "write", ids: [id], [("vals", .object(anew))], units: state == "cancel" ? 0 : 3)
                guard state == "cancel" else { return self.rewrite(write, document, id, dialect) }
                return self.step(Asking(.write, "purchase.order", "button_draft", ids: [id], units: 4), dialect) { step in
                    switch step {
                    case .done: self.rewrite(write, document, id, dialect)
                    case .refused(let fault): .finish(.rejected(fault))
                    case .unreadable: .finish(.unknown(Self.lost("whether it became a request again")))
                    }
                }
            }
        }
    }

    private func rewrite(_ asking: Asking, _ document: LedgerDocument, _ id: Int, _ dialect: Dialect) -> Exchange<PostOutcome> {
        step(asking, dialect) { step in
            switch step {
            case .done: self.confirm(document, id: id, dialect) { .finish(.rejected(Self.asRequest($0))) }
            case .refused(let fault): .finish(.rejected(Self.asRequest(fault)))
            case .unreadable: .finish(.unknown(Self.lost("whether the request was changed")))
            }
        }
    }

    func voidOrder(id: Int, _ dialect: Dialect) -> Exchange<PostOutcome> {
        standing(id, dialect) { state, done in
            if state == "cancel" { return .finish(done) }
            return self.step(Asking(.write, "purchase.order", "button_cancel", ids: [id]), dialect) { step in
                switch step {
                case .done: .finish(.posted(remoteID: String(id), version: nil))
                case .refused(let fault): .finish(.rejected(fault))
                case .unreadable: .finish(.unknown(Self.lost("whether the order was cancelled")))
                }
            }
        }
    }

    private func standing(
        _ id: Int, _ dialect: Dialect, then next: @escaping @Sendable (_ state: String, _ done: PostOutcome) -> Exchange<PostOutcome>
    ) -> Exchange<PostOutcome> {
        rows([Self.order(id)], dialect) { rows in
            guard let row = rows.first(where: { $0["id"]?.id == id }) else {
                return .finish(.rejected(Self.refused(
                    "ledger_document_missing", "Odoo has no such order", "Look for it in Odoo; it may have been deleted there.")))
            }
            guard let state = row["state"]?.words else { return .fail(Self.unreadable("an order has no state")) }
            return next(state, .posted(remoteID: String(id), version: row["write_date"]?.words))
        }
    }

    private static let confirmed = refused(
        "ledger_document_fixed", "the order is confirmed in Odoo", "Change or cancel it there, together with the supplier.")

    private static func asRequest(_ fault: Fault) -> Fault {
        var out = fault
        out.summary += "; the order is left as a request"
        return out
    }

    // MARK: Reading

    /// Orders by our key or by their ids, in the words of those that were meant.
    func readOrders(
        _ lists: [Listing], _ dialect: Dialect, owner: @escaping @Sendable (JSON, Int) -> LedgerDocument?
    ) -> Exchange<[PostKey: LedgerReadback]> {
        rows(lists, dialect) { rows in
            var owned: [(id: Int, row: JSON, document: LedgerDocument)] = []
            for row in rows {
                guard let id = row["id"]?.id else { return .fail(Self.unreadable("an order has no id")) }
                if let document = owner(row, id) { owned.append((id, row, document)) }
            }
            let found = owned
            let lines = owned.map(\.id).parts(of: OdooLimits.listed).map {
                Listing("purchase.order.line", [["order_id", "in", .ids($0)]], ["id", "order_id", "product_id", "price_subtotal"])
            }
            return self.rows(lines, dialect) { lines in
                var out: [PostKey: LedgerReadback] = [:]
                do throws(Fault) {
                    for (id, row, document) in found {
                        let seen = try Self.readback(order: row, id, lines.filter { $0["order_id"]?.id == id }, of: document)
                        out[document.key] = out[document.key].map { Self.better($0, seen, document) } ?? seen
                    }
                } catch { return .fail(error) }
                return .finish(out)
            }
        }
    }

    /// - Throws: `unreadable_answer` where an amount, a date or a state is missing or no such thing.
    private static func readback(order row: JSON, _ id: Int, _ lines: [JSON], of document: LedgerDocument) throws(Fault) -> LedgerReadback {
        guard let state = row["state"]?.words else { throw unreadable("an order has no state") }
        var out = LedgerReadback(
            key: key(of: row["origin"]?.string), remoteID: String(id), version: row["write_date"]?.words.map { String($0.prefix(64)) }, date: nil, currency: nil,
            total_minor: 0, tax_minor: nil, party: nil, accounts: [:], voided: false)
        switch state {
        // What waits for an approval there is an order of ours all the same: whether it goes to the supplier is theirs to say.
        case "purchase", "to approve", "done": break
        case "cancel":
            out.voided = true
            return out
        case "draft", "sent":
            out.voided = true
            out.unfinished = true
            return out
        default: throw unreadable("an order is in a state that is not known")
        }
        guard let day = row["date_order"]?.words.flatMap({ LocalDate($0.prefix(10)) }) else { throw unreadable("an order has no date") }
        let currency = row["currency_id"]?.named.flatMap { Currency($0) } ?? document.plan.currency
        out.date = day
        out.currency = row["currency_id"]?.named
        out.total_minor = try Items.minor(row["amount_total"], currency, "amount_total")
        out.party = row["partner_id"]?.id.map(String.init)
        for line in lines {
            let minor = try Items.minor(line["price_subtotal"], currency, "price_subtotal")
            if minor != 0 { out.accounts["product:\(line["product_id"]?.id ?? 0)", default: 0] += minor }
        }
        return out
    }
}
