import Books
import ConnectorKit
import Kernel
import Testing

@testable import Pipeline

/// A source that may call the one payment of an order otherwise later.
@Suite("A payment that is called otherwise later") struct NamedPaymentTests {
    private func said(_ name: String, order: String = "O-1", lone: Bool = true, card: Bool = false) -> Normalized {
        let paid = SourceDocument(
            id: name, caseID: order, version: 1, at: at("2026-11-02T10:00:00Z"),
            body: .payment(Payment(gateway: card ? "gift_card" : "stripe", amount: usd(10_000), status: .success)))
        let row = PayoutRow(id: "charge", kind: .charge, ref: name, amount: usd(10_000), fee: usd(300), net: usd(9_700))
        let fee = SourceDocument(
            id: "\(order)-fee", caseID: "\(order)-fee", version: 1, at: at("2026-11-02T10:00:00Z"), body: .payout(Payout(gateway: "stripe", amount: usd(0), rows: [row])))
        return Normalized(documents: [sale(order), paid, fee], lonePayments: lone ? [name] : [])
    }

    private func names(_ said: [Normalized]) -> [String] {
        said.flatMap(\.documents).compactMap { document in
            switch document.body {
            case .payment: document.id
            case .payout(let payout): "fee of \(payout.rows[0].ref ?? "")"
            default: nil
            }
        }
    }

    @Test("it keeps the name it had first, and what names it in the same record follows; one that is new keeps its own")
    func first() {
        #expect(names(Normalize.named([said("pi_2")], known: ["O-1": ["pi_1"]])) == ["pi_1", "fee of pi_1"])
        #expect(names(Normalize.named([said("pi_2")], known: ["O-1": ["O-1-paid"]])) == ["O-1-paid", "fee of O-1-paid"])
        #expect(names(Normalize.named([said("pi_2")], known: ["O-2": ["pi_1"]])) == ["pi_2", "fee of pi_2"])
        // Both names in one batch.
        #expect(names(Normalize.named([said("pi_1"), said("pi_2"), said("pi_3", order: "O-3")], known: [:])) == ["pi_1", "fee of pi_1", "pi_1", "fee of pi_1", "pi_3", "fee of pi_3"])
    }

    @Test("what stands under its name is left as it is, also where an order has two already")
    func stands() {
        #expect(names(Normalize.named([said("pi_2")], known: ["O-1": ["pi_1", "pi_2"]])) == ["pi_2", "fee of pi_2"])
        #expect(names(Normalize.named([said("pi_1")], known: ["O-1": ["pi_1"]])) == ["pi_1", "fee of pi_1"])
    }

    @Test("a source that has several payments an order, and gift cards, are left alone")
    func others() {
        #expect(names(Normalize.named([said("P-2", lone: false)], known: ["O-1": ["P-1"]])) == ["P-2", "fee of P-2"])
        #expect(names(Normalize.named([said("O-1-card-1", card: true)], known: ["O-1": ["pi_1"]])) == ["O-1-card-1", "fee of O-1-card-1"])
    }
}
