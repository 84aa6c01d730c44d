import Books
import ConnectorKit
import ConnectorTestKit
import Kernel
import Testing
import Wire

@testable import Square

@Suite("Payouts, disputes and drawers") struct PayoutTests {
    private var zero: Money { usd(0) }

    @Test("a payout is its entries: what was paid, what went back and what Square took")
    func plain() throws {
        let found = try normalized("payout", fixture("payout"))
        let payout = try #require(found.payouts.first), document = found.documents[0]
        #expect(document.id == "po_070431e4-e351-11eb-a8bb-02420a140009" && document.caseID == document.id)
        #expect(document.at == Timestamp(rfc3339: "2026-11-18T12:00:00Z"), "noon of the day of arrival")
        #expect(payout.gateway == "square" && payout.amount == usd(3_972) && payout.status == .paid && payout.reference == "L2100000005")
        #expect(payout.rows == [
            PayoutRow(
                id: "poe_EibbY9Ob1d0SGJS6IWd4cSiSi6wkaPk", kind: .charge, ref: "tPz0000000000000000000000001", amount: usd(5_894), fee: usd(168),
                    net: usd(5_726),
                at: Timestamp(rfc3339: "2026-11-14T17:20:47Z")),
            PayoutRow(
                id: "poe_ZQWcw41d0SGJS6IWd4cSi8mKHk", kind: .refund, ref: "RtnOrd7Y1xkT0yq4bYc5gC2AzVEXYB/tPz0000000000000000000000001_rF1",
                    amount: usd(-1_754),
                fee: zero, net: usd(-1_754), at: Timestamp(rfc3339: "2026-11-16T19:02:44Z")),
        ])
        #expect(balances(plans(found.documents)) == ["bank:USD": 3_972, "processor_fees": 168, "clearing:square:USD": -4_140])
    }

    @Test("sale, return and payout leave nothing in clearing, and in the bank what Square paid")
    func whole() throws {
        let told = try normalized("order", fixture("order")).documents + normalized("order", fixture("return")).documents
            + normalized("payout", fixture("payout")).documents
        let made = plans(told)
        #expect(made.allSatisfy { $0.findings.isEmpty })
        let left = balances(made)
        #expect(left["clearing:square:USD"] == nil && left["receivable:shop"] == nil && left["bank:USD"] == 3_972 && left["processor_fees"] == 168)
        #expect(left.values.reduce(0, +) == 0)
    }

    @Test("each kind of entry is what it does to the balance")
    func kinds() throws {
        let payout = try #require(try normalized("payout", fixture("payout-mixed")).payouts.first)
        let kinds = payout.rows.map { "\($0.id.dropFirst(4)) \($0.kind.rawValue)" }
        #expect(kinds == [
            "1 charge", "2 refund", "3 dispute", "4 dispute_reversal", "5 reserve_hold", "6 reserve_release", "7 reserve_hold", "8 reserve_release",
                "9 fee", "10 fee",
            "11 fee", "12 fee", "13 fee", "14 fee", "15 adjustment", "16 transfer", "17 retained", "18 payout_failure", "19 adjustment", "20 adjustment",
            "21 transfer", "ut_fee fee",
        ])
        #expect(payout.rows[1].ref == "RtnX/tPz1_rF1" && payout.rows[1].fee == usd(-40) && payout.rows[2].ref == "dis1" && payout.rows[0].ref == "tPz1")
        #expect(payout.amount == usd(2_837) && payout.rows.map(\.net).total(.usd) == payout.amount && payout.rows.last?.fee == usd(30))
        let made = plans(try normalized("payout", fixture("payout-mixed")).documents)
        #expect(made.allSatisfy { $0.findings.isEmpty } && balances(made).values.reduce(0, +) == 0 && balances(made)["bank:USD"] == 2_837)
    }

    @Test("a payout that can't be taken apart takes its sum from the balance; one that came back returns it")
    func others() throws {
        let simple = try normalized("payout", fixture("payout-simple"))
        #expect(simple.payouts.first?.rows == [] && balances(plans(simple.documents)) == ["bank:USD": 1_000, "clearing:square:USD": -1_000])
        let failed = try normalized("payout", fixture("payout").changing("payout", "status", to: "FAILED"))
        #expect(failed.payouts.first?.status == .failed && balances(plans(failed.documents))["bank:USD"] == nil)
        let sent = try fixture("payout").changing("payout", "status", to: "SENT")
        #expect(try normalized("payout", sent).documents.isEmpty && normalized("payout", sent, ["payouts": "sent"]).payouts.first?.status == .paid)
        #expect(try normalized("payout", fixture("payout"), ["locations": "LZ2"]).documents.isEmpty)
        #expect(try normalized("payout", fixture("payout"), ["gateway": "square_pos"]).payouts.first?.gateway == "square_pos")
        #expect(refusal("payout", try fixture("payout").changing("payout", "status", to: "LOST"))?.position == "payout.status")
    }

    @Test("entries that are not the payout, or do not add up themselves, are refused with both figures")
    func odd() throws {
        let json = try fixture("payout")
        #expect(refusal("payout", json.changing("payout", "amount_money", "amount", to: 3_973))?.summary.contains("39.72") == true)
        #expect(refusal("payout", json.changing("entries", "0", "fee_amount_money", "amount", to: 169))?.position == "entries[0].net_amount_money")
        #expect(refusal("payout", json.changing("entries", "1", "id", to: "poe_EibbY9Ob1d0SGJS6IWd4cSiSi6wkaPk"))?.code == "unbalanced_record")
        #expect(refusal("payout", json.changing("entries", "0", "gross_amount_money", "currency", to: "CAD"))?.position == "entries[0].gross_amount_money")
        #expect(refusal("payout", json.changing("payout", "arrival_date", to: "soon"))?.position == "payout.arrival_date")
    }

    @Test("a dispute belongs to the order of its payment")
    func disputes() throws {
        let found = try normalized("dispute", fixture("dispute"))
        #expect(found.documents[0].caseID == "CAISENgvlJ6jLWAzERDzjyHVybY" && found.ids == ["XDgyFu7yo1E2S5lQGGpYn"])
        #expect(found.disputes == [Dispute(payment: "tPz0000000000000000000000001", amount: usd(5_894), status: "evidence_required",
            reason: "NOT_AS_DESCRIBED")])
        let alone = try normalized("dispute", fixture("dispute").changing("payment", to: .null).changing("dispute", "id", to: .null)
            .changing("dispute", "dispute_id", to: "old1"))
        #expect(alone.documents[0].caseID == "tPz0000000000000000000000001" && alone.ids == ["old1"])
    }

    @Test("a drawer that was counted tells what is over or short, where the settings ask for it")
    func drawers() throws {
        let on = ["cash_drawers": "on"]
        let found = try normalized("cash_drawer_shift", fixture("drawer"), on)
        guard case .registerClosure(let closure) = try #require(found.documents.first).body else { throw Wrong() }
        #expect(closure == RegisterClosure(gateway: "cash", expected: usd(41_210), counted: usd(41_000), register: "Till 2", location: "LRJNZCB190DTQ"))
        #expect(balances(plans(found.documents)) == ["cash_over_short": 210, "clearing:cash:USD": -210])
        #expect(try normalized("cash_drawer_shift", fixture("drawer")).documents.isEmpty)
        #expect(try normalized("cash_drawer_shift", fixture("drawer").changing("shift", "state", to: "ENDED"), on).documents.isEmpty)
        #expect(refusal("cash_drawer_shift", try fixture("drawer")
            .changing("shift", "closed_cash_money", to: .null), on)?.position == "shift.closed_cash_money")
    }

    private struct Wrong: Error {}
}
