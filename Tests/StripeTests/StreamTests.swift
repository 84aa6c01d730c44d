import Books
import ConnectorKit
import ConnectorTestKit
import Kernel
import Testing
import Wire

@testable import Stripe

@Suite("What is asked of Stripe") struct StreamTests {
    private let since = Timestamp(seconds: 1_794_700_800)
    private func facts(_ settings: [String: String] = [:]) -> ConnectionFacts { ConnectionFacts(account: account, settings: settings) }

    @Test("a sweep reads events, then the balance, then payouts, each to its end, and keeps the events' own ids")
    func stages() throws {
        let events = list([try fixture("payout-event"), try fixture("charge-event")], more: true)
        let first = play(connector.sweep(since: since, cursor: nil, facts())) { _ in events }
        let page = try #require(first.output)
        let asked = first.targets[0]
        #expect(asked.hasPrefix("/v1/events?") && asked.contains("types[]=charge.succeeded") && asked.contains("created[gte]=1794700800"))
        #expect(page.records.map(\.deliveryID) == ["evt_1QNa7RKJ2mNpQr5tPayEvt01", "evt_3QLpaYKJ2mNpQr5t1aBcDeFg"])
        #expect(page.records.map(\.topic) == ["payout.reconciliation_completed", "charge.succeeded"])
        #expect(page.watermark == Timestamp(seconds: 1_795_046_700) && page.next == "evt_3QLpaYKJ2mNpQr5t1aBcDeFg")
        var cursor: String? = page.next
        var paths: [String] = []
        for _ in 0 ..< 3 {
            let played = play(connector.sweep(since: since, cursor: cursor, facts())) { _ in list([]) }
            paths += played.targets
            cursor = played.output?.next
        }
        #expect(cursor == nil)
        #expect(paths.map { $0.prefix { $0 != "?" } } == ["/v1/events", "/v1/balance_transactions", "/v1/payouts"])
        #expect(paths[0].contains("starting_after=evt_3QLpaYKJ2mNpQr5t1aBcDeFg") && paths[2].contains("created[gte]=1793491200"))
        #expect(play(connector.sweep(since: since, cursor: "evt_3QLpaYKJ2mNpQr5t1aBcDeFg", facts())) { _ in events }.fault?.code == "unreadable_answer")
    }

    @Test("what the balance shows must be known: charges and refunds by their documents, what came back by a fetch")
    func balance() throws {
        let rows = try #require(try fixture("payout-mixed")["rows"]?.array)
        let page = try #require(play(connector.sweep(since: since, cursor: "balance_transactions", facts())) { _ in list(rows) }.output)
        let parts = page.listed.map { "\($0.id) \($0.parts.map { "\($0.kind) \($0.id)" }.joined())" }
        #expect(parts == [
            "ch_2a payment ch_2a", "ch_2b payment ch_2b", "re_2c refund re_2c", "re_2d refund re_2d",
            "dp_1QMzzKKJ2mNpQr5tDsp0001 dispute dp_1QMzzKKJ2mNpQr5tDsp0001", "fee_1 payment fee_1",
        ])
        let hints = try page.records.map { "\($0.deliveryID) \(try JSON(parsing: $0.body)["fetch"]?.string ?? "")" }
        #expect(hints == [
            "txn_2e re_2d", "txn_2g dp_1QMzzKKJ2mNpQr5tDsp0001", "txn_2m po_1QNa7RKJ2mNpQr5tFail0001", "txn_2q py_3QLpaYKJ2mNpQr5t1Ach0001",
        ])
        for record in page.records { #expect(try connector.normalize(record, facts()).fetch.count == 1) }
        let shop = try #require(play(connector.sweep(since: since, cursor: "balance_transactions", facts(["sales": "shop"]))) { _ in list(rows) }.output)
        #expect(shop.listed.map(\.id) == ["dp_1QMzzKKJ2mNpQr5tDsp0001", "fee_1"] && shop.records.map(\.deliveryID) == ["txn_2g", "txn_2m"])
        let some = try #require(play(connector.sweep(since: since, cursor: "txn_1", facts(["sales": "by_reference"]))) { _ in list(rows) }.output)
        #expect(some.listed.map(\.id).contains("ch_2b") && !some.listed.map(\.id).contains("ch_2a"))
        let manual = try #require(play(connector.sweep(since: since, cursor: "balance_transactions", facts(["payouts": "manual"]))) { _ in list(rows) }.output)
        #expect(manual.records.last?.deliveryID == "balance:2026-11-15:txn_2a")
        #expect(try connector.normalize(try #require(manual.records.last), facts()).fetch == ["balance:2026-11-15"])
    }

    @Test("a payout is asked for once in each state that it comes to")
    func payouts() throws {
        let payout = try #require(try fixture("payout")["payout"])
        let states: [JSON] = [
            payout, payout.setting("status", "failed"), payout.setting("status", "in_transit"), payout.setting("reconciliation_status", "in_progress"),
        ]
        let page = try #require(play(connector.sweep(since: since, cursor: "payouts", facts())) { _ in list(states) }.output)
        #expect(page.records.map(\.deliveryID) == ["po_1QNa7RKJ2mNpQr5tPay00001:paid", "po_1QNa7RKJ2mNpQr5tPay00001:failed"] && page.next == nil)
    }

    @Test("a payout is read with all of its rows, page by page")
    func payoutRows() throws {
        let rows = try #require(try fixture("payout")["rows"]?.array), payout = try #require(try fixture("payout")["payout"])
        let played = play(connector.fetch("po_1QNa7RKJ2mNpQr5tPay00001", facts())) { target in
            if target.hasPrefix("/v1/payouts/") { return .json(200, payout) }
            return target.contains("starting_after=") ? list([rows[2]]) : list(Array(rows[0 ... 1]), more: true)
        }
        let record = try #require(played.output ?? nil)
        #expect(played.targets.count == 3 && played.targets[2].contains("starting_after=txn_3QLpaYKJ2mNpQr5t1TxN0002"))
        #expect(played.targets[1].contains("payout=po_1QNa7RKJ2mNpQr5tPay00001") && played.targets[1].contains("expand[]=data.source"))
        #expect(try connector.normalize(record, facts()).documents == normalized("payout", fixture("payout")).documents)
        let by = try #require(try fixture("payout-instant")["payout"])
        #expect(play(connector.fetch("po_1QNa7RKJ2mNpQr5tInst0001", facts())) { _ in .json(200, by) }.targets.count == 1, "rows of others can't be asked for")
    }

    /// Answers as the invoice's fixture has it, in Stripe's own shapes.
    private func invoiceAnswers(_ whole: JSON) throws -> (String) -> HTTPResponse {
        let invoice = try #require(whole["invoice"]), charge = try #require(whole["payments"]?[0]?["charges"]?[0]?["charge"])
        let note = try #require(whole["credit_notes"]?[0]).changing("lines", to: ["has_more": true, "data": []])
        return { target in
            switch target.prefix(while: { $0 != "?" }) {
            case "/v1/invoices/in_1QLqB2KJ2mNpQr5tInv00001": .json(200, invoice)
            case "/v1/invoice_payments": list([whole["payments"]?[0]?["invoice_payment"] ?? .null])
            case "/v1/charges": list([charge])
            case "/v1/charges/ch_3QLqB2KJ2mNpQr5t1xYz0010": .json(200, charge)
            case "/v1/refunds/re_1QLqB2KJ2mNpQr5t1Rfd0002": .json(200, whole["payments"]?[0]?["charges"]?[0]?["refunds"]?[0] ?? .null)
            case "/v1/refunds": list(whole["payments"]?[0]?["charges"]?[0]?["refunds"]?.array ?? [])
            case "/v1/credit_notes": list([note])
            case "/v1/credit_notes/cn_1QMabcKJ2mNpQr5tCn000001/lines": list(whole["credit_notes"]?[0]?["lines"]?.array ?? [])
            case "/v1/tax_rates/txr_1P0uKvat20gb": .json(200, whole["tax_rates"]?["txr_1P0uKvat20gb"] ?? .null)
            default: missing
            }
        }
    }

    @Test("whatever of an invoice is asked for, all of it is read", arguments: [
        "in_1QLqB2KJ2mNpQr5tInv00001", "ch_3QLqB2KJ2mNpQr5t1xYz0010", "re_1QLqB2KJ2mNpQr5t1Rfd0002",
    ])
    func invoice(id: String) throws {
        let whole = try fixture("invoice")
        let played = play(connector.fetch(id, facts()), try invoiceAnswers(whole))
        let record = try #require(played.output ?? nil, "\(played.targets)")
        #expect(record.topic == "invoice" && record.deliveryID.hasPrefix("invoice:in_1QLqB2KJ2mNpQr5tInv00001:"))
        #expect(try connector.normalize(record, facts()).documents == normalized("invoice", whole).documents)
        #expect(play(connector.fetch(id, facts()), try invoiceAnswers(whole)).output??.deliveryID == record.deliveryID)
    }

    @Test("a charge without an invoice is read with its checkout's lines; rows of others' payments are not taken for its own")
    func charge() throws {
        let whole = try fixture("charge-checkout"), charge = try #require(whole["charge"])
        let other = try #require(try fixture("invoice")["payments"]?[0]?["invoice_payment"])
        let played = play(connector.fetch("ch_3QLpaYKJ2mNpQr5t1Chk0001", facts())) { target in
            switch target.prefix(while: { $0 != "?" }) {
            case "/v1/charges/ch_3QLpaYKJ2mNpQr5t1Chk0001": .json(200, charge)
            case "/v1/invoice_payments": list([other])
            case "/v1/checkout/sessions": list([whole["session"] ?? .null])
            case "/v1/checkout/sessions/cs_live_a1YS1URlnyQCN5fUU/line_items": list(whole["items"]?.array ?? [])
            case "/v1/refunds": list(whole["refunds"]?.array ?? [])
            default: missing
            }
        }
        let record = try #require(played.output ?? nil, "\(played.targets)")
        #expect(try connector.normalize(record, facts()).documents == normalized("charge", whole).documents)
    }

    @Test("what is not there is nothing; what is no id of theirs is refused", arguments: ["ch_x", "re_x", "in_x", "dp_x", "po_x"])
    func nothing(id: String) {
        let played = play(connector.fetch(id, facts())) { _ in missing }
        #expect(played.output == .some(nil) && played.targets.count == 1)
        for bad in ["1", "", "cus_1", "ch_../x", "balance:", "balance:2026-02-30", "ch_1?a=b"] {
            #expect(play(connector.fetch(bad, facts())) { _ in missing }.fault?.code == "invalid_id")
        }
    }

    @Test("the taxes of a delivery are asked for where there are some")
    func shippingTaxes() throws {
        let cost: JSON = ["amount_subtotal": 500, "amount_tax": 100, "amount_total": 600, "shipping_rate": "shr_1"]
        let invoice = try #require(try fixture("invoice")["invoice"]).changing("shipping_cost", to: cost)
        let played = play(connector.fetch("in_1QLqB2KJ2mNpQr5tInv00001", facts())) { target in
            target.hasPrefix("/v1/invoices/") ? .json(200, invoice) : list([])
        }
        #expect(played.targets[1] == "/v1/invoices/in_1QLqB2KJ2mNpQr5tInv00001?expand[]=shipping_cost.taxes")
    }

    @Test("what a platform earned is read with all that it gave back")
    func earning() throws {
        let whole = try fixture("application-fee"), fee = try #require(whole["application_fee"]), refunds = try #require(whole["refunds"]?.array)
        let played = play(connector.fetch("fee_1Pgc6zB7WZ01zgkWOMh2at1m", facts())) { target in
            if target.contains("/refunds") { return list(refunds) }
            return .json(200, fee.changing("refunds", to: ["object": "list", "has_more": true, "data": []]))
        }
        let record = try #require(played.output ?? nil, "\(played.targets)")
        #expect(try connector.normalize(record, facts()).documents == normalized("application_fee", whole).documents)
    }

    @Test("a day of the balance is asked for by its bounds in UTC")
    func day() throws {
        let rows = try #require(try fixture("balance-day")["rows"]?.array)
        let played = play(connector.fetch("balance:2026-11-15", facts())) { _ in list(rows) }
        #expect(played.targets[0].contains("created[gte]=1794700800") && played.targets[0].contains("created[lt]=1794787200"))
        let record = try #require(played.output ?? nil)
        #expect(try connector.normalize(record, facts()).documents == normalized("balance_day", fixture("balance-day")).documents)
    }

    @Test("a platform's key names the account; an account's own key does not")
    func connected() {
        let request = HTTPRequest(.get, "/v1/account")
        #expect(connector.prepare(request, for: facts()).fields["Stripe-Account"] == nil)
        #expect(connector.prepare(request, for: facts(["key_of": "platform"])).fields["Stripe-Account"] == account)
        #expect(connector.spec.headers["Stripe-Version"] == "2026-10-28.endive")
    }

    @Test("the account says who it is")
    func identity() throws {
        let json: JSON = ["id": .string(account), "business_profile": ["name": .null], "email": "a@b.example", "country": "US", "default_currency": "usd"]
        let identity = try #require(play(connector.identify(facts())) { _ in .json(200, json) }.output)
        #expect(identity == AccountIdentity(account: account, name: "a@b.example", country: "US", currency: "USD"))
        #expect(play(connector.identify(facts())) { _ in .json(200, ["id": "cus_1"]) }.fault?.code == "unreadable_answer")
    }

    @Test("an event of another account, or about something else, is held")
    func foreign() throws {
        let event = try fixture("charge-event")
        let fault = try #require(refusal("charge.succeeded", event.changing("account", to: "acct_other")))
        #expect(fault.code == "unreadable_record" && fault.position == "account" && fault.summary.contains(account))
        #expect(refusal("charge.succeeded", event.changing("data", "object", "object", to: "plan"))?.code == "unreadable_record")
        #expect(refusal("charge.succeeded", event.changing("data", "object", "id", to: "../x"))?.position == "data.object.id")
        #expect(try normalized("plan.created", event.changing("type", to: "plan.created")).documents.isEmpty)
        #expect(try normalized("invoice.paid", try fixture("invoice-event")).fetch == ["in_1QLqB2KJ2mNpQr5tInv00001"])
        #expect(try normalized("credit_note.created", try fixture("credit-note-event")).fetch == ["in_1QLqB2KJ2mNpQr5tInv00001"])
        #expect(try normalized("refund.created", try fixture("refund-event")).fetch == ["re_3QLpaYKJ2mNpQr5t1Rfd0001"])
    }

    private func status(_ document: SourceDocument) throws -> String {
        guard case .dispute(let body) = document.body else { throw Fault("no_dispute", stage: .normalize, disposition: .bug, summary: "no dispute") }
        return body.status
    }

    @Test("a dispute's versions rise from opened to lost or won")
    func disputes() throws {
        let json = try fixture("dispute")
        var last: Int64 = 0
        let opened = try normalized("dispute", json.changing("dispute", "balance_transactions", to: [])).documents[0]
        let moved = try normalized("dispute", json).documents[0]
        #expect(try status(opened) == "needs_response" && opened.version < moved.version)
        for status in ["needs_response", "under_review", "lost", "won"] {
            let document = try normalized("dispute", json.changing("dispute", "status", to: .string(status))).documents[0]
            #expect(try self.status(document) == (["lost", "won"].contains(status) ? status : "funds_withdrawn"))
            #expect(document.version > last)
            last = document.version
        }
    }
}
