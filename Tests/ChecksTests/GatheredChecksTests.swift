import Books
import Checks
import Kernel
import Testing

private let shop = Organisation(baseCurrency: .gbp, country: "GB", zone: .utc, taxMode: .inclusive)
private let today = LocalDate("2026-11-10") ?? LocalDate(daysSince1970: 0)
private func pounds(_ minor: Int64) -> Money { Money(minor: minor, .gbp) }
private func euros(_ minor: Int64) -> Money { Money(minor: minor, .eur) }

private func posting(_ form: PostingForm, _ lines: [PostingLine], reference: String? = nil) -> PlannedPosting {
    PlannedPosting(
        subject: "D-1", form: form, caseID: "D-1", covers: ["D-1"], date: today, currency: .gbp, total: pounds(100), lines: lines, party: "shop",
        reference: reference)
}

private func line(_ role: Role, _ amount: Money, base: Int64? = nil) -> PostingLine {
    PostingLine(.other, role: role, amount: amount, base: base.map(pounds), derivedFrom: ["D-1"])
}

private func held(
    _ posting: PlannedPosting, lock: String? = nil, policies: Policies = Policies(), posted: PlannedPosting? = nil, drifted: Bool = false
) -> [Finding] {
    var ledger = LedgerState(lockDate: lock.flatMap { LocalDate($0) })
    if let posted { ledger.posted[posted.id] = PostedState(plan: posted) }
    let context = CheckContext(
        organisation: shop, policies: policies, ledger: ledger, drifted: drifted ? [posting.id] : []
    ) { line, _ in BoundAccount(code: "1", remoteID: "r", name: "Account", active: true, rule: "structure") }
    return Checks.run([posting], in: context)[posting.id] ?? []
}

@Suite("Preflight checks of payouts and of what is gathered")
struct GatheredChecksTests {
    private func converted(_ form: PostingForm, base: Int64? = -108, bank: Int64 = 108) -> PlannedPosting {
        posting(form, [line("bank:GBP", pounds(bank)), line("clearing:stripe:EUR", euros(-126), base: base)])
    }

    @Test("a payout may take one currency and pay another, if each line says its worth", arguments: [PostingForm.payout, .settlement])
    func converts(form: PostingForm) {
        #expect(held(converted(form)).isEmpty)
        #expect(held(converted(form, base: nil)).map(\.check) == ["currency_mismatch"])
        #expect(held(converted(form, bank: 107)).map(\.check) == ["unbalanced"])
    }

    @Test("any other document has one currency", arguments: PostingForm.allCases.filter { $0 != .payout && $0 != .settlement })
    func others(form: PostingForm) { #expect(held(converted(form)).map(\.check) == ["currency_mismatch"]) }

    @Test("a posting that goes into a summary is closed or open with it; one that a closed period moved goes by itself")
    func gathered() throws {
        let invoice = posting(.invoice, [line("receivable:shop", pounds(100)), line("sales:toys", pounds(-100))])
        #expect(held(invoice, lock: "2026-11-10").map(\.check) == ["closed_period"])
        var summaries = Policies()
        try summaries.set("posting", to: "daily_summary")
        #expect(held(invoice, lock: "2026-11-10", policies: summaries).isEmpty)
        var summary = invoice
        summary.form = .summary
        #expect(held(summary, lock: "2026-11-10", policies: summaries).map(\.check) == ["closed_period"])
        var moved = invoice
        moved.reference = "D-1, source date 2026-10-30"
        #expect(held(moved, lock: "2026-11-10", policies: summaries).map(\.check) == ["closed_period"])
    }

    @Test("a drift says by how much the ledger differs, where that is known")
    func drift() {
        let ours = posting(.invoice, [line("receivable:shop", pounds(100)), line("sales:toys", pounds(-100))])
        var theirs = ours
        theirs.total = pounds(90)
        let finding = held(ours, posted: theirs, drifted: true).first
        #expect(finding?.check == "drift" && finding?.figures == ["difference": pounds(-10)])
        theirs.total = ours.total
        theirs.party = "other"
        #expect(held(ours, posted: theirs, drifted: true).first?.figures == [:])
    }
}
