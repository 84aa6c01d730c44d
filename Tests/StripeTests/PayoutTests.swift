import Books
import ConnectorKit
import ConnectorTestKit
import Kernel
import Testing
import Wire

@testable import Stripe

@Suite("Payouts, to the cent") struct PayoutTests {
    private func only(_ name: String, _ settings: [String: String] = [:]) throws -> Payout {
        try #require(try normalized("payout", try fixture(name), settings).payouts.first)
    }

    @Test("an automatic payout is its rows: charge, refund, fee; its own row is left out")
    func automatic() throws {
        let read = try normalized("payout", try fixture("payout"))
        let payout = read.payouts[0]
        #expect(payout.amount == usd(4_711) && payout.status == .paid && payout.gateway == "stripe")
        #expect(payout.rows.map(\.kind) == [.refund, .charge] && payout.rows.map(\.net) == [usd(-1_754), usd(6_465)])
        #expect(payout.rows.map(\.ref) == ["re_3QLpaYKJ2mNpQr5t1Rfd0001", "ch_3QLpaYKJ2mNpQr5t1xYz0001"])
        // The day of arrival, in New York as in Auckland's winter.
        #expect(read.documents[0].at == Timestamp(rfc3339: "2026-11-19T12:00:00Z"))
        #expect(balances(plans(read.documents)) == ["bank:USD": 4_711, "processor_fees": 224, "clearing:stripe:USD": -4_935])
        let sales = try normalized("charge", try fixture("charge")).documents
        #expect(balances(plans(read.documents + sales))["clearing:stripe:USD"] == nil, "what the sales put there is what the payout takes")
    }

    @Test("every kind of row is what it is in the books, and the sum is the payout")
    func mixed() throws {
        let payout = try only("payout-mixed")
        let kinds: [String: PayoutRow.Kind] = [
            "txn_2a": .charge, "txn_2b": .charge, "txn_2c": .refund, "txn_2d": .refund, "txn_2e": .refundFailure, "txn_2f": .dispute,
            "txn_2g": .disputeReversal, "txn_2h": .fee, "txn_2i": .fee, "txn_2j": .reserveHold, "txn_2k": .reserveRelease, "txn_2l": .retained,
            "txn_2m": .payoutFailure, "txn_2n": .transfer, "txn_2o": .adjustment, "txn_2p": .charge, "txn_2q": .charge,
        ]
        #expect(Dictionary(uniqueKeysWithValues: payout.rows.map { ($0.id, $0.kind) }) == kinds)
        #expect(payout.rows.map(\.net).total(.usd) == payout.amount && payout.amount == usd(5_191))
        #expect(payout.rows.allSatisfy { $0.amount - $0.fee == $0.net })
        let converted = payout.rows.filter { $0.original != nil }
        #expect(converted.map(\.original) == [Money(minor: 10_000, .eur), Money(minor: -5_000, .eur)])
        let won = try #require(payout.rows.first { $0.kind == .disputeReversal })
        #expect(won.ref == "dp_1QMzzKKJ2mNpQr5tDsp0001" && won.fee == usd(-1_500))
        // The instant payout took its fee then; here the balance is only less by all that it took.
        #expect(payout.rows.first { $0.id == "txn_2l" }.map { [$0.amount, $0.fee, $0.net] } == [usd(-4_060), usd(0), usd(-4_060)])
    }

    @Test("a converted charge captured in part is a row of all of it and one of the rest")
    func capturedInPart() throws {
        let source: JSON = ["id": "ch_2b", "object": "charge", "amount": 10_000, "amount_captured": 6_000, "currency": "eur", "metadata": [:]]
        let json = try fixture("payout-mixed").changing("rows", "2", "source", to: source).changing("rows", "3", "source", to: source)
            .changing("rows", "3", "reporting_category", to: "partial_capture_reversal").changing("rows", "3", "amount", to: -4_349)
            .changing("rows", "3", "net", to: -4_349).changing("payout", "amount", to: 6_279)
            .changing("payout", "balance_transaction", to: "txn_2z")
        let rows = try #require(try normalized("payout", json).payouts.first).rows.filter { $0.original != nil }
        #expect(rows.map(\.kind) == [.charge, .charge] && rows.map(\.ref) == ["ch_2b", "ch_2b"])
        #expect(rows.map(\.original) == [Money(minor: 10_000, .eur), Money(minor: -4_000, .eur)])
    }

    @Test("the books of a payout of all kinds balance, with fees, chargebacks and reserve apart")
    func posted() throws {
        var payout = try only("payout-mixed")
        // Converted rows wait for the sales that they settle.
        payout.rows.removeAll { $0.original != nil }
        payout.amount = payout.rows.map(\.net).total(.usd)
        let document = SourceDocument(id: "po_2", caseID: "po_2", version: 1, at: Timestamp(seconds: 1_795_046_400), body: .payout(payout))
        let posted = plans([document])
        #expect(posted.flatMap(\.findings).isEmpty)
        let sums = balances(posted)
        #expect(sums["processor_fees"] == 320 + 1_250 + 119 && sums["processor_reserve:stripe:USD"] == 2_000)
        #expect(sums["chargebacks"] == nil && sums["chargeback_fees"] == nil, "lost and won again")
        #expect(sums["bank:USD"] == payout.amount.minor && sums.values.reduce(0, +) == 0)
    }

    @Test("a payout that is not the sum of its rows is refused by name, and so is a row that does not add up", arguments: [
        ["payout", "amount"], ["rows", "1", "net"], ["rows", "1", "amount"], ["rows", "2", "fee"], ["rows", "2", "fee_details", "0", "amount"],
    ])
    func unbalanced(path: [String]) throws {
        var json = try fixture("payout")
        switch path.count {
        case 2: json = json.changing(path[0], path[1], to: 4_712)
        case 3: json = json.changing(path[0], path[1], path[2], to: 4_712)
        default: json = json.changing(path[0], path[1], path[2], path[3], path[4], to: 4_712)
        }
        let fault = try #require(refusal("payout", json))
        #expect(fault.code == "unbalanced_record" && fault.disposition == .hold)
        let missing = try fixture("payout").changing("rows", to: [])
        #expect(refusal("payout", missing)?.code == "unbalanced_record")
        let twice = try fixture("payout-mixed")
        #expect(refusal("payout", twice.changing("rows", "16", "id", to: "txn_2o"))?.summary.contains("one id") == true)
        #expect(refusal("payout", twice.changing("rows", "1", "currency", to: "eur"))?.code == "unbalanced_record")
    }

    @Test("nothing is said before a payout is decided and its rows are complete")
    func undecided() throws {
        let json = try fixture("payout")
        for status in ["pending", "in_transit"] { #expect(try normalized("payout", json.changing("payout", "status", to: .string(status))).documents.isEmpty) }
        #expect(try normalized("payout", json.changing("payout", "reconciliation_status", to: "in_progress")).documents.isEmpty)
        let event = try fixture("payout-event")
        let early = event.changing("data", "object", "reconciliation_status", to: "in_progress").changing("type", to: "payout.paid")
        #expect(try normalized("payout.paid", early).fetch.isEmpty)
    }

    @Test("a paid payout that fails is a newer version, and its money is in clearing again")
    func failed() throws {
        let paid = try normalized("payout", try fixture("payout"))
        let failed = try normalized("payout", try fixture("payout").changing("payout", "status", to: "failed"))
        #expect(failed.payouts[0].status == .failed && paid.documents[0].version < failed.documents[0].version)
        #expect(balances(plans(failed.documents)) == ["processor_fees": 224, "clearing:stripe:USD": -224])
        let cancelled = try normalized("payout", try fixture("payout").changing("payout", "status", to: "canceled"))
        #expect(cancelled.payouts[0].status == .cancelled && balances(plans(cancelled.documents)).isEmpty)
    }

    @Test("a manual or instant payout takes its money and its fee from the balance as a whole")
    func instant() throws {
        let read = try normalized("payout", try fixture("payout-instant"))
        #expect(read.payouts[0].rows.map { [$0.amount, $0.fee, $0.net] } == [[usd(4_060), usd(60), usd(4_000)]])
        #expect(balances(plans(read.documents)) == ["bank:USD": 4_000, "processor_fees": 60, "clearing:stripe:USD": -4_060])
        let odd = try fixture("payout-instant").changing("payout", "balance_transaction", "net", to: -4_000)
        let free = odd.changing("payout", "balance_transaction", "fee", to: 0)
        #expect(try normalized("payout", free).payouts[0].rows.isEmpty)
        #expect(refusal("payout", odd)?.code == "unbalanced_record")
    }

    @Test("a day of a balance paid out by hand is a statement of nothing for each currency, which books fees and refunds")
    func statement() throws {
        let read = try normalized("balance_day", try fixture("balance-day"), ["payouts": "manual"])
        #expect(read.ids == ["balance-2026-11-15-JPY", "balance-2026-11-15-USD"])
        let dollars = try #require(read.payouts.last)
        #expect(dollars.amount.isZero && dollars.rows.map(\.kind) == [.charge, .refund, .retained] && dollars.rows.map(\.net).total(.usd).isZero)
        let sums = balances(plans([read.documents[1]]))
        #expect(sums == ["processor_fees": 224, "clearing:stripe:USD": -224])
        // All of a day, and the payout that took it: clearing is what is left of the balance.
        let sales = try normalized("charge", try fixture("charge")).documents, taken = try normalized("payout", try fixture("payout-instant")).documents
        let all = balances(plans([read.documents[1]] + sales + taken))
        #expect(all["clearing:stripe:USD"] == 4_711 - 4_060 && all["bank:USD"] == 4_000)
        // More rows of the same day are a newer version.
        let row = try #require(try fixture("balance-day")["rows"]?[1])
        let fewer = try normalized("balance_day", try fixture("balance-day").changing("rows", to: .array([row])))
        #expect(try #require(fewer.documents.first?.version) < read.documents[1].version)
    }

    @Test("a payout below zero is a debit of the bank")
    func negative() throws {
        let json = try fixture("payout").changing("payout", "amount", to: -1_754).changing("payout", "balance_transaction", to: "txn_1QNa7RKJ2mNpQr5tTxN0003")
            .changing("rows", to: .array([try #require(try fixture("payout")["rows"]?[1])]))
        #expect(balances(plans(try normalized("payout", json).documents))["bank:USD"] == -1_754)
    }
}
