public import ConnectorKit
internal import Crypto
internal import Kernel
internal import Wire

extension StripeConnector {
    /// What belongs to an id, whole: a charge with its refunds (its invoice, where it pays one, or its checkout's lines), an invoice with its lines,
    /// payments and credit notes, a dispute, a payout with its rows, or `balance:2026-11-19`, a day of the balance.
    public func fetch(_ id: String, _ connection: ConnectionFacts) -> Exchange<RawRecord?> {
        if id.hasPrefix("balance:") {
            guard let day = LocalDate(id.dropFirst("balance:".count)) else { return .fail(Self.invalidID) }
            return Gathering.statement(day)
        }
        guard StripeID.isID(id) else { return .fail(Self.invalidID) }
        switch StripeID.kind(id) {
        case "ch", "py": return Gathering.charge(id, refunds: false)
        case "re", "pyr":
            return StripeCalls.object("refunds/\(id)").next { refund in
                guard let charge = StripeID.of(refund?["charge"]) else { return .finish(nil) }
                return Gathering.charge(charge, refunds: true)
            }
        case "in": return Gathering.invoice(id, refunds: false)
        case "dp", "du", "pdp":
            return StripeCalls.object("disputes/\(id)", [("expand[]", "charge")]).map { $0.map { Gathering.record(Topic.dispute, id, [("dispute", $0)]) } }
        case "po": return Gathering.payout(id)
        case "fee": return Gathering.earning(id)
        default: return .fail(Self.invalidID)
        }
    }

    private static var invalidID: Fault {
        Fault(
            "invalid_id", stage: .ingest, disposition: .reject,
            summary: "that is no id of a Stripe charge, refund, invoice, dispute, payout or application fee",
            remedy: "Give the id as Stripe's dashboard shows it, such as ch_… or po_….")
    }
}

/// The conversations that read one thing whole.
private enum Gathering {
    typealias Members = [(key: String, value: JSON)]

    /// Named by what it holds: the same state read twice is one record.
    static func record(_ topic: String, _ id: String, _ members: Members) -> RawRecord {
        let body = JSON.object(members).bytes
        return RawRecord(topic: topic, deliveryID: "\(topic):\(id):\(Digest.sha256(body).hexText.prefix(24))", body: body)
    }

    // MARK: Charges

    /// `refunds`: they are listed even if the charge says that nothing went back, because one that failed says so nowhere else.
    static func charge(_ id: String, refunds: Bool) -> Exchange<RawRecord?> {
        StripeCalls.object("charges/\(id)", [("expand[]", "balance_transaction")]).next { charge in
            guard let charge else { return .finish(nil) }
            guard let intent = StripeID.of(charge["payment_intent"]) else { return plain(id, charge, refunds: refunds, checkout: []) }
            return invoice(paidBy: intent).next { found in
                if let found { return invoice(found, refunds: refunds) }
                return checkout(intent).next { plain(id, charge, refunds: refunds, checkout: $0) }
            }
        }
    }

    private static func plain(_ id: String, _ charge: JSON, refunds: Bool, checkout: Members) -> Exchange<RawRecord?> {
        self.refunds(of: charge, always: refunds).map { list in
            record(Topic.charge, id, [("charge", charge), ("refunds", .array(list))] + checkout)
        }
    }

    /// - Source: docs.stripe.com, API reference, List all payments for an invoice (`payment[payment_intent]`).
    private static func invoice(paidBy intent: String) -> Exchange<String?> {
        let query: StripeCalls.Query = [("payment[type]", "payment_intent"), ("payment[payment_intent]", intent)]
        return StripeCalls.list("invoice_payments", query).map { rows in
            let own = rows.first { StripeID.of($0.member("payment", "payment_intent")) == intent }
            return StripeID.of(own?["invoice"])
        }
    }

    private static func checkout(_ intent: String) -> Exchange<Members> {
        StripeCalls.list("checkout/sessions", [("payment_intent", intent)]).next { rows in
            guard let session = rows.first(where: { StripeID.of($0["payment_intent"]) == intent }), let id = StripeID.of(session) else { return .finish([]) }
            return shippingTaxes("checkout/sessions/\(id)", of: session).next { whole in
                StripeCalls.list("checkout/sessions/\(id)/line_items", [("expand[]", "data.taxes")]).map { items in
                    [("session", whole ?? session), ("items", .array(items))]
                }
            }
        }
    }

    /// The taxes of a delivery are shown only to who asks for them.
    private static func shippingTaxes(_ path: String, of found: JSON?) -> Exchange<JSON?> {
        guard let cost = found?["shipping_cost"], cost["taxes"]?.array == nil, let tax = cost["amount_tax"]?.int, tax != 0 else { return .finish(found) }
        return StripeCalls.object(path, [("expand[]", "shipping_cost.taxes")])
    }

    private static func refunds(of charge: JSON, always: Bool) -> Exchange<[JSON]> {
        guard let id = StripeID.of(charge), always || charge["amount_refunded"]?.int != 0 || charge["refunded"]?.bool == true else { return .finish([]) }
        return StripeCalls.list("refunds", [("charge", id), ("expand[]", "data.balance_transaction")])
    }

    // MARK: Invoices

    static func invoice(_ id: String, refunds: Bool) -> Exchange<RawRecord?> {
        StripeCalls.object("invoices/\(id)").next { found in shippingTaxes("invoices/\(id)", of: found) }.next { invoice in
            guard let invoice else { return .finish(nil) }
            return StripeCalls.rest(invoice["lines"], "invoices/\(id)/lines").next { lines in
                notes(id).next { notes in
                    let back = refunds || notes.contains { $0["refunds"]?.array?.isEmpty == false }
                    return payments(id, refunds: back).next { payments in
                        rates(of: lines + notes + [invoice]).map { rates in
                            record(Topic.invoice, id, [
                                ("invoice", invoice), ("lines", .array(lines)), ("payments", .array(payments)), ("credit_notes", .array(notes)),
                                ("tax_rates", .object(rates)),
                            ])
                        }
                    }
                }
            }
        }
    }

    /// Credit notes, each with all of its lines.
    private static func notes(_ invoice: String) -> Exchange<[JSON]> {
        StripeCalls.list("credit_notes", [("invoice", invoice)]).next { notes in
            if notes.count > StripeLimits.followUps { return .fail(tooMany("credit notes")) }
            return Exchange<[JSON]>.each(notes[...], []) { note, before in
                guard let id = StripeID.of(note) else { return .fail(StripeCalls.unreadable("a credit note without an id")) }
                return StripeCalls.rest(note["lines"], "credit_notes/\(id)/lines").map { lines in before + [note.setting("lines", .array(lines))] }
            }
        }
    }

    /// What was paid, each payment with its charges and their refunds.
    private static func payments(_ invoice: String, refunds back: Bool) -> Exchange<[JSON]> {
        StripeCalls.list("invoice_payments", [("invoice", invoice)]).next { rows in
            let own = rows.filter { StripeID.of($0["invoice"]) == invoice }
            if own.count > StripeLimits.followUps { return .fail(tooMany("payments")) }
            return Exchange<[JSON]>.each(own[...], []) { payment, before in
                charges(payment["payment"]).next { charges in
                    Exchange<[JSON]>.each(charges[...], []) { charge, done in
                        refunds(of: charge, always: back).map { done + [.object([("charge", charge), ("refunds", .array($0))])] }
                    }.map { before + [.object([("invoice_payment", payment), ("charges", .array($0))])] }
                }
            }
        }
    }

    private static func charges(_ payment: JSON?) -> Exchange<[JSON]> {
        if let intent = StripeID.of(payment?["payment_intent"]) {
            return StripeCalls.list("charges", [("payment_intent", intent), ("expand[]", "data.balance_transaction")]).map { rows in
                rows.filter { StripeID.of($0["payment_intent"]) == intent }
            }
        }
        guard let charge = StripeID.of(payment?["charge"]) else { return .finish([]) }
        return StripeCalls.object("charges/\(charge)", [("expand[]", "balance_transaction")]).map { $0.map { [$0] } ?? [] }
    }

    /// The tax rates that anything of an invoice names, by id.
    private static func rates(of parts: [JSON]) -> Exchange<Members> {
        var ids: Set<String> = []
        for part in parts {
            for name in ["taxes", "total_taxes"] { ids.formUnion(named(part[name])) }
            ids.formUnion(named(part.member("shipping_cost", "taxes")))
            for line in part["lines"]?.array ?? [] { ids.formUnion(named(line["taxes"])) }
        }
        if ids.count > StripeLimits.followUps { return .fail(tooMany("tax rates")) }
        return Exchange<Members>.each(ids.sorted()[...], []) { id, before in
            StripeCalls.object("tax_rates/\(id)").map { rate in before + (rate.map { [(id, $0)] } ?? []) }
        }
    }

    private static func named(_ taxes: JSON?) -> [String] { (taxes?.array ?? []).compactMap { StripeID.of($0.member("tax_rate_details", "tax_rate")) } }

    // MARK: Earnings

    static func earning(_ id: String) -> Exchange<RawRecord?> {
        StripeCalls.object("application_fees/\(id)", [("expand[]", "balance_transaction")]).next { fee in
            guard let fee else { return .finish(nil) }
            return StripeCalls.rest(fee["refunds"], "application_fees/\(id)/refunds").map { refunds in
                record(Topic.earning, id, [("application_fee", fee), ("refunds", .array(refunds))])
            }
        }
    }

    // MARK: Payouts

    static func payout(_ id: String) -> Exchange<RawRecord?> {
        StripeCalls.object("payouts/\(id)", [("expand[]", "balance_transaction")]).next { payout in
            guard let payout else { return .finish(nil) }
            let named = payout["automatic"]?.bool == true && payout["reconciliation_status"]?.string != "in_progress"
            guard named, payout["status"]?.string != "canceled" else { return .finish(record(Topic.payout, id, [("payout", payout), ("rows", .array([]))])) }
            let query: StripeCalls.Query = [("payout", id), ("expand[]", "data.source")]
            return StripeCalls.list("balance_transactions", query, pages: StripeLimits.payoutPages).map { rows in
                record(Topic.payout, id, [("payout", payout), ("rows", .array(rows.map(trimmed)))])
            }
        }
    }

    /// A day of the balance, by the day's bounds in UTC.
    static func statement(_ day: LocalDate) -> Exchange<RawRecord?> {
        let start = day.daysSince1970 * 86_400
        let query: StripeCalls.Query = [("created[gte]", "\(start)"), ("created[lt]", "\(start + 86_400)"), ("expand[]", "data.source")]
        return StripeCalls.list("balance_transactions", query, pages: StripeLimits.payoutPages).map { rows in
            record(Topic.statement, day.description, [("day", .string(day.description)), ("rows", .array(rows.map(trimmed)))])
        }
    }

    private static let rowMembers = [
        "id", "object", "amount", "fee", "net", "currency", "exchange_rate", "type", "reporting_category", "created", "description", "fee_details",
    ]
    private static let sourceMembers = [
        "id", "object", "amount", "amount_captured", "currency", "charge", "fee", "payment_intent", "metadata", "description", "status",
    ]

    /// What counts of a row: a payout may have tens of thousands.
    private static func trimmed(_ row: JSON) -> JSON {
        let kept = { (json: JSON, names: [String]) in JSON.object(names.compactMap { name in json[name].map { (name, $0) } }) }
        let source = row["source"] ?? .null
        return kept(row, rowMembers).setting("source", source.object == nil ? source : kept(source, sourceMembers))
    }

    private static func tooMany(_ what: String) -> Fault {
        Fault(
            "too_many_parts", stage: .ingest, disposition: .hold, summary: "an invoice has more than \(StripeLimits.followUps) \(what)",
            remedy: "Enter this invoice by hand.", position: what)
    }
}
