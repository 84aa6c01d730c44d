import Books
import Kernel
import Mapping
import Testing

@Suite("Binding lines to accounts")
struct BindingTests {
    private func account(_ mapper: Mapper, _ line: PostingLine, _ plan: PlannedPosting = posting()) -> String? {
        mapper.account(for: line, of: plan).map { "\($0.code) by \($0.rule)" }
    }

    @Test("the structure binds an exact role before any pattern, and the earlier of two patterns")
    func structure() {
        let m = mapper(accounts: [("sales:*", "1"), ("*", "4"), ("sales:homeware", "2"), ("sales*", "3")])
        #expect(account(m, line("sales:homeware")) == "2 by structure v4: sales:homeware")
        #expect(account(m, line("sales:garden")) == "1 by structure v4: sales:*")
        #expect(account(m, line("bank")) == "4 by structure v4: *")
    }

    @Test("a rule goes before the structure, and the first of two rules before the second")
    func rules() {
        let m = mapper(
            [rule("pots", [.sku: "POT-*"], account: "2"), rule("all", [.role: "sales:*"], account: "3")],
            accounts: [("sales:*", "1")])
        #expect(account(m, line("sales:garden", sku: "POT-1")) == "2 by rules v7: pots")
        #expect(account(m, line("sales:garden", sku: "BED-1")) == "3 by rules v7: all")
        #expect(account(m, line("sales")) == nil)
    }

    @Test("what neither binds is told as such, and a code that the ledger lacks stays visible")
    func unknown() {
        let m = mapper(accounts: [("sales:*", "9999"), ("bank", "1")])
        #expect(m.account(for: line("receivable:shop"), of: posting()) == nil)
        let bound = m.account(for: line("sales:x"), of: posting())
        #expect(bound?.code == "9999" && bound?.known == false && bound?.active == false && bound?.remoteID == nil)
        let known = m.account(for: line("bank"), of: posting())
        #expect(known?.known == true && known?.active == true && known?.remoteID == "r1" && known?.name == "Account 1")
    }

    @Test("an inactive account is bound, and known to be inactive")
    func inactive() {
        let m = Mapper(
            structure: AccountStructure(version: 1, accounts: [("bank", "1")], taxCodes: [], houseCustomer: "x"),
            rules: RuleSet(version: 1, rules: [], reasonCodes: []),
            accounts: [(code: "1", remoteID: "r", name: "Old bank", active: false)])
        let bound = m.account(for: line("bank"), of: posting())
        #expect(bound?.known == true && bound?.active == false)
    }

    @Test(
        "a rule may look at each of these of a line or its document",
        arguments: [
            ([.role: "sales:homeware"], line("sales:homeware")), ([.group: "homeware"], line("sales:homeware")),
            ([.sku: "M-*"], line("sales:x", sku: "M-1")),
            ([.title: "*mug*"], line("sales:x", text: "a mug")),
            ([.reasonCode: "late"], line("returns_allowances", reason: "late")),
            ([.taxCode: "GB@*"], line("tax_payable:GB", part: .tax, tax: "GB@20")),
            ([.gateway: "card"], line("clearing:card:USD", part: .tender)),
            ([.gateway: "paypal"], line("clearing:paypal", part: .tender)),
            ([.fee: "restocking"], line("restocking_fee_income", part: .fee)),
            ([.fee: "return_shipping"], line("return_shipping_income", part: .fee)),
            ([.role: "shipping_income"], line("shipping_income", part: .shipping)),
            ([.currency: "USD"], line("bank")), ([.form: "invoice"], line("bank")), ([.customer: "shop"], line("bank")),
        ] as [([Rule.Field: String], PostingLine)])
    func fields(when: [Rule.Field: String], line: PostingLine) {
        let m = mapper([rule("it", when, account: "2")], accounts: [("*", "1")])
        #expect(account(m, line) == "2 by rules v7: it")
        let other = PostingLine(.other, role: "write_off", amount: Money(minor: 1, .gbp), derivedFrom: ["O-1"])
        #expect(account(m, other, posting(form: .journal, currency: .gbp, party: "c-1")) == "1 by structure v4: *")
    }

    @Test("a rule counts from the day of the posting on")
    func date() {
        let m = mapper([rule("new year", [:], account: "2", from: today)], accounts: [("*", "1")])
        #expect(account(m, line("bank")) == "2 by rules v7: new year")
        #expect(account(m, line("bank"), posting(date: today.adding(days: -1))) == "1 by structure v4: *")
    }

    @Test("tax codes: rule, exact binding, pattern, in this order; a line without one has none")
    func taxCodes() {
        let m = mapper(
            [Rule(name: "zero books", when: [.taxCode: "GB@0", .group: "books"], set: [.taxCode: "ZERO"])],
            taxCodes: [("GB@*", "OTHER"), ("GB@20", "OUTPUT2")])
        func code(_ line: PostingLine) -> String? {
            m.taxCode(for: line, of: posting()).map { "\($0.value) by \($0.rule)" }
        }
        #expect(code(line("sales:books", tax: "GB@0")) == "ZERO by rules v7: zero books")
        #expect(code(line("sales:toys", tax: "GB@20")) == "OUTPUT2 by structure v4: GB@20")
        #expect(code(line("sales:toys", tax: "GB@5")) == "OTHER by structure v4: GB@*")
        #expect(code(line("sales:toys", tax: "FR@20")) == nil)
        #expect(code(line("sales:toys")) == nil)
    }

    @Test("items and dimensions come from rules; a plan's own dimension is not overwritten")
    func itemsAndDimensions() {
        let m = mapper([
            Rule(name: "mugs", when: [.sku: "MUG-*"], set: [.item: "Mugs"]),
            Rule(name: "till", when: [:], set: [:], dimension: ["class": "shop", "team": "a"]),
        ])
        #expect(m.itemName(for: line("sales:x", sku: "MUG-1"), of: posting())?.value == "Mugs")
        #expect(m.itemName(for: line("sales:x", sku: "CUP-1"), of: posting()) == nil)
        #expect(
            m.dimensions(for: line("sales:x", dimension: ["class": "own"]), of: posting()) == [
                "class": "own", "team": "a",
            ])
    }

    @Test(
        "reason codes: only rules on a reason code alone decide the planner's treatment, the earlier winning, from their day on"
    )
    func reasons() {
        var m = mapper([
            Rule(name: "later", when: [.reasonCode: "lost"], set: [.role: "chargebacks"], from: today.adding(days: 1)),
            Rule(name: "lost", when: [.reasonCode: "lost"], set: [.role: "write_off"], dimension: ["team": "post"]),
            Rule(name: "again", when: [.reasonCode: "lost"], set: [.role: "bank"]),
            Rule(name: "mixed", when: [.reasonCode: "late", .sku: "A*"], set: [.account: "1"]),
        ])
        m.rules.reasonCodes = ["late"]
        let (known, rules) = m.reasons(on: today)
        #expect(known == ["late"] && Set(rules.keys) == ["lost"])
        #expect(rules["lost"]?.role == "write_off" && rules["lost"]?.dimension == ["team": "post"])
        #expect(m.reasons(on: today.adding(days: 1)).rules["lost"]?.role == "chargebacks")
    }

    @Test(
        "every line of a plan that is bound says by which rule or entry, and that one really fits",
        arguments: UInt64(1) ... 100)
    func explained(seed: UInt64) {
        var chance = Seeded(seed)
        let rules = (0 ..< chance.int(0 ... 5)).map { chance.rule("rule \($0)") }
        let m = mapper(
            rules, accounts: [("sales:*", "1"), ("tax_payable:*", "2"), ("clearing:*", "3")],
            known: ["1", "2", "3", "v0", "v1"])
        let roles: [Role] = ["sales:a", "tax_payable:GB", "clearing:card:USD", "bank", "restocking_fee_income"]
        let plan = posting(
            (0 ..< 8).map { _ in
                line(chance.pick(roles), sku: chance.plain(), text: chance.plain(), tax: chance.some { $0.plain() })
            })
        for line in plan.lines {
            guard let bound = m.account(for: line, of: plan) else {
                #expect(["bank", "restocking_fee_income"].contains(line.role.family), "seed \(seed)")
                continue
            }
            if let rule = rules.first(where: { bound.rule == "rules v7: \($0.name)" }) {
                #expect(
                    rule.set[.account] == bound.code && rule.matches(m.values(line, of: plan), on: plan.date),
                    "seed \(seed)")
            } else {
                #expect(bound.rule == "structure v4: \(line.role.family):*", "seed \(seed): \(bound.rule)")
            }
            #expect(m.account(for: line, of: plan) == bound, "seed \(seed)")
        }
    }
}

@Suite("Classifying what a source told")
struct ClassifyTests {
    private func saleLine(_ sku: String, group: String? = nil, location: String? = nil, tax: String? = nil) -> SaleLine
    {
        SaleLine(
            id: "L", sku: sku, title: "T", group: group, quantity: .one, gross: Money(minor: 100, .usd), discount: nil,
            net: nil,
            taxes: tax.map { [part($0)] }, location: location)
    }

    private func part(_ name: String?) -> TaxPart {
        TaxPart(jurisdiction: name, rate: nil, amount: Money(minor: 8, .usd))
    }

    private func document(_ body: SourceDocument.Body) -> SourceDocument {
        SourceDocument(id: "D", caseID: "O", version: 1, at: Timestamp(seconds: 0), body: body)
    }

    private func sale(_ lines: [SaleLine], source: String = "shop") -> SourceDocument {
        document(
            .sale(
                Sale(
                    number: "#1", source: source, currency: .usd, taxIncluded: false, lines: lines,
                    total: Money(minor: 100, .usd))))
    }

    private func groups(_ document: SourceDocument) -> [String?] {
        switch document.body {
        case .sale(let sale): sale.lines.map(\.group)
        case .edit(let edit): edit.added.map(\.group)
        default: []
        }
    }

    private func group(_ name: String, _ when: [Rule.Field: String]) -> Rule {
        Rule(name: name, when: when, set: [.group: name])
    }

    @Test("groups come from SKU, title, source and location; one that the source gave stays")
    func groups() {
        let m = mapper([
            group("till", [.source: "pos", .sku: "A*"]), group("north", [.location: "north"]),
            group("titled", [.title: "T", .sku: "B*"]), group("a", [.sku: "A*"]),
        ])
        let lines = [
            saleLine("A1"), saleLine("B1"), saleLine("C1"), saleLine("C1", location: "north"),
            saleLine("A1", group: "own"),
        ]
        #expect(groups(m.classify(sale(lines), on: today)) == ["a", "titled", nil, "north", "own"])
        #expect(groups(m.classify(sale(lines, source: "pos"), on: today))[0] == "till")
        #expect(
            groups(
                m.classify(document(.edit(SaleEdit(added: [saleLine("A1")], removed: [], orderTotal: nil))), on: today))
                == ["a"])
    }

    @Test("a jurisdiction is renamed wherever a document names it, a refund as its sale")
    func jurisdictions() {
        let m = mapper([Rule(name: "state", when: [.tax: "Colorado State Tax"], set: [.jurisdiction: "US-CO"])])
        let (old, new, zero) = (part("Colorado State Tax"), part("US-CO"), Money.zero(.usd))
        func shipping(_ tax: TaxPart) -> [ShippingLine] {
            [
                ShippingLine(
                    id: "S", title: "", amount: zero, discount: zero, net: zero, taxes: [tax, part(nil), part("X")])
            ]
        }
        func bodies(_ tax: TaxPart) -> [SourceDocument.Body] {
            [
                .sale(
                    Sale(
                        number: "", source: "", currency: .usd, taxIncluded: false,
                        lines: [saleLine("A", tax: tax.jurisdiction)], shipping: shipping(tax),
                        orderTaxes: [OrderTax(id: "T", part: tax)], total: zero)),
                .edit(
                    SaleEdit(
                        added: [saleLine("A", tax: tax.jurisdiction)],
                        removed: [RemovedUnits(line: "L", quantity: .one, net: nil, taxes: [tax])], orderTotal: nil)),
                .refund(
                    Refund(
                        currency: .usd, taxIncluded: false,
                        lines: [RefundLine(line: "L", quantity: .one, net: zero, taxes: [tax])],
                        shipping: shipping(tax),
                        adjustments: [RefundAdjustment(id: "A", kind: .goodwill, amount: zero, taxes: [tax])],
                        total: zero, transactions: [])),
            ]
        }
        for (told, meant) in zip(bodies(old), bodies(new)) {
            #expect(m.classify(document(told), on: today) == document(meant))
            #expect(mapper().classify(document(told), on: today) == document(told))
        }
    }

    @Test("classifying twice, or what rules do not speak of, changes nothing", arguments: UInt64(1) ... 100)
    func settled(seed: UInt64) {
        var chance = Seeded(seed)
        let document = chance.document()
        let m = mapper([group("g", [.sku: "w*"]), Rule(name: "j", when: [.tax: "w*"], set: [.jurisdiction: "place"])])
        let once = m.classify(document, on: today)
        #expect(m.classify(once, on: today) == once, "seed \(seed)")
        #expect(mapper().classify(document, on: today) == document, "seed \(seed)")
        #expect(once.id == document.id && once.kind == document.kind)
    }
}
