import Books
import Checks
import Kernel
import Testing

private let shop = Organisation(baseCurrency: .gbp, country: "GB", zone: .utc, taxMode: .inclusive)
private let today = LocalDate("2026-11-10") ?? LocalDate(daysSince1970: 0)

private func pounds(_ minor: Int64) -> Money { Money(minor: minor, .gbp) }

private func invoice(
    _ subject: String = "O-1", lines: [PostingLine]? = nil, total: Int64 = 1_200, currency: Currency = .gbp,
    rate: ExactDecimal? = nil
) -> PlannedPosting {
    PlannedPosting(
        subject: subject, form: .invoice, caseID: "O-1", covers: [subject], date: today, currency: currency, rate: rate,
        total: Money(minor: total, currency),
        lines: lines ?? [
            PostingLine(
                .control, role: "receivable:shop", amount: Money(minor: total, currency), derivedFrom: ["O-1/total"]),
            PostingLine(
                .goods, role: "sales:toys", amount: Money(minor: -1_000, currency), derivedFrom: ["O-1/L1"],
                text: "A train"),
            PostingLine(
                .tax, role: "tax_payable:GB", amount: Money(minor: 1_000 - total, currency), taxCode: "GB@20",
                derivedFrom: ["O-1/L1"]),
        ], party: "shop")
}

private func money(of original: PlannedPosting, form: PostingForm = .payment) -> PlannedPosting {
    PlannedPosting(
        subject: "P-1", form: form, caseID: "O-1", covers: ["P-1"], date: today, currency: .gbp, total: pounds(1_200),
        lines: [
            PostingLine(.tender, role: "clearing:card:GBP", amount: pounds(1_200), derivedFrom: ["P-1"]),
            PostingLine(.control, role: "receivable:shop", amount: pounds(-1_200), derivedFrom: ["P-1"]),
        ], party: "shop", appliesTo: original.id)
}

private func context(
    ledger: LedgerState = LedgerState(), limits: LedgerLimits = LedgerLimits(), inactive: Set<Role> = [],
    unknown: Set<Role> = [],
    unbound: Set<Role> = [], kept: [Role: Currency] = [:]
) -> CheckContext {
    CheckContext(organisation: shop, policies: Policies(), ledger: ledger, ledgerLimits: limits) { line, _ in
        if unbound.contains(line.role) { return nil }
        return BoundAccount(
            code: "4000", remoteID: unknown.contains(line.role) ? nil : "r", name: "Account",
            active: !inactive.contains(line.role), rule: "structure",
            currency: kept[line.role])
    }
}

/// The names of what holds a posting.
private func held(_ posting: PlannedPosting, _ context: CheckContext) -> [String] {
    (Checks.run([posting], in: context)[posting.id] ?? []).map(\.check)
}

@Suite("Preflight checks")
struct ChecksTests {
    @Test("a sound posting passes every check")
    func sound() { #expect(held(invoice(), context()).isEmpty) }

    @Test("check names are unique and snake case")
    func names() {
        let names = Checks.all.map { $0.name }
        #expect(Set(names).count == names.count)
        #expect(names.allSatisfy { $0.allSatisfy { $0 == "_" || ($0.isLowercase && $0.isASCII) } })
    }

    @Test("a date on the lock date is closed, the day after is open")
    func closedPeriod() {
        #expect(held(invoice(), context(ledger: LedgerState(lockDate: today))) == ["closed_period"])
        #expect(held(invoice(), context(ledger: LedgerState(lockDate: today.adding(days: -1)))).isEmpty)
    }

    @Test(
        "a change of a closed document is held even where its new date is open; the unchanged document is not looked at"
    )
    func closedChange() {
        var old = invoice()
        old.date = LocalDate("2026-10-30") ?? today
        let ledger = LedgerState(lockDate: LocalDate("2026-10-31"), posted: [old.id: PostedState(plan: old)])
        #expect(held(invoice(), context(ledger: ledger)) == ["closed_period"])
        #expect(held(old, context(ledger: ledger)).isEmpty)
        var void = old
        void.effect = .void
        #expect(held(void, context(ledger: ledger)) == ["closed_period"])
    }

    @Test("a sales order that stands is changed, closed and taken back in a closed period, and neither written in one nor moved into one")
    func closedOrder() {
        var order = invoice()
        order.form = .salesOrder
        order.date = LocalDate("2026-10-30") ?? today
        var other = order
        other.total = pounds(1_300)
        let lock = LocalDate("2026-10-31")
        let there = context(ledger: LedgerState(lockDate: lock, posted: [order.id: PostedState(plan: order)]))
        func closes(_ plan: PlannedPosting, _ context: CheckContext) -> Bool { held(plan, context).contains("closed_period") }
        #expect(!closes(other, there) && closes(other, context(ledger: LedgerState(lockDate: lock))))
        let voided = LedgerState(lockDate: lock, posted: [order.id: PostedState(plan: order, voided: true)])
        #expect(closes(other, context(ledger: voided)))
        other.date = LocalDate("2026-10-29") ?? today
        #expect(closes(other, there))
        other.isClosed = true
        #expect(!closes(other, there))
    }

    @Test("a document changed in the ledger is not overwritten")
    func drift() {
        let old = money(of: invoice())
        var new = old
        new.total = pounds(1_300)
        new.lines = []
        var given = context(ledger: LedgerState(posted: [old.id: PostedState(plan: old)]))
        #expect(held(new, given).isEmpty)
        given.drifted = [old.id]
        #expect(held(new, given) == ["drift"])
        #expect(held(old, given).isEmpty)
    }

    @Test("a change planned on an older revision than the ledger shows is held")
    func staleRevision() {
        var old = invoice()
        old.note = "x"
        old.total = pounds(100)
        var given = context(ledger: LedgerState(posted: [old.id: PostedState(plan: old, revision: 2)]))
        given.ledgerRevisions = [old.id: 2]
        #expect(held(invoice(), given).isEmpty)
        given.ledgerRevisions = [old.id: 3]
        #expect(held(invoice(), given) == ["stale_revision"])
    }

    @Test("a role that nothing binds, or an account that the ledger lacks, is unknown; one finding a role")
    func unknownAccount() {
        #expect(held(invoice(), context(unbound: ["sales:toys"])) == ["unknown_account"])
        #expect(held(invoice(), context(unknown: ["sales:toys"])) == ["unknown_account"])
        #expect(held(invoice(), context(unbound: ["sales:books"])).isEmpty)
        var twice = invoice()
        twice.lines.append(twice.lines[1])
        twice.lines[0].amount = pounds(2_200)
        twice.total = pounds(2_200)
        #expect(held(twice, context(unbound: ["sales:toys"])) == ["unknown_account"])
    }

    @Test("an inactive account holds the whole document and names its role")
    func inactiveAccount() {
        let posting = invoice()
        let found = Checks.run([posting], in: context(inactive: ["sales:toys"]))[posting.id] ?? []
        #expect(
            found.map(\.check) == ["inactive_account"] && found.first?.why.contains("sales:toys") == true
                && found.first?.position == "lines[1]")
        #expect(held(posting, context(inactive: ["sales:books"])).isEmpty)
        #expect(held(posting, context(inactive: ["sales:toys"], unknown: ["sales:toys"])) == ["unknown_account"])
    }

    @Test("all findings are listed, not the first alone")
    func all() {
        let given = context(ledger: LedgerState(lockDate: today), inactive: ["tax_payable:GB"], unbound: ["sales:toys"])
        #expect(held(invoice(), given) == ["closed_period", "unknown_account", "inactive_account"])
    }

    @Test("a currency that the ledger or the account does not keep is held")
    func currencyMismatch() {
        var given = context()
        given.currencies = [.eur]
        #expect(held(invoice(), given) == ["currency_mismatch"])
        given.currencies = [.gbp]
        #expect(held(invoice(), given).isEmpty)
        #expect(held(money(of: invoice()), context(kept: ["clearing:card:GBP": .eur])) == ["currency_mismatch"])
        #expect(held(money(of: invoice()), context(kept: ["clearing:card:GBP": .gbp])).isEmpty)
        var mixed = invoice()
        mixed.lines[1].amount = Money(minor: -1_000, .eur)
        #expect(held(mixed, context()) == ["currency_mismatch"])
    }

    @Test("a foreign document needs a rate")
    func noRate() {
        #expect(held(invoice(currency: .eur), context()) == ["no_rate"])
        var rated = invoice(currency: .eur, rate: .one)
        for i in rated.lines.indices { rated.lines[i].base = pounds(rated.lines[i].amount.minor) }
        #expect(held(rated, context()).isEmpty)
    }

    @Test("tax without a jurisdiction is held")
    func missingTaxJurisdiction() {
        var posting = invoice()
        posting.lines[2].role = "tax_payable"
        #expect(held(posting, context()) == ["missing_tax_jurisdiction"])
        posting.lines[2].role = "tax_payable:GB"
        #expect(held(posting, context()).isEmpty)
    }

    @Test("a receivable needs an owner, a document without a receivable does not")
    func missingParty() {
        var posting = invoice()
        posting.party = ""
        #expect(held(posting, context()) == ["missing_party"])
        posting.party = "c-1"
        posting.lines[0].role = "receivable:"
        #expect(held(posting, context()) == ["missing_party"])
        posting.lines[0].role = "clearing:cash:GBP"
        #expect(held(posting, context()).isEmpty)
    }

    @Test(
        "references that do not fit are held; item names are shortened, unless the note cannot take the title"
    )
    func fieldTooLong() {
        var posting = invoice()
        posting.reference = "R-1, source date 2026-10-30"
        #expect(held(posting, context(limits: LedgerLimits(reference: 21))) == ["field_too_long"])
        #expect(held(posting, context(limits: LedgerLimits(reference: 27))).isEmpty)
        posting.lines[1].text = String(repeating: "é", count: 120)
        #expect(held(posting, context(limits: LedgerLimits(itemName: 100, lineNote: 4_000))).isEmpty)
        #expect(held(posting, context(limits: LedgerLimits(itemName: 100, lineNote: 119))) == ["field_too_long"])
    }

    @Test("a document of nothing is held only for a ledger that refuses it")
    func zeroTotal() {
        let free = invoice(
            lines: [
                PostingLine(.goods, role: "sales:toys", amount: pounds(-500), derivedFrom: ["O-1/L1"]),
                PostingLine(.discount, role: "sales_discounts", amount: pounds(500), derivedFrom: ["O-1/L1"]),
            ], total: 0)
        #expect(held(free, context(limits: LedgerLimits(refusesZeroTotal: true))) == ["zero_total"])
        #expect(held(free, context()).isEmpty)
        #expect(held(invoice(), context(limits: LedgerLimits(refusesZeroTotal: true))).isEmpty)
    }

    @Test("lines a penny apart are held, in either currency")
    func unbalanced() {
        var posting = invoice()
        posting.lines[1].amount.minor -= 1
        #expect(held(posting, context()) == ["unbalanced"])
        var foreign = invoice(currency: .eur, rate: .one)
        for i in foreign.lines.indices { foreign.lines[i].base = pounds(foreign.lines[i].amount.minor) }
        foreign.lines[2].base = pounds(-201)
        #expect(held(foreign, context()) == ["unbalanced"])
        foreign.lines[2].base = nil
        #expect(held(foreign, context()) == ["unbalanced"])
    }
}

@Suite("What depends on held postings")
struct DependencyTests {
    private let held = Finding(check: "tax_difference", why: "", remedy: "")

    @Test(
        "the payment of a held invoice waits and does nothing else, even where it would fail a check itself"
    )
    func payment() {
        var sale = invoice()
        sale.findings = [held]
        let paid = money(of: sale)
        let found = Checks.run([sale, paid], in: context(inactive: ["clearing:card:GBP"]))
        #expect(found[sale.id]?.map(\.check) == ["tax_difference"])
        #expect(found[paid.id]?.map(\.check) == ["waits_for_original"])
    }

    @Test("waiting reaches to the end of the chain: invoice, credit note, refund payment")
    func chain() {
        var sale = invoice()
        sale.findings = [held]
        var credit = invoice("R-1")
        credit.form = .creditNote
        credit.appliesTo = sale.id
        let back = money(of: credit, form: .refundPayment)
        let found = Checks.run([back, credit, sale], in: context())
        #expect(
            found[credit.id]?.map(\.check) == ["waits_for_original"]
                && found[back.id]?.map(\.check) == ["waits_for_original"])
    }

    @Test("on a held change waits only what comes of the change; a payment of the posted invoice goes on")
    func change() {
        let old = invoice()
        var new = invoice(total: 1_300)
        new.covers = ["O-1", "E-1"]
        new.findings = [held]
        let ledger = LedgerState(posted: [old.id: PostedState(plan: old)])
        let paid = money(of: new)
        var back = money(of: new, form: .refundPayment)
        back.covers = ["E-1"]
        let found = Checks.run([new, paid, back], in: context(ledger: ledger))
        #expect(found[new.id] != nil && found[paid.id] == nil)
        #expect(found[back.id]?.map(\.check) == ["waits_for_original"])
    }

    @Test("nothing waits where nothing is held")
    func free() {
        let sale = invoice()
        #expect(Checks.run([sale, money(of: sale)], in: context()).isEmpty)
    }

}
