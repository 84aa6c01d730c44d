import Books
import ConnectorKit
import ConnectorTestKit
import Kernel
import Testing
import Wire

@testable import Stripe

@Suite("Charges as sales of their own") struct ChargeTests {
    @Test("a charge is a sale of one line, its payment, and a partial refund of it goodwill")
    func plain() throws {
        let read = try normalized("charge", try fixture("charge"))
        let sale = try #require(read.sale)
        #expect(read.ids == ["ch_3QLpaYKJ2mNpQr5t1xYz0001", "ch_3QLpaYKJ2mNpQr5t1xYz0001", "re_3QLpaYKJ2mNpQr5t1Rfd0001"])
        #expect(Set(read.documents.map(\.caseID)) == ["ch_3QLpaYKJ2mNpQr5t1xYz0001"])
        #expect(sale.total == usd(6_689) && sale.customer == "cus_RKq1Lm2Np3Qr4S" && !sale.isInvoice)
        #expect(sale.lines.map(\.title) == ["Order 1042"] && sale.lines[0].taxes == [])
        #expect(read.payments == [Payment(gateway: "stripe", amount: usd(6_689), status: .success)])
        let refund = try #require(read.refunds.first)
        #expect(refund.total == usd(1_754) && refund.lines.isEmpty && refund.adjustments.map(\.kind) == [.goodwill])
        #expect(read.documents[0].at == Timestamp(seconds: 1_794_734_465))
        #expect(balances(plans(read.documents)) == [
            "clearing:stripe:USD": 6_689 - 1_754, "sales:unclassified": -6_689, "returns_allowances": 1_754,
        ])
    }

    @Test("a refund that failed takes its credit back, as a newer version of itself")
    func failedRefund() throws {
        let before = try normalized("charge", try fixture("charge")), after = try normalized("charge", try fixture("charge-refund-failed"))
        let (old, new) = (try #require(before.documents.last), try #require(after.documents.last))
        #expect(old.id == new.id && old.version < new.version)
        #expect(after.refunds[0].total == usd(0) && after.refunds[0].transactions.map(\.status) == [.failure])
        #expect(balances(plans(after.documents)) == ["clearing:stripe:USD": 6_689, "sales:unclassified": -6_689])
        // Whatever comes first, the same is known in the end.
        #expect(OrderCase(id: "c", before.documents + after.documents) == OrderCase(id: "c", after.documents + before.documents))
    }

    @Test("a refund on its way counts once the balance has paid it")
    func pendingRefund() throws {
        let json = try fixture("charge").changing("refunds", "0", "status", to: "pending")
        #expect(try normalized("charge", json).refunds.first?.total == usd(1_754))
        #expect(try normalized("charge", json.changing("refunds", "0", "balance_transaction", to: .null)).refunds.isEmpty)
    }

    @Test("what was never captured is no refund, and no sale")
    func captures() throws {
        let json = try fixture("charge").changing("charge", "amount_captured", to: 4_935)
        let part = json.changing("refunds", "0", "balance_transaction", "reporting_category", to: "partial_capture_reversal")
        let read = try normalized("charge", part)
        #expect(read.sale?.total == usd(4_935) && read.payments[0].amount == usd(4_935) && read.refunds.isEmpty)
        #expect(try normalized("charge", json.changing("charge", "captured", to: false)).documents.isEmpty)
        #expect(try normalized("charge", json.changing("charge", "status", to: "pending")).documents.isEmpty)
        #expect(try normalized("charge", json.changing("charge", "status", to: "failed")).documents.isEmpty)
    }

    @Test("a debit that bounced after it was credited voids its sale and its payment")
    func bounced() throws {
        let lost = try fixture("charge-bounced")
        let good = lost.changing("charge", "status", to: "succeeded").changing("charge", "failure_balance_transaction", to: .null)
        let before = try normalized("charge", good), after = try normalized("charge", lost)
        #expect(balances(plans(before.documents)) == ["clearing:stripe:USD": 6_689, "sales:unclassified": -6_689])
        #expect(after.isVoided && after.payments[0].status == .failure)
        #expect(before.documents[1].version < after.documents[1].version)
        #expect(balances(plans(after.documents)).isEmpty)
    }

    @Test("a checkout gives its lines, discounts, delivery and each tax by jurisdiction; refunded in full nothing is left but the fee")
    func checkout() throws {
        let read = try normalized("charge", try fixture("charge-checkout"))
        let sale = try #require(read.sale)
        #expect(sale.number == "1234-5678" && sale.total == usd(6_172) && !sale.taxIncluded)
        #expect(sale.lines.map(\.sku) == ["TRAY-W", "prod_Coaster"])
        #expect((sale.lines[0].gross, sale.lines[0].discount, sale.lines[0].net) == (usd(5_000), usd(500), usd(4_500)))
        #expect(sale.lines[0].taxes == [
            TaxPart(jurisdiction: "US-CO", rate: ExactDecimal("0.029"), amount: usd(130)),
            TaxPart(jurisdiction: "US-CO-JEFFERSON", rate: ExactDecimal("0.005"), amount: usd(23)),
        ])
        #expect(sale.shipping.map(\.net) == [usd(485)])
        let left = balances(plans(read.documents))
        #expect(left["clearing:stripe:USD"] == nil && left["receivable:shop"] == nil && left["tax_payable:US-CO"] == nil && left["shipping_income"] == nil)
        let taxed = try normalized("charge", try fixture("charge-checkout").changing("items", "1", "taxes", to: .null), ["tax_place": "US-CO"])
        #expect(taxed.sale?.lines[1].taxes == [TaxPart(jurisdiction: "US-CO", rate: nil, amount: usd(34))])
    }

    @Test("prices that contain their tax are told from those that don't by their own totals, and never both in one sale")
    func included() throws {
        let json = try fixture("charge-checkout")
        let mixed = json.changing("items", "1", "amount_total", to: 1_000)
        #expect(refusal("charge", mixed)?.code == "unreadable_record")
        let contained = mixed.changing("items", "0", "amount_total", to: 4_500).changing("session", "amount_total", to: 5_985)
            .changing("charge", "amount_captured", to: 5_985)
        let sale = try #require(try normalized("charge", contained).sale)
        #expect(sale.taxIncluded && sale.total == usd(5_985))
    }

    @Test("a checkout whose parts are not its total, or not what was taken, is refused by name", arguments: [
        ("session", "amount_total"), ("items", "amount_total"), ("items", "amount_tax"), ("charge", "amount_captured"),
    ])
    func unbalanced(part: String, member: String) throws {
        let json = try fixture("charge-checkout")
        let bad = part == "items" ? json.changing("items", "0", member, to: 4_652) : json.changing(part, member, to: 6_171)
        let fault = try #require(refusal("charge", bad))
        #expect(fault.code == "unbalanced_record" && fault.disposition == .hold && fault.position?.isEmpty == false)
    }

    @Test("a converted charge states Stripe's rate where it was converted into the books' currency, and none otherwise")
    func converted() throws {
        let json = try fixture("charge-eur")
        #expect(try normalized("charge", json).sale?.rate == nil)
        #expect(try normalized("charge", json, ["base_currency": "GBP"]).sale?.rate == nil)
        let read = try normalized("charge", json, ["base_currency": "USD"])
        #expect(read.sale?.rate == ExactDecimal("1.08734") && read.sale?.total == Money(minor: 10_000, .eur))
        // The balance shows the whole of a charge of which only a part was captured.
        let part = try normalized("charge", json.changing("charge", "amount_captured", to: 6_000), ["base_currency": "USD"])
        #expect(part.sale?.rate == ExactDecimal("1.08734") && part.payments[0].amount == Money(minor: 6_000, .eur))
        #expect(plans(read.documents).flatMap(\.lines).compactMap(\.base).map(\.magnitude).allSatisfy { $0 == usd(10_873) })
    }
}

@Suite("Rates that become known later") struct LaterRateTests {
    private let settings = ["base_currency": "USD"]
    private let row: JSON = ["id": "txn_9", "object": "balance_transaction", "amount": 12_787, "currency": "usd", "exchange_rate": .null, "created": 1_794_733_605]

    @Test("a sale told before Stripe converted it takes its rate when it did, and no reading without a rate takes it away", arguments: ["charge", "invoice", "application_fee"])
    func later(topic: String) throws {
        let (before, after) = try states(topic)
        let first = try normalized(topic, before, settings).documents, then = try normalized(topic, after, settings).documents
        func rate(_ told: [SourceDocument]) -> ExactDecimal?? {
            told.compactMap { document -> ExactDecimal?? in if case .sale(let sale) = document.body, !sale.isDraft { .some(sale.rate) } else { nil } }.first
        }
        #expect(rate(first) == .some(.none) && rate(then) != .some(.none))
        #expect(rate(standing(first + then)) == rate(then) && rate(standing(then + first)) == rate(then))
    }

    /// Before the balance has it, and after.
    private func states(_ topic: String) throws -> (JSON, JSON) {
        switch topic {
        case "charge":
            let json = try fixture("charge-eur")
            return (json.changing("charge", "balance_transaction", to: .null), json)
        case "invoice":
            let json = try fixture("invoice").changing("credit_notes", to: []).changing("payments", "0", "charges", "0", "refunds", to: [])
            let paid = json.changing("payments", "0", "charges", "0", "charge", "balance_transaction", to: row)
            return (json.changing("payments", to: []).changing("invoice", "status", to: "open"), paid)
        default:
            let json = try fixture("application-fee").changing("refunds", to: []).changing("application_fee", "currency", to: "gbp")
            return (json.changing("application_fee", "balance_transaction", to: .null), json.changing("application_fee", "balance_transaction", to: row))
        }
    }
}

@Suite("Charges that an invoice takes over") struct AttachedTests {
    private let id = "in_1QLqB2KJ2mNpQr5tInv00001", charge = "ch_3QLqB2KJ2mNpQr5t1xYz0010"

    /// The invoice of the fixture, its payment attached after the charge was made, without credit notes.
    private func invoice() throws -> JSON {
        try fixture("invoice").changing("payments", "0", "invoice_payment", "created", to: 1_794_733_900).changing("credit_notes", to: [])
    }

    /// The charge as it was told before.
    private func alone(_ invoice: JSON) -> JSON {
        let paid = invoice["payments"]?[0]?["charges"]?[0]
        return ["charge": paid?["charge"] ?? .null, "refunds": paid?["refunds"] ?? .null]
    }

    @Test("a charge that was told before it paid an invoice is sold once: the invoice is the sale, and payment and refund are the invoice's, whichever is read first")
    func attached() throws {
        let json = try invoice()
        let first = try normalized("charge", alone(json)).documents, then = try normalized("invoice", json).documents
        #expect(balances(plans(first, base: .gbp)) == ["clearing:stripe:GBP": 5_880, "sales:unclassified": -11_760, "returns_allowances": 5_880])
        let told = standing(first + then)
        #expect(told == standing(then + first) && told == standing(then))
        let posted = plans(told, base: .gbp)
        #expect(Set(posted.map(\.caseID)) == [id] && posted.allSatisfy { $0.findings.isEmpty })
        #expect(balances(posted) == balances(plans(then.filter { $0.caseID == id }, base: .gbp)))
        #expect(balances(posted)["receivable:shop"] == nil && balances(posted)["clearing:stripe:GBP"] == 5_880)
        // What stood in the ledger for the charge alone is taken back, and only that.
        let organisation = Organisation(baseCurrency: .gbp, country: "GB", zone: .utc, taxMode: .exclusive)
        var stood: [PlannedPosting.Reference: PostedState] = [:]
        for plan in plans(first, base: .gbp) where plan.form == .invoice { stood[plan.id] = PostedState(plan: plan) }
        let after = Planner.plan(
            OrderCase(id: charge, told.filter { $0.caseID == charge }), organisation: organisation, policies: Policies(), ledger: LedgerState(posted: stood), codes: CodeBook())
        #expect(after.map(\.effect) == [.void] && after.map(\.subject) == [charge])
        // A bounced debit is the same.
        let lost = json.changing("payments", "0", "charges", "0", "charge", "status", to: "failed")
            .changing("payments", "0", "charges", "0", "charge", "failure_balance_transaction", to: "txn_1").changing("payments", "0", "charges", "0", "refunds", to: [])
        let bounced = standing(told + (try normalized("invoice", lost).documents))
        #expect(bounced.contains { if case .payment(let payment) = $0.body { payment.status == .failure && $0.caseID == id } else { false } })
    }

    @Test("a charge of an invoice's own is no second document; one that names no intent is taken back all the same")
    func own() throws {
        let json = try fixture("invoice")
        #expect(!(try normalized("invoice", json).ids.filter { $0 == charge }.count > 1))
        let old = json.changing("payments", "0", "invoice_payment", "payment", to: ["type": "charge", "charge": .string(charge)])
        #expect(try normalized("invoice", old).documents.filter { $0.id == charge }.map(\.caseID) == [id, charge])
    }
}

@Suite("Earnings of a platform") struct EarningTests {
    @Test("an application fee is a sale of the platform's own, whoever has the sales of charges, and what it gives back its refund")
    func earned() throws {
        for settings in [[:], ["sales": "shop"]] as [[String: String]] {
            let read = try normalized("application_fee", try fixture("application-fee"), settings)
            #expect(read.ids == ["fee_1Pgc6zB7WZ01zgkWOMh2at1m", "fee_1Pgc6zB7WZ01zgkWOMh2at1m", "fr_1Pgc7AB7WZ01zgkWYlt1Rf01"])
            #expect(balances(plans(read.documents)) == ["clearing:stripe:USD": 150, "sales:unclassified": -250, "returns_allowances": 100])
        }
        let all = try fixture("application-fee").changing("refunds", "0", "amount", to: 250)
        #expect(try normalized("application_fee", all).refunds[0].lines.count == 1)
        #expect(refusal("application_fee", all.changing("refunds", "0", "currency", to: "eur"))?.code == "unreadable_record")
    }
}

@Suite("Charges of a shop") struct ShopTests {
    @Test("under shop a charge, a refund and an invoice say nothing: the shop has them; disputes and payouts speak")
    func shop() throws {
        let settings = ["sales": "shop"]
        for (topic, name) in [
            ("charge", "charge"), ("charge", "charge-checkout"), ("invoice", "invoice"), ("charge.succeeded", "charge-event"),
            ("refund.created", "refund-event"), ("invoice.paid", "invoice-event"), ("credit_note.created", "credit-note-event"),
        ] { #expect(try normalized(topic, try fixture(name), settings) == Normalized(documents: [])) }
        #expect(try normalized("dispute", try fixture("dispute"), settings).documents.first?.caseID == "1042")
        #expect(try normalized("payout", try fixture("payout"), settings).payouts[0].amount == usd(4_711))
        #expect(try normalized("payout.reconciliation_completed", try fixture("payout-event"), settings).fetch == ["po_1QNa7RKJ2mNpQr5tPay00001"])
    }

    @Test("by_reference leaves what names an order to the shop, by metadata or by description")
    func byReference() throws {
        let json = try fixture("charge"), plain = json.changing("charge", "metadata", to: [:])
        let settings = ["sales": "by_reference"]
        #expect(try normalized("charge", json, settings).documents.isEmpty)
        #expect(try normalized("charge", plain, settings).documents.count == 3)
        #expect(try normalized("charge", plain, settings.merging(["order_text": "Order {}"]) { $1 }).documents.isEmpty)
        #expect(try normalized("charge", plain, settings.merging(["order_text": "Bestellung {}"]) { $1 }).documents.count == 3)
        #expect(try normalized("charge", json, settings.merging(["order_key": "wc_order, shop_order"]) { $1 }).documents.count == 3)
        #expect(try normalized("charge.succeeded", try fixture("charge-event"), settings).fetch.isEmpty)
        #expect(try normalized("charge.succeeded", try fixture("charge-event")).fetch == ["ch_3QLpaYKJ2mNpQr5t1xYz0001"])
    }

    @Test("rows call a payment what the shop calls it", arguments: [
        ("charge", "ch_3QLpaYKJ2mNpQr5t1xYz0001"), ("payment_intent", "pi_3QLpaYKJ2mNpQr5t1pInt001"), ("order", "1042"), ("metadata:order_id", "1042"),
        ("metadata:other", "ch_3QLpaYKJ2mNpQr5t1xYz0001"),
    ])
    func references(setting: String, ref: String) throws {
        let settings = ["sales": "shop", "payment_reference": setting, "gateway": "woo_stripe"]
        let payout = try normalized("payout", try fixture("payout"), settings).payouts[0]
        #expect(payout.gateway == "woo_stripe")
        #expect(payout.rows.first { $0.kind == .charge }?.ref == ref)
        guard case .dispute(let dispute) = try normalized("dispute", try fixture("dispute"), settings).documents[0].body else {
            Issue.record("no dispute")
            return
        }
        #expect(dispute.payment == ref && dispute.status == "funds_withdrawn" && dispute.amount == usd(6_689))
    }

    @Test("a setting that can't be is refused with what it may be", arguments: [
        ("sales", "mine"), ("payouts", "weekly"), ("payment_reference", "metadata:"), ("gateway", "My Stripe"), ("base_currency", "usd"),
        ("tax_place", "Britain"),
        ("key_of", "me"), ("order_text", "Order"), ("order_key", " , "),
    ])
    func settings(key: String, value: String) throws {
        let fault = try #require(refusal("charge", try fixture("charge"), [key: value]))
        #expect(fault.code == "invalid_setting" && fault.position == "settings.\(key)")
        #expect(connector.settings[key]?.isEmpty == false)
    }
}
