import Books
import ConnectorKit
import ConnectorTestKit
import Kernel
import Testing
import Wire

@testable import Stripe

@Suite("Refunds and credit notes of one invoice") struct GivenBackTests {
    @Test("whatever shape refunds and credit notes take, and in whatever order their states are read, what is told is what left Stripe and what was credited")
    func everyOrder() throws {
        for seed in 0 ..< 150 {
            var random = Seeded(UInt64(seed))
            var account = Account()
            var states: [Account] = []
            for step in 0 ..< random.int(2 ... 12) {
                account.step(Int64(step), &random)
                states.append(account)
            }
            // Some states are never seen; the last one is, before or after the others.
            var seen = states.dropLast().filter { _ in !random.flip(3) } + [account]
            seen.shuffle(using: &random)
            let told = standing(try seen.flatMap { try normalized("invoice", $0.record()).documents })
            expect(told, account, "seed \(seed)")
            // What has no part in the order is the same record read twice.
            #expect(standing(told + (try normalized("invoice", account.record()).documents)) == told, "seed \(seed)")
        }
    }

    @Test("a note of a part of a refund leaves the rest of it told as goodwill")
    func part() throws {
        var account = Account(refunds: [.init(id: "re_1", amount: 10_000, state: .given, created: 0)])
        let before = try normalized("invoice", account.record()).documents
        account.notes = [.init(id: "cn_1", entries: [("re_1", 6_000)], created: 1)]
        let told = standing(before + (try normalized("invoice", account.record()).documents))
        #expect(told.compactMap(\.refund).map { "\($0.id) \($0.body.total.text)" } == ["cn_1 60.00", "re_1 40.00"])
        expect(told, account, "part")
        account.notes.append(.init(id: "cn_2", entries: [("re_1", 4_000)], created: 2))
        let both = standing(told + (try normalized("invoice", account.record()).documents))
        #expect(both.compactMap(\.refund).map { "\($0.id) \($0.body.total.text)" } == ["cn_1 60.00", "cn_2 40.00", "re_1 0.00"])
        expect(both, account, "both")
    }

    @Test("a note of a refund and of credit beside it takes back the refund that was told alone")
    func beside() throws {
        var account = Account(refunds: [.init(id: "re_1", amount: 5_000, state: .given, created: 0)])
        let before = try normalized("invoice", account.record()).documents
        account.notes = [.init(id: "cn_1", entries: [("re_1", 5_000)], credit: 880, created: 1)]
        let told = standing(before + (try normalized("invoice", account.record()).documents))
        #expect(told.compactMap(\.refund).map { "\($0.id) \($0.body.total.text)" } == ["cn_1 58.80", "re_1 0.00"])
        expect(told, account, "beside")
        account.notes[0].isVoid = true
        expect(standing(told + (try normalized("invoice", account.record()).documents)), account, "void")
    }

    @Test("a refund under way that a note names is paid when it is paid, and one that comes to nothing takes its credit back", arguments: [1, 60])
    func underWay(seconds: Int64) throws {
        var account = Account(refunds: [.init(id: "re_1", amount: 5_880, state: .open, created: 0)])
        #expect(try normalized("invoice", account.record()).refunds.isEmpty)
        account.notes = [.init(id: "cn_1", entries: [("re_1", 5_880)], created: seconds)]
        let open = try normalized("invoice", account.record())
        #expect(open.refunds.map(\.total) == [gbp(0)] && open.refunds[0].transactions.map(\.status) == [.pending])
        expect(open.documents, account, "open")
        for end in [Account.State.given, .lost] {
            account.refunds[0].state = end
            expect(standing(open.documents + (try normalized("invoice", account.record()).documents)), account, "\(end)")
        }
    }

    @Test("a refund under way that notes name wholly is still one to be looked for")
    func lookedFor() throws {
        var account = Account(refunds: [.init(id: "re_1", amount: 5_000, state: .open, created: 0)])
        account.notes = [.init(id: "cn_1", entries: [("re_1", 5_000)], credit: 880, created: 1)]
        let open = try normalized("invoice", account.record()).documents
        #expect(open.compactMap(\.refund).map { $0.body.transactions.contains { $0.status == .pending } } == [true, true])
        expect(standing(open), account, "open")
        account.refunds[0].state = .given
        let given = standing(open + (try normalized("invoice", account.record()).documents))
        #expect(given.compactMap(\.refund).allSatisfy { $0.body.transactions.allSatisfy { $0.status == .success } })
        expect(given, account, "given")
    }

    @Test("notes that name more of a refund than it is, or state less than went back, are refused")
    func tooMuch() throws {
        var account = Account(refunds: [.init(id: "re_1", amount: 5_000, state: .given, created: 0)])
        account.notes = [.init(id: "cn_1", entries: [("re_1", 3_000)], created: 1), .init(id: "cn_2", entries: [("re_1", 2_001)], created: 2)]
        #expect(refusal("invoice", try account.record())?.code == "unbalanced_record")
        account.notes = [.init(id: "cn_1", entries: [("re_1", 5_000)], credit: -1, created: 1)]
        #expect(refusal("invoice", try account.record())?.code == "unbalanced_record")
    }

    /// What is told against what is true.
    private func expect(_ told: [SourceDocument], _ account: Account, _ what: String, _ at: SourceLocation = #_sourceLocation) {
        let refunds = told.compactMap(\.refund).map(\.body)
        let given = account.refunds.filter { $0.state == .given }, live = account.notes.filter { !$0.isVoid }
        func state(_ id: String) -> Account.State? { account.refunds.first { $0.id == id }?.state }
        let worth = refunds.flatMap { $0.lines.map(\.net) + $0.adjustments.map(\.amount) }.map(\.minor).reduce(0, +)
        let lost = live.flatMap(\.entries).filter { state($0.id) == .lost }.map(\.amount).reduce(0, +)
        let open = live.flatMap(\.entries).filter { state($0.id) == .open }.map(\.amount).reduce(0, +)
        let alone = given.map { $0.amount - account.named($0.id) }.reduce(0, +)
        #expect(worth == live.map(\.total).reduce(0, +) - lost + alone, "credited, \(what)", sourceLocation: at)
        let posted = plans(told, base: .gbp)
        let sums = balances(posted), back = given.map(\.amount).reduce(0, +)
        #expect(posted.flatMap(\.findings).isEmpty, "held, \(what)", sourceLocation: at)
        #expect(sums["clearing:stripe:GBP"] ?? 0 == 11_760 - back, "left Stripe, \(what)", sourceLocation: at)
        #expect(sums["store_credit_liability"] ?? 0 == -live.map(\.credit).reduce(0, +), "balance, \(what)", sourceLocation: at)
        #expect(sums["receivable:shop"] ?? 0 == -open, "owed, \(what)", sourceLocation: at)
        // A payout's row finds all of a refund under its name, and nothing of what did not leave.
        var around = Surroundings()
        for posting in posted { around.note(posting, base: .gbp) }
        for refund in account.refunds {
            let carried = around.carried[refund.id]?.amount.minor ?? 0
            #expect(carried == (refund.state == .given ? -refund.amount : 0), "row of \(refund.id), \(what)", sourceLocation: at)
        }
        for posting in posted where posting.form == .refundPayment {
            let names = posting.lines.compactMap { $0.role.family == "clearing" ? $0.derivedFrom.first.map { String($0.prefix { $0 != "/" }) } : nil }
            #expect(Set(names).isSubset(of: posting.covers), "found by its row, \(what)", sourceLocation: at)
        }
    }
}

/// An invoice of 117.60 that was paid by card, with what became of it at Stripe.
private struct Account {
    enum State: CaseIterable { case open, given, lost }

    struct Refund {
        var id: String
        var amount: Int64
        var state: State
        var created: Int64
    }

    struct Note {
        var id: String
        var entries: [(id: String, amount: Int64)]
        var credit: Int64 = 0
        var isVoid = false
        var created: Int64
        var total: Int64 { entries.map(\.amount).reduce(0, +) + credit }
    }

    var refunds: [Refund] = []
    var notes: [Note] = []
    private var left: Int64 = 11_000

    init(refunds: [Refund] = []) { self.refunds = refunds }

    func named(_ refund: String) -> Int64 { notes.filter { !$0.isVoid }.flatMap(\.entries).filter { $0.id == refund }.map(\.amount).reduce(0, +) }

    /// One thing happens.
    mutating func step(_ now: Int64, _ random: inout Seeded) {
        switch random.int(0 ... 9) {
        case 0 ... 2:
            let amount = Int64(random.int(1 ... 5_000))
            guard amount <= left else { return }
            left -= amount
            refunds.append(Refund(id: "re_\(now)", amount: amount, state: random.flip() ? .open : .given, created: now))
        case 3 ... 4:
            guard let at = refunds.indices.randomElement(using: &random) else { return }
            refunds[at].state = refunds[at].state == .open && random.flip() ? .given : .lost
        case 5 ... 8: credit(now, &random)
        default: if let at = notes.indices.randomElement(using: &random) { notes[at].isVoid = true }
        }
    }

    private mutating func credit(_ now: Int64, _ random: inout Seeded) {
        var note = Note(id: "cn_\(now)", entries: [], created: now)
        for refund in refunds.shuffled(using: &random).prefix(random.int(0 ... 3)) where refund.state != .lost {
            let free = refund.amount - named(refund.id)
            guard free > 0 else { continue }
            note.entries.append((refund.id, random.flip() ? free : Int64(random.int(1 ... Int(free)))))
        }
        if random.flip(), left > 0 {
            note.credit = Int64(random.int(1 ... Int(min(left, 900))))
            left -= note.credit
        }
        if note.total > 0 { notes.append(note) }
    }

    /// What a fetch of the invoice brings.
    func record() throws -> JSON {
        try fixture("invoice").changing("payments", "0", "charges", "0", "refunds", to: .array(refunds.map(json)))
            .changing("credit_notes", to: .array(notes.map(json)))
    }

    private func number(_ value: Int64) -> JSON { .number("\(value)") }

    private func json(_ refund: Refund) -> JSON {
        let row: JSON = ["id": .string("txn_\(refund.id)"), "object": "balance_transaction", "type": "refund", "reporting_category": "refund"]
        return [
            "id": .string(refund.id), "object": "refund", "amount": number(refund.amount), "currency": "gbp", "created": number(1_794_820_000 + refund.created),
            "balance_transaction": refund.state == .open ? .null : row, "reason": .null,
            "status": .string(refund.state == .open ? "pending" : refund.state == .given ? "succeeded" : "failed"),
        ]
    }

    private func json(_ note: Note) -> JSON {
        let entries = note.entries.map { entry -> JSON in ["refund": .string(entry.id), "amount_refunded": number(entry.amount)] }
        let line: JSON = ["id": .string("\(note.id)_line"), "amount": number(note.total), "quantity": 1, "discount_amount": 0, "invoice_line_item": .null, "taxes": .array([])]
        return [
            "id": .string(note.id), "object": "credit_note", "status": .string(note.isVoid ? "void" : "issued"), "currency": "gbp",
            "created": number(1_794_820_000 + note.created), "total": number(note.total), "pre_payment_amount": 0, "out_of_band_amount": .null,
            "customer_balance_transaction": note.credit == 0 ? .null : "cbtxn_1", "shipping_cost": .null, "refunds": .array(entries), "lines": .array([line]),
        ]
    }
}
