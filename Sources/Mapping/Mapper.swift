public import Books
public import Kernel

/// A tenant's structure and rules at work: classifies source documents before planning, and binds planned lines to accounts after it.
public struct Mapper: Sendable {
    public var structure: AccountStructure
    public var rules: RuleSet { didSet { classes = ClassRules(rules) } }
    private var classes: ClassRules
    private let bySource: [String: BoundAccount]

    /// `ledger`: its accounts as last read, with the currency of those that are kept in one; `rule` is set by what binds them.
    public init(structure: AccountStructure, rules: RuleSet, ledger: [BoundAccount]) {
        self.structure = structure
        self.rules = rules
        classes = ClassRules(rules)
        // Of two with one code the later counts.
        bySource = Dictionary(ledger.map { ($0.code, $0) }) { _, later in later }
    }

    /// `accounts`: the ledger's accounts by code, where their currencies don't matter.
    public init(structure: AccountStructure, rules: RuleSet, accounts: [(code: String, remoteID: String, name: String, active: Bool)]) {
        self.init(
            structure: structure, rules: rules,
            ledger: accounts.map { BoundAccount(code: $0.code, remoteID: $0.remoteID, name: $0.name, active: $0.active, rule: "") })
    }

    /// Sets groups and jurisdictions that rules decide, in every part of the document that names them: a refund's tax must be called what the
    /// sale's was.
    public func classify(_ document: SourceDocument, on date: LocalDate) -> SourceDocument {
        // Sales first, and without a copy of the document that is not needed: nearly all documents are sales.
        if case .sale(let sale) = document.body {
            return SourceDocument(
                id: document.id, caseID: document.caseID, version: document.version, at: document.at, body: .sale(classify(sale, date)))
        }
        var out = document
        switch document.body {
        case .edit(var edit):
            classify(&edit.added, source: "", date)
            for i in edit.removed.indices { edit.removed[i].taxes = edit.removed[i].taxes?.map { classify($0, date) } }
            out.body = .edit(edit)
        case .refund(var refund):
            for i in refund.lines.indices { refund.lines[i].taxes = refund.lines[i].taxes?.map { classify($0, date) } }
            for i in refund.adjustments.indices { refund.adjustments[i].taxes = refund.adjustments[i].taxes.map { classify($0, date) } }
            classify(&refund.shipping, date)
            out.body = .refund(refund)
        case .goodsReturn(var back):
            for i in back.lines.indices { back.lines[i].taxes = back.lines[i].taxes?.map { classify($0, date) } }
            if var how = back.settlement {
                classify(&how.shipping, date)
                back.settlement = how
            }
            out.body = .goodsReturn(back)
        case .bill(var bill):
            classify(&bill.lines, source: "", date)
            out.body = .bill(bill)
        case .sale, .payment, .cancellation, .tipPayout, .payout, .dispute, .deposit, .bankLine, .giftCardExpiry, .fulfilment, .stock, .stockLevel,
            .registerClosure: break
        }
        return out
    }

    private func classify(_ sale: Sale, _ date: LocalDate) -> Sale {
        var out = sale
        classify(&out.lines, source: sale.source, date)
        classify(&out.shipping, date)
        if classes.nameJurisdictions {
            for i in out.orderTaxes.indices { out.orderTaxes[i].part = classify(out.orderTaxes[i].part, date) }
        }
        return out
    }

    private func classify(_ shipping: inout [ShippingLine], _ date: LocalDate) {
        guard classes.nameJurisdictions else { return }
        for i in shipping.indices { shipping[i].taxes = shipping[i].taxes.map { classify($0, date) } }
    }

    /// In place: a line is a dozen references to copy.
    private func classify(_ lines: inout [SaleLine], source: String, _ date: LocalDate) {
        for i in lines.indices {
            if lines[i].group == nil {
                lines[i].group = classes.group(sku: lines[i].sku, title: lines[i].title, location: lines[i].location, source: source, on: date)
            }
            if classes.nameJurisdictions { lines[i].taxes = lines[i].taxes?.map { classify($0, date) } }
        }
    }

    private func classify(_ tax: TaxPart, _ date: LocalDate) -> TaxPart {
        guard classes.nameJurisdictions, let name = tax.jurisdiction, let set = rules.first(.jurisdiction, for: [.tax: name], on: date) else { return tax }
        var out = tax
        out.jurisdiction = set.value
        return out
    }

    /// What rules set for reason codes, as the planner needs it.
    public func reasons(on date: LocalDate) -> (known: Set<String>, rules: [String: (role: Role?, dimension: [String: String])]) {
        var set: [String: (role: Role?, dimension: [String: String])] = [:]
        for rule in rules.rules {
            guard let code = rule.when[.reasonCode], rule.when.count == 1, set[code] == nil, rule.from.map({ $0 <= date }) ?? true else { continue }
            set[code] = (rule.set[.role].map { Role($0) }, rule.dimension)
        }
        return (Set(rules.reasonCodes), set)
    }

    /// What rules may look at in a planned line.
    public func values(_ line: PostingLine, of posting: PlannedPosting) -> [Rule.Field: String] {
        var out: [Rule.Field: String] = [
            .role: line.role.text, .currency: posting.currency.code, .form: posting.form.rawValue, .customer: posting.party,
        ]
        if !line.sku.isEmpty { out[.sku] = line.sku }
        if !line.text.isEmpty { out[.title] = line.text }
        if let reason = line.reasonCode { out[.reasonCode] = reason }
        if let code = line.taxCode { out[.taxCode] = code }
        switch line.role.family {
        case "sales": out[.group] = line.role.detail
        case "clearing": out[.gateway] = String(line.role.detail.prefix { $0 != ":" })
        case "restocking_fee_income": out[.fee] = "restocking"
        case "return_shipping_income": out[.fee] = "return_shipping"
        default: break
        }
        return out
    }

    /// The account of a line and the rule that says so; `nil` when neither a rule nor the structure binds it.
    public func account(for line: PostingLine, of posting: PlannedPosting) -> BoundAccount? {
        let chosen: (value: String, rule: String)
        if let rule = rules.first(.account, for: values(line, of: posting), on: posting.date) {
            chosen = rule
        } else if let entry = structure.accounts.first(where: { $0.role == line.role.text })
            ?? structure.accounts.first(where: { glob($0.role, line.role.text) }) {
            chosen = (entry.code, "structure v\(structure.version): \(entry.role)")
        } else {
            return nil
        }
        var bound = bySource[chosen.value] ?? BoundAccount(code: chosen.value, remoteID: nil, name: "", active: false, rule: "")
        bound.rule = chosen.rule
        return bound
    }

    /// The ledger's tax code for a canonical one (`GB@20`), with the rule; `nil` when none is bound.
    public func taxCode(for line: PostingLine, of posting: PlannedPosting) -> (value: String, rule: String)? {
        guard let code = line.taxCode else { return nil }
        if let rule = rules.first(.taxCode, for: values(line, of: posting), on: posting.date) { return rule }
        // A pattern for what is sold binds nothing that is bought: it would go into the other boxes of the return.
        let isBought = code.hasPrefix(Bill.taxMark)
        guard let entry = structure.taxCodes.first(where: { $0.code == code })
            ?? structure.taxCodes.first(where: { $0.code.hasPrefix(Bill.taxMark) == isBought && glob($0.code, code) })
        else { return nil }
        return (entry.ledger, "structure v\(structure.version): \(entry.code)")
    }

    /// The item name that a rule gives the line.
    public func itemName(for line: PostingLine, of posting: PlannedPosting) -> (value: String, rule: String)? {
        rules.first(.item, for: values(line, of: posting), on: posting.date)
    }

    /// Dimensions of a line: the plan's own and what rules add.
    public func dimensions(for line: PostingLine, of posting: PlannedPosting) -> [String: String] {
        line.dimension.merging(rules.dimensions(for: values(line, of: posting), on: posting.date)) { own, _ in own }
    }
}
